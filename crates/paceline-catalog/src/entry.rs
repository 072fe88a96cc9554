//! One model at one service, as far as it is known.

use crate::words::{Capability, Modality, Set};
use paceline_types::price::Price;
use std::sync::Arc;
use std::time::Duration;

/// Where a model stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Offered.
    #[default]
    Current,
    /// Offered on trial.
    Beta,
    /// Withdrawn or about to be: announced so, or gone from the newest listing.
    Deprecated,
}

impl Status {
    /// How it is written.
    pub fn written(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Beta => "beta",
            Self::Deprecated => "deprecated",
        }
    }

    /// The status that is written so.
    pub fn read(text: &str) -> Option<Self> {
        [Self::Current, Self::Beta, Self::Deprecated].into_iter().find(|status| status.written() == text)
    }
}

/// A class of models by size: 1 (largest) to 4 (instant).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelTier(u8);

impl ModelTier {
    /// `None` unless it is 1 to 4.
    pub fn new(number: u8) -> Option<Self> {
        (1..=4).contains(&number).then_some(Self(number))
    }

    /// 1 to 4.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// What to expect of a model before anything was measured. Absent where nobody could say honestly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Priors {
    /// Time to the first token.
    pub ttft: Option<Duration>,
    /// Output tokens a second after the first.
    pub tokens_per_second: Option<f64>,
    /// Quality, 0 to 1.
    pub quality: Option<f64>,
}

/// Where a price is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The listing or document.
    pub source: String,
    /// When it said so: `YYYY-MM-DD` or `YYYY-MM`.
    pub as_of: String,
}

/// One model at one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Who serves it: `openai`, `bedrock`, `openrouter` …
    pub service: Arc<str>,
    /// Its name there.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The family it belongs to, over services: `claude-sonnet`, `gpt-mini`.
    pub family: Option<String>,
    /// Other names of exactly this model at the service.
    pub aliases: Vec<String>,
    /// Where it stands in its life.
    pub status: Status,
    /// Since when it is offered: `YYYY-MM-DD` or `YYYY-MM`.
    pub released: Option<String>,
    /// Tokens of prompt and answer together.
    pub context: Option<u64>,
    /// Tokens of an answer.
    pub max_output: Option<u64>,
    /// What a prompt may hold.
    pub takes: Set<Modality>,
    /// What an answer may hold.
    pub gives: Set<Modality>,
    /// What it can be asked for, as written; see [`Entry::capabilities`].
    pub can: Set<Capability>,
    /// Its class.
    pub tier: Option<ModelTier>,
    /// What to expect of it.
    pub priors: Priors,
    /// Its price; `None` means unknown, never free.
    pub price: Option<Arc<Price>>,
    /// Where the price is from: one for each of its periods.
    pub provenance: Vec<Provenance>,
}

impl Entry {
    /// What it can be asked for, with what follows from what it takes.
    pub fn capabilities(&self) -> Set<Capability> {
        let mut can = self.can;
        for (modality, capability) in
            [(Modality::Image, Capability::Vision), (Modality::Audio, Capability::Audio)]
        {
            if self.takes.contains(modality) {
                can.insert(capability);
            }
        }
        can
    }
}

/// Whether a text is a day or a month: `2026-07-02`, `2026-07`.
pub(crate) fn is_date(text: &str) -> bool {
    let well_formed = |day: &str| paceline_types::time::Timestamp::parse_rfc3339(day).is_some();
    match text.len() {
        7 => well_formed(&format!("{text}-01")),
        10 => well_formed(text),
        _ => false,
    }
}
