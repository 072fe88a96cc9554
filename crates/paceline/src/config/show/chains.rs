//! Models, tiers and roles as `paceline check` prints them, with the chains that are tried.

use super::super::{By, ChainLink, Config, Model, Origin, Role, Target};
use super::{origin, own_timeouts};
use paceline_routing::plan::Pick;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn model_rows(config: &Config) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> =
        config.models.iter().flat_map(|model| model_row(config, model)).collect();
    if rows.is_empty() {
        let names = config.providers.iter().map(|one| one.name.as_str());
        let mut names: Vec<String> = names.map(|name| format!("`{name}/NAME`")).collect();
        if config.simulated {
            names.push("`sim/NAME`".into());
        }
        let also = if names.len() == 1 { ", or any NAME by itself" } else { "" };
        rows.push(vec!["any name".into(), format!("{}{also}", names.join(", "))]);
    }
    rows
}

fn model_row(config: &Config, model: &Model) -> Vec<Vec<String>> {
    let mut row = vec![model.name.clone(), format!("→ {}", targets(model))];
    let mut notes = Vec::new();
    if !model.aliases.is_empty() {
        notes.push(format!("also called {}", model.aliases.join(", ")));
    }
    if model.reasoning {
        notes.push("reasoning".into());
    }
    if !model.fallback_enabled {
        notes.push("no fallback".into());
    }
    if model.fallback_on_content_filter {
        notes.push("falls back on content filters too".into());
    }
    if let Some(shadow) = &model.shadow {
        notes.push(format!("{} of its calls to {} too", shadow.share, shadow.link));
    }
    notes.extend(own_timeouts(&model.timeouts));
    if !notes.is_empty() {
        row.push(notes.join(", "));
    }
    let rest = rest(&config.chain_of(model)).map(|rest| vec![String::new(), rest]);
    [row].into_iter().chain(rest).collect()
}

/// The targets of a model, in the order or the proportion they are tried.
fn targets(model: &Model) -> String {
    let names = model.targets.iter().map(Target::to_string);
    match model.pick {
        Pick::First => names.collect::<Vec<_>>().join(", then "),
        Pick::LeastLoaded => names.collect::<Vec<_>>().join(" or ") + " (the least loaded first)",
        Pick::Weighted => {
            let weighted = names.zip(&model.weights).map(|(name, weight)| format!("{weight} × {name}"));
            weighted.collect::<Vec<_>>().join(", ")
        }
    }
}

/// What is tried after the first model of a chain.
fn rest(chain: &[ChainLink<'_>]) -> Option<String> {
    let mut text = String::new();
    let mut by = By::Name;
    for link in chain.iter().skip(1) {
        let lead = match (link.by, text.is_empty()) {
            (By::Tier(tier), first) if link.by != by => {
                format!("{}of tier{} ", if first { "else " } else { "; " }, tier.number())
            }
            (_, true) => "else ".into(),
            (_, false) => ", ".into(),
        };
        text.push_str(&lead);
        text.push_str(&link.name);
        by = link.by;
    }
    (!text.is_empty()).then_some(text)
}

pub(super) fn tier_rows(config: &Config) -> Vec<Vec<String>> {
    let row = |(index, tier): (usize, &super::super::Tier)| {
        let name = format!("tier{}", index + 1);
        let from = match config.origin(&format!("tiers.{name}")) {
            Origin::Default if config.simulated && config.providers.is_empty() => "simulated".to_owned(),
            Origin::Default => "from the catalogue".to_owned(),
            given => origin(given),
        };
        let links: Vec<String> = tier.links.iter().map(ToString::to_string).collect();
        (!links.is_empty()).then(|| vec![name, links.join(", "), from])
    };
    config.tiers.iter().enumerate().filter_map(row).collect()
}

pub(super) fn role_rows(config: &Config) -> Vec<Vec<String>> {
    let rows = |role: &Role| {
        let chain = config.chain_of_role(role);
        let first = chain.first().map(|link| link.name.clone()).unwrap_or_default();
        let row = vec![role.name.clone(), format!("→ {first}"), role_sources(config, role).join(", ")];
        [row].into_iter().chain(rest(&chain).map(|rest| vec![String::new(), rest])).collect::<Vec<_>>()
    };
    config.roles.iter().flat_map(rows).collect()
}

/// Where model and tier of a role come from.
fn role_sources(config: &Config, role: &Role) -> Vec<String> {
    let path = super::super::report::join("roles", &role.name);
    let given = ["model", "tier"].map(|name| config.origin(&format!("{path}.{name}")));
    let mut sources: Vec<String> =
        given.into_iter().filter(|given| **given != Origin::Default).map(origin).collect();
    sources.dedup();
    sources
}

pub(super) fn models_json(config: &Config) -> Vec<Value> {
    config.models.iter().map(|model| model_json(config, model)).collect()
}

fn model_json(config: &Config, model: &Model) -> Value {
    let own = model.timeouts;
    let ms = |value: Option<Duration>| value.map(|value| value.as_millis() as u64);
    json!({
        "name": model.name,
        "targets": model.targets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "weights": model.weights,
        "pick": match model.pick {
            Pick::First => "first",
            Pick::LeastLoaded => "least_loaded",
            Pick::Weighted => "weighted",
        },
        "aliases": model.aliases,
        "reasoning": model.reasoning,
        "tier": model.tier.map(|tier| format!("tier{}", tier.number())),
        "fallback": model.fallback.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "limits": super::limits_json(&model.limits),
        "fallback_enabled": model.fallback_enabled,
        "fallback_on_content_filter": model.fallback_on_content_filter,
        "shadow": model.shadow.as_ref().map(|shadow| json!({
            "model": shadow.link.to_string(),
            "share": shadow.share,
        })),
        "chain": chain_json(&config.chain_of(model)),
        "timeouts": {
            "connect_ms": ms(own.connect),
            "first_token_ms": ms(own.first_token),
            "idle_ms": ms(own.idle),
            "total_ms": ms(own.total),
            "stream_total_ms": ms(own.stream_total),
            "reasoning_total_ms": ms(own.reasoning_total),
        },
    })
}

/// Deployments in the order they are tried; those of one model are one list.
fn chain_json(chain: &[ChainLink<'_>]) -> Vec<Vec<String>> {
    let names = |link: &ChainLink<'_>| link.targets.iter().map(|(target, _)| target.to_string()).collect();
    chain.iter().map(names).collect()
}

pub(super) fn tiers_json(config: &Config) -> Value {
    let tier = |(index, tier): (usize, &super::super::Tier)| {
        let links: Vec<String> = tier.links.iter().map(ToString::to_string).collect();
        (format!("tier{}", index + 1), json!(links))
    };
    config.tiers.iter().enumerate().map(tier).collect()
}

pub(super) fn roles_json(config: &Config) -> Vec<Value> {
    let role = |role: &Role| {
        json!({
            "name": role.name,
            "model": role.model.as_ref().map(ToString::to_string),
            "tier": role.tier.map(|tier| format!("tier{}", tier.number())),
            "chain": chain_json(&config.chain_of_role(role)),
        })
    };
    config.roles.iter().map(role).collect()
}
