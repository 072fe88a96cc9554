//! Where a route decides: what the call asks is read, and the route's decision becomes the plan.

use crate::call::Call;
use crate::headers::put;
use crate::refuse::Fail;
use crate::step::cascade::Check;
use crate::step::read::Ask;
use crate::step::{limits, rights};
use http::header::HeaderName;
use http::{HeaderMap, StatusCode};
use paceline_dialect::asks::Asks;
use paceline_http::clock;
use paceline_routing::decide::{Decided, NoModel};
use paceline_routing::need::{Abilities, BadFeature, Need};
use paceline_routing::plan::Plan;
use paceline_routing::question::Question;
use paceline_routing::route::Route;
use paceline_types::decision::Strategy;
use paceline_types::error::ErrorKind;
use std::hash::Hasher;
use std::sync::Arc;

/// Bytes of a prompt's beginning that are compared, and the shortest body whose beginning a provider may keep.
const PREFIX: usize = 4096;
/// Candidates that a refusal names.
const MAX_SHOWN: usize = 8;

/// What a call keeps of its route until it is answered.
pub(crate) struct Routed {
    pub(crate) route: Arc<Route>,
    prefix: Option<u64>,
    numbers: Vec<u16>,
}

impl Routed {
    /// The plan's target of that number answers: the next call with the same beginning is drawn there.
    pub(crate) fn answered(&self, target: usize) {
        if let (Some(prefix), Some(number)) = (self.prefix, self.numbers.get(target)) {
            self.route.saw(prefix, *number, crate::worker::wall());
        }
    }
}

/// The route that the call's header names.
pub(crate) fn named(call: &Call, headers: &HeaderMap) -> Result<Option<Arc<Route>>, Fail> {
    let Some(name) = text(headers, "x-paceline-route") else { return Ok(None) };
    rights::route(call, name)?;
    let found = call.snapshot.directory.route(name).map(Arc::clone);
    found.map(Some).ok_or_else(|| {
        let names: Vec<String> = call
            .snapshot
            .directory
            .routes()
            .iter()
            .take(MAX_SHOWN)
            .map(|route| format!("`{}`", route.name))
            .collect();
        let there = if names.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are {}", names.join(", "))
        };
        let message = format!("x-paceline-route names no route of this configuration; {there}");
        Fail::refuse(StatusCode::NOT_FOUND, ErrorKind::NotFound, "route_not_found", message)
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

/// Decides a call: the decision goes into its record, the plan is what it comes to.
pub(crate) fn decide(call: &mut Call, ask: &Ask, route: &Arc<Route>) -> Result<Arc<Plan>, Fail> {
    let asks = Asks::of(&ask.body, route.policy.learned.is_some());
    let need = need(call, ask, &asks)?;
    // What is said later of the answer is learned of the kind of work that it was chosen for.
    if let Some(task_type) = need.task_type.as_deref() {
        call.note(|record| record.labels.get_or_insert_default().task_type = Some(task_type.into()));
    }
    let wall = crate::worker::wall();
    let learned = route.policy.learned.as_ref();
    let foresight = learned.map(|model| model.quality(&asks.prompt, need.task_type.as_deref()));
    let question = Question {
        need: &need,
        now: clock::now(),
        at: wall,
        prefix: prefix(&ask.body).filter(|_| route.policy.affinity),
        learned: foresight.as_ref().map(|said| &*said.quality),
        policy: &call.snapshot.config.policy,
    };
    let worker = Arc::clone(&call.worker);
    let decided = route.decide(&question, &mut || worker.chance());
    let prefix = question.prefix;
    let Decided { mut decision, plan, numbers } = decided.map_err(|none| nobody(route, &none))?;
    decision.predicted = foresight.and_then(|said| route.predicted(&decision, said));
    call.routed = Some(Box::new(Routed { route: Arc::clone(route), prefix, numbers }));
    let cascade = route.policy.cascade.filter(|_| !ask.asked.stream && plan.targets.len() > 1);
    call.check = cascade.map(|cascade| Check { cascade, json: asks.json });
    call.note(|record| record.decision = Some(Box::new(decision)));
    Ok(Arc::new(plan))
}

/// What the call asks, by its body, its headers and what its caller may spend.
fn need(call: &mut Call, ask: &Ask, asks: &Asks) -> Result<Need, Fail> {
    let mut need = Need {
        input_tokens: call.request_bytes.div_ceil(4),
        max_tokens: ask.asked.max_tokens,
        checkable: !ask.asked.stream,
        max_latency_ms: limits::allowed(&ask.headers).map(|allowed| allowed.as_secs_f64() * 1000.0),
        ..Need::default()
    };
    for (ability, asked) in [
        (Abilities::VISION, asks.images),
        (Abilities::AUDIO, asks.audio),
        (Abilities::TOOLS, asks.tools),
        (Abilities::SCHEMA, asks.schema),
        (Abilities::REASONING, asks.reasoning),
    ] {
        need.ask(ability, asked);
    }
    if let Some(labels) = call.seen().and_then(|record| record.labels.as_ref()) {
        need.task_type = labels.task_type.as_deref().map(str::to_owned);
        // The calls of a session belong together: none of them is an experiment.
        need.pinned = labels.session.is_some();
    }
    if let Some(features) = text(&ask.headers, "x-paceline-features") {
        need.features(features).map_err(|bad| bad_feature(&bad))?;
    }
    if let Some(generate) = &call.generate {
        for (name, value) in &generate.features {
            need.feature(name, value).map_err(|bad| bad_feature(&bad))?;
        }
    }
    if let Some(strategy) = text(&ask.headers, "x-paceline-strategy") {
        need.feature("strategy", strategy).map_err(|bad| bad_feature(&bad))?;
    }
    need.pinned |=
        need.strategy.is_some() || !need.models.is_empty() || ask.headers.contains_key("idempotency-key");
    if need.strategy.is_none_or(|strategy| strategy == Strategy::Adaptive) {
        let wall = crate::worker::wall();
        let pressure = call.party.scopes.iter().map(|scope| scope.pressure(wall));
        need.budget_pressure = pressure.fold(0.0, f64::max);
    }
    Ok(need)
}

/// Stands for the beginning of a body that is long enough to be kept by a provider.
fn prefix(body: &[u8]) -> Option<u64> {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(body.get(..PREFIX)?);
    Some(hasher.finish())
}

fn bad_feature(bad: &BadFeature) -> Fail {
    let message = format!("feature `{}`: {}", bad.name, bad.what);
    Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "bad_feature", message)
}

/// Nobody may take the call: all reasons, once each.
fn nobody(route: &Route, none: &NoModel) -> Fail {
    let mut words: Vec<String> = none
        .rejected
        .iter()
        .take(MAX_SHOWN)
        .map(|(who, why)| format!("{} {}", who.name, why.words()))
        .collect();
    if none.rejected.len() > MAX_SHOWN {
        words.push(format!("{} more", none.rejected.len() - MAX_SHOWN));
    }
    let message = format!(
        "no model of the route `{}` can take this call: {}; ask for less, or give the route more models",
        route.name,
        words.join("; ")
    );
    Fail::refuse(StatusCode::UNPROCESSABLE_ENTITY, ErrorKind::BadRequest, "no_model_fits", message)
}

/// The headers that tell of the decision.
pub(crate) fn name_answer(call: &Call, headers: &mut HeaderMap) {
    let Some(decision) = call.seen().and_then(|record| record.decision.as_deref()) else { return };
    put(headers, HeaderName::from_static("x-paceline-route"), &decision.route);
    put(headers, HeaderName::from_static("x-paceline-reason"), &decision.reasoning());
}
