//! The only definitions of the durations and rates of a call.
//!
//! | name | definition | source |
//! |---|---|---|
//! | duration | head of the request read → last byte of the answer handed to the connection, or the failure | end-to-end latency of the caller's side |
//! | TTFT | head read → the first *non-empty* text, reasoning, refusal or tool-call piece handed on; comments, pings and role-only chunks are not tokens | NVIDIA GenAI-Perf ignores empty first chunks in the same way |
//! | TPOT | (last token − first token) / (output tokens − 1), undefined below two tokens | OpenTelemetry `gen_ai.server.time_per_output_token` |
//! | ITL | the gaps between content pieces as they arrived; p99 over one call | NVIDIA GenAI-Perf "inter token latency" taken per gap, not averaged |
//! | output tokens per second | streams: output tokens / (last token − TTFT start of generation, see [`tokens_per_second`]); otherwise output tokens / duration | the seeds' "TPS" |
//! | overhead | the time in which Paceline worked on the call: the sum of the steps of its task, between waiting for the provider, the caller and the scheduler | Paceline |
//!
//! A call that is not streamed has no first token: its TTFT is unknown, not its duration.

use crate::record::{Attempt, CallRecord};
use crate::time::Offset;

/// Time to first token in milliseconds; `None` before or without a token.
pub fn ttft_ms(record: &CallRecord) -> Option<f64> {
    record.first_token.map(Offset::ms)
}

/// Time per output token in milliseconds; `None` below two tokens or without a stream.
pub fn tpot_ms(record: &CallRecord) -> Option<f64> {
    let (first, last) = (record.first_token?, record.last_token?);
    let tokens = record.usage.as_ref()?.output_tokens;
    (tokens >= 2 && last > first).then(|| last.since(first).ms() / (tokens - 1) as f64)
}

/// Output tokens per second of the call.
///
/// For a stream the tokens after the first are divided by the time from the first to the last (the inverse of TPOT),
/// so that waiting for the first token does not hide how fast a model writes; when everything arrived at once, and for
/// answers in one piece, all tokens are divided by the duration.
pub fn tokens_per_second(record: &CallRecord) -> Option<f64> {
    let tokens = record.usage.as_ref()?.output_tokens;
    if tokens == 0 {
        return None;
    }
    if let Some(tpot) = tpot_ms(record).filter(|&ms| ms > 0.05) {
        return Some(1000.0 / tpot);
    }
    let ms = record.duration.ms();
    (ms > 0.0).then(|| tokens as f64 * 1000.0 / ms)
}

/// Milliseconds in which Paceline worked on the call.
pub fn overhead_ms(record: &CallRecord) -> f64 {
    record.worked.ms()
}

/// Milliseconds until a connection was ready; `None` when the attempt used one already open.
pub fn connect_ms(attempt: &Attempt) -> Option<f64> {
    attempt.connected.map(|at| at.since(attempt.started).ms())
}

/// How long the provider that served, or was tried last, worked on the call: from the start of the last attempt to its
/// end. Zero where none was tried.
pub fn provider_time(record: &CallRecord) -> Offset {
    record.attempts.last().map_or(Offset(0), |attempt| attempt.ended.since(attempt.started))
}

/// Milliseconds from the attempt's start to its first token.
pub fn attempt_ttft_ms(attempt: &Attempt) -> Option<f64> {
    attempt.first_token.map(|at| at.since(attempt.started).ms())
}
