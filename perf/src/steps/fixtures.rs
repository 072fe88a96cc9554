//! What the steps work on: heads, bodies, events and records as calls bring them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use paceline_routing::chain::{Chain, Link, Place};
use paceline_routing::directory::{Directory, ModelEntry, ProviderEntry};
use paceline_routing::plan::Patience;
use paceline_types::deployment::Deployment;
use paceline_types::id::CallId;
use paceline_types::ports::PriceBook;
use paceline_types::price::{Price, Rate, Rates};
use paceline_types::record::{
    Attempt, AttemptReason, CacheState, CallRecord, Caller, Dialect, Operation, Status,
};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::{Usage, UsageSource};

use crate::payload;

/// A request as the official Python client sends it: head and small body.
pub(super) fn sdk_request() -> Vec<u8> {
    let body = payload::request("small", false, false, false);
    let mut head = String::from("POST /v1/chat/completions HTTP/1.1\r\n");
    for line in [
        "Host: 127.0.0.1:8420",
        "Accept-Encoding: gzip, deflate",
        "Connection: keep-alive",
        "Accept: application/json",
        "Content-Type: application/json",
        "User-Agent: OpenAI/Python 2.8.1",
        "X-Stainless-Lang: python",
        "X-Stainless-Package-Version: 2.8.1",
        "X-Stainless-OS: Linux",
        "X-Stainless-Arch: x64",
        "X-Stainless-Runtime: CPython",
        "X-Stainless-Runtime-Version: 3.12.4",
        "Authorization: Bearer sk-not-a-secret-0123456789abcdef",
        "X-Stainless-Async: false",
        "x-stainless-retry-count: 0",
        "x-stainless-read-timeout: 600",
    ] {
        let _ = write!(head, "{line}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n{body}", body.len());
    head.into_bytes()
}

/// Content events that differ from their neighbours only in their text.
pub(super) fn like_events() -> Vec<Vec<u8>> {
    payload::events()[1..payload::EVENTS - 1].iter().map(|event| event.clone().into_bytes()).collect()
}

/// Content events that end in padding of varying length, as OpenAI sends them unless it is asked not to.
pub(super) fn padded_events() -> Vec<Vec<u8>> {
    let padding =
        |at: usize| (0..=at * 7 % 16).map(move |place| char::from(b'a' + (at * 11 + place * 5) as u8 % 26));
    let padded = |(at, event): (usize, Vec<u8>)| {
        let text = String::from_utf8_lossy(&event).replacen("}\n\n", "", 1);
        let padding: String = padding(at).collect();
        format!("{text},\"obfuscation\":\"{padding}\"}}\n\n").into_bytes()
    };
    like_events().into_iter().enumerate().map(padded).collect()
}

/// Content events that differ from their neighbours outside their text too, so that each has to be read.
pub(super) fn unlike_events() -> Vec<Vec<u8>> {
    let events = payload::events();
    let numbered = events[1..payload::EVENTS - 1].iter().enumerate();
    numbered
        .map(|(at, event)| {
            event.replace("\"created\":1790000000", &format!("\"created\":{}", 1790000000 + at))
        })
        .map(String::into_bytes)
        .collect()
}

/// A burst as it stands on the wire: every event in a chunk of its own, and the end.
pub(super) fn chunked_burst() -> Vec<u8> {
    let mut wire = Vec::new();
    for event in burst().split_inclusive("\n\n") {
        crate::wire::put_chunk(&mut wire, event.as_bytes());
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// The events of a burst, usage and end mark included.
pub(super) fn burst() -> String {
    payload::events().concat() + &payload::stream_end(true)
}

/// A directory of two providers and `models` models.
pub(super) fn directory(models: usize) -> Directory {
    let patience = Patience::even(Duration::from_secs(1));
    let provider = |name: &str| ProviderEntry {
        name: name.into(),
        keys: vec![0],
        region: None,
        model_prefixes: &["gpt-", "o1", "o3"],
        patience,
    };
    let chain = |at: usize| {
        let upstream = format!("upstream-{at}").as_str().into();
        let place = Place { provider: at % 2, upstream, patience, weight: 1 };
        let model = format!("model-{at}").as_str().into();
        Chain { links: vec![Link { model, places: vec![place] }], ..Chain::default() }
    };
    let entry = |at: usize| ModelEntry {
        name: format!("model-{at}").as_str().into(),
        aliases: Vec::new(),
        chain: chain(at),
        limits: paceline_types::rules::Limits::default(),
    };
    let models: Vec<ModelEntry> = (0..models).map(entry).collect();
    let fleet = Arc::new(paceline_routing::place::Fleet::new(std::time::Instant::now()));
    Directory::new(vec![provider("one"), provider("two")], &models, Arc::new(Listed), fleet)
}

/// A route of `candidates` models that have all been called.
pub(super) fn route(candidates: usize) -> Arc<paceline_routing::route::Route> {
    use paceline_routing::board::Board;
    use paceline_routing::estimate::Prior;
    use paceline_routing::need::Abilities;
    use paceline_routing::route::{CandidateEntry, RouteEntry, RoutePolicy};
    let patience = Patience::even(Duration::from_secs(1));
    let provider =
        ProviderEntry { name: "one".into(), keys: vec![0], region: None, model_prefixes: &[], patience };
    let candidate = |at: usize| {
        let name = format!("model-{at}");
        let place = Place { provider: 0, upstream: name.as_str().into(), patience, weight: 1 };
        CandidateEntry {
            link: Link { model: name.as_str().into(), places: vec![place] },
            pick: paceline_routing::plan::Pick::First,
            can: Abilities::ALL,
            context: Some(128_000),
            max_output: Some(16_384),
            prior: Prior {
                ttft_ms: 200.0 + 40.0 * at as f64,
                tpot_ms: 4.0 + at as f64,
                quality: 0.6 + 0.015 * at as f64,
            },
            learned: None,
        }
    };
    let entry = RouteEntry {
        name: "auto".into(),
        aliases: Vec::new(),
        candidates: (0..candidates).map(candidate).collect(),
        fallback: Vec::new(),
        fallback_on_content_filter: false,
        policy: RoutePolicy::default(),
        baseline: None,
    };
    let fleet = Arc::new(paceline_routing::place::Fleet::new(std::time::Instant::now()));
    let board = Board::default();
    let directory = Directory::new(vec![provider], &[], Arc::new(Listed), fleet).with_routes(
        &[entry],
        &board,
        Timestamp::from_millis(1_790_000_000_000),
    );
    Arc::clone(directory.routes()[0])
}

/// Every model costs the same.
#[derive(Debug)]
struct Listed;

impl PriceBook for Listed {
    fn price(&self, _: &str, _: &str) -> Option<Arc<Price>> {
        let rates = Rates { input: Rate(150_000), output: Rate(600_000), ..Rates::default() };
        Some(Arc::new(Price::always(rates)))
    }
}

/// The names a record shares with others.
pub(super) struct Names {
    caller: Arc<Caller>,
    deployment: Arc<Deployment>,
}

impl Names {
    pub(super) fn new() -> Self {
        let default: Arc<str> = "default".into();
        let caller = Arc::new(Caller { tenant: Arc::clone(&default), workspace: default, key: None });
        let deployment = Arc::new(Deployment {
            name: "bench/small".into(),
            provider: "bench".into(),
            model: "small".into(),
            upstream_model: "small".into(),
            region: None,
        });
        Self { caller, deployment }
    }

    /// The record of an answered call, streamed or not; `count` varies its durations as those of real calls vary.
    pub(super) fn record(&self, count: u64, stream: bool) -> Box<CallRecord> {
        let at = |ns: u64| Offset(ns + count % 997 * 1_000);
        let mut attempt = Attempt::begin(AttemptReason::First, Arc::clone(&self.deployment), Offset(4_000));
        (attempt.http_status, attempt.head, attempt.ended) = (200, Some(at(400_000)), at(450_000));
        let usage =
            Usage { input_tokens: 42, output_tokens: 62, source: UsageSource::Reported, ..Usage::default() };
        Box::new(CallRecord {
            id: CallId::new(1_790_000_000_000, count, 7),
            started_at: Timestamp::from_millis(1_790_000_000_000),
            caller: Arc::clone(&self.caller),
            labels: None,
            operation: Operation::Chat,
            dialect: Dialect::OpenAi,
            stream,
            decision: None,
            requested_model: Some(Arc::clone(&self.deployment.model)),
            target: Some(Arc::clone(&self.deployment)),
            status: Status::Ok,
            error_kind: None,
            error_code: None,
            http_status: 200,
            finish_reason: Some("stop".into()),
            cache: CacheState::Off,
            usage: Some(usage),
            cost: None,
            duration: at(450_000),
            queue: Offset(0),
            route: Offset(3_000),
            worked: at(15_000),
            first_token: stream.then(|| at(410_000)),
            last_token: stream.then(|| at(445_000)),
            itl_p99: stream.then_some(Offset(900)),
            attempts: vec![attempt],
            quality: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_dialect::openai::stream::ChatStream;
    use paceline_gateway::framing::Framing;

    #[test]
    fn the_fixtures_are_what_the_steps_take_for_real() {
        let mut framing = Framing::new(64 * 1024);
        assert!(framing.feed(&sdk_request()).is_ok());
        assert!(!framing.is_in_head() && !framing.is_in_body());
        for events in [like_events(), padded_events(), unlike_events()] {
            for event in &events {
                let data = event.strip_prefix(b"data: ").unwrap();
                serde_json::from_slice::<serde_json::Value>(data).unwrap();
            }
            let mut stream = ChatStream::new(false);
            assert!(events.iter().all(|event| stream.observe(event).content));
            assert_eq!(stream.learned().content_pieces, events.len() as u64);
        }
        assert!(directory(3).find("model-2").is_ok() && directory(3).find("model-3").is_err());
    }
}
