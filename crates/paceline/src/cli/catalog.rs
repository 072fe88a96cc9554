//! `paceline catalog`: what is known of models, and how other price lists differ.

mod compare;
mod list;
mod recost;
mod show;

use super::out::fail;
use crate::recorder::now;
use clap::{Args, Subcommand};
use paceline_catalog::{Catalog, Entry, Word};
use paceline_types::price::{Period, Rate, Rates};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct CatalogArgs {
    #[command(subcommand)]
    what: What,
    /// A catalogue file of yours, laid over what is built in.
    #[arg(long, value_name = "FILE", global = true)]
    with: Option<PathBuf>,
    /// JSON for machines.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List models and their prices.
    List(list::ListArgs),
    /// Show all that is known of a model, with a worked example.
    Show(show::ShowArgs),
    /// Compare with another price list: LiteLLM, models.dev, OpenRouter, Portkey or a catalogue file.
    Diff(compare::DiffArgs),
    /// Give calls whose price was not known a cost by the prices known now (asks a running Paceline).
    Recost(recost::RecostArgs),
    /// Compare, and write what is new or differs as a catalogue file to review.
    Import(compare::ImportArgs),
}

pub(crate) fn run(args: &CatalogArgs) -> ExitCode {
    if let What::Recost(what) = &args.what {
        if args.with.is_some() {
            fail("--with has no effect here: a running Paceline uses the prices of its own configuration");
            return ExitCode::from(super::MISUSED);
        }
        return recost::run(what, args.json);
    }
    let catalog = match catalog(args.with.as_deref()) {
        Ok(catalog) => catalog,
        Err(error) => return fail(error),
    };
    match &args.what {
        What::List(what) => list::run(&catalog, what, args.json),
        What::Show(what) => show::run(&catalog, what, args.json),
        What::Recost(_) => ExitCode::SUCCESS,
        What::Diff(what) => compare::diff(&catalog, what, args.json),
        What::Import(what) => compare::import(&catalog, what, args.json),
    }
}

/// What is built in, with a user's file laid over it.
fn catalog(with: Option<&Path>) -> Result<Catalog, String> {
    let mut catalog = Catalog::builtin();
    let Some(path) = with else { return Ok(catalog) };
    let text = read(path)?;
    let document = paceline_catalog::parse(&text);
    let added = document.and_then(|document| catalog.add_all(&document));
    added.map_err(|problems| {
        let lines =
            problems.iter().map(|problem| format!("{}:{}: {}", path.display(), problem.line, problem.what));
        lines.collect::<Vec<_>>().join("\npaceline: ")
    })?;
    Ok(catalog)
}

/// A file's text, of bounded length.
fn read(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    let limit = paceline_catalog::import::MAX_BYTES as u64 + 1;
    file.take(limit).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// The prices of now.
fn current(entry: &Entry) -> Option<&Period> {
    entry.price.as_ref()?.at(now())
}

/// Prices by name, in the order of the file format, those that are known.
fn named(rates: &Rates) -> impl Iterator<Item = (&'static str, Rate)> {
    let all = [
        ("input", Some(rates.input)),
        ("output", Some(rates.output)),
        ("cache_read", rates.cache_read),
        ("cache_write", rates.cache_write),
        ("cache_write_1h", rates.cache_write_1h),
        ("reasoning", rates.reasoning),
        ("input_audio", rates.input_audio),
        ("output_audio", rates.output_audio),
    ];
    all.into_iter().filter_map(|(name, rate)| Some((name, rate?)))
}

/// At least two decimals, so that columns of prices read well: `2.50`, `0.075`.
fn dollars(rate: Rate) -> String {
    let text = rate.to_string();
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match decimals {
        0 => format!("{text}.00"),
        1 => format!("{text}0"),
        _ => text,
    }
}

fn dollars_or_dash(rate: Option<Rate>) -> String {
    rate.map_or("-".into(), dollars)
}

/// An entry for machines; prices are decimal text in USD per million tokens, `null` where unknown.
fn to_json(entry: &Entry) -> Value {
    let card = |card: &paceline_types::price::RateCard| {
        let prices = |rates: &Rates| -> Map<String, Value> {
            named(rates).map(|(name, rate)| (name.to_owned(), json!(rate.to_string()))).collect()
        };
        let mut value = prices(&card.base);
        let above = card.tiers.iter().map(|tier| {
            let mut value = prices(&tier.rates);
            value.insert("tokens".into(), json!(tier.above_input_tokens));
            Value::Object(value)
        });
        value.insert("above".into(), above.collect());
        Value::Object(value)
    };
    let periods = entry.price.as_ref().map(|price| price.periods()).unwrap_or_default();
    let periods = periods.iter().zip(&entry.provenance).map(|(period, provenance)| {
        json!({
            "from": (period.from != Period::ALWAYS).then_some(period.from),
            "standard": card(&period.standard),
            "batch": period.batch.as_ref().map(card),
            "source": provenance.source,
            "as_of": provenance.as_of,
        })
    });
    json!({
        "provider": &*entry.service,
        "model": entry.id,
        "name": entry.name,
        "family": entry.family,
        "aliases": entry.aliases,
        "status": entry.status.written(),
        "released": entry.released,
        "context": entry.context,
        "max_output": entry.max_output,
        "takes": entry.takes.written(),
        "gives": entry.gives.written(),
        "capabilities": entry.capabilities().iter().map(Word::written).collect::<Vec<_>>(),
        "tier": entry.tier.map(paceline_catalog::ModelTier::number),
        "priors": {
            "ttft_ms": entry.priors.ttft.map(|ttft| ttft.as_millis() as u64),
            "tokens_per_second": entry.priors.tokens_per_second,
            "quality": entry.priors.quality,
        },
        "usd_per_million": entry.price.is_some().then(|| periods.collect::<Vec<_>>()),
    })
}

/// Whether anything in a price makes it more than two numbers: said in one word.
fn extras(period: &Period) -> String {
    let mut words = Vec::new();
    if let Some(tier) = period.standard.tiers.first() {
        words.push(format!("more above {}", thousands(tier.above_input_tokens)));
    }
    if period.batch.is_some() {
        words.push("batch".into());
    }
    words.join(", ")
}

/// `128k`, `1M`, `1.05M`.
fn thousands(tokens: u64) -> String {
    match tokens {
        0..1000 => tokens.to_string(),
        1000..1_000_000 => format!("{}k", tokens / 1000),
        _ => {
            let text = format!("{}.{:02}", tokens / 1_000_000, tokens % 1_000_000 / 10_000);
            format!("{}M", text.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{dollars, thousands};
    use paceline_types::price::Rate;

    #[test]
    fn prices_and_sizes_read_well() {
        assert_eq!(
            [2_500_000, 75_000, 15_000_000].map(|rate| dollars(Rate(rate))),
            ["2.50", "0.075", "15.00"]
        );
        assert_eq!([512, 128_000, 1_000_000, 1_048_576].map(thousands), ["512", "128k", "1M", "1.04M"]);
    }
}
