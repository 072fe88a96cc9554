//! Who may use how much, and what is used of it: a key, workspace, tenant, model or provider.

use crate::ledger::AccountName;
use paceline_routing::spend::{Over, Period, Spans, Spend};
use paceline_routing::turnstile::Turnstile;
use paceline_routing::window::Window;
use paceline_types::id::Name;
use paceline_types::money::Cost;
use paceline_types::ports::Calendar;
use paceline_types::rules::{Budget, Limits};
use paceline_types::time::Timestamp;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A caller's key.
    Key,
    /// All keys of a workspace.
    Workspace,
    /// All keys of a tenant.
    Tenant,
    /// A model, whoever calls it.
    Model,
    /// A provider, whatever is called there.
    Provider,
}

impl Kind {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Workspace => "workspace",
            Self::Tenant => "tenant",
            Self::Model => "model",
            Self::Provider => "provider",
        }
    }
}

/// Which rule of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Calls a minute.
    Calls,
    /// Tokens a minute.
    Tokens,
    /// Calls at once.
    Concurrent,
    /// A day's or month's money.
    Budget(Period),
    /// Money, for a call whose price is not known.
    UnknownPrice,
}

/// A scope has no room.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// Whose rule.
    pub(crate) kind: Kind,
    /// Its name.
    pub(crate) name: Name,
    /// Which.
    pub(crate) rule: Rule,
    /// In words: what is used of what, and when there is more.
    pub(crate) words: String,
    /// When it is worth trying again; `None`: never, as it is.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// Whether it is a rule of `scope`.
    pub(crate) fn is_of(&self, scope: &Scope) -> bool {
        (self.kind, &self.name) == (scope.kind, &scope.name)
    }
}

/// What is used of a scope; lives on when the configuration is replaced.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) calls: Mutex<Window>,
    pub(crate) tokens: Mutex<Window>,
    pub(crate) room: Arc<Turnstile>,
    pub(crate) spend: Mutex<Spend>,
    pub(crate) refused: AtomicU64,
    pub(crate) shadowed: AtomicU64,
    /// The end of the period for which it was told that its budget is nearly used.
    soft_told: AtomicI64,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scope with its rules.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) kind: Kind,
    pub(crate) name: Name,
    pub(crate) limits: Limits,
    pub(crate) budget: Budget,
    pub(crate) used: Arc<Used>,
}

/// The calendar of budgets as the rooms that count see it.
#[derive(Clone, Copy)]
pub(crate) struct Days<'a>(pub(crate) &'a dyn Calendar);

impl Spans for Days<'_> {
    fn span(&self, period: Period, at: Timestamp) -> (Timestamp, Timestamp) {
        match period {
            Period::Day => self.0.day(at),
            Period::Month => self.0.month(at),
        }
    }
}

/// What a call needs of a scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    pub(crate) tokens: u64,
    /// `None` where the price is not known.
    pub(crate) money: Option<Cost>,
    /// Whether a call of unknown price is refused where a budget would have to count it.
    pub(crate) refuse_unknown: bool,
    pub(crate) now: Instant,
    pub(crate) wall: Timestamp,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

impl Scope {
    pub(crate) fn refusal(&self, rule: Rule, words: String, retry_after: Option<Duration>) -> Refusal {
        Refusal { kind: self.kind, name: Arc::clone(&self.name), rule, words, retry_after }
    }

    /// Counts a refusal, or what would have been one.
    pub(crate) fn count(&self, is_shadow: bool) {
        let counter = if is_shadow { &self.used.shadowed } else { &self.used.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a call and its tokens out of the windows.
    pub(crate) fn take_windows(&self, demand: &Demand) -> Result<(), Refusal> {
        let now = demand.now;
        self.take_call(now)?;
        let (Some(limit), tokens) = (self.limits.tokens_per_minute, demand.tokens) else { return Ok(()) };
        let Some((used, wait)) = self.take(&self.used.tokens, tokens, limit, now) else { return Ok(()) };
        self.give_call_back(now);
        let words = match wait {
            Some(wait) => format!(
                "{self}: {used} of {limit} tokens a minute are used and this call reserves {tokens}; there is room in {:.1} s",
                wait.as_secs_f64()
            ),
            None => format!(
                "{self}: this call reserves {tokens} tokens, and {limit} a minute are all there is; lower max_tokens or shorten the prompt"
            ),
        };
        Err(self.refusal(Rule::Tokens, words, wait))
    }

    /// Takes a call out of its window, and nothing of any other.
    pub(crate) fn take_call(&self, now: Instant) -> Result<(), Refusal> {
        let Some(limit) = self.limits.calls_per_minute else { return Ok(()) };
        let Some((used, wait)) = self.take(&self.used.calls, 1, limit, now) else { return Ok(()) };
        let seconds = wait.unwrap_or_default().as_secs_f64();
        let words =
            format!("{self}: {used} of {limit} calls a minute are used; there is room in {seconds:.1} s");
        Err(self.refusal(Rule::Calls, words, wait))
    }

    /// Undoes [`Scope::take_call`] of that moment.
    pub(crate) fn give_call_back(&self, at: Instant) {
        if self.limits.calls_per_minute.is_some() {
            locked(&self.used.calls).settle(at, 1, 0, at);
        }
    }

    /// Takes so much out of a window; where there is no room, what is used and when there is.
    fn take(
        &self,
        window: &Mutex<Window>,
        amount: u64,
        limit: u64,
        now: Instant,
    ) -> Option<(u64, Option<Duration>)> {
        let mut window = locked(window);
        let full = window.take(amount, limit, now).err()?;
        if self.limits.shadow {
            window.put(amount, now);
            self.count(true);
            return None;
        }
        Some((window.used(now), full.until.map(|until| until.saturating_duration_since(now))))
    }

    /// Gives a call and its tokens back to the windows, or notes what the call really took.
    pub(crate) fn settle_windows(&self, at: Instant, reserved: u64, actual: Option<u64>, now: Instant) {
        if self.limits.calls_per_minute.is_some() && actual.is_none() {
            locked(&self.used.calls).settle(at, 1, 0, now);
        }
        if self.limits.tokens_per_minute.is_some() {
            locked(&self.used.tokens).settle(at, reserved, actual.unwrap_or(0), now);
        }
    }

    /// Reserves money; with words where a budget is nearly used and that was not told yet.
    pub(crate) fn reserve(&self, demand: &Demand, days: Days<'_>) -> Result<Option<String>, Refusal> {
        let budget = &self.budget;
        if demand.money.is_none() && demand.refuse_unknown && !budget.shadow {
            let words = format!(
                "{self} has a budget, and the price of this model is not known here: add it under [prices], or set budgets.unknown_price = \"allow\""
            );
            return Err(self.refusal(Rule::UnknownPrice, words, None));
        }
        let need = demand.money.unwrap_or_default();
        let mut spend = locked(&self.used.spend);
        match spend.reserve(need, budget, demand.wall, &days) {
            Ok(soft) => {
                let until = spend.day.end;
                drop(spend);
                let is_new = soft && self.used.soft_told.swap(until.0, Ordering::Relaxed) != until.0;
                Ok(is_new.then(|| self.spent_words(days, demand.wall)))
            }
            Err(_) if budget.shadow => {
                spend.reserved_pico = spend.reserved_pico.saturating_add(need.0);
                self.count(true);
                Ok(None)
            }
            Err(over) => {
                let wait = Duration::from_micros((over.resets_at.0 - demand.wall.0).max(0) as u64);
                let wait = (!over.never_fits(need)).then_some(wait);
                Err(self.refusal(Rule::Budget(over.period), over_words(self, &over, need), wait))
            }
        }
    }

    /// How much of the scope's budget is used beyond the share of its period that has passed, 0 to 1.
    pub(crate) fn pressure(&self, wall: Timestamp) -> f64 {
        if self.budget.is_none() { 0.0 } else { locked(&self.used.spend).pressure(&self.budget, wall) }
    }

    fn spent_words(&self, days: Days<'_>, wall: Timestamp) -> String {
        let mut spend = locked(&self.used.spend);
        spend.turn(wall, &days);
        let part = |limit: Option<Cost>, spent: i64, what: &str| {
            limit.map(|limit| format!("${} of ${limit} a {what}", Cost(spent + spend.reserved_pico)))
        };
        let parts = [
            part(self.budget.day, spend.day.spent_pico, "day"),
            part(self.budget.month, spend.month.spent_pico, "month"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn over_words(scope: &Scope, over: &Over, need: Cost) -> String {
    let never = if over.never_fits(need) {
        ", with no room for so much either: lower max_tokens or shorten the prompt"
    } else {
        ""
    };
    format!(
        "{scope}: ${} of ${} a {} are spent and ${} are reserved by calls under way, and this call reserves ${need}; the budget begins anew at {}{never}",
        over.spent,
        over.limit,
        over.period.as_str(),
        over.reserved,
        over.resets_at.rfc3339()
    )
}

/// What is used of all scopes.
#[derive(Debug, Default)]
pub struct Scopes {
    all: Mutex<HashMap<(Kind, Name), Arc<Used>>>,
}

/// Scopes that are known at most: keys, workspaces, tenants, models and providers together.
const MAX_SCOPES: usize = 65_536;

impl Scopes {
    /// What is used of a scope, and whether nothing was known of it.
    pub(crate) fn used(&self, kind: Kind, name: &Name) -> (Arc<Used>, bool) {
        let mut all = locked(&self.all);
        if let Some(used) = all.get(&(kind, Arc::clone(name))) {
            return (Arc::clone(used), false);
        }
        let used = Arc::new(Used::default());
        if all.len() < MAX_SCOPES {
            all.insert((kind, Arc::clone(name)), Arc::clone(&used));
        }
        (used, true)
    }

    /// Adds what an account (tenant, workspace, key) had spent to the scopes that count it.
    pub(crate) fn restore(
        &self,
        (tenant, workspace, key): &AccountName,
        before: &Spend,
        wall: Timestamp,
        days: Days<'_>,
    ) {
        let both: Name = format!("{tenant}/{workspace}").into();
        let all = locked(&self.all);
        for (kind, name) in [(Kind::Key, key), (Kind::Workspace, &both), (Kind::Tenant, tenant)] {
            if let Some(used) = all.get(&(kind, Arc::clone(name))) {
                locked(&used.spend).restore(before, wall, &days);
            }
        }
    }

    /// Forgets scopes that nobody holds any more.
    pub(crate) fn forget_unused(&self) {
        locked(&self.all).retain(|_, used| Arc::strong_count(used) > 1);
    }
}
