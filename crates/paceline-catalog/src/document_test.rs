//! The file format: what is read, and that every mistake has its line.

use super::*;
use crate::{Entry, to_toml};
use paceline_types::price::{Period, Price, RateCard, Rates, Tier};
use proptest::prelude::*;
use std::sync::Arc;

fn problems(text: &str) -> Vec<String> {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn prices_are_read_as_they_are_written() {
    let text = r#"
service = "mine"
[[model]]
id = "a"
[[model.price]]
input = "0.15"
output = 0.6000000000000001
"#;
    assert_eq!(
        problems(text),
        ["line 7: 0.6000000000000001 is finer than a millionth of a dollar for a million tokens"]
    );
    let document = parse(&text.replace("0.6000000000000001", "1_0.6")).unwrap();
    let rates = document.models[0].price[0].standard.rates;
    assert_eq!((rates.input, rates.output), (Some(Rate(150_000)), Some(Rate(10_600_000))));
    assert_eq!(document.models[0].line, 3);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let text = r#"[[model]]
service = "mine"
id = "a"
tier = 7
can = ["fly"]
[[model.price]]
from = "soon"
input = "-1"
output = [1]
as_of = "yesterday"
source = "x"

[[model]]
id = "b"
status = "old"
"#;
    let told = problems(text);
    let lines: Vec<&str> = told.iter().filter_map(|line| line.split(':').next()).collect();
    for what in [
        "`7` is no tier",
        "`fly` is no word of `can`",
        "`soon` is no date",
        "\"yesterday\"",
        "needs a `service`",
    ] {
        assert!(told.iter().any(|line| line.contains(what)), "{what}: {told:#?}");
    }
    assert!(
        lines.contains(&"line 8") && lines.contains(&"line 9") && lines.contains(&"line 13"),
        "{told:#?}"
    );
    assert_eq!(
        problems("[[model]]\nid = \"a\"\nprise = 1\n"),
        [
            "line 3: unknown field `prise`, expected one of `service`, `id`, `name`, `family`, `aliases`, `status`, \
         `released`, `context`, `max_output`, `takes`, `gives`, `can`, `tier`, `priors`, `price`"
        ]
    );
    assert!(problems("[[model]\n")[0].starts_with("line 1: "));
}

fn any_rates() -> impl Strategy<Value = Rates> {
    let rate = || (0..=Rate::MAX.0).prop_map(Rate);
    let part = move || prop::option::of(rate());
    (rate(), rate(), part(), part(), part(), part(), part(), part()).prop_map(
        |(input, output, cache_read, cache_write, cache_write_1h, reasoning, input_audio, output_audio)| {
            Rates {
                input,
                output,
                cache_read,
                cache_write,
                cache_write_1h,
                reasoning,
                input_audio,
                output_audio,
            }
        },
    )
}

fn any_card() -> impl Strategy<Value = RateCard> {
    let tiers = prop::collection::btree_map(0..10_000_000u64, any_rates(), 0..3);
    (any_rates(), tiers).prop_map(|(base, tiers)| RateCard {
        base,
        tiers: tiers
            .into_iter()
            .map(|(above_input_tokens, rates)| Tier { above_input_tokens, rates })
            .collect(),
    })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let periods =
        prop::collection::btree_map(0..2_000_000_000u32, (any_card(), prop::option::of(any_card())), 0..3);
    let words = prop::collection::vec(0..6usize, 0..4);
    let facts =
        (prop::option::of(0..i64::MAX as u64), prop::option::of(1..=4u8), prop::option::of(0.0..1.0f64));
    (".{1,20}", ".{0,20}", periods, words, facts).prop_map(
        |(id, name, periods, words, (context, tier, quality))| {
            let period = |(from, (standard, batch))| Period {
                from: Timestamp::from_millis(i64::from(from) * 1000),
                standard,
                batch,
            };
            let provenance = periods
                .iter()
                .map(|_| Provenance { source: name.clone(), as_of: "2026-07".into() })
                .collect();
            let price = (!periods.is_empty())
                .then(|| Arc::new(Price::new(periods.into_iter().map(period).collect())));
            Entry {
                service: "mine".into(),
                aliases: vec![name.clone()],
                takes: words.iter().map(|at| crate::Modality::ALL[*at].0).collect(),
                gives: Set::from_iter([crate::Modality::Text]),
                can: words.iter().map(|at| crate::Capability::ALL[*at].0).collect(),
                priors: Priors { quality, ..Priors::default() },
                tier: tier.and_then(ModelTier::new),
                id,
                name,
                context,
                provenance,
                price,
                ..Entry::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back(entry in any_entry()) {
        let text = to_toml([&entry]);
        let document = parse(&text).map_err(|problems| TestCaseError::fail(format!("{problems:?}\n{text}")))?;
        prop_assert_eq!(document.models[0].over(None), Ok(entry));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(\\[\\[model\\]\\]\n)?(id|service|input|price|[a-z]{2}) = .{0,30}\n.{0,60}") {
        let _ = parse(&text);
    }
}

#[test]
fn the_example_of_the_documentation_can_be_used() {
    let page = include_str!("../../../catalog/README.md");
    let example = page.split("```").nth(1).and_then(|block| block.strip_prefix("toml\n")).unwrap();
    let entry = parse(example).unwrap().models[0].over(None).unwrap();
    let usage = paceline_types::tokens::Usage { input_tokens: 200_001, ..Default::default() };
    let now = Timestamp::parse_rfc3339("2026-07-02").unwrap();
    let cost = entry.price.unwrap().cost(&usage, now, paceline_types::price::Tariff::default()).unwrap();
    assert_eq!(cost.total().to_string(), "1.000005");
}
