//! The built-in files, and which entry a name means.

use super::*;
use crate::{Capability, FoundBy, ModelTier, Status};
use paceline_types::price::{Rate, RateUnit, Tariff};
use paceline_types::time::Timestamp;
use paceline_types::tokens::Usage;
use std::collections::BTreeSet;

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-07-02").unwrap()
}

fn cost(catalog: &Catalog, service: &str, model: &str, at: &str) -> Option<String> {
    let usage = Usage { input_tokens: 1_000_000, output_tokens: 1_000_000, ..Usage::default() };
    let at = Timestamp::parse_rfc3339(at).unwrap();
    catalog.price(service, model)?.cost(&usage, at, Tariff::default()).map(|cost| cost.total().to_string())
}

#[test]
fn the_files_are_whole() {
    assert_eq!(Catalog::problems(), Vec::<String>::new());
    let catalog = Catalog::builtin();
    let (mut count, mut names) = (0, BTreeSet::new());
    for entry in catalog.entries() {
        let which = format!("{}/{}", entry.service, entry.id);
        count += 1;
        assert!(names.insert(which.clone()), "{which} is there twice");
        let price = entry.price.as_ref().unwrap_or_else(|| panic!("{which} has no price"));
        assert_eq!(price.periods().len(), entry.provenance.len(), "{which}");
        for provenance in &entry.provenance {
            assert!(!provenance.source.is_empty() && crate::entry::is_date(&provenance.as_of), "{which}");
        }
        for pair in price.periods().windows(2) {
            assert!(pair[0].from < pair[1].from, "{which}: two prices at once");
        }
        let now = price.at(now()).unwrap_or_else(|| panic!("{which} has no price now"));
        for card in [Some(&now.standard), now.batch.as_ref()].into_iter().flatten() {
            for pair in card.tiers.windows(2) {
                assert!(pair[0].above_input_tokens < pair[1].above_input_tokens, "{which}");
            }
            let rates = card.base;
            assert!(
                rates.cache_read.is_none_or(|read| read <= rates.input),
                "{which}: a read above the input price"
            );
            assert!(
                rates.input.0 <= 200_000_000 && rates.output.0 <= 1_000_000_000,
                "{which}: a mistake of units?"
            );
        }
        if let Some(batch) = &now.batch {
            assert!(batch.base.input <= now.standard.base.input, "{which}: batch costs more");
        }
        assert!(entry.context.is_none_or(|context| context >= 512), "{which}");
        assert!(!entry.takes.is_empty() && !entry.gives.is_empty(), "{which}");
    }
    assert!(count >= 250, "{count} models");
    let services: BTreeSet<&str> = catalog.services().collect();
    assert!(services.len() >= 17, "{services:?}");
    for service in services {
        assert_ne!(catalog.title(service), service);
        for (family, id) in catalog.families(service) {
            let entry = catalog.family(service, family).unwrap_or_else(|| panic!("{service}: {family}"));
            assert_eq!((entry.id.as_str(), entry.status), (id, Status::Current), "{service}: {family}");
        }
    }
}

#[test]
fn models_that_everybody_asks_for_are_there() {
    let catalog = Catalog::builtin();
    for (service, model, input, output) in [
        ("openai", "gpt-4o", "2.5", "10"),
        ("openai", "gpt-4o-mini", "0.15", "0.6"),
        ("anthropic", "claude-3-5-sonnet-20241022", "3", "15"),
        ("anthropic", "claude-3-haiku-20240307", "0.25", "1.25"),
        ("groq", "llama-3.1-8b-instant", "0.05", "0.08"),
        ("google", "gemini-2.5-pro", "1.25", "10"),
        ("google", "gemini-3.1-pro-preview", "2", "12"),
        ("gemini", "models/gemini-2.5-flash", "0.3", "2.5"),
    ] {
        let found = catalog.find(service, model).unwrap_or_else(|| panic!("{model}"));
        let price = found.price.unwrap();
        let rates = price.at(now()).unwrap().standard.base;
        let usd = |text| Rate::parse(text, RateUnit::UsdPerMillion).unwrap().rate;
        assert_eq!((rates.input, rates.output), (usd(input), usd(output)), "{model}");
        assert!(found.entry.tier.is_some() && found.entry.context.is_some(), "{model}");
    }
}

#[test]
fn names_are_found_by_few_rules_and_else_not_at_all() {
    let catalog = Catalog::builtin();
    let found = |service, model| catalog.find(service, model).map(|found| (found.entry.id.clone(), found.by));
    let is = |id: &str, by| Some((id.to_owned(), by));
    assert_eq!(found("anthropic", "claude-sonnet-4-5"), is("claude-sonnet-4-5-20250929", FoundBy::Name));
    assert_eq!(found("openai", "gpt-4o-2024-05-13"), is("gpt-4o-2024-05-13", FoundBy::Name));
    assert_eq!(found("openai", "gpt-4o-mini-2024-07-18"), is("gpt-4o-mini", FoundBy::Undated));
    let haiku = "eu.anthropic.claude-haiku-4-5-20251001-v1:0";
    assert_eq!(found("bedrock", haiku), is(haiku, FoundBy::Name));
    assert_eq!(found("bedrock", "us.amazon.nova-2-lite-v1:0"), is("amazon.nova-2-lite-v1:0", FoundBy::Form));
    assert_eq!(found("vertex", "claude-sonnet-5"), is("claude-sonnet-5@default", FoundBy::Form));
    assert_eq!(
        found("fireworks", "gpt-oss-120b"),
        is("accounts/fireworks/models/gpt-oss-120b", FoundBy::Form)
    );
    assert_eq!(found("openrouter", "openai/gpt-4.1-nano:free"), is("openai/gpt-4.1-nano", FoundBy::Free));
    assert_eq!(cost(&catalog, "openrouter", "openai/gpt-4.1-nano:free", "2026-07-02").as_deref(), Some("0"));
    for (service, model) in [
        ("openai", "gpt-4o-mini-2024-99-99"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::id"),
        ("openai", "gpt-4o:free"),
        ("openai", "GPT-4o"),
        ("openai", ""),
        ("openrouter", "openai/gpt-4o:online"),
        ("openrouter", "gpt-4o"),
        ("bedrock", "eu.amazon.nova-2-lite-v1:0"),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"),
        ("mistral", "mistral-large-2401"),
        ("nowhere", "gpt-4o"),
    ] {
        assert_eq!(found(service, model), None, "{service}/{model}");
        assert_eq!(cost(&catalog, service, model, "2026-07-02"), None, "{service}/{model}: null, not 0");
    }
    assert_eq!(cost(&catalog, "ollama", "llama3", "2026-07-02").as_deref(), Some("0"));
}

#[test]
fn last_month_keeps_last_months_price() {
    let catalog = Catalog::builtin();
    let o3 = |at| cost(&catalog, "openai", "o3", at);
    assert_eq!([o3("2025-06-09").as_deref(), o3("2025-06-10").as_deref()], [Some("50"), Some("10")]);
    assert_eq!(o3("2024-01-01"), None);
}

#[test]
fn families_stand_for_their_current_model() {
    let catalog = Catalog::builtin();
    let family = |service, name| catalog.family(service, name).map(|entry| entry.id.as_str());
    assert_eq!(family("openai", "gpt-4"), Some("gpt-4.1"));
    assert_eq!(family("anthropic", "claude"), Some("claude-sonnet-5"));
    assert_eq!(family("google", "gemini-pro"), Some("gemini-3.1-pro-preview"));
    // Named in no table: the newest of the family that is offered.
    assert_eq!(family("moonshot", "kimi-thinking"), Some("kimi-k2-thinking-turbo"));
    assert_eq!(family("openai", "claude"), None);
}

#[test]
fn what_users_state_is_laid_over_what_is_known() {
    let mut catalog = Catalog::builtin();
    let file = r#"
service = "openai"
[[model]]
id = "gpt-4o"
context = 64000
[[model.price]]
input = "2"

[[model]]
service = "mine"
id = "own-7b"
tier = 4
[[model.price]]
input = "0"
output = "0"

[[model]]
id = "gpt-9"
[[model.price]]
input = "1"
"#;
    let problems = catalog.add_all(&crate::parse(file).unwrap()).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "line 17: `gpt-9`: a price needs input and output, in USD per million tokens"
    );
    let gpt = catalog.find("openai", "gpt-4o").unwrap().entry;
    assert_eq!((gpt.context, gpt.max_output, gpt.name.as_str()), (Some(64_000), Some(16_384), "GPT-4o"));
    assert!(gpt.capabilities().contains(Capability::Vision));
    // Its own price holds at all times; what it does not state is kept.
    assert_eq!(cost(&catalog, "openai", "gpt-4o", "2024-06-01").as_deref(), Some("12"));
    assert_eq!(gpt.provenance[0].source, "own setting");
    assert_eq!(cost(&catalog, "mine", "own-7b", "2026-07-02").as_deref(), Some("0"));
    assert_eq!(catalog.find("mine", "own-7b").unwrap().entry.tier, ModelTier::new(4));
    assert!(catalog.find("openai", "gpt-9").is_none());
}

#[test]
fn a_price_from_a_day_on_leaves_the_days_before() {
    let mut catalog = Catalog::builtin();
    let text = "[[model]]\nservice = \"openai\"\nid = \"gpt-4.1\"\n[[model.price]]\nfrom = \"2026-08-01\"\noutput = 4\n";
    catalog.add_all(&crate::parse(text).unwrap()).unwrap();
    let at = |at| cost(&catalog, "openai", "gpt-4.1", at);
    assert_eq!([at("2026-07-31").as_deref(), at("2026-08-01").as_deref()], [Some("10"), Some("6")]);
}

#[test]
fn what_is_stated_of_an_alias_is_meant_of_the_model() {
    let mut catalog = Catalog::builtin();
    let text = "[[model]]\nservice = \"anthropic\"\nid = \"claude-sonnet-4-5\"\n[[model.price]]\ninput = 1\noutput = 1\n";
    catalog.add_all(&crate::parse(text).unwrap()).unwrap();
    let at = |model| cost(&catalog, "anthropic", model, "2026-07-02");
    // A million tokens of prompt is above the tier, which was not restated.
    assert_eq!(at("claude-sonnet-4-5").as_deref(), Some("28.5"));
    assert_eq!(at("claude-sonnet-4-5"), at("claude-sonnet-4-5-20250929"));
    assert_eq!(
        catalog
            .entries()
            .filter(|entry| &*entry.service == "anthropic" && entry.id.starts_with("claude-sonnet-4-5"))
            .count(),
        1
    );
}
