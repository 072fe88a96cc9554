//! Three times as many calls as a provider with fixed room can take, on schedule.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::client::{Line, Request};
use super::house::House;
use super::{Figure, Setting};
use crate::alarm::Alarm;
use crate::error::{Context, Result, fail};
use crate::upstream::strained::{ROOM, SERVICE};

/// How long the peak is measured.
const PEAK: Duration = Duration::from_secs(5);
/// From the start of the overload to what counts.
const WARM_UP: Duration = Duration::from_secs(3);
/// Beyond the provider's capacity by so much.
const TIMES: f64 = 3.0;

/// What was answered how often.
struct Counts {
    statuses: BTreeMap<u16, u64>,
    /// Refusals that do not say when to come again.
    silent: u64,
    /// From the intended start to the end of a good answer.
    good_us: Histogram<u64>,
}

impl Counts {
    fn new() -> Result<Self> {
        let good_us = Histogram::new_with_bounds(1, 120_000_000, 3).context("histogram")?;
        Ok(Self { statuses: BTreeMap::new(), silent: 0, good_us })
    }

    fn good(&self) -> u64 {
        self.statuses.get(&200).copied().unwrap_or_default()
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        self.good_us.value_at_quantile(quantile) as f64 / 1e3
    }

    /// In words: `200: 5, 429: 7`.
    fn words(&self) -> String {
        let parts: Vec<_> =
            self.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        parts.join(", ")
    }
}

/// What the callers share.
struct Field {
    request: Request,
    idle: RefCell<Vec<Line>>,
    counting: Cell<bool>,
    counts: RefCell<Counts>,
    failure: RefCell<Option<String>>,
}

impl Field {
    fn new(port: u16) -> Result<Rc<Self>> {
        Ok(Rc::new(Self {
            request: Request::new(port, "narrow", false),
            idle: RefCell::default(),
            counting: Cell::new(false),
            counts: RefCell::new(Counts::new()?),
            failure: RefCell::default(),
        }))
    }

    async fn call(&self, intended: Instant) {
        let mut line = self.idle.borrow_mut().pop().unwrap_or_default();
        match line.call(&self.request).await {
            Ok(answer) => {
                if self.counting.get() {
                    let counts = &mut *self.counts.borrow_mut();
                    *counts.statuses.entry(answer.status).or_default() += 1;
                    if answer.status == 200 {
                        counts.good_us.saturating_record((answer.end - intended).as_micros() as u64);
                    } else {
                        counts.silent += u64::from(!answer.says_when);
                    }
                }
                self.idle.borrow_mut().push(line);
            }
            Err(error) => drop(self.failure.borrow_mut().get_or_insert(error.to_string())),
        }
    }

    fn counted(&self) -> Result<Counts> {
        if let Some(failure) = self.failure.take() {
            return fail(failure);
        }
        Ok(self.counts.replace(Counts::new()?))
    }
}

/// As many callers as there is room, each at its next call when the last has ended. Gives back good answers a second.
async fn peak(field: &Rc<Field>) -> Result<(f64, Counts)> {
    let until = Instant::now() + PEAK;
    field.counting.set(true);
    let begin = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..ROOM {
        let field = Rc::clone(field);
        callers.spawn_local(async move {
            while Instant::now() < until {
                field.call(Instant::now()).await;
            }
        });
    }
    while callers.join_next().await.is_some() {}
    field.counting.set(false);
    let counts = field.counted()?;
    Ok((counts.good() as f64 / begin.elapsed().as_secs_f64(), counts))
}

/// So many calls a second on schedule, whatever becomes of them.
async fn flood(field: &Rc<Field>, per_second: f64, lasts: Duration) -> Result<(f64, Counts)> {
    let (mut alarm, mut calls) = (Alarm::new()?, JoinSet::new());
    let (start, mut sent) = (Instant::now(), 0_u64);
    let counted_from = start + WARM_UP;
    let mut began = None;
    alarm.every(Duration::from_millis(1))?;
    while start.elapsed() < WARM_UP + lasts {
        alarm.ticks().await?;
        if began.is_none() && Instant::now() >= counted_from {
            field.counting.set(true);
            began = Some(Instant::now());
        }
        let due = (start.elapsed().as_secs_f64() * per_second) as u64;
        for index in sent..due {
            let (field, intended) =
                (Rc::clone(field), start + Duration::from_secs_f64(index as f64 / per_second));
            calls.spawn_local(async move { field.call(intended).await });
        }
        sent = due;
        while calls.try_join_next().is_some() {}
    }
    field.counting.set(false);
    let elapsed = began.context("no time to count")?.elapsed();
    let counts = field.counted()?;
    while calls.join_next().await.is_some() {}
    Ok((counts.good() as f64 / elapsed.as_secs_f64(), counts))
}

/// The peak, then the overload. With `set` Paceline is told the provider's room, else it has to find it.
pub(super) async fn overload(setting: &Setting, name: &str, set: bool) -> Result<Vec<Figure>> {
    let limits = if set { format!("limits = {{ concurrent = {ROOM} }}") } else { String::new() };
    let house = House::start(setting, name, &limits).await?;
    let field = Field::new(house.port)?;
    let (best, calm) = peak(&field).await?;
    let capacity = f64::from(ROOM) / SERVICE.as_secs_f64();
    // Twice: what the first time costs once (connections, buffers, statistics) is no growth.
    flood(&field, capacity * TIMES, WARM_UP).await?;
    let before = house.resident_mb();
    let (good, counts) = flood(&field, capacity * TIMES, Duration::from_secs(setting.seconds)).await?;
    let after = house.resident_mb();
    let share = good / best;
    let offered: u64 = counts.statuses.values().sum();
    let others = counts.statuses.keys().all(|status| matches!(status, 200 | 429 | 503));
    Ok(vec![
        Figure::told(
            "peak, good answers a second",
            format!("{best:.0}, p99 {:.0} ms", calm.quantile_ms(0.99)),
        ),
        Figure::told("answered a second", format!("{:.0}", offered as f64 / setting.seconds as f64)),
        Figure::asked("good, of the peak", format!("{:.1} %", share * 100.0), "≥ 90 %", share >= 0.9),
        Figure::asked("answers", counts.words(), "200, 429, 503", others),
        Figure::asked("refusals without `retry-after`", counts.silent.to_string(), "0", counts.silent == 0),
        Figure::told(
            "good ones took, p50, p99",
            format!("{:.0} ms, {:.0} ms", counts.quantile_ms(0.5), counts.quantile_ms(0.99)),
        ),
        Figure::asked(
            "memory before, after",
            format!("{before:.1} MB, {after:.1} MB"),
            "at most 10 MB more",
            after - before <= 10.0,
        ),
    ])
}
