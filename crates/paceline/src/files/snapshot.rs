//! Snapshots on disk: `metrics/hourly_YYYYMMDD_HH.json` and `metrics/daily_YYYYMMDD.json`, in local time.
//!
//! A file is about its hour or day (`period`) and says when it was written (`saved_at`): before the period's end it
//! tells what is known so far, after it the whole. A file is replaced only by one that knows as much or more, so that a
//! restart that has forgotten something, or a clock that jumps, takes nothing away. An hour that comes again when the
//! clocks are set back is in the same file: its period then is two hours long.

use super::atomic;
use super::own::{Keep, Own, tidy};
use super::schedule::{Due, Kind, Schedule};
use super::zone::Zone;
use crate::admin::shape::{rounded, uptime};
use paceline_stats::tally::Tally;
use paceline_types::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a write that failed waits for its next try.
const RETRY: Duration = Duration::from_mins(1);
/// Snapshots that wait for a disk to take them; the oldest go.
const WAITING: usize = 128;
/// A snapshot on disk that is larger is none of ours.
const MAX_BYTES: u64 = 16 << 20;

/// What calls came to.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// All of them.
    pub all: Tally,
    /// By the model asked for.
    pub by_model: BTreeMap<String, Tally>,
}

/// Who knows what was measured.
pub trait Measured {
    /// Calls that ended from `from` until just before `until`; `None` when that is no longer known.
    fn between(&self, from: Timestamp, until: Timestamp) -> Option<Sums>;
    /// Calls since the process started.
    fn since_start(&self) -> Sums;
}

/// Settings of snapshots.
#[derive(Clone, Debug)]
pub struct SnapshotSettings {
    /// Whose hours and days.
    pub zone: Zone,
    /// How often the files of the running hour and day are renewed; `None`: they are written when it is over.
    pub renew: Option<Duration>,
    /// Files of hours go after so many days; `None` keeps them.
    pub keep_hourly_days: Option<u32>,
    /// Files of days go after so many days; `None` keeps them.
    pub keep_daily_days: Option<u32>,
}

/// What a turn did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Files written.
    pub written: Vec<String>,
    /// Old files removed.
    pub removed: usize,
    /// Why a file cannot be written; it is tried again, and told once as it begins.
    pub problem: Option<String>,
}

/// Writes snapshots when they are due. Its calls wait for the disk: not for the thread that answers requests.
#[derive(Debug)]
pub struct Snapshots {
    folder: PathBuf,
    settings: SnapshotSettings,
    schedule: Schedule,
    waiting: Vec<Due>,
    retry_at: Timestamp,
    tidied: bool,
    /// The last try failed.
    failing: bool,
}

impl Snapshots {
    /// Snapshots in `folder` (`<data>/metrics`); what a crash left unfinished there is removed.
    pub fn new(folder: &Path, settings: SnapshotSettings) -> Self {
        atomic::clean(folder, |name| Own::Hourly.date(name).or_else(|| Own::Daily.date(name)).is_some());
        let schedule = Schedule::new(settings.zone.clone(), settings.renew);
        Self {
            folder: folder.to_owned(),
            settings,
            schedule,
            waiting: Vec::new(),
            retry_at: Timestamp(i64::MIN),
            tidied: false,
            failing: false,
        }
    }

    /// Writes what is due. To be called every few seconds.
    pub fn turn(&mut self, now: Timestamp, up: Duration, measured: &dyn Measured) -> Turn {
        let due = self.schedule.due(now);
        let retry = !self.waiting.is_empty() && (now >= self.retry_at || self.retry_is_far(now));
        if due.is_empty() && !retry {
            return Turn::default();
        }
        let tidy_up = !self.tidied || due.iter().any(|due| due.over);
        let mut turn = self.write_all(due, now, up, measured);
        if tidy_up {
            turn.removed = self.tidy(now);
            self.tidied = true;
        }
        turn
    }

    /// Writes what is known of the running hour and day: before the process ends.
    pub fn last(&mut self, now: Timestamp, up: Duration, measured: &dyn Measured) -> Turn {
        let mut due = self.schedule.due(now);
        due.extend(self.schedule.running(now));
        self.write_all(due, now, up, measured)
    }

    /// Whether the clock was set back after a failure.
    fn retry_is_far(&self, now: Timestamp) -> bool {
        self.retry_at.0.saturating_sub(now.0) > RETRY.as_micros() as i64
    }

    fn write_all(&mut self, due: Vec<Due>, now: Timestamp, up: Duration, measured: &dyn Measured) -> Turn {
        let mut turn = Turn::default();
        let mut all = std::mem::take(&mut self.waiting);
        all.retain(|old| !due.iter().any(|new| new.kind == old.kind && new.span == old.span));
        all.extend(due);
        let was_failing = std::mem::take(&mut self.failing);
        let mut since_start = None;
        for due in all {
            let mut since = || since_start.get_or_insert_with(|| measured.since_start()).clone();
            match self.write(&due, now, up, measured, &mut since) {
                Ok(Some(name)) => turn.written.push(name),
                Ok(None) => {}
                Err(problem) => {
                    turn.problem = Some(problem).filter(|_| !was_failing);
                    self.failing = true;
                    self.waiting.push(due);
                }
            }
        }
        let too_many = self.waiting.len().saturating_sub(WAITING);
        self.waiting.drain(..too_many);
        self.retry_at = Timestamp(now.0.saturating_add(RETRY.as_micros() as i64));
        turn
    }

    fn write(
        &self,
        due: &Due,
        now: Timestamp,
        up: Duration,
        measured: &dyn Measured,
        since_start: &mut dyn FnMut() -> Sums,
    ) -> Result<Option<String>, String> {
        let Some(sums) = measured.between(due.span.from, due.span.until) else { return Ok(None) };
        let started = now.0.saturating_sub(up.as_micros() as i64);
        // An hour in which Paceline ran has a file also without calls; an hour in which it did not run needs none.
        if sums.all.calls == 0 && due.span.until.0 <= started {
            return Ok(None);
        }
        let (kind, since) = match due.kind {
            Kind::Hour => (Own::Hourly, Some(since_start())),
            Kind::Day => (Own::Daily, None),
        };
        let name = kind.name(&due.span.name);
        let there = There::read(&self.folder.join(&name), &self.settings.zone);
        if there.is_some_and(|there| !there.gives_way_to(&sums)) {
            return Ok(None);
        }
        let page = Page::new(&sums, since.as_ref(), due, now, up, &self.settings.zone);
        let mut text = serde_json::to_vec_pretty(&page).map_err(|error| error.to_string())?;
        text.push(b'\n');
        match atomic::write(&self.folder, &name, &text) {
            Ok(()) => Ok(Some(name)),
            Err(error) => Err(format!("{}: {error}", self.folder.join(&name).display())),
        }
    }

    fn tidy(&self, now: Timestamp) -> usize {
        let today = self.settings.zone.day_of(now).name;
        let keep = |days| Keep { days, bytes: None };
        tidy(Own::Hourly, &self.folder, &today, keep(self.settings.keep_hourly_days), None)
            + tidy(Own::Daily, &self.folder, &today, keep(self.settings.keep_daily_days), None)
    }
}

/// What the file on disk knows.
struct There {
    is_whole: bool,
    knows: (u64, u64),
}

impl There {
    /// `None` when there is no such file, or nothing in it that one could read.
    fn read(path: &Path, zone: &Zone) -> Option<Self> {
        if std::fs::metadata(path).ok()?.len() > MAX_BYTES {
            return None;
        }
        let value: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let time = |text: &Value| zone.read(text.as_str()?);
        let (saved, end) = (time(&value["saved_at"])?, time(&value["period"]["end"])?);
        let count = value["response_times"]["count"].as_u64()?;
        Some(Self { is_whole: saved >= end, knows: (count, value["token_usage"]["total_tokens"].as_u64()?) })
    }

    fn gives_way_to(&self, sums: &Sums) -> bool {
        let new = (sums.all.duration_ms.count(), total(&sums.all));
        new > self.knows || (new == self.knows && !self.is_whole)
    }
}

fn total(tally: &Tally) -> u64 {
    tally.input_tokens + tally.output_tokens
}

/// The file's content: the fixed names of the specification, in its order.
#[derive(Debug, Serialize)]
struct Page {
    uptime_seconds: u64,
    uptime_formatted: String,
    response_times: ResponseTimes,
    token_usage: TokenUsage,
    period: Period,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_start: Option<SinceStart>,
    saved_at: String,
    version: &'static str,
}

/// Milliseconds of answered calls; percentiles are within the error of [`paceline_stats::sketch`].
#[derive(Debug, Serialize)]
struct ResponseTimes {
    avg: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct TokenUsage {
    total_tokens: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    /// Total tokens of each model.
    by_model: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Period {
    start: String,
    end: String,
}

#[derive(Debug, Serialize)]
struct SinceStart {
    response_times: ResponseTimes,
    token_usage: TokenUsage,
}

impl Page {
    fn new(sums: &Sums, since: Option<&Sums>, due: &Due, now: Timestamp, up: Duration, zone: &Zone) -> Self {
        let since_start =
            since.map(|sums| SinceStart { response_times: times(&sums.all), token_usage: tokens(sums) });
        Self {
            uptime_seconds: up.as_secs(),
            uptime_formatted: uptime(up.as_secs()),
            response_times: times(&sums.all),
            token_usage: tokens(sums),
            period: Period { start: zone.iso(due.span.from), end: zone.iso(due.span.until) },
            since_start,
            saved_at: zone.iso(now),
            version: "1.0",
        }
    }
}

fn times(tally: &Tally) -> ResponseTimes {
    let spread = &tally.duration_ms;
    let at = |q: f64| spread.quantile(q).map(rounded);
    ResponseTimes {
        avg: spread.mean().map(rounded),
        min: spread.min().map(rounded),
        max: spread.max().map(rounded),
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
        count: spread.count(),
    }
}

fn tokens(sums: &Sums) -> TokenUsage {
    TokenUsage {
        total_tokens: total(&sums.all),
        prompt_tokens: sums.all.input_tokens,
        completion_tokens: sums.all.output_tokens,
        by_model: sums.by_model.iter().map(|(model, tally)| (model.clone(), total(tally))).collect(),
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
