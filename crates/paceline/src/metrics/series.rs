//! What is counted for metrics since start: a fold of records into small fixed tables, with a bound on every family.

use super::space::{ERRORS, STATUSES, Space, error_place};
use super::table::{Room, Table};
use super::{names, otel};
use crate::config::Config;
use paceline_stats::histogram::{DECISION_SECONDS, FIRST_TOKEN_SECONDS, Histogram, SECONDS};
use paceline_types::deployment::Deployment;
use paceline_types::measure;
use paceline_types::record::{CacheState, CallRecord, Caller, Operation, Status};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Series of one family of counters; further ones count under `other`.
pub const MAX_SERIES: usize = 2_000;
/// Series of one family of histograms, each some fifteen lines; further ones count under `other`.
pub const MAX_HISTOGRAMS: usize = 250;

/// Combinations known again by identity.
const RECENT: usize = 16;

/// What a combination of names came to.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Calls by end (as in [`STATUSES`]) and what went wrong.
    pub calls: [[u64; ERRORS]; STATUSES.len()],
    /// Attempts by what went wrong.
    pub attempts: [u64; ERRORS],
    /// Tokens: input, output, cache read, reasoning.
    pub tokens: [u64; 4],
    /// Cost in pico-dollars.
    pub cost_pico: i128,
    /// Calls that used tokens and whose cost is not known.
    pub cost_unknown: u64,
    /// Decisions that chose a target.
    pub routed: u64,
    /// Seconds of whole answers.
    pub duration: Histogram,
    /// Seconds to the first token.
    pub first_token: Histogram,
    /// Seconds of Paceline's own work.
    pub overhead_seconds: f64,
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            calls: [[0; ERRORS]; STATUSES.len()],
            attempts: [0; ERRORS],
            tokens: [0; 4],
            cost_pico: 0,
            cost_unknown: 0,
            routed: 0,
            duration: Histogram::new(&SECONDS),
            first_token: Histogram::new(&FIRST_TOKEN_SECONDS),
            overhead_seconds: 0.0,
        }
    }
}

/// Where the series of a deployment, a caller and an operation stand.
#[derive(Clone, Copy, Debug)]
struct At {
    own: usize,
    /// `None` where OpenTelemetry has no name for the operation.
    otel: Option<usize>,
}

/// What the newest records were about, known again by identity: looking up four names costs ten times as much as
/// counting. An entry keeps its two objects, so that their addresses cannot come to mean something else.
#[derive(Clone, Debug, Default)]
struct Recent {
    entries: Vec<(Arc<Deployment>, Arc<Caller>, Operation, At)>,
    /// Whose place is given to the next one.
    oldest: usize,
}

impl Recent {
    fn find(&self, deployment: &Arc<Deployment>, caller: &Arc<Caller>, operation: Operation) -> Option<At> {
        let same = |(d, c, o, _): &&(Arc<Deployment>, Arc<Caller>, Operation, At)| {
            Arc::ptr_eq(d, deployment) && Arc::ptr_eq(c, caller) && *o == operation
        };
        self.entries.iter().find(same).map(|(_, _, _, at)| *at)
    }

    fn put(&mut self, deployment: &Arc<Deployment>, caller: &Arc<Caller>, operation: Operation, at: At) {
        let entry = (Arc::clone(deployment), Arc::clone(caller), operation, at);
        match self.entries.get_mut(self.oldest) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.oldest = (self.oldest + 1) % RECENT;
    }
}

/// The bounds of our own families whose series are more than cells.
#[derive(Clone, Debug)]
struct Rooms {
    calls: Room,
    attempts: Room,
    duration: Room,
    first_token: Room,
}

/// Everything counted.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Whose names are told apart.
    pub space: Space,
    /// Our own families.
    pub own: Table<Cell>,
    rooms: Rooms,
    recent: Recent,
    /// OpenTelemetry's families.
    pub otel: otel::Counts,
    /// Calls that the response cache answered.
    pub cache_hits: u64,
    /// Calls that the response cache was asked for and could not answer.
    pub cache_misses: u64,
    /// Seconds of decisions: what to do with a call, and where it goes. There is no response cache yet, so the choice of
    /// the target is all of it.
    pub decisions: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        let rooms = Rooms {
            calls: Room::new(names::CALLS.name, MAX_SERIES),
            attempts: Room::new(names::ATTEMPTS.name, MAX_SERIES),
            duration: Room::new(names::DURATION.name, MAX_HISTOGRAMS),
            first_token: Room::new(names::FIRST_TOKEN.name, MAX_HISTOGRAMS),
        };
        Self {
            space: Space::default(),
            own: Table::new("paceline"),
            rooms,
            recent: Recent::default(),
            otel: otel::Counts::default(),
            cache_hits: 0,
            cache_misses: 0,
            decisions: Histogram::new(&DECISION_SECONDS),
        }
    }
}

/// Whether the response cache was asked, and if so whether it answered. A call that the cache did not look at is neither
/// a hit nor a miss.
const fn cache_answered(state: CacheState) -> Option<bool> {
    match state {
        CacheState::Off => None,
    }
}

impl Counts {
    /// Takes in the names of a configuration; what was counted stays.
    pub fn configured(&mut self, config: &Config) {
        self.space.configured(config);
        // A name may have a place of its own now.
        self.recent = Recent::default();
    }

    /// Takes in tenants besides.
    pub fn tenants<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.space.add(std::iter::empty(), std::iter::empty(), names);
        self.recent = Recent::default();
    }

    /// Adds one record.
    pub fn add(&mut self, record: &CallRecord) {
        let at = match &record.target {
            Some(target) => self.at(target, record),
            None => self.at_nobody(record),
        };
        let (status, error) = (record.status as usize, error_place(record.error_kind));
        *self.own.slot(at.own, &mut self.rooms.calls, |cell| &mut cell.calls[status][error]) += 1;
        for attempt in &record.attempts {
            let at = self.at(&attempt.deployment, record);
            let error = error_place(attempt.error_kind);
            *self.own.slot(at.own, &mut self.rooms.attempts, |cell| &mut cell.attempts[error]) += 1;
            if let Some(otel) = at.otel {
                self.otel.add_attempt(otel, record.operation, attempt);
            }
        }
        self.add_sums(at.own, record);
        self.add_times(at.own, record);
        if let Some(otel) = at.otel {
            self.otel.add_call(otel, record);
        }
    }

    fn at(&mut self, deployment: &Arc<Deployment>, record: &CallRecord) -> At {
        let (caller, operation) = (&record.caller, record.operation);
        if let Some(at) = self.recent.find(deployment, caller, operation) {
            return at;
        }
        let key = self.space.key(&deployment.provider, &deployment.model, &caller.tenant, operation);
        let at = At { own: self.own.place(key), otel: self.otel.place(self.space.otel(key), operation) };
        self.recent.put(deployment, caller, operation, at);
        at
    }

    /// Where calls without a target count.
    fn at_nobody(&mut self, record: &CallRecord) -> At {
        let key = self.space.key("", "", &record.caller.tenant, record.operation);
        At { own: self.own.place(key), otel: None }
    }

    fn add_sums(&mut self, at: usize, record: &CallRecord) {
        let cell = self.own.cell(at);
        if let Some(usage) = &record.usage {
            let counts =
                [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens];
            for (sum, count) in cell.tokens.iter_mut().zip(counts) {
                *sum += count;
            }
            match record.cost {
                Some(cost) => cell.cost_pico += i128::from(cost.0),
                None => cell.cost_unknown += 1,
            }
        }
        cell.overhead_seconds += measure::overhead_ms(record) / 1000.0;
        // A path that names its provider leaves nothing to decide; a model that nobody knows has no target.
        if record.operation != Operation::Passthrough && record.route.0 > 0 {
            cell.routed += 1;
            self.decisions.add(record.route.ms() / 1000.0);
        }
        match cache_answered(record.cache) {
            Some(true) => self.cache_hits += 1,
            Some(false) => self.cache_misses += 1,
            None => {}
        }
    }

    fn add_times(&mut self, at: usize, record: &CallRecord) {
        if record.status == Status::Ok {
            let seconds = record.duration.ms() / 1000.0;
            self.own.slot(at, &mut self.rooms.duration, |cell| &mut cell.duration).add(seconds);
        }
        if let Some(ms) = measure::ttft_ms(record) {
            self.own.slot(at, &mut self.rooms.first_token, |cell| &mut cell.first_token).add(ms / 1000.0);
        }
    }

    /// All bounds.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        let Rooms { calls, attempts, duration, first_token } = &self.rooms;
        [self.own.room(), calls, attempts, duration, first_token].into_iter().chain(self.otel.rooms())
    }
}

/// The counts, shared.
#[derive(Debug, Default)]
pub struct Series {
    counts: Mutex<Counts>,
}

impl Series {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the names of a configuration; what was counted stays.
    pub fn configured(&self, config: &Config) {
        self.lock().configured(config);
    }

    /// Takes in tenants besides.
    pub fn tenants<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.lock().tenants(names);
    }

    /// Adds records.
    pub fn fold<'a>(&self, records: impl Iterator<Item = &'a CallRecord>) {
        let mut counts = self.lock();
        records.for_each(|record| counts.add(record));
    }

    /// What is counted now: a copy, so that writing a page does not keep the recorder waiting.
    pub fn now(&self) -> Counts {
        self.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::MAX_CELLS;
    use super::*;
    use paceline_types::error::ErrorKind;
    use paceline_types::id::CallId;
    use paceline_types::record::{Attempt, AttemptReason, Dialect};
    use paceline_types::time::{Offset, Timestamp};

    fn deployment(provider: &str, model: &str) -> Arc<Deployment> {
        let name = format!("{provider}/{model}");
        Arc::new(Deployment {
            name: name.into(),
            provider: provider.into(),
            model: model.into(),
            upstream_model: model.into(),
            region: None,
        })
    }

    fn record(provider: &str, model: &str, tenant: &str) -> CallRecord {
        let caller = Caller { tenant: tenant.into(), workspace: "w".into(), key: None };
        let target = deployment(provider, model);
        let attempt = Attempt::begin(AttemptReason::First, Arc::clone(&target), Offset(1_000));
        CallRecord {
            id: CallId::new(0, 0, 0),
            started_at: Timestamp(0),
            caller: Arc::new(caller),
            labels: None,
            operation: Operation::Chat,
            dialect: Dialect::OpenAi,
            stream: false,
            requested_model: None,
            decision: None,
            target: Some(target),
            status: Status::Ok,
            error_kind: None,
            error_code: None,
            http_status: 200,
            finish_reason: None,
            cache: CacheState::Off,
            usage: None,
            cost: None,
            duration: Offset(5_000_000),
            queue: Offset(0),
            route: Offset(30_000),
            worked: Offset(40_000),
            first_token: None,
            last_token: None,
            itl_p99: None,
            attempts: vec![attempt],
            quality: None,
        }
    }

    fn counts(models: &[String]) -> Counts {
        let mut counts = Counts::default();
        let providers = [("a", "openai"), ("b", "groq")];
        counts.space.add(providers.into_iter(), models.iter().map(String::as_str), ["t"].into_iter());
        counts
    }

    fn calls(counts: &Counts) -> u64 {
        counts.own.sorted().into_iter().flat_map(|(_, cell)| cell.calls.as_flattened()).sum()
    }

    #[test]
    fn each_attempt_counts_for_the_provider_that_was_tried() {
        let mut counts = counts(&["m".into()]);
        let mut call = record("b", "m", "t");
        let mut first = Attempt::begin(AttemptReason::First, deployment("a", "m"), Offset(0));
        first.error_kind = Some(ErrorKind::RateLimited);
        call.attempts.insert(0, first);
        counts.add(&call);
        let found: Vec<_> = counts.own.sorted();
        let [(a, failed), (b, served)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((counts.space.own(*a)[0].1, counts.space.own(*b)[0].1), ("a", "b"));
        assert_eq!(failed.attempts[error_place(Some(ErrorKind::RateLimited))], 1);
        assert_eq!((served.attempts[0], served.calls[0][0], failed.calls[0][0]), (1, 1, 0));
        assert_eq!((served.routed, failed.routed, counts.decisions.count()), (1, 0, 1));
    }

    #[test]
    fn a_decision_is_a_choice_among_models() {
        let mut counts = counts(&["m".into()]);
        let mut passed = record("a", "", "t");
        passed.operation = Operation::Passthrough;
        let mut unknown = record("a", "m", "t");
        (unknown.target, unknown.route) = (None, Offset(0));
        for record in [&passed, &unknown, &record("a", "m", "t")] {
            counts.add(record);
        }
        assert_eq!((counts.decisions.count(), calls(&counts)), (1, 3));
        assert_eq!((counts.cache_hits, counts.cache_misses), (0, 0), "a call without a cache is no miss");
    }

    #[test]
    fn every_family_is_bounded_and_no_count_is_lost() {
        let names: Vec<String> = (0..MAX_CELLS + 200).map(|at| format!("m{at}")).collect();
        let mut counts = counts(&names);
        let mut sent = 0;
        for name in &names {
            let mut call = record("a", name, "t");
            for error in ErrorKind::ALL {
                (call.status, call.error_kind) = (Status::Error, Some(error));
                counts.add(&call);
                sent += 1;
            }
            (call.status, call.error_kind) = (Status::Ok, None);
            counts.add(&call);
            sent += 1;
        }
        assert_eq!(calls(&counts), sent);
        assert_eq!(counts.own.sorted().len(), MAX_CELLS + 1, "and `other`");
        let series = |cell: &Cell| cell.calls.as_flattened().iter().filter(|count| **count > 0).count();
        let all: usize = counts.own.sorted().into_iter().map(|(_, cell)| series(cell)).sum();
        assert_eq!(all, MAX_SERIES + ErrorKind::ALL.len() + 1, "those of `other` besides");
        let whole: Vec<_> = counts
            .own
            .sorted()
            .into_iter()
            .map(|(_, cell)| cell.duration.count())
            .filter(|count| *count > 0)
            .collect();
        assert_eq!((whole.len(), whole.iter().sum::<u64>()), (MAX_HISTOGRAMS + 1, names.len() as u64));
        let dropped = |family| counts.rooms().find(|room| room.family == family).map(|room| room.dropped);
        assert!(dropped("paceline") > Some(0) && dropped(names::CALLS.name) > Some(0));
        assert!(dropped(otel::REQUEST_DURATION.name) > Some(0));
        assert_eq!(dropped(names::FIRST_TOKEN.name), Some(0));
    }
}
