//! The metering floor's meter: model, usage and latency per call, as cheaply as can honestly be done.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use memchr::memmem;
use serde::Deserialize;

/// Upper bounds of the latency buckets, seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
const MAX_KEPT_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Answered {
    usage: Option<Usage>,
}

#[derive(Deserialize, Clone, Copy)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// The model a request names.
pub(crate) fn model_of(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Asked<'_>>(body).ok().map(|asked| asked.model.into_owned())
}

#[derive(Default)]
struct Histogram {
    counts: [u64; BUCKETS.len()],
    total: u64,
    sum_s: f64,
}

impl Histogram {
    fn note(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        if let Some(bucket) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.counts[bucket] += 1;
        }
        self.total += 1;
        self.sum_s += seconds;
    }

    fn write(&self, out: &mut String, name: &str, model: &str) {
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(self.counts) {
            below += count;
            let _ = writeln!(out, "{name}_bucket{{model=\"{model}\",le=\"{bound}\"}} {below}");
        }
        let _ = writeln!(out, "{name}_bucket{{model=\"{model}\",le=\"+Inf\"}} {}", self.total);
        let _ = writeln!(out, "{name}_sum{{model=\"{model}\"}} {}", self.sum_s);
        let _ = writeln!(out, "{name}_count{{model=\"{model}\"}} {}", self.total);
    }
}

#[derive(Default)]
struct PerModel {
    calls: u64,
    input_tokens: u64,
    output_tokens: u64,
    first: Histogram,
    whole: Histogram,
}

/// Counts per model.
#[derive(Default)]
pub(crate) struct Meter(HashMap<String, PerModel>);

impl Meter {
    fn note(&mut self, model: &str, usage: Option<Usage>, first: Duration, whole: Duration) {
        if !self.0.contains_key(model) {
            self.0.insert(model.to_owned(), PerModel::default());
        }
        let Some(counts) = self.0.get_mut(model) else { return };
        counts.calls += 1;
        if let Some(usage) = usage {
            counts.input_tokens += usage.prompt_tokens;
            counts.output_tokens += usage.completion_tokens;
        }
        counts.first.note(first);
        counts.whole.note(whole);
    }

    /// The counts in the text format of Prometheus.
    pub(crate) fn exposition(&self) -> String {
        let mut out = String::new();
        for (model, counts) in &self.0 {
            let _ = writeln!(out, "calls_total{{model=\"{model}\"}} {}", counts.calls);
            let _ = writeln!(out, "input_tokens_total{{model=\"{model}\"}} {}", counts.input_tokens);
            let _ = writeln!(out, "output_tokens_total{{model=\"{model}\"}} {}", counts.output_tokens);
            counts.first.write(&mut out, "first_byte_seconds", model);
            counts.whole.write(&mut out, "call_seconds", model);
        }
        out
    }
}

/// What of an answer has to be looked at.
enum Reader {
    /// The whole answer is kept and read at its end; one frame is kept as it came.
    Whole { single: Bytes, more: BytesMut },
    /// The last line that was not complete, and the usage found so far.
    Events { partial: BytesMut, usage: Option<Usage> },
}

impl Reader {
    fn look(&mut self, data: &Bytes) {
        match self {
            Self::Whole { single, more } => {
                if single.is_empty() {
                    *single = data.clone();
                } else if more.len() < MAX_KEPT_BYTES {
                    more.extend_from_slice(data);
                }
            }
            Self::Events { partial, usage } => {
                let Some(end) = memchr::memrchr(b'\n', data) else {
                    partial.extend_from_slice(
                        &data[..data.len().min(MAX_KEPT_BYTES.saturating_sub(partial.len()))],
                    );
                    return;
                };
                let (lines, rest) = data.split_at(end + 1);
                let found = if partial.is_empty() {
                    usage_in_lines(lines)
                } else {
                    partial.extend_from_slice(lines);
                    usage_in_lines(partial)
                };
                *usage = found.or(*usage);
                partial.clear();
                partial.extend_from_slice(rest);
            }
        }
    }

    fn usage(&mut self) -> Option<Usage> {
        match self {
            Self::Whole { single, more } if more.is_empty() => usage_in(single),
            Self::Whole { single, more } => usage_in(&[&single[..], more].concat()),
            Self::Events { usage, .. } => *usage,
        }
    }
}

fn usage_in(json: &[u8]) -> Option<Usage> {
    serde_json::from_slice::<Answered>(json).ok()?.usage
}

fn usage_in_lines(lines: &[u8]) -> Option<Usage> {
    memmem::find(lines, b"\"usage\":{")?;
    lines.split(|byte| *byte == b'\n').filter_map(|line| usage_in(line.strip_prefix(b"data: ")?)).next_back()
}

/// An answer's body, passed on as it comes and metered on the side.
pub(crate) struct Metered {
    body: Incoming,
    reader: Option<Reader>,
    meter: Arc<Mutex<Meter>>,
    model: String,
    start: Instant,
    first: Option<Duration>,
}

impl Metered {
    /// Meters `body`, the answer to a call that started at `start`.
    pub(crate) fn new(body: Incoming, meter: Arc<Mutex<Meter>>, model: String, start: Instant) -> Self {
        // Only answers of a known length are read whole.
        let reader = match body.size_hint().exact() {
            Some(_) => Reader::Whole { single: Bytes::new(), more: BytesMut::new() },
            None => Reader::Events { partial: BytesMut::new(), usage: None },
        };
        Self { body, reader: Some(reader), meter, model, start, first: None }
    }

    fn close(&mut self) {
        if let Some(mut reader) = self.reader.take() {
            let whole = self.start.elapsed();
            let usage = reader.usage();
            let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
            meter.note(&self.model, usage, self.first.unwrap_or(whole), whole);
        }
    }
}

impl Body for Metered {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(data), Some(reader)) = (frame.data_ref(), &mut this.reader) {
                    if this.first.is_none() {
                        this.first = Some(this.start.elapsed());
                    }
                    reader.look(data);
                }
            }
            Some(Err(_)) | None => this.close(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Metered {
    // A body of known length is not polled again after its last byte, and a caller may hang up.
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload;

    #[test]
    fn usage_is_found_whatever_the_pieces() {
        let stream = payload::events().concat() + &payload::stream_end(true);
        for size in [1, 7, 333, 5_000, 100_000] {
            let mut reader = Reader::Events { partial: BytesMut::new(), usage: None };
            stream.as_bytes().chunks(size).for_each(|piece| reader.look(&Bytes::copy_from_slice(piece)));
            let usage = reader.usage().unwrap();
            assert_eq!((usage.prompt_tokens, usage.completion_tokens), (42, 62), "{size}");
            let mut reader = Reader::Whole { single: Bytes::new(), more: BytesMut::new() };
            let whole = payload::completion(true);
            whole.as_bytes().chunks(size).for_each(|piece| reader.look(&Bytes::copy_from_slice(piece)));
            assert_eq!(reader.usage().unwrap().prompt_tokens, 25_000, "{size}");
        }
    }
}
