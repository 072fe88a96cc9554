//! `paceline catalog`: prices looked up, compared and imported, without a running Paceline.

use crate::program::{Ended, Folder};
use serde_json::Value;

fn json(ended: &Ended) -> Value {
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn list_shows_prices_in_columns() {
    let ended = Folder::new().run(&["catalog", "list", "llama-3.1-8b", "--provider", "groq"], &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let expected = "\
provider  model                 tier  context  input  output  cache read
groq      llama-3.1-8b-instant     4     131k   0.05    0.08           -
1 model; US dollars for a million tokens
";
    assert_eq!(ended.out, expected);
    let all = json(&Folder::new().run(&["catalog", "list", "--all", "--json"], &[]));
    assert!(all["models"].as_array().unwrap().len() >= 250);
    let seeing = json(&Folder::new().run(&["catalog", "list", "tier=1", "can=vision", "--json"], &[]));
    let seeing = seeing["models"].as_array().unwrap();
    assert!(
        !seeing.is_empty()
            && seeing.iter().all(|model| model["tier"] == 1 && model["status"] != "deprecated")
    );
}

#[test]
fn show_ends_with_a_worked_example() {
    let ended = Folder::new().run(&["catalog", "show", "openai/gpt-4o-mini"], &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let expected = "\
gpt-4o-mini at OpenAI
  name      GPT-4o mini
  family    gpt-mini
  tier      3 of 4
  released  2024-07-18
  limits    128,000 tokens of context, answers up to 16,384
  content   text, image, pdf in, text out
  can       tools, structured_output, code, vision
  priors    TTFT 800 ms, quality 0.88

US dollars for a million tokens
            input  output  cache read
  standard   0.15    0.60       0.075
  batch     0.075    0.30      0.0375

1,000 tokens in and 500 out cost 0.00045 USD (0.00015 + 0.0003)
with 800 of them read from the cache 0.00039 USD
in a batch 0.000225 USD
source: models.dev; batch half price by the documentation, 2026-07-02
";
    assert_eq!(ended.out, expected);
    let shown = json(&Folder::new().run(&["catalog", "show", "openai/gpt-4o-mini", "--json"], &[]));
    let model = &shown["models"][0];
    assert_eq!(model["example"]["cost_usd"], "0.00045");
    assert_eq!(model["usd_per_million"][0]["standard"]["input"], "0.15");
}

#[test]
fn show_says_what_a_name_was_taken_for() {
    let show = |name| Folder::new().run(&["catalog", "show", name], &[]).out;
    assert!(show("claude").contains("claude, a family that stands for this model now"));
    assert!(show("claude-sonnet-4-5").starts_with("claude-sonnet-4-5-20250929 at Anthropic\n"));
    assert!(show("gpt-4o").contains("also at\n"));
    let unknown = Folder::new().run(&["catalog", "show", "gpt4o"], &[]);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains("close to it: gpt-4o"), "{}", unknown.err);
}

/// Ten times and two thirds of ours, in US dollars per token, and a model that we do not know.
const LIST: &str = r#"{"groq/llama-3.1-8b-instant": {"litellm_provider": "groq", "mode": "chat",
  "input_cost_per_token": 6e-07, "output_cost_per_token": 8e-08, "max_input_tokens": 131072},
"groq/brand-new": {"litellm_provider": "groq", "mode": "chat", "input_cost_per_token": 1e-06,
  "output_cost_per_token": 2.5e-06},
"groq/broken": 7}"#;

#[test]
fn diff_shows_disagreements_and_what_it_could_not_read() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("list.json"), LIST).unwrap();
    let ended = folder.run(&["catalog", "diff", "list.json"], &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, "list.json:5: `groq/broken` is no object; left out\n"));
    let mut lines = ended.out.lines();
    assert_eq!(lines.next(), Some("provider  model                 what   ours  theirs"));
    assert_eq!(lines.next(), Some("groq      llama-3.1-8b-instant  input  0.05    0.60  × 12.00"));
    assert!(
        ended.out.contains("LiteLLM, in USD per token: 2 models; 1 differ, 1 only they know"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("1 price differs more than tenfold"), "{}", ended.out);
    let all = folder.run(&["catalog", "diff", "list.json", "--all"], &[]).out;
    assert!(all.contains("brand-new") && all.contains("only ours"), "{all}");
    let ended = folder.run(&["catalog", "diff", "list.json", "--json"], &[]);
    let value: Value = serde_json::from_str(&ended.out).unwrap();
    let first = value["disagreements"].as_array().unwrap().iter().find(|row| row["what"] == "input").unwrap();
    assert_eq!((&first["ours"], &first["theirs"]), (&"0.05".into(), &"0.6".into()));
    assert_eq!(value["problems"][0]["line"], 5);
}

#[test]
fn import_writes_a_file_to_review_that_can_be_used() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("list.json"), LIST).unwrap();
    let dry = folder.run(&["catalog", "import", "list.json"], &[]);
    assert!(dry.out.contains("nothing was written: name a file with --out FILE"), "{}", dry.out);
    let ended = folder.run(&["catalog", "import", "list.json", "--out", "mine.toml"], &[]);
    assert_eq!(ended.code, 0);
    assert!(ended.out.ends_with("2 models that are new or differ: mine.toml\n"), "{}", ended.out);
    let written = std::fs::read_to_string(folder.0.join("mine.toml")).unwrap();
    assert!(written.contains("id = \"brand-new\"") && written.contains("output = \"2.5\""), "{written}");
    let shown =
        json(&folder.run(&["catalog", "show", "groq/brand-new", "--with", "mine.toml", "--json"], &[]));
    assert_eq!(shown["models"][0]["example"]["cost_usd"], "0.00225");
    assert_eq!(shown["models"][0]["usd_per_million"][0]["source"], "LiteLLM");
    let again = folder.run(&["catalog", "import", "list.json", "--out", "mine.toml"], &[]);
    assert_eq!(again.code, 1, "a file that is there is not written over");
    assert_eq!(std::fs::read_to_string(folder.0.join("mine.toml")).unwrap(), written);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let folder = Folder::new();
    std::fs::write(
        folder.0.join("mine.toml"),
        "[[model]]\nservice = \"x\"\nid = \"y\"\n[[model.price]]\ninput = \"z\"\n",
    )
    .unwrap();
    let ended = folder.run(&["catalog", "list", "--with", "mine.toml"], &[]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert!(ended.err.contains("mine.toml:5: \"z\" is no price in USD per million tokens"), "{}", ended.err);
    let list = folder.run(&["catalog", "diff", "mine.toml"], &[]);
    assert!(list.code == 1 && list.err.contains("mine.toml:5:"), "{}", list.err);
    let gone = folder.run(&["catalog", "diff", "gone.json"], &[]);
    assert!(gone.code == 1 && gone.err.contains("gone.json"), "{}", gone.err);
    for args in [&["catalog"][..], &["catalog", "list", "colour=red"], &["catalog", "list", "tier=9"]] {
        assert_eq!(folder.run(args, &[]).code, 2, "{args:?}");
    }
    let nobody = folder.run(&["catalog", "list", "--provider", "nobody"], &[]);
    assert!(nobody.code == 1 && nobody.err.contains("openrouter"), "{}", nobody.err);
}
