//! `paceline catalog show`: all that is known of a model, with a worked example.

use super::{dollars_or_dash, extras, to_json};
use crate::cli::out::{self, count, fail, say};
use crate::recorder::now;
use clap::Args;
use paceline_catalog::{Catalog, Entry, Found, FoundBy, Status, Word, canonical};
use paceline_routing::nearest::nearest;
use paceline_types::price::{CostParts, Period, Price, RateCard, Rates, Tariff};
use paceline_types::tokens::Usage;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// A model or family, also as provider/model.
    model: String,
}

/// What the worked example counts.
const EXAMPLE_INPUT: u64 = 1000;
const EXAMPLE_OUTPUT: u64 = 500;
const EXAMPLE_CACHED: u64 = 800;

pub(super) fn run(catalog: &Catalog, args: &ShowArgs, json: bool) -> ExitCode {
    let found = find(catalog, &args.model);
    let Some(first) = found.first() else {
        let names = catalog.entries().map(|entry| entry.id.as_str());
        let close = nearest(&args.model, names);
        let close =
            if close.is_empty() { String::new() } else { format!("; close to it: {}", close.join(", ")) };
        return fail(format!("no model `{}` in the catalogue{close}", args.model));
    };
    if json {
        let models: Vec<Value> = found.iter().map(one_json).collect();
        say(format_args!("{:#}\n", json!({"models": models})));
        return ExitCode::SUCCESS;
    }
    let color = out::color();
    let mut page = one(catalog, first, &args.model, color);
    if found.len() > 1 {
        page.push_str(&format!("\nalso at\n{}", others(&found[1..], color)));
    }
    say(page);
    ExitCode::SUCCESS
}

/// Where the name is known: at one provider where it begins with one, else everywhere, the model's maker first.
fn find<'a>(catalog: &'a Catalog, name: &str) -> Vec<Found<'a>> {
    let at = |service: &str, model: &str| {
        let family = || {
            let entry = catalog.family(service, model)?;
            Some(Found { entry, by: FoundBy::Name, price: entry.price.clone() })
        };
        catalog.find(service, model).or_else(family)
    };
    if let Some((service, model)) = name.split_once('/')
        && let Some(found) = at(canonical(service), model)
    {
        return vec![found];
    }
    let mut found: Vec<Found<'_>> = catalog.services().filter_map(|service| at(service, name)).collect();
    // Names before rules, and those who make models before those who host the models of others.
    let hosts = ["azure", "bedrock", "vertex", "nvidia", "together", "fireworks", "openrouter"];
    let host = |found: &Found<'_>| hosts.contains(&&*found.entry.service);
    found.sort_by_key(|found| (found.by != FoundBy::Name, host(found), found.entry.id != name));
    found
}

/// A thousand tokens in and five hundred out, without and with a cache; in a batch where that is known.
fn example(price: &Price, cached: u64, batch: bool) -> Option<CostParts> {
    let usage = Usage {
        input_tokens: EXAMPLE_INPUT,
        output_tokens: EXAMPLE_OUTPUT,
        cache_read_tokens: cached,
        ..Usage::default()
    };
    price.cost(&usage, now(), Tariff { batch, ..Tariff::default() })
}

fn one_json(found: &Found<'_>) -> Value {
    let mut value = to_json(found.entry);
    let cost = found.price.as_ref().and_then(|price| example(price, 0, false));
    value["example"] = json!({
        "input_tokens": EXAMPLE_INPUT,
        "output_tokens": EXAMPLE_OUTPUT,
        "cost_usd": cost.map(|cost| cost.total()),
    });
    value
}

fn one(catalog: &Catalog, found: &Found<'_>, asked: &str, color: bool) -> String {
    let entry = found.entry;
    let (bold, end) = if color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let mut page = format!("{bold}{}{end} at {}\n", entry.id, catalog.title(&entry.service));
    let mut line = |name: &str, text: String| {
        if !text.is_empty() {
            page.push_str(&format!("  {name:<10}{text}\n"));
        }
    };
    let (_, asked) = asked.split_once('/').filter(|_| !entry.id.contains('/')).unwrap_or(("", asked));
    line("asked as", if entry.id == asked { String::new() } else { why(entry, asked, found.by) });
    line("name", if entry.name == entry.id { String::new() } else { entry.name.clone() });
    line("aliases", entry.aliases.join(", "));
    line("family", entry.family.clone().unwrap_or_default());
    line("tier", entry.tier.map(|tier| format!("{} of 4", tier.number())).unwrap_or_default());
    line("released", entry.released.clone().unwrap_or_default());
    line(
        "status",
        if entry.status == Status::Current { String::new() } else { entry.status.written().into() },
    );
    line("limits", limits(entry));
    let gives = entry.gives.written().join(", ");
    line("content", format!("{} in, {gives} out", entry.takes.written().join(", ")));
    line("can", entry.capabilities().iter().map(Word::written).collect::<Vec<_>>().join(", "));
    line("priors", priors(entry));
    match found.price.as_deref() {
        None => {
            page.push_str("\nprice unknown: calls have no cost, which is not the same as costing nothing\n");
        }
        Some(price) => {
            page.push_str(&format!("\nUS dollars for a million tokens\n{}", prices(price, color)));
            page.push_str(&examples(price));
        }
    }
    for provenance in &entry.provenance {
        page.push_str(&format!("source: {}, {}\n", provenance.source, date(&provenance.as_of)));
    }
    page
}

fn date(as_of: &str) -> &str {
    if as_of.is_empty() { "no date" } else { as_of }
}

fn why(entry: &Entry, asked: &str, by: FoundBy) -> String {
    match by {
        FoundBy::Name if entry.aliases.iter().any(|alias| alias == asked) => format!("{asked}, an alias"),
        FoundBy::Name => format!("{asked}, a family that stands for this model now"),
        FoundBy::Form => format!("{asked}, another form of the name"),
        FoundBy::Undated => format!("{asked}: not listed; taken for the name without its day"),
        FoundBy::Free => format!("{asked}: a free variant"),
    }
}

fn limits(entry: &Entry) -> String {
    let context = entry.context.map(|tokens| format!("{} tokens of context", count(tokens)));
    let answer = entry.max_output.map(|tokens| format!("answers up to {}", count(tokens)));
    context.into_iter().chain(answer).collect::<Vec<_>>().join(", ")
}

fn priors(entry: &Entry) -> String {
    let priors = [
        entry.priors.ttft.map(|ttft| format!("TTFT {}", out::time(Some(ttft.as_secs_f64() * 1000.0)))),
        entry.priors.tokens_per_second.map(|rate| format!("{rate:.0} tokens/s")),
        entry.priors.quality.map(|quality| format!("quality {quality:.2}")),
    ];
    priors.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// All prices, a line for each period, tariff and length of prompt; columns that nobody needs are left out.
fn prices(price: &Price, color: bool) -> String {
    type Column = (&'static str, fn(&Rates) -> Option<paceline_types::price::Rate>);
    const COLUMNS: [Column; 8] = [
        ("input", |rates| Some(rates.input)),
        ("output", |rates| Some(rates.output)),
        ("cache read", |rates| rates.cache_read),
        ("cache write", |rates| rates.cache_write),
        ("for 1 h", |rates| rates.cache_write_1h),
        ("reasoning", |rates| rates.reasoning),
        ("audio in", |rates| rates.input_audio),
        ("audio out", |rates| rates.output_audio),
    ];
    let mut lines: Vec<(String, Rates)> = Vec::new();
    for period in price.periods() {
        let since = if period.from == Period::ALWAYS {
            None
        } else {
            period.from.rfc3339().get(..10).map(str::to_owned)
        };
        let mut card = |tariff: &str, card: &RateCard| {
            let first = since.iter().map(|day| format!("since {day}"));
            let label = |more: Option<String>| {
                let tariff = (!tariff.is_empty()).then(|| tariff.to_owned());
                first.clone().chain(tariff).chain(more).collect::<Vec<_>>().join(", ")
            };
            lines.push((label(None), card.base));
            for tier in &card.tiers {
                lines.push((label(Some(format!("above {} in", count(tier.above_input_tokens)))), tier.rates));
            }
        };
        card("", &period.standard);
        if let Some(batch) = &period.batch {
            card("batch", batch);
        }
    }
    let needed = COLUMNS.iter().filter(|(_, rate)| lines.iter().any(|(_, rates)| rate(rates).is_some()));
    let needed: Vec<&Column> = needed.collect();
    let head: Vec<&str> = [""].into_iter().chain(needed.iter().map(|(name, _)| *name)).collect();
    let right: Vec<usize> = (1..head.len()).collect();
    let row = |(label, rates): &(String, Rates)| {
        let label = if label.is_empty() { "  standard".to_owned() } else { format!("  {label}") };
        [label].into_iter().chain(needed.iter().map(|(_, rate)| dollars_or_dash(rate(rates)))).collect()
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    out::table(&head, &right, &rows, color)
}

fn examples(price: &Price) -> String {
    let Some(whole) = example(price, 0, false) else { return "\n".into() };
    let (input, output) = (count(EXAMPLE_INPUT), count(EXAMPLE_OUTPUT));
    let mut page = format!(
        "\n{input} tokens in and {output} out cost {} USD ({} + {})\n",
        whole.total(),
        whole.input,
        whole.output
    );
    let cached = example(price, EXAMPLE_CACHED, false).filter(|cached| cached.total() != whole.total());
    if let Some(cached) = cached {
        let of = count(EXAMPLE_CACHED);
        page.push_str(&format!("with {of} of them read from the cache {} USD\n", cached.total()));
    }
    if let Some(batch) = example(price, 0, true) {
        page.push_str(&format!("in a batch {} USD\n", batch.total()));
    }
    page
}

fn others(found: &[Found<'_>], color: bool) -> String {
    let row = |found: &Found<'_>| {
        let period = found.price.as_ref().and_then(|price| price.at(now()).cloned());
        let rates = period.as_ref().map(|period| period.standard.base);
        vec![
            format!("  {}", found.entry.service),
            found.entry.id.clone(),
            dollars_or_dash(rates.map(|rates| rates.input)),
            dollars_or_dash(rates.map(|rates| rates.output)),
            period.as_ref().map(extras).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    out::table(&["  provider", "model", "input", "output", ""], &[2, 3], &rows, color)
}
