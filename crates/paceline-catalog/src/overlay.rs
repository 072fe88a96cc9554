//! What somebody states of a model, and how it is laid over what is known: what is not stated stays as it was.

use crate::entry::{Entry, ModelTier, Priors, Provenance, Status};
use crate::words::{Capability, Modality, Set};
use paceline_types::price::{Period, Price, Rate, RateCard, Rates, Tier};
use paceline_types::time::Timestamp;
use std::sync::Arc;

/// Prices that are stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RatesOverlay {
    /// See [`Rates::input`].
    pub input: Option<Rate>,
    /// See [`Rates::output`].
    pub output: Option<Rate>,
    /// See [`Rates::cache_read`].
    pub cache_read: Option<Rate>,
    /// See [`Rates::cache_write`].
    pub cache_write: Option<Rate>,
    /// See [`Rates::cache_write_1h`].
    pub cache_write_1h: Option<Rate>,
    /// See [`Rates::reasoning`].
    pub reasoning: Option<Rate>,
    /// See [`Rates::input_audio`].
    pub input_audio: Option<Rate>,
    /// See [`Rates::output_audio`].
    pub output_audio: Option<Rate>,
}

impl RatesOverlay {
    /// Laid over known prices; `None` where price of input or output is neither stated nor known.
    fn over(&self, base: Option<&Rates>) -> Option<Rates> {
        Some(Rates {
            input: self.input.or(base.map(|base| base.input))?,
            output: self.output.or(base.map(|base| base.output))?,
            cache_read: self.cache_read.or(base.and_then(|base| base.cache_read)),
            cache_write: self.cache_write.or(base.and_then(|base| base.cache_write)),
            cache_write_1h: self.cache_write_1h.or(base.and_then(|base| base.cache_write_1h)),
            reasoning: self.reasoning.or(base.and_then(|base| base.reasoning)),
            input_audio: self.input_audio.or(base.and_then(|base| base.input_audio)),
            output_audio: self.output_audio.or(base.and_then(|base| base.output_audio)),
        })
    }
}

/// Prices of a tariff that are stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardOverlay {
    /// Prices of prompts below all tiers.
    pub rates: RatesOverlay,
    /// All higher tiers, each with input and output; an empty list means there are none.
    pub above: Option<Vec<(u64, RatesOverlay)>>,
}

impl CardOverlay {
    fn over(&self, base: Option<&RateCard>) -> Result<RateCard, String> {
        let rates = self.rates.over(base.map(|base| &base.base)).ok_or(BOTH)?;
        let tiers = match &self.above {
            None => base.map(|base| base.tiers.clone()).unwrap_or_default(),
            Some(tiers) => {
                let tier = |(above, rates): &(u64, RatesOverlay)| {
                    let rates = rates.over(None).ok_or("a tier needs the prices of input and output")?;
                    Ok(Tier { above_input_tokens: *above, rates })
                };
                tiers.iter().map(tier).collect::<Result<Vec<_>, String>>()?
            }
        };
        if tiers.windows(2).any(|pair| pair[0].above_input_tokens >= pair[1].above_input_tokens) {
            return Err("tiers must ascend by tokens".into());
        }
        Ok(RateCard { base: rates, tiers })
    }
}

/// The source of a price that names none.
const OWN: &str = "own setting";
const BOTH: &str = "a price needs input and output, in USD per million tokens";

/// A price that is stated, for calls from a moment on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceOverlay {
    /// Since when; `None` means always, whatever other periods are known.
    pub from: Option<Timestamp>,
    /// Prices of calls that are answered at once.
    pub standard: CardOverlay,
    /// Prices of calls in a batch.
    pub batch: Option<CardOverlay>,
    /// Where the price is from.
    pub provenance: Option<Provenance>,
}

/// What is stated of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Who serves it.
    pub service: String,
    /// Its name there.
    pub id: String,
    /// See [`Entry::name`].
    pub name: Option<String>,
    /// See [`Entry::family`].
    pub family: Option<String>,
    /// See [`Entry::aliases`].
    pub aliases: Option<Vec<String>>,
    /// See [`Entry::status`].
    pub status: Option<Status>,
    /// See [`Entry::released`].
    pub released: Option<String>,
    /// See [`Entry::context`].
    pub context: Option<u64>,
    /// See [`Entry::max_output`].
    pub max_output: Option<u64>,
    /// See [`Entry::takes`].
    pub takes: Option<Set<Modality>>,
    /// See [`Entry::gives`].
    pub gives: Option<Set<Modality>>,
    /// See [`Entry::can`].
    pub can: Option<Set<Capability>>,
    /// See [`Entry::tier`].
    pub tier: Option<ModelTier>,
    /// See [`Entry::priors`].
    pub priors: Priors,
    /// Prices, by ascending moment.
    pub price: Vec<PriceOverlay>,
    /// The line it stands in, where it was read from a file; 0 where it was not.
    pub line: usize,
}

impl Overlay {
    /// Laid over what is known of the model, or a new model. Says what is wrong with a price.
    pub fn over(&self, base: Option<&Entry>) -> Result<Entry, String> {
        let mut entry = base.cloned().unwrap_or_else(|| Entry {
            name: self.id.clone(),
            gives: Set::from_iter([Modality::Text]),
            takes: Set::from_iter([Modality::Text]),
            ..Entry::default()
        });
        if &*entry.service != self.service.as_str() {
            entry.service = self.service.as_str().into();
        }
        if entry.id != self.id {
            entry.id.clone_from(&self.id);
            entry.aliases.clear();
        }
        let set = |to: &mut Option<String>, from: &Option<String>| {
            if from.is_some() {
                to.clone_from(from);
            }
        };
        set(&mut entry.family, &self.family);
        set(&mut entry.released, &self.released);
        entry.name = self.name.clone().unwrap_or(entry.name);
        entry.aliases = self.aliases.clone().unwrap_or(entry.aliases);
        entry.status = self.status.unwrap_or(entry.status);
        entry.context = self.context.or(entry.context);
        entry.max_output = self.max_output.or(entry.max_output);
        entry.takes = self.takes.unwrap_or(entry.takes);
        entry.gives = self.gives.unwrap_or(entry.gives);
        entry.can = self.can.unwrap_or(entry.can);
        entry.tier = self.tier.or(entry.tier);
        entry.priors.ttft = self.priors.ttft.or(entry.priors.ttft);
        entry.priors.tokens_per_second = self.priors.tokens_per_second.or(entry.priors.tokens_per_second);
        entry.priors.quality = self.priors.quality.or(entry.priors.quality);
        if !self.price.is_empty() {
            self.price_over(&mut entry)?;
        }
        Ok(entry)
    }

    fn price_over(&self, entry: &mut Entry) -> Result<(), String> {
        let known: Vec<(Period, Provenance)> = match &entry.price {
            Some(price) => price.periods().iter().cloned().zip(entry.provenance.iter().cloned()).collect(),
            None => Vec::new(),
        };
        let mut periods = known.clone();
        for stated in &self.price {
            let from = stated.from.unwrap_or(Period::ALWAYS);
            // What is not stated is taken from what was known before: at that moment, or else the newest.
            let base = match stated.from {
                Some(from) => known.iter().rev().find(|(period, _)| period.from <= from),
                None => known.last(),
            };
            let known = base.map(|base| &base.0);
            let standard = stated.standard.over(known.map(|known| &known.standard))?;
            let known_batch = known.and_then(|known| known.batch.as_ref());
            let batch = match &stated.batch {
                Some(batch) => Some(batch.over(known_batch).map_err(|error| format!("batch: {error}"))?),
                None => known_batch.cloned(),
            };
            let own = || Provenance { source: OWN.into(), as_of: String::new() };
            let provenance = stated.provenance.clone().unwrap_or_else(own);
            match stated.from {
                Some(from) => periods.retain(|(period, _)| period.from != from),
                None => periods.clear(),
            }
            periods.push((Period { from, standard, batch }, provenance));
            periods.sort_by_key(|(period, _)| period.from);
        }
        let (periods, mut provenance): (Vec<_>, Vec<_>) = periods.into_iter().unzip();
        provenance.shrink_to_fit();
        entry.price = Some(Arc::new(Price::new(periods)));
        entry.provenance = provenance;
        Ok(())
    }
}
