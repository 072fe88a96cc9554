//! What many calls come to.

use crate::pack::{self, Reader};
use crate::sketch::{Point, Sketch};
use paceline_types::measure;
use paceline_types::money::Cost;
use paceline_types::record::{CallRecord, Status};
use paceline_types::tokens::{Usage, UsageSource};

/// What one call adds to a tally: taken from its record once, however many tallies it is added to.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// How it ended.
    pub status: Status,
    /// Whether it was streamed.
    pub stream: bool,
    /// Tries beyond the first.
    pub fallbacks: u64,
    /// What it used.
    pub usage: Option<Usage>,
    /// What it cost.
    pub cost: Option<Cost>,
    /// Its measures, in the order of [`Tally`]'s sketches; `None` for what is not measured of such a call.
    points: [Option<Point>; 5],
}

impl Sample {
    /// A call that ended so, of which nothing was measured.
    pub const fn none(status: Status) -> Self {
        Self { status, stream: false, fallbacks: 0, usage: None, cost: None, points: [None; 5] }
    }

    /// Of a record. Refused calls have no measures; response time, time per token and speed are those of whole answers.
    pub fn of(record: &CallRecord) -> Self {
        let measured = record.status != Status::Refused;
        let whole = record.status == Status::Ok;
        let point = |is: bool, value: Option<f64>| value.filter(|_| is).and_then(Point::of);
        Self {
            status: record.status,
            stream: record.stream,
            fallbacks: record.attempts.len().saturating_sub(1) as u64,
            usage: record.usage,
            cost: record.cost,
            points: [
                point(whole, Some(record.duration.ms())),
                point(measured, measure::ttft_ms(record)),
                point(whole, measure::tpot_ms(record)),
                point(whole, measure::tokens_per_second(record)),
                point(measured, Some(measure::overhead_ms(record))),
            ],
        }
    }
}

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

/// The counts of a tally in the order in which they are written, each as `$by` says.
macro_rules! counts {
    ($tally:expr, $($by:tt)+) => {
        [
            $($by)+ $tally.calls,
            $($by)+ $tally.ok,
            $($by)+ $tally.errors,
            $($by)+ $tally.partial,
            $($by)+ $tally.canceled,
            $($by)+ $tally.refused,
            $($by)+ $tally.streams,
            $($by)+ $tally.fallbacks,
            $($by)+ $tally.input_tokens,
            $($by)+ $tally.output_tokens,
            $($by)+ $tally.cache_read_tokens,
            $($by)+ $tally.reasoning_tokens,
            $($by)+ $tally.usage_not_reported,
            $($by)+ $tally.cost_unknown,
        ]
    };
}

/// The sketches of a tally in the order in which they are written.
macro_rules! sketches {
    ($tally:expr, $($by:tt)+) => {
        [
            $($by)+ $tally.duration_ms,
            $($by)+ $tally.ttft_ms,
            $($by)+ $tally.tpot_ms,
            $($by)+ $tally.tokens_per_second,
            $($by)+ $tally.overhead_ms,
        ]
    };
}

impl Tally {
    /// Adds one call.
    pub fn add(&mut self, call: &Sample) {
        self.calls += 1;
        match call.status {
            Status::Ok => self.ok += 1,
            Status::Error => self.errors += 1,
            Status::Partial => self.partial += 1,
            Status::Canceled => self.canceled += 1,
            Status::Refused => self.refused += 1,
        }
        self.streams += u64::from(call.stream);
        self.fallbacks += call.fallbacks;
        if let Some(usage) = &call.usage {
            self.input_tokens += usage.input_tokens;
            self.output_tokens += usage.output_tokens;
            self.cache_read_tokens += usage.cache_read_tokens;
            self.reasoning_tokens += usage.reasoning_tokens;
            self.usage_not_reported += u64::from(usage.source != UsageSource::Reported);
            match call.cost {
                Some(cost) => {
                    self.cost_pico += i128::from(cost.0);
                    self.cost_ok_pico += i128::from(cost.0) * i128::from(call.status == Status::Ok);
                }
                None => self.cost_unknown += 1,
            }
        }
        for (sketch, point) in sketches!(self, &mut).into_iter().zip(call.points) {
            if let Some(point) = point {
                sketch.add_point(point);
            }
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

    /// The cost of one of the calls was learned later; `before` is what was known of it.
    pub fn recost(&mut self, before: Option<Cost>, cost: Cost, ok: bool) {
        let more = i128::from(cost.0) - before.map_or(0, |before| i128::from(before.0));
        self.cost_pico += more;
        self.cost_ok_pico += more * i128::from(ok);
        if before.is_none() {
            self.cost_unknown = self.cost_unknown.saturating_sub(1);
        }
    }

    /// The tally as bytes. Later versions may append counts and sketches; readers skip what they do not know.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let counts = counts!(self, &);
        pack::put(out, counts.len() as u64);
        for count in counts {
            pack::put(out, *count);
        }
        for cost in [self.cost_pico, self.cost_ok_pico] {
            pack::put_wide(out, (cost << 1 ^ cost >> 127) as u128);
        }
        let sketches = sketches!(self, &);
        pack::put(out, sketches.len() as u64);
        for sketch in sketches {
            pack::put_framed(out, |out| sketch.encode(out));
        }
    }

    /// Adds what [`Tally::encode`] wrote; `None` when the bytes are no tally.
    pub fn merge_encoded(&mut self, bytes: &[u8]) -> Option<()> {
        let mut reader = Reader(bytes);
        let written = reader.count()?;
        let mut counts = counts!(self, &mut);
        for at in 0..written {
            let count = reader.number()?;
            if let Some(sum) = counts.get_mut(at) {
                **sum += count;
            }
        }
        for sum in [&mut self.cost_pico, &mut self.cost_ok_pico] {
            let cost = reader.wide()?;
            *sum += (cost >> 1) as i128 ^ -((cost & 1) as i128);
        }
        let written = reader.count()?;
        let mut sketches = sketches!(self, &mut);
        for at in 0..written {
            let bytes = reader.bytes()?;
            if let Some(sketch) = sketches.get_mut(at) {
                sketch.merge_encoded(&mut Reader(bytes))?;
            }
        }
        Some(())
    }

    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        for count in counts!(self, &mut) {
            *count = 0;
        }
        (self.cost_pico, self.cost_ok_pico) = (0, 0);
        sketches!(self, &mut).into_iter().for_each(Sketch::clear);
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

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn bytes_hold_the_whole_tally() {
        let mut tally = Tally {
            calls: 7,
            ok: 5,
            cost_pico: -3,
            cost_ok_pico: 2,
            input_tokens: 1 << 40,
            ..Tally::default()
        };
        tally.duration_ms.add(12.5);
        tally.ttft_ms.add(0.0);
        let mut bytes = Vec::new();
        tally.encode(&mut bytes);
        let mut read = Tally::default();
        assert!(read.merge_encoded(&bytes).is_some());
        assert_eq!(read, tally);
        for cut in 0..bytes.len() {
            assert!(Tally::default().merge_encoded(&bytes[..cut]).is_none(), "cut at {cut}");
        }
        read.clear();
        assert_eq!(read, Tally::default());
    }
}
