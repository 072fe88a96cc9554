//! Steps between the caller's bytes and the provider.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use paceline_dialect::asks::Asks;
use paceline_dialect::openai::request;
use paceline_gateway::framing::Framing;
use paceline_routing::confidence::confidence;
use paceline_routing::need::Need;
use paceline_routing::place::Policy;
use paceline_routing::question::Question;
use paceline_types::id::CallId;
use paceline_types::time::Timestamp;

use super::Ledger;
use super::fixtures::{self, Names};
use crate::error::{Context, Result};
use crate::payload;

/// The longest head taken, as Paceline's default.
const MAX_HEAD: usize = 64 * 1024;
/// The wish for usage and another name for the model: a streamed call whose caller asked for neither.
const EDITED: &str = "edits: another name for the model, usage asked for";

pub(super) fn add(ledger: &mut Ledger) -> Result<()> {
    let wire = fixtures::sdk_request();
    let mut framing = Framing::new(MAX_HEAD);
    ledger.step("framing guard over an SDK's request (17 header lines)", "call", 1, || {
        framing.feed(black_box(&wire))
    });

    let small = payload::request("small", false, false, false).into_bytes();
    let stream = payload::request("burst", false, true, false).into_bytes();
    let big = payload::request("big", true, false, false).into_bytes();
    let read = |body: &[u8]| request::read(body).map_err(|error| crate::error::Error(error.to_string()));
    read(&small).context("small request")?;
    read(&big).context("big request")?;
    ledger.step("request scan, small (0.2 KB)", "call", 1, || request::read(black_box(&small)));
    ledger.step("request scan, 100 KB prompt", "call", 1, || request::read(black_box(&big)));
    let asked = read(&small)?;
    ledger.step("edits: none", "call", 1, || asked.edits(black_box("small"), false));
    let asked = read(&stream)?;
    ledger.step(EDITED, "call", 1, || asked.edits(black_box("upstream"), true));

    for (step, models) in [("directory: find one of 4 models", 4), ("directory: find one of 400 models", 400)]
    {
        let directory = fixtures::directory(models);
        let name = format!("model-{}", models - 1);
        directory.find(&name).ok().context("the directory has its models")?;
        ledger.step(step, "call", 1, || directory.find(black_box(&name)));
    }

    routes(ledger, &small)?;

    ledger.step("clock, monotonic", "read", 1, Instant::now);
    ledger.step("clock, wall", "read", 1, SystemTime::now);
    let mut count = 0;
    ledger.step("call id, made", "call", 1, || {
        count += 1;
        CallId::new(black_box(1_790_000_000_000), count, 7)
    });
    let id = CallId::new(1_790_000_000_000, 12_345, 7);
    ledger.step("call id, as text", "call", 1, || black_box(id).encode());
    let names = Names::new();
    ledger.step("record: made, filled and dropped", "call", 1, || {
        count += 1;
        names.record(count, false)
    });
    Ok(())
}

/// What a call adds whose model a route decides.
fn routes(ledger: &mut Ledger, body: &[u8]) -> Result<()> {
    ledger.step("route: what the call asks, small (0.2 KB)", "routed call", 1, || {
        Asks::of(black_box(body), false)
    });
    let (need, policy) = (Need { input_tokens: 200, ..Need::default() }, Policy::default());
    let at = Timestamp::from_millis(1_790_000_000_000);
    for (step, candidates) in [("route: decide, 4 candidates", 4), ("route: decide, 20 candidates", 20)] {
        let route = fixtures::route(candidates);
        let now = Instant::now();
        let question = Question { need: &need, now, at, prefix: None, learned: None, policy: &policy };
        let decided = route.decide(&question, &mut || 0.5).ok().context("somebody may take it")?;
        ledger.step(step, "routed call", 1, || route.decide(black_box(&question), &mut || 0.5));
        if candidates == 20 {
            ledger.step("route: confidence, 20 candidates (by the recorder)", "routed call", 1, || {
                confidence(black_box(&decided.decision))
            });
        }
    }
    Ok(())
}
