//! A cheap model first: whether its answer holds, and what becomes of it where no better one comes.

use crate::call::Call;
use crate::refuse::Fail;
use crate::step::attempt::Outcome;
use crate::step::whole::note_learned;
use bytes::Bytes;
use http::{Response, StatusCode};
use paceline_dialect::gist::Gist;
use paceline_dialect::openai::answer::Learned;
use paceline_routing::route::Cascade;
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::money::Cost;
use paceline_types::record::Status;
use std::sync::Arc;

/// What the first answer of a cascade is checked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) cascade: Cascade,
    /// The call asks for JSON.
    pub(crate) json: bool,
}

/// An answer that did not hold, while a better one is asked for.
pub(crate) struct Kept {
    answer: Response<Bytes>,
    learned: Learned,
    cost: Option<Cost>,
    target: Arc<Deployment>,
}

/// Why an answer does not hold; `None` where it does.
pub(crate) fn why_not(check: &Check, body: &[u8], finish: Option<&str>) -> Option<&'static str> {
    let Cascade { on_empty, on_length, on_refusal, on_invalid_json } = check.cascade;
    let finish = finish.unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| finish.eq_ignore_ascii_case(word));
    if on_length && is(&["length", "max_tokens", "max_output_tokens"]) {
        return Some("cascade_length");
    }
    let gist = Gist::of(body);
    if on_refusal && (gist.refuses || is(&["content_filter", "refusal", "safety", "prohibited_content"])) {
        return Some("cascade_refusal");
    }
    if on_empty && gist.text.trim().is_empty() && !gist.calls_tool {
        return Some("cascade_empty");
    }
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(gist.text.trim()).is_ok();
    (on_invalid_json && check.json && !gist.calls_tool && !is_json()).then_some("cascade_invalid_json")
}

/// Puts an answer aside that did not hold: its tokens are paid, and it is better than none.
pub(crate) fn keep(call: &mut Call, answer: Response<Bytes>, learned: Learned, why: &'static str) -> Fail {
    let cost = learned.cost.or_else(|| call.priced(call.seen()?, learned.usage.as_ref()));
    let target = call.seen().and_then(|record| record.target.clone());
    call.paid_before = Cost(call.paid_before.0.saturating_add(cost.unwrap_or_default().0));
    call.note(|record| {
        record.error_code = Some(why.into());
        if let Some(decision) = &mut record.decision {
            decision.escalated = true;
        }
        if let Some(attempt) = record.attempts.last_mut() {
            (attempt.usage, attempt.cost) = (learned.usage, cost);
        }
    });
    call.check = None;
    if let Some(target) = target {
        call.kept = Some(Box::new(Kept { answer, learned, cost, target }));
    }
    let message = "the answer of the cheap model did not hold, and no better one could be had".to_owned();
    Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::NotGoodEnough, why, message)
}

/// Nothing better came: the answer that was put aside.
pub(crate) fn give_kept(call: &mut Call) -> Option<Outcome> {
    let Kept { answer, learned, cost, target } = *call.kept.take()?;
    note_learned(call, &learned);
    // Its cost is known, and is not that of the target which was tried last.
    (call.cost_reported, call.paid_before) = (true, Cost(0));
    call.note(|record| {
        record.status = Status::Ok;
        record.http_status = answer.status().as_u16();
        record.cost = cost;
        record.target = Some(target);
        record.error_code = None;
    });
    Some(Outcome::Whole(answer))
}

#[cfg(test)]
mod tests {
    use super::{Check, why_not};
    use paceline_routing::route::Cascade;

    #[test]
    fn answers_hold_or_say_why_not() {
        let cascade = Cascade { on_empty: true, on_length: true, on_refusal: true, on_invalid_json: true };
        let check = Check { cascade, json: true };
        let chat = |text: &str| format!("{{\"choices\":[{{\"message\":{{\"content\":{text}}}}}]}}");
        let why = |text: &str, finish| why_not(&check, chat(text).as_bytes(), Some(finish));
        assert_eq!(why("\"{\\\"a\\\":1}\"", "stop"), None);
        assert_eq!(why("\"{\\\"a\\\":\"", "stop"), Some("cascade_invalid_json"));
        assert_eq!(why("\"{}\"", "length"), Some("cascade_length"));
        assert_eq!(why("\"  \"", "stop"), Some("cascade_empty"));
        assert_eq!(why("\"{}\"", "content_filter"), Some("cascade_refusal"));
        let plain = Check { json: false, ..check };
        assert_eq!(why_not(&plain, chat("\"hello\"").as_bytes(), Some("stop")), None);
    }
}
