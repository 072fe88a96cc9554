//! Price lists in every format: worked examples, mistakes with their lines, and that no text ends the process.

use super::*;
use paceline_types::price::{Period, Rates};
use paceline_types::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn read(text: &str) -> Imported {
    import(text, About { service: Some("openai"), as_of: Some("2026-07-02") }).unwrap()
}

fn period(entry: &Entry) -> Period {
    entry.price.as_ref().unwrap().at(Timestamp(0)).unwrap().clone()
}

/// 0.15 and 0.60 USD a million tokens, reads from the cache at 0.075, in the words of every list.
const GPT_4O_MINI: [(&str, Format); 6] = [
    (
        r#"{"sample_spec": {"litellm_provider": "one of"}, "gpt-4o-mini": {"litellm_provider": "openai", "mode": "chat",
            "input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07, "cache_read_input_token_cost": 7.5e-08,
            "max_input_tokens": 128000, "max_output_tokens": 16384, "supports_vision": true}}"#,
        Format::LiteLlm,
    ),
    (
        r#"{"openai": {"id": "openai", "models": {"gpt-4o-mini": {"id": "gpt-4o-mini", "name": "GPT-4o mini",
            "cost": {"input": 0.15, "output": 0.6, "cache_read": 0.075}, "limit": {"context": 128000, "output": 16384},
            "modalities": {"input": ["text", "image"], "output": ["text"]}, "tool_call": true}}}}"#,
        Format::ModelsDevJson,
    ),
    (
        "provider,id,name,input,output,cache_read,context,max_output,modalities_in,modalities_out\n\
         openai,gpt-4o-mini,GPT-4o mini,0.15,0.60,0.075,128000,16384,text+image,text\n",
        Format::ModelsDevCsv,
    ),
    (
        r#"{"data": [{"id": "gpt-4o-mini", "context_length": 128000, "created": 1721260800,
            "pricing": {"prompt": "0.00000015", "completion": "0.0000006", "input_cache_read": "0.000000075",
                        "internal_reasoning": "0"},
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "top_provider": {"max_completion_tokens": 16384}, "supported_parameters": ["tools"]}]}"#,
        Format::OpenRouter,
    ),
    (
        r#"{"default": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0}}, "currency": "USD"}},
            "gpt-4o-mini": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.000015},
                "response_token": {"price": 0.00006}, "cache_write_input_token": {"price": 0},
                "cache_read_input_token": {"price": 0.0000075}}}}}"#,
        Format::Portkey,
    ),
    (
        "[[model]]\nservice = \"openai\"\nid = \"gpt-4o-mini\"\ncontext = 128000\nmax_output = 16384\n\
         takes = [\"text\", \"image\"]\n[[model.price]]\ninput = 0.15\noutput = 0.6\ncache_read = \"0.075\"\n",
        Format::Paceline,
    ),
];

#[test]
fn one_model_in_six_lists_is_one_price() {
    for (text, format) in GPT_4O_MINI {
        let list = read(text);
        assert_eq!(
            (list.format, list.problems.as_slice(), list.entries.len()),
            (format, &[][..], 1),
            "{format:?}"
        );
        let entry = &list.entries[0];
        let rates = Rates {
            input: Rate(150_000),
            output: Rate(600_000),
            cache_read: Some(Rate(75_000)),
            ..Rates::default()
        };
        assert_eq!(period(entry).standard.base, rates, "{format:?}");
        assert_eq!(entry.id, "gpt-4o-mini");
        if format != Format::Portkey {
            assert_eq!((entry.context, entry.max_output), (Some(128_000), Some(16_384)), "{format:?}");
            assert_eq!(entry.takes.written(), ["text", "image"], "{format:?}");
        }
        if format == Format::OpenRouter {
            assert_eq!((&*entry.service, entry.released.as_deref()), ("openrouter", Some("2024-07-18")));
        }
        if format != Format::Paceline {
            let from = Provenance { source: format.title().into(), as_of: "2026-07-02".into() };
            assert_eq!(entry.provenance, [from], "{format:?}");
        }
    }
}

#[test]
fn litellm_has_tiers_batches_and_prefixes() {
    let list = read(
        r#"{"vertex_ai/x": {"litellm_provider": "vertex_ai-language-models", "input_cost_per_token": 1e-06,
            "output_cost_per_token": 2e-06, "input_cost_per_token_above_128k_tokens": 3e-06,
            "output_cost_per_token_above_128k_tokens": 4e-06, "input_cost_per_token_batches": 5e-07,
            "output_cost_per_token_batches": 1e-06, "output_cost_per_reasoning_token": 9e-06},
          "deepseek/y": {"litellm_provider": "deepseek", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
            "input_cost_per_token_cache_hit": 1e-07},
          "together_ai/org/z": {"litellm_provider": "together_ai", "mode": "chat"}}"#,
    );
    assert_eq!(list.problems, []);
    let names: Vec<_> = list.entries.iter().map(|entry| (&*entry.service, entry.id.as_str())).collect();
    assert_eq!(names, [("vertex", "x"), ("deepseek", "y"), ("together", "org/z")]);
    let x = period(&list.entries[0]);
    assert_eq!(x.standard.rates(128_000).input, Rate(1_000_000));
    assert_eq!(
        (x.standard.rates(128_001).input, x.standard.rates(128_001).output),
        (Rate(3_000_000), Rate(4_000_000))
    );
    assert_eq!(x.batch.unwrap().base.input, Rate(500_000));
    assert_eq!(x.standard.base.reasoning, Some(Rate(9_000_000)));
    assert_eq!(period(&list.entries[1]).standard.base.cache_read, Some(Rate(100_000)));
    assert_eq!(list.entries[2].price, None, "no price is no price, not 0");
}

#[test]
fn models_dev_has_tiers_in_both_forms() {
    let csv = "provider,id,input,output,tiers,context\n\
               google,g,1.25,10,\"{\"\"tiers\"\": [{\"\"tier\"\": {\"\"size\"\": 200000}, \"\"input\"\": 2.5, \"\"output\"\": 15}]}\",1048576\n";
    let json = r#"{"google": {"models": {"g": {"cost": {"input": 1.25, "output": 10, "tiers":
        [{"input": 2.5, "output": 15, "tier": {"type": "context", "size": 200000}}]}, "limit": {"context": 1048576}}}}}"#;
    let (csv, json) = (read(csv), read(json));
    assert_eq!(period(&csv.entries[0]), period(&json.entries[0]));
    assert_eq!(period(&csv.entries[0]).standard.rates(200_001).output, Rate(15_000_000));
}

#[test]
fn portkey_needs_to_be_told_the_provider() {
    let error = import(GPT_4O_MINI[4].0, About::default()).unwrap_err();
    assert!(error.what.contains("name the provider"), "{error}");
    let list = read(
        r#"{"a": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0003}, "response_token":
            {"price": 0.0015}, "additional_units": {"cache_write_1h": {"price": 0.0006}}},
            "batch_config": {"request_token": {"price": 0.00015}, "response_token": {"price": 0.00075}}}},
          "b": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1}}, "currency": "EUR"}}}"#,
    );
    let a = period(&list.entries[0]);
    assert_eq!(
        (a.standard.base.input, a.standard.base.cache_write_1h),
        (Rate(3_000_000), Some(Rate(6_000_000)))
    );
    assert_eq!(a.batch.unwrap().base.output, Rate(7_500_000));
    assert!(list.entries.len() == 1 && list.problems[0].what.contains("EUR"), "{:?}", list.problems);
}

#[test]
fn what_varies_or_costs_a_fee_is_said() {
    let list = read(
        r#"{"data": [
            {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
            {"id": "p/sonar", "pricing": {"prompt": "0.000001", "completion": "0.000001", "request": "0.005"}}]}"#,
    );
    assert_eq!(list.entries[0].price, None);
    assert_eq!(list.problems.len(), 1);
    assert_eq!(
        (list.problems[0].line, list.problems[0].what.contains("0.005")),
        (3, true),
        "{:?}",
        list.problems
    );
}

#[test]
fn bad_lines_are_told_and_the_rest_is_read() {
    let list = read(
        "provider,id,input,output\nopenai,a,1,2\nopenai,b,x,2\nopenai,c\n\nopenai,d,0.15,-1\nopenai,e,1,2\n",
    );
    let ids: Vec<&str> = list.entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["a", "e"]);
    let lines: BTreeSet<usize> = list.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, BTreeSet::from([3, 4, 6]), "{:?}", list.problems);
    let list = read(
        "{\"a\": {\"litellm_provider\": \"openai\"},\n\"b\": 7,\n\"c\": {\"litellm_provider\": \"openai\",\n\"input_cost_per_token\": 4.6875e-09, \"output_cost_per_token\": 1}}",
    );
    let told: Vec<String> = list.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 2: `b` is no object; left out",
            "line 4: `c`: input_cost_per_token = 4.6875e-09 is rounded to 0.004688 USD per million",
        ]
    );
    let broken = import("{\"a\": {\"litellm_provider\": 1,\n}", About::default()).unwrap_err();
    assert_eq!(broken.line, 2, "{broken}");
    assert!(import("hello", About::default()).unwrap_err().what.contains("none of the known lists"));
}

#[test]
fn zero_for_a_part_of_what_costs_is_no_price_of_the_part() {
    let list = read("provider,id,input,output,cache_read,cache_write\nzai,a,0.6,2.2,0.11,0\nzai,b,0,0,0,0\n");
    let rates = |at: usize| period(&list.entries[at]).standard.base;
    assert_eq!((rates(0).cache_read, rates(0).cache_write), (Some(Rate(110_000)), None));
    assert_eq!(rates(1).cache_write, Some(Rate(0)), "where all is free, zero is a price");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}|(provider,id,input,output\n)(.{0,40}\n){0,4}") {
        let _ = import(&text, About { service: Some("x"), as_of: Some(&text) });
    }

    /// A list with some of its bytes gone, doubled or changed.
    #[test]
    fn any_damage_is_survived(which in 0..6usize, at in 0..600usize, length in 0..40usize, new in ".{0,8}") {
        let text = GPT_4O_MINI[which].0;
        let floor = |mut at: usize| { while !text.is_char_boundary(at) { at -= 1; } at };
        let from = floor(at.min(text.len()));
        let to = floor((from + length).min(text.len()));
        let damaged = format!("{}{new}{}", &text[..from], &text[to..]);
        if let Ok(list) = import(&damaged, About { service: Some("x"), as_of: None }) {
            for entry in &list.entries {
                prop_assert!(!entry.id.is_empty() && !entry.service.is_empty());
            }
        }
    }
}
