//! The file format: TOML in, what it states of models out, every mistake with its line.
//!
//! Prices are decimal text, as strings or as numbers, in US dollars for a million tokens. They are read from the text
//! of the file itself and never pass through a float.

use crate::entry::{ModelTier, Priors, Provenance, Status, is_date};
use crate::overlay::{CardOverlay, Overlay, PriceOverlay, RatesOverlay};
use crate::words::{Set, Word};
use paceline_types::price::{Rate, RateUnit};
use paceline_types::time::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use toml::Spanned;

/// A file is at most as long as this, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Something in a file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, in one line.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// What a file states.
#[derive(Debug, Default, PartialEq)]
pub struct Document {
    /// The service of all models that name none.
    pub service: Option<String>,
    /// The service's name for people.
    pub title: Option<String>,
    /// What a family's name stands for at that service: the id of a model.
    pub families: BTreeMap<String, String>,
    /// What is stated of each model, in the order of the file.
    pub models: Vec<Overlay>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    service: Option<String>,
    title: Option<String>,
    #[serde(default)]
    families: BTreeMap<String, String>,
    #[serde(default, rename = "model")]
    models: Vec<Spanned<RawModel>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    service: Option<String>,
    id: String,
    name: Option<String>,
    family: Option<String>,
    aliases: Option<Vec<String>>,
    status: Option<String>,
    released: Option<String>,
    context: Option<u64>,
    max_output: Option<u64>,
    takes: Option<Vec<String>>,
    gives: Option<Vec<String>>,
    can: Option<Vec<String>>,
    tier: Option<u8>,
    priors: Option<RawPriors>,
    #[serde(default)]
    price: Vec<Spanned<RawPrice>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPriors {
    ttft_ms: Option<u64>,
    tokens_per_second: Option<f64>,
    quality: Option<f64>,
}

/// A price as it stands in the text.
type Written = Option<Spanned<IgnoredAny>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    from: Option<String>,
    input: Written,
    output: Written,
    cache_read: Written,
    cache_write: Written,
    cache_write_1h: Written,
    reasoning: Written,
    input_audio: Written,
    output_audio: Written,
    above: Option<Vec<RawTier>>,
    batch: Option<RawCard>,
    source: Option<String>,
    as_of: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCard {
    input: Written,
    output: Written,
    cache_read: Written,
    cache_write: Written,
    cache_write_1h: Written,
    reasoning: Written,
    input_audio: Written,
    output_audio: Written,
    above: Option<Vec<RawTier>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTier {
    tokens: u64,
    input: Written,
    output: Written,
    cache_read: Written,
    cache_write: Written,
    cache_write_1h: Written,
    reasoning: Written,
    input_audio: Written,
    output_audio: Written,
}

/// Reads a file. What is wrong comes with its line; then nothing of the file is used.
pub fn parse(text: &str) -> Result<Document, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        return Err(vec![Problem { line: 1, what: format!("the file is longer than {MAX_BYTES} bytes") }]);
    }
    let raw: RawFile = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let what = error.message().lines().next().unwrap_or_default().to_owned();
        vec![Problem { line: line_of(text, at), what }]
    })?;
    let mut reader = Reader { text, faults: Vec::new() };
    let service = raw.service.as_deref();
    let models = raw.models.into_iter().map(|model| reader.model(model, service)).collect();
    if !reader.faults.is_empty() {
        let fault = |(at, what)| Problem { line: line_of(text, at), what };
        return Err(reader.faults.into_iter().take(MAX_PROBLEMS).map(fault).collect());
    }
    let mut document = Document { service: raw.service, title: raw.title, families: raw.families, models };
    number_lines(text, &mut document.models);
    Ok(document)
}

/// So many mistakes are told.
const MAX_PROBLEMS: usize = 100;

/// The line of a place in the text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + line_ends(text.as_bytes().get(..at).unwrap_or_default())
}

/// How many lines end in these bytes.
pub(crate) fn line_ends(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// Turns offsets into lines, in one walk over the text.
fn number_lines(text: &str, models: &mut [Overlay]) {
    let (mut line, mut at) = (1, 0);
    for model in models {
        let between = text.as_bytes().get(at..model.line).unwrap_or_default();
        line += line_ends(between);
        at = at.max(model.line);
        model.line = line;
    }
}

/// The text and what was found wrong in it, by offset.
struct Reader<'a> {
    text: &'a str,
    faults: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn model(&mut self, model: Spanned<RawModel>, service: Option<&str>) -> Overlay {
        let at = model.span().start;
        let raw = model.into_inner();
        let service = raw.service.as_deref().or(service).unwrap_or_default().to_owned();
        if service.is_empty() {
            self.faults.push((at, format!("`{}` needs a `service`", raw.id)));
        }
        if raw.id.is_empty() {
            self.faults.push((at, "`id` is empty".into()));
        }
        let priors = raw.priors.map(|raw| Priors {
            ttft: raw.ttft_ms.map(Duration::from_millis),
            tokens_per_second: raw.tokens_per_second.filter(|rate| rate.is_finite() && *rate > 0.0),
            quality: raw.quality.filter(|quality| (0.0..=1.0).contains(quality)),
        });
        let tier = raw.tier.map(|number| self.known(at, "tier", ModelTier::new(number), number));
        let status = raw.status.map(|text| self.known(at, "status", Status::read(&text), text));
        if let Some(released) = raw.released.as_deref().filter(|released| !is_date(released)) {
            self.faults.push((at, format!("`released = {released:?}` is no date")));
        }
        Overlay {
            service,
            id: raw.id,
            name: raw.name,
            family: raw.family,
            aliases: raw.aliases,
            status: status.flatten(),
            released: raw.released,
            context: raw.context,
            max_output: raw.max_output,
            takes: raw.takes.map(|words| self.words(at, "takes", &words)),
            gives: raw.gives.map(|words| self.words(at, "gives", &words)),
            can: raw.can.map(|words| self.words(at, "can", &words)),
            tier: tier.flatten(),
            priors: priors.unwrap_or_default(),
            price: raw.price.into_iter().map(|price| self.price(price)).collect(),
            line: at,
        }
    }

    fn known<T>(&mut self, at: usize, field: &str, known: Option<T>, text: impl fmt::Display) -> Option<T> {
        if known.is_none() {
            self.faults.push((at, format!("`{text}` is no {field}")));
        }
        known
    }

    fn words<W: Word>(&mut self, at: usize, field: &str, words: &[String]) -> Set<W> {
        words
            .iter()
            .filter_map(|word| self.known(at, &format!("word of `{field}`"), W::read(word), word))
            .collect()
    }

    fn price(&mut self, price: Spanned<RawPrice>) -> PriceOverlay {
        let at = price.span().start;
        let raw = price.into_inner();
        let from =
            raw.from.as_deref().map(|text| self.known(at, "date", Timestamp::parse_rfc3339(text), text));
        let as_of = raw.as_of.unwrap_or_default();
        if !as_of.is_empty() && !is_date(&as_of) {
            self.faults.push((at, format!("`as_of = {as_of:?}` is no date")));
        }
        let provenance = raw.source.map(|source| Provenance { source, as_of });
        let rates = [
            raw.input,
            raw.output,
            raw.cache_read,
            raw.cache_write,
            raw.cache_write_1h,
            raw.reasoning,
            raw.input_audio,
            raw.output_audio,
        ];
        PriceOverlay {
            from: from.flatten(),
            standard: CardOverlay { rates: self.rates(rates), above: self.tiers(raw.above) },
            batch: raw.batch.map(|card| self.card(card)),
            provenance,
        }
    }

    fn card(&mut self, raw: RawCard) -> CardOverlay {
        let rates = [
            raw.input,
            raw.output,
            raw.cache_read,
            raw.cache_write,
            raw.cache_write_1h,
            raw.reasoning,
            raw.input_audio,
            raw.output_audio,
        ];
        CardOverlay { rates: self.rates(rates), above: self.tiers(raw.above) }
    }

    fn tiers(&mut self, raw: Option<Vec<RawTier>>) -> Option<Vec<(u64, RatesOverlay)>> {
        let tier = |raw: RawTier| {
            let rates = [
                raw.input,
                raw.output,
                raw.cache_read,
                raw.cache_write,
                raw.cache_write_1h,
                raw.reasoning,
                raw.input_audio,
                raw.output_audio,
            ];
            (raw.tokens, self.rates(rates))
        };
        raw.map(|tiers| tiers.into_iter().map(tier).collect())
    }

    /// In the order of the fields.
    fn rates(&mut self, written: [Written; 8]) -> RatesOverlay {
        let [input, output, cache_read, cache_write, cache_write_1h, reasoning, input_audio, output_audio] =
            written.map(|written| self.rate(written));
        RatesOverlay {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            reasoning,
            input_audio,
            output_audio,
        }
    }

    fn rate(&mut self, written: Written) -> Option<Rate> {
        let span = written?.span();
        let text = self.text.get(span.clone()).unwrap_or_default();
        let bare = text.trim_matches(['"', '\'']).replace('_', "");
        let read = Rate::parse(&bare, RateUnit::UsdPerMillion);
        let what = match read {
            Some(read) if read.exact => return Some(read.rate),
            Some(_) => "is finer than a millionth of a dollar for a million tokens",
            None => "is no price in USD per million tokens",
        };
        let shown: String = text.chars().take(40).collect();
        self.faults.push((span.start, format!("{shown} {what}")));
        None
    }
}

#[cfg(test)]
#[path = "document_test.rs"]
mod tests;
