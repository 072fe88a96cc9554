//! What the caller may use: reserved before anything is sent, for its key, workspace and tenant, and for each model and
//! provider that is asked.

use crate::call::Call;
use crate::gateway::Party;
use crate::headers::put;
use crate::lease::{Leases, Told, told_of};
use crate::refuse::Fail;
use crate::scope::{Demand, Refusal, Rule, Scope};
use http::header::HeaderName;
use http::{HeaderMap, StatusCode};
use paceline_http::clock;
use paceline_routing::plan::Target;
use paceline_types::error::ErrorKind;
use paceline_types::money::Cost;
use paceline_types::price::{Price, Tariff};
use paceline_types::rules::Priority;
use paceline_types::tokens::Usage;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Generated tokens that are reserved where neither the call nor experience says how many.
const USUAL_OUTPUT: u64 = 1000;
/// A wait up to which an SDK's own further try is better than an error.
pub(crate) const SHORT_WAIT: Duration = Duration::from_mins(1);

/// What a request asks for, as far as limits count it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Bytes of the request.
    pub(crate) bytes: u64,
    /// The output limit, where the call has one.
    pub(crate) max_tokens: Option<u64>,
    /// Whether it generates anything.
    pub(crate) generates: bool,
    /// It costs nothing: a look at a list, say.
    pub(crate) is_free: bool,
}

impl Need {
    /// Tokens that are reserved: about four bytes each in, and what may come out.
    fn tokens(&self, usual: Option<u64>) -> (u64, u64) {
        let output = if self.generates { self.max_tokens.or(usual).unwrap_or(USUAL_OUTPUT) } else { 0 };
        (self.bytes.div_ceil(4), output)
    }

    fn demand_at(&self, call: &Call, target: &Target) -> Demand {
        let usual = target.places.first().and_then(|place| place.load.usual_output());
        self.demand(call, target.price.as_ref(), usual)
    }

    pub(crate) fn demand(&self, call: &Call, price: Option<&Arc<Price>>, usual: Option<u64>) -> Demand {
        let wall = crate::worker::wall();
        let (input_tokens, output_tokens) = self.tokens(usual);
        let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
        let free = self.is_free.then_some(Cost(0));
        let money = free.or_else(|| price?.cost(&usage, wall, Tariff::default()).map(|parts| parts.total()));
        Demand {
            tokens: input_tokens.saturating_add(output_tokens),
            money,
            refuse_unknown: call.snapshot.config.refuse_unknown_price,
            now: clock::now(),
            wall,
        }
    }
}

/// Lets the call in where the caller's scopes have room: for what it would need at the cheapest of `targets`, or, of a raw
/// call, by the price it has. What another one costs more is reserved when it is asked.
pub(crate) async fn caller(call: &mut Call, need: &Need, targets: &[Target]) -> Result<(), Fail> {
    let party = Arc::clone(&call.party);
    if party.scopes.is_empty() {
        return Ok(());
    }
    let began = clock::now();
    let mut leases = Leases::of(call);
    for scope in &party.scopes {
        let entering = leases.enter(scope, call.priority);
        if let Err(refusal) = call.watch.wait(entering).await {
            scope.count(false);
            return Err(refused(&refusal, leases.told(clock::now())));
        }
    }
    note_wait(call, began);
    let demand = least(call, need, targets, leases.has_budget());
    let counted = leases.count(&demand);
    call.told = leases.told(demand.now);
    if let Err(refusal) = counted {
        if let Some(scope) = party.scopes.iter().find(|scope| refusal.is_of(scope)) {
            scope.count(false);
        }
        return Err(refused(&refusal, call.told));
    }
    if leases.has_budget() {
        promise(call, &demand);
    }
    call.callers_leases = leases.len();
    call.leases = Some(leases);
    Ok(())
}

/// Counts a request that is no call and is kept for ever, like a call of its caller's limits of calls a minute.
pub(crate) fn aside(party: &Party) -> Result<(), Fail> {
    let now = clock::now();
    for (at, scope) in party.scopes.iter().enumerate() {
        if let Err(refusal) = scope.take_call(now) {
            party.scopes[..at].iter().for_each(|other| other.give_call_back(now));
            scope.count(false);
            return Err(refused(&refusal, told_of(party.scopes.iter(), now)));
        }
    }
    Ok(())
}

/// What a call needs at least: its tokens at the first target, and the price of the one where it costs least.
fn least(call: &Call, need: &Need, targets: &[Target], has_budget: bool) -> Demand {
    let Some((first, others)) = targets.split_first() else {
        return need.demand(call, call.price.as_ref(), None);
    };
    let mut least = need.demand_at(call, first);
    for target in others.iter().filter(|_| has_budget) {
        let money = need.demand_at(call, target).money;
        // Where a price that is not known is let in, it counts as nothing.
        least.money = match (least.money, money) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) if least.refuse_unknown => one.or(other),
            _ => None,
        };
    }
    least
}

/// The account keeps what is reserved at most, so that it counts as spent should the process be killed.
fn promise(call: &mut Call, demand: &Demand) {
    let more = Cost((demand.money.unwrap_or_default().0 - call.promised.0).max(0));
    call.party.account.promise(more);
    call.promised = Cost(call.promised.0 + more.0);
}

/// Lets the call go to a target where its model and provider have room, and the caller's budgets have room for its price.
/// What was taken for the target before is given back. `waits`: there is no other target, so room is waited for.
pub(crate) async fn target(call: &mut Call, target: &Target, need: &Need, waits: bool) -> Result<(), Fail> {
    let snapshot = Arc::clone(&call.snapshot);
    let scopes = [
        snapshot.model_scopes.get(&target.deployment.model),
        snapshot.provider_scopes.get(target.provider).and_then(Option::as_ref),
    ];
    leave_target(call);
    if call.leases.is_none() && scopes.iter().all(Option::is_none) {
        return Ok(());
    }
    let demand = need.demand_at(call, target);
    enter(call, scopes, &demand, waits).await
}

/// Lets a raw call go to a provider where that has room.
pub(crate) async fn provider(call: &mut Call, provider: usize, need: &Need) -> Result<(), Fail> {
    let snapshot = Arc::clone(&call.snapshot);
    let scope = snapshot.provider_scopes.get(provider).and_then(Option::as_ref);
    if scope.is_none() {
        return Ok(());
    }
    let price = call.price.clone();
    let demand = need.demand(call, price.as_ref(), None);
    enter(call, [None, scope], &demand, true).await
}

/// Takes what a call needs of the scopes of its target.
async fn enter(
    call: &mut Call,
    scopes: [Option<&Arc<Scope>>; 2],
    demand: &Demand,
    waits: bool,
) -> Result<(), Fail> {
    let began = clock::now();
    let empty = Leases::of(call);
    let leases = call.leases.get_or_insert(empty);
    let entered = match leases.raise(demand) {
        Ok(()) => {
            if leases.has_budget() {
                promise(call, demand);
            }
            enter_scopes(call, scopes, demand, waits).await
        }
        refused => refused,
    };
    note_wait(call, began);
    entered.map_err(|refusal| {
        for scope in scopes.into_iter().flatten().filter(|scope| refusal.is_of(scope)) {
            scope.count(false);
        }
        refused(&refusal, [None, None])
    })
}

async fn enter_scopes(
    call: &mut Call,
    scopes: [Option<&Arc<Scope>>; 2],
    demand: &Demand,
    waits: bool,
) -> Result<(), Refusal> {
    let Some(leases) = &mut call.leases else { return Ok(()) };
    let own = leases.len();
    for scope in scopes.into_iter().flatten() {
        let entering = async {
            if waits {
                return leases.enter(scope, call.priority).await;
            }
            leases.try_enter(scope)
        };
        let entered = call.watch.wait(entering).await;
        entered.inspect_err(|_| leases.give_back_to(own))?;
    }
    leases.count(demand).inspect_err(|_| leases.give_back_to(own))
}

/// A wait that was one is in the record.
fn note_wait(call: &mut Call, began: Instant) {
    if clock::now().saturating_duration_since(began) > Duration::from_millis(1) {
        call.note_queue(began);
    }
}

/// Gives back what was taken for the target before.
pub(crate) fn leave_target(call: &mut Call) {
    let own = call.callers_leases;
    if let Some(leases) = &mut call.leases {
        leases.give_back_to(own.min(leases.len()));
    }
}

/// Batch work where the caller says so: a call may only wait longer than its key, never less.
pub(crate) fn priority(call: &mut Call, headers: &HeaderMap) {
    let asked = headers.get("x-paceline-priority").and_then(|value| value.to_str().ok());
    let asked = asked.and_then(Priority::parse).unwrap_or_default();
    call.priority = call.party.rights.priority.min(asked);
}

fn refused(refusal: &Refusal, told: [Option<Told>; 2]) -> Fail {
    let code = match refusal.rule {
        Rule::Calls | Rule::Tokens => "rate_limit_exceeded",
        Rule::Concurrent => "concurrency_limit_exceeded",
        Rule::Budget(_) => "budget_exceeded",
        Rule::UnknownPrice => "price_unknown",
    };
    let status = match refusal.rule {
        Rule::UnknownPrice => StatusCode::FORBIDDEN,
        _ => StatusCode::TOO_MANY_REQUESTS,
    };
    let kind = if status == StatusCode::FORBIDDEN { ErrorKind::Forbidden } else { ErrorKind::RateLimited };
    let mut fail = Fail::refuse(status, kind, code, refusal.words.clone());
    fail.retry_after_ms = refusal.retry_after.map(|wait| wait.as_millis() as u64);
    fail.should_retry = Some(refusal.retry_after.is_some_and(|wait| wait <= SHORT_WAIT));
    fail.told = Some(Box::new(told));
    fail
}

/// `x-ratelimit-*`, as OpenAI's clients read them.
pub(crate) fn tell(headers: &mut HeaderMap, told: &[Option<Told>; 2]) {
    for (what, told) in ["requests", "tokens"].into_iter().zip(told) {
        let Some(told) = told else { continue };
        let parts = [
            ("limit", told.limit.to_string()),
            ("remaining", told.left.to_string()),
            ("reset", format!("{}ms", told.reset_ms)),
        ];
        for (part, value) in parts {
            if let Ok(name) = HeaderName::try_from(format!("x-ratelimit-{part}-{what}")) {
                put(headers, name, &value);
            }
        }
    }
}
