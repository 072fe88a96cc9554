//! What many calls come to.

use crate::sketch::Sketch;
use paceline_types::measure;
use paceline_types::record::{CallRecord, Status};
use paceline_types::tokens::UsageSource;

/// Counts and spreads of a set of calls. Adding and merging commute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// All calls.
    pub calls: u64,
    /// Whole answers.
    pub ok: u64,
    /// No usable answer.
    pub errors: u64,
    /// Answers that began and did not end.
    pub partial: u64,
    /// Callers that went away.
    pub canceled: u64,
    /// Not let in.
    pub refused: u64,
    /// Streamed calls.
    pub streams: u64,
    /// Tries beyond the first.
    pub fallbacks: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Generated tokens.
    pub output_tokens: u64,
    /// Of the input: read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Of the output: reasoning.
    pub reasoning_tokens: u64,
    /// Calls whose tokens are not the provider's own count.
    pub usage_not_reported: u64,
    /// Known cost, in pico-dollars.
    pub cost_pico: i128,
    /// Of the known cost: what went to whole answers, in pico-dollars.
    pub cost_ok_pico: i128,
    /// Answered calls whose cost is not known.
    pub cost_unknown: u64,
    /// Response time of answered calls, ms.
    pub duration_ms: Sketch,
    /// Time to first token, ms.
    pub ttft_ms: Sketch,
    /// Time per output token, ms.
    pub tpot_ms: Sketch,
    /// Output tokens per second of a call.
    pub tokens_per_second: Sketch,
    /// Time Paceline itself worked on a call, ms.
    pub overhead_ms: Sketch,
}

impl Tally {
    /// Adds one call.
    pub fn add(&mut self, record: &CallRecord) {
        self.calls += 1;
        let counter = match record.status {
            Status::Ok => &mut self.ok,
            Status::Error => &mut self.errors,
            Status::Partial => &mut self.partial,
            Status::Canceled => &mut self.canceled,
            Status::Refused => &mut self.refused,
        };
        *counter += 1;
        self.streams += u64::from(record.stream);
        self.fallbacks += record.attempts.len().saturating_sub(1) as u64;
        if let Some(usage) = &record.usage {
            self.input_tokens += usage.input_tokens;
            self.output_tokens += usage.output_tokens;
            self.cache_read_tokens += usage.cache_read_tokens;
            self.reasoning_tokens += usage.reasoning_tokens;
            self.usage_not_reported += u64::from(usage.source != UsageSource::Reported);
            match record.cost {
                Some(cost) => {
                    self.cost_pico += i128::from(cost.0);
                    self.cost_ok_pico += i128::from(cost.0) * i128::from(record.status == Status::Ok);
                }
                None => self.cost_unknown += 1,
            }
        }
        if record.status == Status::Refused {
            return;
        }
        self.overhead_ms.add(measure::overhead_ms(record));
        if let Some(ttft) = measure::ttft_ms(record) {
            self.ttft_ms.add(ttft);
        }
        if record.status != Status::Ok {
            return;
        }
        self.duration_ms.add(record.duration.ms());
        if let Some(tpot) = measure::tpot_ms(record) {
            self.tpot_ms.add(tpot);
        }
        if let Some(rate) = measure::tokens_per_second(record) {
            self.tokens_per_second.add(rate);
        }
    }

    /// Adds all calls of another tally.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.ok += other.ok;
        self.errors += other.errors;
        self.partial += other.partial;
        self.canceled += other.canceled;
        self.refused += other.refused;
        self.streams += other.streams;
        self.fallbacks += other.fallbacks;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cache_read_tokens += other.cache_read_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.usage_not_reported += other.usage_not_reported;
        self.cost_pico += other.cost_pico;
        self.cost_ok_pico += other.cost_ok_pico;
        self.cost_unknown += other.cost_unknown;
        self.duration_ms.merge(&other.duration_ms);
        self.ttft_ms.merge(&other.ttft_ms);
        self.tpot_ms.merge(&other.tpot_ms);
        self.tokens_per_second.merge(&other.tokens_per_second);
        self.overhead_ms.merge(&other.overhead_ms);
    }

    /// Calls that should have been answered: neither refused nor given up by the caller.
    pub fn answerable(&self) -> u64 {
        self.ok + self.errors + self.partial
    }

    /// The share of answerable calls without a whole answer; `None` without such calls.
    pub fn error_rate(&self) -> Option<f64> {
        let all = self.answerable();
        (all > 0).then(|| (self.errors + self.partial) as f64 / all as f64)
    }
}
