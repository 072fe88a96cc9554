//! Entries as a file that people can read, change and give back.

use crate::entry::{Entry, Provenance, Status};
use crate::words::{Modality, Set};
use paceline_types::price::{Period, RateCard, Rates};
use std::fmt::Write;

/// The entries in the format of the catalogue's files, each with its service.
pub fn to_toml<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut out = String::from("# Prices in US dollars for a million tokens.\n");
    for entry in entries {
        model(&mut out, entry);
    }
    out
}

fn model(out: &mut String, entry: &Entry) {
    let _ = write!(out, "\n[[model]]\nservice = {}\nid = {}\n", text(&entry.service), text(&entry.id));
    line(out, "name", (entry.name != entry.id).then(|| text(&entry.name)));
    line(out, "family", entry.family.as_deref().map(text));
    line(out, "aliases", (!entry.aliases.is_empty()).then(|| list(entry.aliases.iter().map(String::as_str))));
    line(out, "status", (entry.status != Status::Current).then(|| text(entry.status.written())));
    line(out, "released", entry.released.as_deref().map(text));
    line(out, "context", entry.context.map(|tokens| tokens.to_string()));
    line(out, "max_output", entry.max_output.map(|tokens| tokens.to_string()));
    let only_text = Set::from_iter([Modality::Text]);
    line(out, "takes", (entry.takes != only_text).then(|| list(entry.takes.written())));
    line(out, "gives", (entry.gives != only_text).then(|| list(entry.gives.written())));
    line(out, "can", (!entry.can.is_empty()).then(|| list(entry.can.written())));
    line(out, "tier", entry.tier.map(|tier| tier.number().to_string()));
    let priors = [
        ("ttft_ms", entry.priors.ttft.map(|ttft| ttft.as_millis().to_string())),
        ("tokens_per_second", entry.priors.tokens_per_second.map(|rate| format!("{rate:?}"))),
        ("quality", entry.priors.quality.map(|quality| format!("{quality:?}"))),
    ];
    let priors: Vec<String> =
        priors.into_iter().filter_map(|(name, value)| Some(format!("{name} = {}", value?))).collect();
    line(out, "priors", (!priors.is_empty()).then(|| format!("{{ {} }}", priors.join(", "))));
    let Some(price) = &entry.price else { return };
    for (period, provenance) in price.periods().iter().zip(&entry.provenance) {
        price_table(out, period, provenance);
    }
}

fn price_table(out: &mut String, period: &Period, provenance: &Provenance) {
    out.push_str("[[model.price]]\n");
    let from = period.from.rfc3339();
    let from = from.strip_suffix("T00:00:00.000Z").unwrap_or(&from);
    line(out, "from", (period.from != Period::ALWAYS).then(|| text(from)));
    for (name, rate) in rates(&period.standard.base) {
        line(out, name, Some(rate));
    }
    line(out, "above", above(&period.standard));
    line(out, "batch", period.batch.as_ref().map(|card| table(None, &card.base, above(card))));
    line(out, "source", Some(text(&provenance.source)));
    line(out, "as_of", (!provenance.as_of.is_empty()).then(|| text(&provenance.as_of)));
}

fn line(out: &mut String, name: &str, value: Option<String>) {
    if let Some(value) = value {
        let _ = writeln!(out, "{name} = {value}");
    }
}

/// The prices that are known, by name, as TOML strings.
fn rates(rates: &Rates) -> impl Iterator<Item = (&'static str, String)> {
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
    all.into_iter().filter_map(|(name, rate)| Some((name, format!("\"{}\"", rate?))))
}

fn above(card: &RateCard) -> Option<String> {
    let tier = |tier: &paceline_types::price::Tier| table(Some(tier.above_input_tokens), &tier.rates, None);
    let tiers: Vec<String> = card.tiers.iter().map(tier).collect();
    (!tiers.is_empty()).then(|| format!("[{}]", tiers.join(", ")))
}

fn table(tokens: Option<u64>, prices: &Rates, above: Option<String>) -> String {
    let tokens = tokens.map(|tokens| format!("tokens = {tokens}"));
    let prices = rates(prices).map(|(name, rate)| format!("{name} = {rate}"));
    let above = above.map(|above| format!("above = {above}"));
    let parts: Vec<String> = tokens.into_iter().chain(prices).chain(above).collect();
    format!("{{ {} }}", parts.join(", "))
}

fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(text).collect();
    format!("[{}]", words.join(", "))
}

/// A basic string of TOML.
fn text(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
