//! Disagreements between two lists.

use super::*;
use crate::import::{About, import};

const NOW: Timestamp = Timestamp(1_783_000_000_000_000);

fn told(list: &str) -> Vec<String> {
    let theirs = import(list, About::default()).unwrap().entries;
    let line = |found: &Disagreement| match &found.difference {
        Difference::OnlyTheirs => format!("{} only theirs", found.model),
        Difference::OnlyOurs => format!("{} only ours", found.model),
        Difference::Value { field, ours, theirs } => {
            let number = |amount: &Option<Amount>| amount.map(Amount::number);
            format!("{} {field} {:?} {:?} {:?}", found.model, number(ours), number(theirs), found.ratio())
        }
    };
    diff(&Catalog::builtin(), &theirs, NOW).iter().map(line).collect()
}

#[test]
fn the_same_price_in_another_unit_is_no_disagreement() {
    let told = told(
        r#"{"deepseek/deepseek-v4-flash": {"litellm_provider": "deepseek", "input_cost_per_token": 1.4e-07,
            "output_cost_per_token": 2.8e-07, "max_input_tokens": 1000000}}"#,
    );
    let others: Vec<&String> = told.iter().filter(|line| line.contains("v4-flash")).collect();
    assert_eq!(others, Vec::<&String>::new());
    assert!(told.contains(&"deepseek-v4-pro only ours".to_owned()), "{told:#?}");
}

#[test]
fn differences_are_told_with_their_ratio() {
    let told = told(
        r#"{"cerebras": {"models": {
            "gpt-oss-120b": {"cost": {"input": 0.7, "output": 0.75, "cache_read": 0.1}, "limit": {"context": 65536}},
            "new-one": {"cost": {"input": 1, "output": 1}}}}}"#,
    );
    assert_eq!(
        told,
        [
            "gpt-oss-120b input Some(350000) Some(700000) Some(2.0)",
            "gpt-oss-120b cache_read None Some(100000) None",
            "gpt-oss-120b context Some(131072) Some(65536) Some(0.5)",
            "new-one only theirs",
            "zai-glm-4.7 only ours",
        ]
        .iter()
        .filter(|line| !line.starts_with("zai"))
        .copied()
        .collect::<Vec<_>>()
    );
}

#[test]
fn tiers_are_compared_where_they_begin() {
    let told = told(
        r#"{"google": {"models": {"gemini-2.5-pro": {"cost": {"input": 1.25, "output": 10,
            "context_over_200k": {"input": 2.5, "output": 20}}}}}}"#,
    );
    let of_it: Vec<&String> = told.iter().filter(|line| line.starts_with("gemini-2.5-pro ")).collect();
    assert_eq!(
        of_it,
        ["gemini-2.5-pro output above 200000 Some(15000000) Some(20000000) Some(1.3333333333333333)"]
    );
}
