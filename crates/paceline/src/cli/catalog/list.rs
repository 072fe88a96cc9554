//! `paceline catalog list`: models and their prices, a line each.

use super::{current, dollars_or_dash, extras, thousands, to_json};
use crate::cli::MISUSED;
use crate::cli::out::{self, fail, say};
use clap::Args;
use paceline_catalog::{Capability, Catalog, Entry, ModelTier, Status, Word, canonical};
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Words that names must hold; also tier=2, can=vision.
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Only models of that provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Withdrawn models too.
    #[arg(long)]
    all: bool,
}

/// What a model must be like.
enum Filter {
    Word(String),
    Tier(ModelTier),
    Can(Capability),
}

impl Filter {
    fn read(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        match lower.split_once('=') {
            None => Ok(Self::Word(lower)),
            Some(("tier", number)) => {
                let number = number.trim_start_matches("tier").parse().ok().and_then(ModelTier::new);
                number.map(Self::Tier).ok_or_else(|| format!("`{text}`: there are tiers 1 to 4"))
            }
            Some(("can", word)) => Capability::read(word).map(Self::Can).ok_or_else(|| {
                let known: Vec<&str> = Capability::ALL.iter().map(|(_, written)| *written).collect();
                format!("`{word}` is no capability; there are {}", known.join(", "))
            }),
            Some((name, _)) => Err(format!("`{name}` is no filter; there are tier and can")),
        }
    }

    fn fits(&self, entry: &Entry) -> bool {
        match self {
            Self::Word(word) => {
                let family = entry.family.as_deref().unwrap_or_default();
                let names = [&entry.service, entry.id.as_str(), &entry.name, family];
                names.iter().any(|name| name.to_lowercase().contains(word.as_str()))
            }
            Self::Tier(tier) => entry.tier == Some(*tier),
            Self::Can(capability) => entry.capabilities().contains(*capability),
        }
    }
}

pub(super) fn run(catalog: &Catalog, args: &ListArgs, json: bool) -> ExitCode {
    let filters: Result<Vec<Filter>, String> = args.filters.iter().map(|text| Filter::read(text)).collect();
    let filters = match filters {
        Ok(filters) => filters,
        Err(error) => {
            fail(error);
            return ExitCode::from(MISUSED);
        }
    };
    let provider = args.provider.as_deref().map(canonical);
    if let Some(provider) = provider.filter(|provider| !catalog.services().any(|name| name == *provider)) {
        let known: Vec<&str> = catalog.services().collect();
        return fail(format!("no provider `{provider}` in the catalogue; there are {}", known.join(", ")));
    }
    let entries =
        catalog.entries().filter(|entry| provider.is_none_or(|provider| *entry.service == *provider));
    let entries = entries.filter(|entry| args.all || entry.status != Status::Deprecated);
    let entries: Vec<&Entry> =
        entries.filter(|entry| filters.iter().all(|filter| filter.fits(entry))).collect();
    if json {
        let models: Vec<_> = entries.iter().map(|entry| to_json(entry)).collect();
        say(format_args!("{:#}\n", json!({"models": models})));
    } else if entries.is_empty() {
        say("no model fits\n");
    } else {
        say(page(&entries, out::color()));
    }
    ExitCode::SUCCESS
}

fn page(entries: &[&Entry], color: bool) -> String {
    let row = |entry: &&Entry| {
        let period = current(entry);
        let rates = period.map(|period| period.standard.base);
        vec![
            entry.service.to_string(),
            entry.id.clone(),
            entry.tier.map_or("-".into(), |tier| tier.number().to_string()),
            entry.context.map_or("-".into(), thousands),
            dollars_or_dash(rates.map(|rates| rates.input)),
            dollars_or_dash(rates.map(|rates| rates.output)),
            dollars_or_dash(rates.and_then(|rates| rates.cache_read)),
            period.map(extras).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    let head = ["provider", "model", "tier", "context", "input", "output", "cache read", ""];
    let models = if entries.len() == 1 { "model" } else { "models" };
    format!(
        "{}{} {models}; US dollars for a million tokens\n",
        out::table(&head, &[2, 3, 4, 5, 6], &rows, color),
        out::count(entries.len() as u64),
    )
}
