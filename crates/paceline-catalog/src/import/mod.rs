//! Other people's price lists: text in, entries out, each problem with its line.
//!
//! The format is told from the content. A model that cannot be read is told and left out; nothing is guessed.

mod csv;
mod json;
mod litellm;
mod models_dev;
mod openrouter;
mod portkey;

use crate::document::{self, Problem};
use crate::entry::{Entry, Provenance, is_date};
use crate::overlay::{CardOverlay, Overlay, PriceOverlay, RatesOverlay};
use crate::service::canonical;
use paceline_types::price::{Rate, RateUnit};

/// A list is at most as long as this, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// So many models are read; the rest is told and left out.
const MAX_MODELS: usize = 100_000;
/// So many problems are told; the rest is counted.
const MAX_PROBLEMS: usize = 1000;

/// A format of price lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// LiteLLM's JSON: US dollars per token, as floats.
    LiteLlm,
    /// models.dev as JSON (`api.json`): US dollars per million tokens.
    ModelsDevJson,
    /// models.dev as CSV, a line a model: US dollars per million tokens.
    ModelsDevCsv,
    /// What OpenRouter answers to `/models`: US dollars per token, as strings.
    OpenRouter,
    /// Portkey's JSON, a file a provider: US cents per token.
    Portkey,
    /// Paceline's own files: US dollars per million tokens.
    Paceline,
}

impl Format {
    /// Its name for people, and as the source of what is read from it.
    pub fn title(self) -> &'static str {
        match self {
            Self::LiteLlm => "LiteLLM",
            Self::ModelsDevJson | Self::ModelsDevCsv => "models.dev",
            Self::OpenRouter => "OpenRouter",
            Self::Portkey => "Portkey",
            Self::Paceline => "Paceline",
        }
    }

    /// The unit of its prices, for people.
    pub fn unit(self) -> &'static str {
        match self {
            Self::LiteLlm | Self::OpenRouter => "USD per token",
            Self::ModelsDevJson | Self::ModelsDevCsv | Self::Paceline => "USD per million tokens",
            Self::Portkey => "US cents per token",
        }
    }
}

/// What the text does not say itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// Whose models these are, for formats that do not say (Portkey: the file's name).
    pub service: Option<&'a str>,
    /// When the list was made, `YYYY-MM-DD`; else it stays empty.
    pub as_of: Option<&'a str>,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The format that was found.
    pub format: Format,
    /// The models that could be read, in the order of the list.
    pub entries: Vec<Entry>,
    /// What could not be used, by line; at most 1,000.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more_problems: usize,
}

/// Reads a list. The error says why nothing of it could be used.
pub fn import(text: &str, about: About<'_>) -> Result<Imported, Problem> {
    let whole = |what: String| Problem { line: 1, what };
    if text.len() > MAX_BYTES {
        return Err(whole(format!("the file is longer than {MAX_BYTES} bytes")));
    }
    let text = text.trim_start_matches('\u{feff}');
    let format = detect(text)?;
    let as_of = about.as_of.filter(|date| is_date(date)).unwrap_or_default();
    let provenance = Provenance { source: format.title().to_owned(), as_of: as_of.to_owned() };
    let mut list = List { text, provenance, entries: Vec::new(), faults: Vec::new(), more: 0 };
    match format {
        Format::LiteLlm => litellm::read(&mut list)?,
        Format::ModelsDevJson => models_dev::read_json(&mut list)?,
        Format::ModelsDevCsv => models_dev::read_csv(&mut list),
        Format::OpenRouter => openrouter::read(&mut list)?,
        Format::Portkey => {
            let service = about.service.filter(|service| !service.is_empty());
            let unnamed =
                || whole("a Portkey list does not say whose models it holds: name the provider".into());
            portkey::read(&mut list, canonical(service.ok_or_else(unnamed)?))?;
        }
        Format::Paceline => own(&mut list)?,
    }
    let (problems, more_problems) = (list.problems(), list.more);
    Ok(Imported { format, entries: list.entries, problems, more_problems })
}

/// The format, from the content alone.
fn detect(text: &str) -> Result<Format, Problem> {
    let start = text.trim_start();
    if !start.starts_with('{') {
        return match start.lines().next() {
            Some(head) if models_dev::is_head(head) => Ok(Format::ModelsDevCsv),
            _ if text.contains("[[model]]") => Ok(Format::Paceline),
            _ => Err(Problem { line: 1, what: KNOWN.into() }),
        };
    }
    let fields = json::object(text, text)?;
    if fields.iter().any(|(name, value)| name == "data" && value.get().starts_with('[')) {
        return Ok(Format::OpenRouter);
    }
    // A handful of entries tells; the first may be an example.
    for (_, value) in fields.iter().take(20) {
        let Ok(inner) = json::object(text, value.get()) else { continue };
        let has = |field: &str| inner.iter().any(|(name, _)| name == field);
        if has("pricing_config") {
            return Ok(Format::Portkey);
        }
        if has("models") {
            return Ok(Format::ModelsDevJson);
        }
        if has("litellm_provider") || has("input_cost_per_token") {
            return Ok(Format::LiteLlm);
        }
    }
    Err(Problem { line: 1, what: KNOWN.into() })
}

const KNOWN: &str = "this is none of the known lists: LiteLLM (JSON), models.dev (JSON, CSV), OpenRouter (JSON), \
                     Portkey (JSON), Paceline (TOML)";

/// A list while it is read.
struct List<'a> {
    text: &'a str,
    provenance: Provenance,
    entries: Vec<Entry>,
    /// Offset and what is wrong there.
    faults: Vec<(usize, String)>,
    more: usize,
}

impl List<'_> {
    /// Notes a problem at a part of the text.
    fn fault(&mut self, part: &str, what: impl Into<String>) {
        if self.faults.len() < MAX_PROBLEMS {
            self.faults.push((offset(self.text, part), what.into()));
        } else {
            self.more += 1;
        }
    }

    /// A price of that unit; what cannot be read or was rounded is noted. `None` too where `text` is.
    fn rate(&mut self, model: &str, field: &str, text: Option<&str>, unit: RateUnit) -> Option<Rate> {
        let text = text?;
        let Some(read) = Rate::parse(text, unit) else {
            let shown: String = text.chars().take(40).collect();
            self.fault(text, format!("`{model}`: {field} = {shown} is no price; left out"));
            return None;
        };
        if !read.exact && is_coarse(text, read.rate, unit) {
            self.fault(
                text,
                format!("`{model}`: {field} = {text} is rounded to {} USD per million", read.rate),
            );
        }
        Some(read.rate)
    }

    /// Adds a model with the price it has.
    fn add(&mut self, part: &str, mut model: Overlay, price: Option<(CardOverlay, Option<CardOverlay>)>) {
        if model.id.is_empty() || model.id.len() > 256 || model.service.is_empty() {
            return self.fault(part, "a model without a usable name; left out");
        }
        if self.entries.len() >= MAX_MODELS {
            return self.fault(part, format!("`{}`: more than {MAX_MODELS} models; left out", model.id));
        }
        if let Some((mut standard, mut batch)) = price {
            for card in [Some(&mut standard), batch.as_mut()].into_iter().flatten() {
                without_zero_parts(&mut card.rates);
                card.above.iter_mut().flatten().for_each(|(_, rates)| without_zero_parts(rates));
            }
            let provenance = Some(self.provenance.clone());
            model.price = vec![PriceOverlay { from: None, standard, batch, provenance }];
        }
        match model.over(None) {
            Ok(entry) => self.entries.push(entry),
            Err(what) => self.fault(part, format!("`{}`: {what}; left out", model.id)),
        }
    }

    fn problems(&mut self) -> Vec<Problem> {
        self.faults.sort_by_key(|(at, _)| *at);
        let (mut line, mut last) = (1, 0);
        let faults = std::mem::take(&mut self.faults).into_iter().map(|(at, what)| {
            let between = self.text.as_bytes().get(last..at).unwrap_or_default();
            line += document::line_ends(between);
            last = at;
            Problem { line, what }
        });
        faults.collect()
    }
}

/// In lists of others, zero for a part of what is not free means that the part has no price of its own.
fn without_zero_parts(rates: &mut RatesOverlay) {
    let costs = |whole: Option<Rate>| whole.is_some_and(|rate| rate > Rate(0));
    let (input, output) = (costs(rates.input), costs(rates.output));
    let parts = [
        (&mut rates.cache_read, input),
        (&mut rates.cache_write, input),
        (&mut rates.cache_write_1h, input),
        (&mut rates.input_audio, input),
        (&mut rates.reasoning, output),
        (&mut rates.output_audio, output),
    ];
    for (part, costs) in parts {
        *part = part.filter(|rate| *rate > Rate(0) || !costs);
    }
}

/// Whether rounding moved a price by more than noise of floats (`1.5000000000000002e-07`) does.
fn is_coarse(text: &str, rate: Rate, unit: RateUnit) -> bool {
    let pico = match unit {
        RateUnit::UsdPerMillion => 1e6,
        RateUnit::UsdPerToken => 1e12,
        RateUnit::CentsPerToken => 1e10,
    };
    // Only a message depends on this; the price itself never was a float.
    text.parse::<f64>().is_ok_and(|value| (value * pico - rate.0 as f64).abs() > 1e-6 * rate.0 as f64)
}

/// Where a part of a text begins in it.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

fn own(list: &mut List<'_>) -> Result<(), Problem> {
    let document = document::parse(list.text).map_err(|mut problems| {
        let first = if problems.is_empty() { None } else { Some(problems.swap_remove(0)) };
        first.unwrap_or_else(|| Problem { line: 1, what: "it cannot be read".into() })
    })?;
    for stated in document.models {
        let stated = Overlay { service: canonical(&stated.service).to_owned(), ..stated };
        match stated.over(None) {
            Ok(entry) => list.entries.push(entry),
            Err(what) => {
                let at = list.text.lines().nth(stated.line.saturating_sub(1)).unwrap_or_default();
                list.fault(at, format!("`{}`: {what}; left out", stated.id));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "../import_test.rs"]
mod tests;
