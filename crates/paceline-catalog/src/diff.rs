//! Where two lists disagree: shown, never averaged.

use crate::catalog::Catalog;
use crate::entry::Entry;
use paceline_types::price::{Rate, RateCard, Rates};
use paceline_types::time::Timestamp;
use std::collections::BTreeSet;

/// Something both lists state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A price.
    Price(Rate),
    /// A number of tokens.
    Tokens(u64),
}

impl Amount {
    fn number(self) -> u64 {
        match self {
            Self::Price(Rate(number)) | Self::Tokens(number) => number,
        }
    }
}

/// How two lists differ over a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// We do not know the model.
    OnlyTheirs,
    /// They do not know a model that we take for offered.
    OnlyOurs,
    /// We have no price and they do, or the other way round; or a value differs.
    Value {
        /// What differs: `input`, `cache_read`, `input above 200000`, `batch output`, `context` …
        field: String,
        /// Ours; `None` where we do not know it.
        ours: Option<Amount>,
        /// Theirs; `None` where they state no price at all.
        theirs: Option<Amount>,
    },
}

/// A model over which two lists differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// Who serves it.
    pub service: String,
    /// Its name, as they write it where they know it.
    pub model: String,
    /// How.
    pub difference: Difference,
}

impl Disagreement {
    /// Theirs divided by ours, where both are known and ours is not zero.
    pub fn ratio(&self) -> Option<f64> {
        let Difference::Value { ours: Some(ours), theirs: Some(theirs), .. } = &self.difference else {
            return None;
        };
        (ours.number() != 0).then(|| theirs.number() as f64 / ours.number() as f64)
    }
}

/// All disagreements, at prices of the moment `now`, by service and model. Only services that `theirs` lists count.
///
/// Where they say nothing of a kind of price that we know, that is no disagreement.
pub fn diff(ours: &Catalog, theirs: &[Entry], now: Timestamp) -> Vec<Disagreement> {
    let mut out = Vec::new();
    let mut met: BTreeSet<(&str, &str)> = BTreeSet::new();
    for entry in theirs {
        let disagree = |difference| Disagreement {
            service: entry.service.to_string(),
            model: entry.id.clone(),
            difference,
        };
        let Some(found) = ours.find(&entry.service, &entry.id) else {
            out.push(disagree(Difference::OnlyTheirs));
            continue;
        };
        met.insert((&found.entry.service, &found.entry.id));
        out.extend(values(found.entry, entry, now).into_iter().map(disagree));
    }
    let services: BTreeSet<&str> = theirs.iter().map(|entry| &*entry.service).collect();
    let offered = ours.entries().filter(|entry| entry.status == crate::Status::Current);
    let missing = offered.filter(|entry| services.contains(&*entry.service));
    out.extend(missing.filter(|entry| !met.contains(&(&*entry.service, entry.id.as_str()))).map(|entry| {
        Disagreement {
            service: entry.service.to_string(),
            model: entry.id.clone(),
            difference: Difference::OnlyOurs,
        }
    }));
    out.sort_by(|a, b| (&a.service, &a.model).cmp(&(&b.service, &b.model)));
    out
}

fn values(ours: &Entry, theirs: &Entry, now: Timestamp) -> Vec<Difference> {
    let mut out = Vec::new();
    let mut value = |field: String, ours: Option<Amount>, theirs: Option<Amount>| {
        if ours != theirs {
            out.push(Difference::Value { field, ours, theirs });
        }
    };
    let period = |entry: &Entry| entry.price.as_ref().and_then(|price| price.at(now).cloned());
    match (period(ours), period(theirs)) {
        (Some(ours), Some(theirs)) => {
            cards("", &ours.standard, &theirs.standard, &mut value);
            match (ours.batch, theirs.batch) {
                (Some(ours), Some(theirs)) => cards("batch ", &ours, &theirs, &mut value),
                (None, Some(theirs)) => {
                    value("batch input".into(), None, Some(Amount::Price(theirs.base.input)));
                    value("batch output".into(), None, Some(Amount::Price(theirs.base.output)));
                }
                (_, None) => {}
            }
        }
        (None, Some(theirs)) => value("input".into(), None, Some(Amount::Price(theirs.standard.base.input))),
        (Some(ours), None) => value("input".into(), Some(Amount::Price(ours.standard.base.input)), None),
        (None, None) => {}
    }
    for (field, ours, theirs) in
        [("context", ours.context, theirs.context), ("max_output", ours.max_output, theirs.max_output)]
    {
        if theirs.is_some() {
            value(field.into(), ours.map(Amount::Tokens), theirs.map(Amount::Tokens));
        }
    }
    out
}

/// Tells one value that differs: its field, ours, theirs.
type Tell<'a> = dyn FnMut(String, Option<Amount>, Option<Amount>) + 'a;

fn cards(kind: &str, ours: &RateCard, theirs: &RateCard, tell: &mut Tell<'_>) {
    rates(kind, "", &ours.base, &theirs.base, tell);
    for tier in &theirs.tiers {
        let above = tier.above_input_tokens;
        // Just above their limit, whatever tier of ours that is.
        rates(kind, &format!(" above {above}"), ours.rates(above.saturating_add(1)), &tier.rates, tell);
    }
    let alone = ours.tiers.first().filter(|_| theirs.tiers.is_empty());
    if let Some(tier) = alone {
        let above = tier.above_input_tokens;
        rates(kind, &format!(" above {above}"), &tier.rates, &theirs.base, tell);
    }
}

fn rates(kind: &str, above: &str, ours: &Rates, theirs: &Rates, tell: &mut Tell<'_>) {
    // What a kind of token costs where it has no price of its own, so that saying so is no disagreement.
    let both = [
        ("input", Some(ours.input), None, Some(theirs.input)),
        ("output", Some(ours.output), None, Some(theirs.output)),
        ("cache_read", ours.cache_read, Some(ours.input), theirs.cache_read),
        ("cache_write", ours.cache_write, Some(ours.input), theirs.cache_write),
        ("cache_write_1h", ours.cache_write_1h, ours.cache_write.or(Some(ours.input)), theirs.cache_write_1h),
        ("reasoning", ours.reasoning, Some(ours.output), theirs.reasoning),
        ("input_audio", ours.input_audio, Some(ours.input), theirs.input_audio),
        ("output_audio", ours.output_audio, Some(ours.output), theirs.output_audio),
    ];
    for (field, ours, instead, theirs) in both {
        if theirs.is_some() && ours.or(instead) != theirs {
            tell(format!("{kind}{field}{above}"), ours.map(Amount::Price), theirs.map(Amount::Price));
        }
    }
}

#[cfg(test)]
#[path = "diff_test.rs"]
mod tests;
