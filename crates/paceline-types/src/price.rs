//! Prices of tokens or of a machine's time, and what a call costs by them: whole numbers, each token priced once.
//!
//! One micro-dollar for a million tokens is one pico-dollar for a token, so list prices are whole numbers here and
//! sums are exact.

use crate::machine::MachineHour;
use crate::money::Cost;
use crate::time::{Offset, Timestamp};
use crate::tokens::Usage;
use std::fmt;

/// The price of one token, in pico-dollars (10⁻¹² US dollars).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u64);

/// What a written price is a price of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateUnit {
    /// US dollars for a million tokens.
    UsdPerMillion,
    /// US dollars for one token.
    UsdPerToken,
    /// US cents for one token.
    CentsPerToken,
}

/// A price as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateRead {
    /// The price, to the nearest pico-dollar.
    pub rate: Rate,
    /// Whether nothing was rounded.
    pub exact: bool,
}

impl Rate {
    /// The highest price that is believed: a dollar for a token. More is a mistake of units.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// Reads a decimal number (`0.15`, `1.5e-07`) of that unit, never by way of a float.
    /// `None` when it is not a number, is negative, or is more than [`Rate::MAX`].
    pub fn parse(text: &str, unit: RateUnit) -> Option<RateRead> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let length = whole.len() + fraction.len();
        if length == 0 || length > 36 {
            return None;
        }
        let mut digits: u128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = byte.is_ascii_digit().then(|| u128::from(byte - b'0'))?;
            digits = digits * 10 + digit;
        }
        let unit = match unit {
            RateUnit::UsdPerMillion => 6,
            RateUnit::UsdPerToken => 12,
            RateUnit::CentsPerToken => 10,
        };
        let shift = unit + exponent.clamp(-1000, 1000) - fraction.len() as i32;
        let (value, exact) = shifted(digits, shift)?;
        let rate = Self(u64::try_from(value).ok()?);
        (rate <= Self::MAX).then_some(RateRead { rate, exact })
    }

    /// What that many tokens cost; `None` beyond about nine million dollars.
    fn times(self, tokens: u64) -> Option<Cost> {
        i64::try_from(self.0.checked_mul(tokens)?).ok().map(Cost)
    }
}

/// `digits` times ten to the power of `shift`, rounded half up, and whether that is exact.
fn shifted(digits: u128, shift: i32) -> Option<(u128, bool)> {
    if digits == 0 {
        return Some((0, true));
    }
    let scale = 10u128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return Some((digits.checked_mul(scale?)?, true));
    }
    let Some(scale) = scale else { return Some((0, false)) };
    let (whole, rest) = (digits / scale, digits % scale);
    Some((whole + u128::from(rest >= scale - rest), rest == 0))
}

impl fmt::Display for Rate {
    /// US dollars for a million tokens, exact: `0.15`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{rest:06}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

/// Prices of the kinds of tokens. What is absent costs what the whole does: cached tokens as input, reasoning as
/// output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Prompt tokens that were neither read from nor written to the provider's cache.
    pub input: Rate,
    /// Generated tokens without reasoning.
    pub output: Rate,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: Option<Rate>,
    /// Prompt tokens written to the provider's cache for its usual time (five minutes at Anthropic).
    pub cache_write: Option<Rate>,
    /// Prompt tokens written to the provider's cache for an hour; as `cache_write` where absent.
    pub cache_write_1h: Option<Rate>,
    /// Generated tokens spent on reasoning.
    pub reasoning: Option<Rate>,
    /// Prompt tokens of sound. Known, not yet used: [`Usage`] does not tell them from text.
    pub input_audio: Option<Rate>,
    /// Generated tokens of sound. Known, not yet used, as `input_audio`.
    pub output_audio: Option<Rate>,
}

/// Other prices for a whole call whose prompt is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The tier holds for prompts of more tokens than this.
    pub above_input_tokens: u64,
    /// All its prices.
    pub rates: Rates,
}

/// Prices of one tariff: those of short prompts, and those of longer ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateCard {
    /// Prices of prompts below all tiers.
    pub base: Rates,
    /// Higher tiers, by ascending `above_input_tokens`.
    pub tiers: Vec<Tier>,
}

impl RateCard {
    /// The prices of a prompt of that many tokens, caches included.
    pub fn rates(&self, input_tokens: u64) -> &Rates {
        let tier = self.tiers.iter().rev().find(|tier| input_tokens > tier.above_input_tokens);
        tier.map_or(&self.base, |tier| &tier.rates)
    }
}

/// The prices that hold from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Since when. [`Period::ALWAYS`] where no earlier price is known.
    pub from: Timestamp,
    /// Prices of calls that are answered at once.
    pub standard: RateCard,
    /// Prices of calls in a batch, where the provider names them.
    pub batch: Option<RateCard>,
}

impl Period {
    /// Before every call.
    pub const ALWAYS: Timestamp = Timestamp(i64::MIN);
}

/// How a call is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tariff {
    /// In a batch.
    pub batch: bool,
    /// How long the provider worked on it. Only a price of the machine's time asks.
    pub took: Offset,
}

/// The price of a model at a provider: of its tokens over time, or of the time of the machine it runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    periods: Vec<Period>,
    /// Instead of `periods`.
    machine: Option<MachineHour>,
}

impl Price {
    /// From periods in any order; of two that begin at the same moment the later one in the list holds.
    pub fn new(mut periods: Vec<Period>) -> Self {
        periods.sort_by_key(|period| period.from);
        // There are many prices and most have one period.
        periods.shrink_to_fit();
        for period in &mut periods {
            for card in [Some(&mut period.standard), period.batch.as_mut()].into_iter().flatten() {
                card.tiers.sort_by_key(|tier| tier.above_input_tokens);
            }
        }
        Self { periods, machine: None }
    }

    /// One price, always.
    pub fn always(rates: Rates) -> Self {
        let standard = RateCard { base: rates, tiers: Vec::new() };
        Self::new(vec![Period { from: Period::ALWAYS, standard, batch: None }])
    }

    /// Tokens cost nothing, the time of a machine does; always.
    pub fn of_machine(machine: MachineHour) -> Self {
        Self { periods: Vec::new(), machine: Some(machine) }
    }

    /// All periods, the earliest first; none where the machine's time is paid.
    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    /// The prices of that moment; `None` before the first period.
    pub fn at(&self, at: Timestamp) -> Option<&Period> {
        self.periods.iter().rev().find(|period| period.from <= at)
    }

    /// What a call cost at that moment. `None` where that is not known: before the first period, in a batch where
    /// no price of batches is known, or beyond about nine million dollars.
    ///
    /// Where reported parts are more than their whole, the whole is what is billed. Allocates nothing.
    pub fn cost(&self, usage: &Usage, at: Timestamp, tariff: Tariff) -> Option<CostParts> {
        if let Some(machine) = self.machine {
            return Some(CostParts { time: machine.cost(tariff.took)?, ..CostParts::default() });
        }
        let period = self.at(at)?;
        let card = if tariff.batch { period.batch.as_ref()? } else { &period.standard };
        let rates = card.rates(usage.input_tokens);

        let read = usage.cache_read_tokens.min(usage.input_tokens);
        let written = usage.cache_write_tokens.min(usage.input_tokens - read);
        let for_an_hour = usage.cache_write_1h_tokens.min(written);
        let reasoned = usage.reasoning_tokens.min(usage.output_tokens);

        let write = rates.cache_write.unwrap_or(rates.input);
        let write_1h = rates.cache_write_1h.unwrap_or(write);
        let (short, long) = (write.times(written - for_an_hour)?, write_1h.times(for_an_hour)?);
        let parts = CostParts {
            input: rates.input.times(usage.input_tokens - read - written)?,
            cache_read: rates.cache_read.unwrap_or(rates.input).times(read)?,
            cache_write: Cost(short.0.checked_add(long.0)?),
            output: rates.output.times(usage.output_tokens - reasoned)?,
            reasoning: rates.reasoning.unwrap_or(rates.output).times(reasoned)?,
            time: Cost(0),
        };
        parts.checked_total().is_some().then_some(parts)
    }
}

/// What a call cost, by kind of token, or by time. No token is in two parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostParts {
    /// The prompt without what the provider's cache read or wrote.
    pub input: Cost,
    /// Read from the provider's cache.
    pub cache_read: Cost,
    /// Written to the provider's cache.
    pub cache_write: Cost,
    /// The answer without reasoning.
    pub output: Cost,
    /// Reasoning.
    pub reasoning: Cost,
    /// The machine's time.
    pub time: Cost,
}

impl CostParts {
    fn checked_total(&self) -> Option<i64> {
        let parts = [self.cache_read, self.cache_write, self.output, self.reasoning, self.time];
        parts.iter().try_fold(self.input.0, |sum, part| sum.checked_add(part.0))
    }

    /// The sum of the parts.
    pub fn total(&self) -> Cost {
        Cost(self.checked_total().unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
#[path = "price_test.rs"]
mod tests;
