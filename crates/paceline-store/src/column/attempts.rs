//! The tries of a call as bytes: most calls have one that ended as the call did, so what is the record's is not
//! written again.

use super::fields::{Coded, code, optional, read_optional};
use paceline_stats::pack::{self, Reader};
use paceline_types::deployment::Deployment;
use paceline_types::money::Cost;
use paceline_types::record::{Attempt, AttemptReason, CallRecord};
use paceline_types::time::Offset;
use paceline_types::tokens::Usage;
use std::sync::Arc;

const SAME_TARGET: u64 = 1;
const SAME_STATUS: u64 = 1 << 1;
const SAME_ERROR: u64 = 1 << 2;
const SAME_USAGE: u64 = 1 << 3;
const SAME_COST: u64 = 1 << 4;
const SAME_FIRST: u64 = 1 << 5;
const HAS_RETRY_AFTER: u64 = 1 << 6;
const HAS_CONNECTED: u64 = 1 << 7;
const HAS_HEAD: u64 = 1 << 8;
/// The number of the reason lies above the flags.
const REASON: u32 = 9;

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            out.push(1);
            pack::put_bytes(out, text.as_bytes());
        }
        None => out.push(0),
    }
}

/// `None`: the bytes end here; `Some(None)`: there was no text.
#[expect(clippy::option_option, reason = "the outer one is the reader's, the inner one the field's")]
fn text<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a str>> {
    if reader.byte()? == 0 { Some(None) } else { reader.text().map(Some) }
}

/// Beside the source of counts: how many of the cache writes are for an hour follows the others.
const FOR_AN_HOUR: u64 = 16;

pub(crate) fn put_usage(out: &mut Vec<u8>, usage: Option<&Usage>) {
    let for_an_hour = |usage: &Usage| if usage.cache_write_1h_tokens > 0 { FOR_AN_HOUR } else { 0 };
    pack::put(out, usage.map_or(0, |usage| (code(usage.source) + 1) | for_an_hour(usage)));
    if let Some(usage) = usage {
        for count in [
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.reasoning_tokens,
        ] {
            pack::put(out, count);
        }
        if usage.cache_write_1h_tokens > 0 {
            pack::put(out, usage.cache_write_1h_tokens);
        }
    }
}

#[expect(clippy::option_option, reason = "as for text")]
fn usage(reader: &mut Reader<'_>) -> Option<Option<Usage>> {
    let source = reader.number()?;
    if source == 0 {
        return Some(None);
    }
    Some(Some(Usage {
        input_tokens: reader.number()?,
        output_tokens: reader.number()?,
        cache_read_tokens: reader.number()?,
        cache_write_tokens: reader.number()?,
        reasoning_tokens: reader.number()?,
        cache_write_1h_tokens: if source & FOR_AN_HOUR == 0 { 0 } else { reader.number()? },
        source: read_optional(source & !FOR_AN_HOUR).unwrap_or_default(),
    }))
}

pub(crate) fn put_deployment(out: &mut Vec<u8>, place: &Deployment) {
    for name in [&place.name, &place.provider, &place.model, &place.upstream_model] {
        pack::put_bytes(out, name.as_bytes());
    }
    put_text(out, place.region.as_deref());
}

pub(crate) fn read_deployment(reader: &mut Reader<'_>) -> Option<Deployment> {
    Some(Deployment {
        name: reader.text()?.into(),
        provider: reader.text()?.into(),
        model: reader.text()?.into(),
        upstream_model: reader.text()?.into(),
        region: text(reader)?.map(Into::into),
    })
}

/// Appends the tries of a record.
pub(crate) fn put(out: &mut Vec<u8>, record: &CallRecord) {
    pack::put(out, record.attempts.len() as u64);
    for attempt in &record.attempts {
        put_one(out, attempt, record);
    }
}

fn put_one(out: &mut Vec<u8>, attempt: &Attempt, record: &CallRecord) {
    let same_target = record
        .target
        .as_ref()
        .is_some_and(|target| Arc::ptr_eq(target, &attempt.deployment) || *target == attempt.deployment);
    let same_error = attempt.error_kind == record.error_kind && attempt.error_code == record.error_code;
    let flags = [
        (SAME_TARGET, same_target),
        (SAME_STATUS, attempt.http_status == record.http_status),
        (SAME_ERROR, same_error),
        (SAME_USAGE, attempt.usage == record.usage),
        (SAME_COST, attempt.cost == record.cost),
        (SAME_FIRST, attempt.first_token == record.first_token),
        (HAS_RETRY_AFTER, attempt.retry_after_ms.is_some()),
        (HAS_CONNECTED, attempt.connected.is_some()),
        (HAS_HEAD, attempt.head.is_some()),
    ];
    let set: u64 = flags.iter().filter(|(_, is)| *is).map(|(flag, _)| flag).sum();
    pack::put(out, set | code(attempt.reason) << REASON);
    if !same_target {
        put_deployment(out, &attempt.deployment);
    }
    if set & SAME_STATUS == 0 {
        pack::put(out, u64::from(attempt.http_status));
    }
    if !same_error {
        pack::put(out, optional(attempt.error_kind));
        put_text(out, attempt.error_code.as_deref());
    }
    pack::put(out, attempt.started.0);
    pack::put_signed(out, record.duration.0.wrapping_sub(attempt.ended.0) as i64);
    for time in [attempt.connected, attempt.head].into_iter().flatten() {
        pack::put(out, time.0.wrapping_sub(attempt.started.0));
    }
    if set & SAME_FIRST == 0 {
        pack::put(out, attempt.first_token.map_or(0, |at| at.0.saturating_add(1)));
    }
    if let Some(wait) = attempt.retry_after_ms {
        pack::put(out, wait);
    }
    if set & SAME_USAGE == 0 {
        put_usage(out, attempt.usage.as_ref());
    }
    if set & SAME_COST == 0 {
        pack::put(out, attempt.cost.map_or(0, |cost| cost.0.max(0) as u64 + 1));
    }
}

/// The tries of a record whose other fields are known; `None` when the bytes are none.
pub(crate) fn read(reader: &mut Reader<'_>, record: &CallRecord) -> Option<Vec<Attempt>> {
    let count = reader.count()?;
    (0..count).map(|_| read_one(reader, record)).collect()
}

fn read_one(reader: &mut Reader<'_>, record: &CallRecord) -> Option<Attempt> {
    let set = reader.number()?;
    let is = |flag: u64| set & flag != 0;
    let deployment = match &record.target {
        Some(target) if is(SAME_TARGET) => Arc::clone(target),
        _ => Arc::new(read_deployment(reader)?),
    };
    let reason = AttemptReason::of(set >> REASON).unwrap_or(AttemptReason::Fallback);
    let http_status = if is(SAME_STATUS) { record.http_status } else { reader.number()? as u16 };
    let (error_kind, error_code) = if is(SAME_ERROR) {
        (record.error_kind, record.error_code.clone())
    } else {
        (read_optional(reader.number()?), text(reader)?.map(Into::into))
    };
    let started = Offset(reader.number()?);
    let ended = Offset(record.duration.0.wrapping_sub(reader.signed()? as u64));
    let mut after = |there: bool| -> Option<Option<Offset>> {
        if there { Some(Some(Offset(started.0.wrapping_add(reader.number()?)))) } else { Some(None) }
    };
    let (connected, head) = (after(is(HAS_CONNECTED))?, after(is(HAS_HEAD))?);
    let first_token =
        if is(SAME_FIRST) { record.first_token } else { reader.number()?.checked_sub(1).map(Offset) };
    let retry_after_ms = if is(HAS_RETRY_AFTER) { Some(reader.number()?) } else { None };
    let usage = if is(SAME_USAGE) { record.usage } else { usage(reader)? };
    let cost = if is(SAME_COST) {
        record.cost
    } else {
        reader.number()?.checked_sub(1).map(|pico| Cost(pico as i64))
    };
    Some(Attempt {
        reason,
        deployment,
        http_status,
        error_kind,
        error_code,
        retry_after_ms,
        started,
        connected,
        head,
        first_token,
        ended,
        usage,
        cost,
    })
}
