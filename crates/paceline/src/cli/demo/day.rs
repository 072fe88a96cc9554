//! The simulated day before now, with what can go wrong in one: a provider that is down, one that asks for fewer calls, a
//! slow hour, and a budget that is nearly used.

use super::cast::{MODELS, PLACES, PLAYERS, Player, callers, pick, requested};
use crate::fill::{Dice, Draft, Ending, Filled, made, write};
use paceline_store::error::StoreError;
use paceline_store::store::{Account, AccountName, Accounts, Spent};
use paceline_types::deployment::Deployment;
use paceline_types::error::ErrorKind;
use paceline_types::id::Name;
use paceline_types::record::{Attempt, AttemptReason, CallRecord, Caller, Labels, Status};
use paceline_types::time::{Offset, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// What went wrong: from, until, in milliseconds before now.
const OUTAGE: (u64, u64) = (9 * HOUR, 9 * HOUR - 40 * 60_000);
const CROWDED: (u64, u64) = (5 * HOUR, 4 * HOUR);
const SLOW: (u64, u64) = (15 * HOUR, 14 * HOUR);
/// For people.
pub(super) const INCIDENTS: [&str; 3] = [
    "15 h ago sim-north was slow for an hour",
    "9 h ago sim-north was down for 40 min: others answered",
    "5 h ago sim-east asked for fewer calls for an hour",
];

/// How many tries end in a failure while a provider is down, and how often one asks to wait while it is crowded: of 100.
const DOWN: u64 = 92;
const REFUSES: u64 = 35;

/// What is shared by many records.
struct Day {
    dice: Dice,
    callers: Vec<Arc<Caller>>,
    requested: Vec<Name>,
    /// By index of [`MODELS`], then by index of [`PLACES`].
    deployments: Vec<Vec<Arc<Deployment>>>,
    now: u64,
}

/// The places as records name them: the model is as callers know it.
fn deployments() -> Vec<Vec<Arc<Deployment>>> {
    let of = |(name, _): &(&'static str, &[usize])| {
        PLACES
            .iter()
            .map(|place| Arc::new(Deployment { model: (*name).into(), ..place.deployment() }))
            .collect()
    };
    MODELS.iter().map(of).collect()
}

/// What the callers of the day have used.
#[derive(Default)]
pub(super) struct Used(BTreeMap<AccountName, Account>);

impl Used {
    fn count(&mut self, record: &CallRecord, day: Timestamp, month: Timestamp) {
        let caller = &record.caller;
        let name = (
            caller.tenant.clone(),
            caller.workspace.clone(),
            caller.key.clone().unwrap_or_else(|| "".into()),
        );
        let account = self.0.entry(name).or_default();
        account.calls += 1;
        let usage = record.usage.unwrap_or_default();
        account.input_tokens += usage.input_tokens;
        account.output_tokens += usage.output_tokens;
        let cost = record.cost.map_or(0, |cost| cost.0);
        account.cost_pico += cost;
        let spent = &mut account.spent;
        (spent.day_start, spent.month_start) = (day, month);
        spent.day_pico += if record.started_at >= day { cost } else { 0 };
        spent.month_pico += if record.started_at >= month { cost } else { 0 };
    }

    fn accounts(&self) -> Accounts {
        self.0.iter().map(|(name, account)| (name.clone(), account.clone())).collect()
    }

    /// Dollars that a key has spent today.
    pub(super) fn today_usd(&self, key: &str) -> f64 {
        let spent = |spent: &Spent| spent.day_pico as f64 / 1e12;
        self.0.iter().filter(|(name, _)| &*name.2 == key).map(|(_, account)| spent(&account.spent)).sum()
    }
}

/// Writes `count` records of the last 24 hours into `data`; stops early when `stop` is set.
///
/// `day` and `month` are when those of budgets began.
///
/// # Errors
/// When the folder cannot be used or its disk does not take them.
pub(super) fn write_day(
    data: &Path,
    count: u64,
    (day, month): (Timestamp, Timestamp),
    stop: &AtomicBool,
) -> Result<(Filled, Used), StoreError> {
    let now = crate::recorder::now().millis() as u64;
    let mut maker =
        Day { dice: Dice(now), callers: callers(), requested: requested(), deployments: deployments(), now };
    let used = std::cell::RefCell::new(Used::default());
    let records = (0..count).take_while(|_| !stop.load(Ordering::Relaxed)).map(|n| {
        let record = maker.record(n, now - DAY + moment(n, count));
        used.borrow_mut().count(&record, day, month);
        record
    });
    let models = MODELS.iter().map(|model| model.0);
    let filled = write(data, models, records, || used.borrow().accounts(), |_| {})?;
    Ok((filled, used.into_inner()))
}

/// When call `n` of `count` starts, in milliseconds after the first: the day swings, and now is a busy time of it.
fn moment(n: u64, count: u64) -> u64 {
    let part = n as f64 / count.max(1) as f64;
    let tau = std::f64::consts::TAU;
    // The share of calls until `time` is time + sin(2π time) / 4π; its inverse is near enough by a few steps.
    let mut time = part;
    for _ in 0..6 {
        time = part - (tau * time).sin() / (2.0 * tau);
    }
    (time.clamp(0.0, 1.0) * DAY as f64) as u64
}

fn within(ago: u64, (from, until): (u64, u64)) -> bool {
    ago <= from && ago > until
}

impl Day {
    fn record(&mut self, n: u64, ms: u64) -> CallRecord {
        let player = Player::any(&mut self.dice);
        let model = PLAYERS[player].model(&mut self.dice);
        let ago = self.now - ms;
        let mut failed = Vec::new();
        let mut places = MODELS[model].1.iter().copied();
        let mut at = places.next().unwrap_or(0);
        while let Some(kind) = self.failure(at, ago) {
            failed.push((at, kind));
            match places.next() {
                Some(next) => at = next,
                None => break,
            }
        }
        let ended = failed.last().filter(|(place, _)| *place == at).map(|(_, kind)| *kind);
        let ending = match ended {
            Some(ErrorKind::RateLimited) => (Status::Error, ended, 429),
            Some(_) => (Status::Error, ended, 502),
            None => self.ending(),
        };
        let place = PLACES[at];
        let is_slow = place.provider == "sim-north" && within(ago, SLOW);
        let draft = Draft {
            n,
            ms,
            caller: Arc::clone(&self.callers[player]),
            deployment: Arc::clone(&self.deployments[model][at]),
            requested: Arc::clone(&self.requested[model]),
            stream: !place.embeds() && self.dice.below(10) < 7,
            ending,
            slower: if is_slow { 4.0 } else { 1.0 },
        };
        let mut record = made(&mut self.dice, &place, draft, |dice| labels(dice, player, n));
        if ended.is_some() {
            failed.pop();
        }
        for (place, kind) in failed.into_iter().rev() {
            let lost = Offset(self.dice.below(250_000_000) + 20_000_000);
            begun_elsewhere(&mut record, Arc::clone(&self.deployments[model][place]), kind, lost);
        }
        record
    }

    /// Whether a try at a place fails, so many milliseconds before now.
    fn failure(&mut self, place: usize, ago: u64) -> Option<ErrorKind> {
        let roll = self.dice.below(100);
        match PLACES[place].provider {
            "sim-north" if within(ago, OUTAGE) && roll < DOWN => Some(ErrorKind::ProviderFailed),
            "sim-east" if within(ago, CROWDED) && roll < REFUSES => Some(ErrorKind::RateLimited),
            _ if self.dice.below(1000) < 6 => Some(ErrorKind::ProviderFailed),
            _ => None,
        }
    }

    /// How a call ends that a provider answered.
    fn ending(&mut self) -> Ending {
        match self.dice.below(1000) {
            0..=2 => (Status::Partial, Some(ErrorKind::Truncated), 200),
            3..=8 => (Status::Canceled, Some(ErrorKind::Canceled), 200),
            9..=10 => (Status::Error, Some(ErrorKind::Timeout), 504),
            _ => (Status::Ok, None, 200),
        }
    }
}

/// Puts a failed try before the others: all that follows is later by `lost`.
fn begun_elsewhere(record: &mut CallRecord, place: Arc<Deployment>, kind: ErrorKind, lost: Offset) {
    let later = |at: &mut Offset| at.0 += lost.0;
    let begun = record.attempts.first().map_or(Offset(0), |attempt| attempt.started);
    for attempt in &mut record.attempts {
        attempt.reason = AttemptReason::Fallback;
        later(&mut attempt.started);
        later(&mut attempt.ended);
        [&mut attempt.connected, &mut attempt.head, &mut attempt.first_token]
            .into_iter()
            .flatten()
            .for_each(later);
    }
    later(&mut record.duration);
    [&mut record.first_token, &mut record.last_token].into_iter().flatten().for_each(later);
    let mut attempt = Attempt::begin(AttemptReason::First, place, begun);
    attempt.ended = Offset(begun.0 + lost.0);
    attempt.error_kind = Some(kind);
    attempt.http_status = if kind == ErrorKind::RateLimited { 429 } else { 503 };
    attempt.retry_after_ms = (kind == ErrorKind::RateLimited).then_some(8000);
    record.attempts.insert(0, attempt);
}

fn labels(dice: &mut Dice, player: usize, n: u64) -> Labels {
    let player = &PLAYERS[player];
    // About eight calls a session, sessions overlapping.
    let session = (n / 8).saturating_sub(dice.below(12));
    Labels {
        role: Some(player.role(dice).into()),
        task: Some(player.task(dice).into()),
        session: Some(format!("{}-{session:x}", player.workspace).into()),
        user: Some(format!("user-{}", dice.below(400)).into()),
        tags: vec![
            ("simulated".into(), "yes".into()),
            ("env".into(), pick(dice, &["production", "staging"]).into()),
        ],
        ..Labels::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{CROWDED, DAY, Day, HOUR, OUTAGE, deployments, moment, within};
    use crate::cli::demo::cast::{callers, requested};
    use crate::fill::Dice;
    use paceline_types::error::ErrorKind;
    use paceline_types::record::{CallRecord, Status};

    fn day(count: u64) -> Vec<(u64, CallRecord)> {
        let now = 1_800_000_000_000;
        let deployments = deployments();
        let mut day = Day { dice: Dice(7), callers: callers(), requested: requested(), deployments, now };
        (0..count).map(|n| (DAY - moment(n, count), day.record(n, now - DAY + moment(n, count)))).collect()
    }

    #[test]
    fn the_day_goes_up_to_now_in_order() {
        let times: Vec<u64> = (0..1000).map(|n| moment(n, 1000)).collect();
        assert!(times.is_sorted() && times[0] < HOUR && times[999] > DAY - HOUR, "{times:?}");
    }

    #[test]
    fn in_the_outage_others_answer_and_times_stay_in_order() {
        let day = day(20_000);
        let hit: Vec<&CallRecord> = day
            .iter()
            .filter(|(ago, record)| {
                within(*ago, OUTAGE) && &*record.attempts[0].deployment.provider == "sim-north"
            })
            .map(|(_, record)| record)
            .collect();
        let saved =
            hit.iter().filter(|record| record.attempts.len() == 2 && record.status == Status::Ok).count();
        assert!(saved * 10 > hit.len() * 8, "{saved} of {}", hit.len());
        for (_, record) in &day {
            let ends: Vec<u64> =
                record.attempts.iter().flat_map(|one| [one.started.0, one.ended.0]).collect();
            assert!(ends.is_sorted() && ends.iter().all(|end| *end <= record.duration.0), "{record:?}");
            assert_eq!(record.attempts.last().unwrap().deployment.name, record.target.as_ref().unwrap().name);
        }
        let asked_to_wait =
            |record: &CallRecord| record.attempts[0].error_kind == Some(ErrorKind::RateLimited);
        let all = day.iter().filter(|(_, record)| asked_to_wait(record)).count();
        assert!(all > 20 && day.iter().all(|(ago, record)| !asked_to_wait(record) || within(*ago, CROWDED)));
    }
}
