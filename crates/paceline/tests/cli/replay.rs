//! `paceline route replay` on a filled folder: tables, reasons, choice of calls and routes, what is refused.

use crate::program::{Ended, Folder};
use serde_json::Value;

const KEYS: [(&str, &str); 2] = [("OPENAI_API_KEY", "planted-1"), ("GROQ_API_KEY", "planted-2")];
const POLICY: &str = r#"
[providers.openai]
[providers.groq]

[models]
smart = "openai/gpt-4o"
quick = "openai/gpt-4o-mini"
instant = "groq/llama-3.1-8b-instant"

[routes.thrifty]
strategy = "cost_effective"
baseline = "smart"
"#;

fn filled(policy: &str) -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.0.join("next.toml"), policy).unwrap();
    let ended = folder.run(&["sim", "--fill", "3000", "--data", "d", "--days", "2"], &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    folder
}

fn replay(folder: &Folder, more: &[&str]) -> Ended {
    let args = ["route", "replay", "--policy", "next.toml", "--data", "d"];
    folder.run(&[&args, more].concat(), &KEYS)
}

fn json(folder: &Folder, more: &[&str]) -> Value {
    let ended = replay(folder, &[&["--json"], more].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

fn result<'a>(value: &'a Value, who: &str) -> &'a Value {
    value["results"].as_array().unwrap().iter().find(|one| one["who"] == who).unwrap()
}

#[test]
fn calls_without_decisions_get_expectations_and_the_reason() {
    let folder = filled(POLICY);
    let value = json(&folder, &[]);
    assert_eq!(
        (&value["route"], &value["strategy"], &value["decided"]),
        (&"thrifty".into(), &"cost_effective".into(), &0.into())
    );
    let calls = value["calls"].as_u64().unwrap();
    let left_out: u64 =
        value["left_out"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert!(
        calls > 2500 && left_out > 0 && calls + left_out < 3000,
        "embeddings are no calls of a route: {calls} {left_out}"
    );
    let cost = |who: &str| result(&value, who)["cost_usd"].as_f64().unwrap();
    assert!(cost("all_cheapest") <= cost("policy") && cost("policy") < cost("shuffled"), "{value:#}");
    assert!(
        cost("shuffled") < cost("all_strongest") && (cost("all_strongest") - cost("baseline")).abs() < 1e-12,
        "{value:#}"
    );
    let policy = result(&value, "policy");
    assert_eq!(policy["not_weighed"]["reason"], "no_decisions");
    assert!(policy["weighed"].is_null() && policy["refused"] == 0);
    let saved = &policy["cost_against_recorded"];
    let at = |name: &str| saved[name].as_f64().unwrap();
    assert!(at("low") < at("value") && at("value") < at("high") && at("high") < 0.0, "{saved}");
    let page = replay(&folder, &[]);
    for part in [
        "all openai/gpt-4o (baseline)",
        "the policy would have cost $",
        "no route decided these calls",
        "no answer was scored",
    ] {
        assert!(page.out.contains(part), "{part}: {}", page.out);
    }
    assert_eq!(replay(&folder, &[]).out, page.out, "the same records, the same page");
}

#[test]
fn without_a_provider_simulated_models_are_the_candidates() {
    let folder =
        filled("[routes.two]\nmodels = [\"sim/fast\", \"sim/smart\"]\nstrategy = \"highest_quality\"\n");
    let ended = folder.run(&["route", "replay", "--policy", "next.toml", "--data", "d", "--json"], &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let value: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(result(&value, "policy")["shares"], serde_json::json!({"sim/smart": 1.0}), "{value:#}");
}

#[test]
fn calls_are_picked_as_elsewhere() {
    let folder = filled(POLICY);
    let all = json(&folder, &[])["calls"].as_u64().unwrap();
    let day = json(&folder, &["--since", "24h"])["calls"].as_u64().unwrap();
    let other = json(&folder, &["--until", "24h"])["calls"].as_u64().unwrap();
    assert!(day > 0 && other > 0 && day + other == all, "{day} + {other} = {all}");
    let only = json(&folder, &["model=gpt-4o"]);
    let calls = only["calls"].as_u64().unwrap();
    assert!(calls > 0 && calls < all, "{calls}");
    assert_eq!(only["recorded"]["shares"].as_object().unwrap().keys().collect::<Vec<_>>(), ["openai/gpt-4o"]);
    let none = replay(&folder, &["route=thrifty"]);
    assert_eq!(none.code, 0);
    assert!(none.out.contains("no calls for the route `thrifty`"), "{}", none.out);
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let two = format!("{POLICY}\n[routes.best]\nmodels = [\"smart\"]\n");
    let folder = filled(&two);
    for (more, code, says) in [
        (&[][..], 1, "several routes, say which with --route: `thrifty`, `best`"),
        (&["--route", "bset"][..], 1, "no route `bset`; it has `thrifty`, `best`"),
        (&["--route", "best", "--since", "soon"][..], 2, "`soon` is neither"),
        (&["--route", "best", "modle=x"][..], 2, "did you mean `model`"),
        (&["--route", "best", "--data", "nowhere"][..], 2, "cannot be used multiple times"),
    ] {
        let ended = replay(&folder, more);
        assert_eq!(ended.code, code, "{more:?}: {}", ended.err);
        assert!(ended.err.contains(says), "{more:?}: {}", ended.err);
    }
    assert_eq!(json(&folder, &["--route", "best"])["route"], "best");
    let ended = folder
        .run(&["route", "replay", "--policy", "next.toml", "--route", "best", "--data", "nowhere"], &KEYS);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("there is no history in nowhere"), "{}", ended.err);
}
