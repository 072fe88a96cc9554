//! `GET /v1/performance/series`: figures over time, and how times are spread, for charts.

use crate::admin::query::{BadQuery, Query};
use crate::admin::shape::{dollars, rounded, tally as whole};
use crate::admin::sums::{Served, served};
use crate::admin::{Admin, reply};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use paceline_stats::bucket::Level;
use paceline_stats::rollup::Facet;
use paceline_stats::tally::Tally;
use paceline_store::error::StoreError;
use paceline_store::store::{Store, Window};
use paceline_types::time::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const PARAMETERS: [&str; 7] = ["window", "since", "until", "model", "provider", "by", "figures"];
/// The default window.
const DAY: i64 = 86_400;
/// Widths of a step, in seconds.
const WIDTHS: [i64; 7] = [60, 300, 900, 3600, 3 * 3600, 6 * 3600, DAY];
/// Steps at most: more is no easier to see.
const STEPS: i64 = 150;
/// Minutes are kept so long; before, steps are whole hours.
const MINUTES_KEPT: i64 = 2 * DAY;
/// Where classes of times end, in milliseconds: five a decade, 1 ms to 4 minutes.
const BOUNDS: [f64; 28] = [
    1.0, 1.6, 2.5, 4.0, 6.3, 10.0, 16.0, 25.0, 40.0, 63.0, 100.0, 160.0, 250.0, 400.0, 630.0, 1000.0, 1600.0,
    2500.0, 4000.0, 6300.0, 10_000.0, 16_000.0, 25_000.0, 40_000.0, 63_000.0, 100_000.0, 160_000.0,
    250_000.0,
];

/// A figure of a step, by its name in the answer.
type Figure = (&'static str, fn(&Tally) -> Value);

const FIGURES: [Figure; 16] = [
    ("calls", |tally| json!(tally.calls)),
    ("errors", |tally| json!(tally.errors + tally.partial)),
    ("refused", |tally| json!(tally.refused)),
    ("canceled", |tally| json!(tally.canceled)),
    ("fallbacks", |tally| json!(tally.fallbacks)),
    ("error_rate", |tally| json!(tally.error_rate().map(rounded))),
    ("response_time_p50_ms", |tally| json!(tally.duration_ms.quantile(0.5).map(rounded))),
    ("response_time_p95_ms", |tally| json!(tally.duration_ms.quantile(0.95).map(rounded))),
    ("response_time_p99_ms", |tally| json!(tally.duration_ms.quantile(0.99).map(rounded))),
    ("ttft_p50_ms", |tally| json!(tally.ttft_ms.quantile(0.5).map(rounded))),
    ("ttft_p95_ms", |tally| json!(tally.ttft_ms.quantile(0.95).map(rounded))),
    ("output_tokens_per_second_p50", |tally| json!(tally.tokens_per_second.quantile(0.5).map(rounded))),
    ("input_tokens", |tally| json!(tally.input_tokens)),
    ("output_tokens", |tally| json!(tally.output_tokens)),
    ("cost_known_usd", |tally| json!(dollars(tally.cost_pico))),
    (CLASSES, |tally| json!(tally.duration_ms.histogram(&BOUNDS))),
];

/// The one figure that is many: of all calls together only.
const CLASSES: &str = "response_time_classes";

/// What is asked for.
struct Asked {
    from: i64,
    until: i64,
    width: i64,
    model: Option<String>,
    provider: Option<String>,
    is_by_model: bool,
    /// These alone, each as a list over all steps; without them a step is an object with all of them.
    figures: Option<Vec<&'static Figure>>,
}

impl Asked {
    /// Where the first step begins, in seconds.
    fn first(&self) -> i64 {
        self.from.div_euclid(self.width) * self.width
    }
}

/// What was found: all calls by step, and the same of each model.
#[derive(Default)]
struct Found {
    steps: BTreeMap<i64, Tally>,
    models: BTreeMap<(String, String), BTreeMap<i64, Tally>>,
}

pub(crate) async fn series(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let now = crate::recorder::now();
    let asked = match asked(query.as_deref(), now) {
        Ok(asked) => Arc::new(asked),
        Err(bad) => return bad.into(),
    };
    let own = Arc::clone(&asked);
    match admin.ask(move |store| find(store, &own, now)).await {
        Ok(found) => {
            let oldest = admin.recorder.store.state().oldest.unwrap_or(admin.started_at).seconds();
            let seconds = (asked.until - asked.from.max(oldest)).max(1) as f64;
            reply::dense(&shown(&asked, &found, seconds))
        }
        Err(answer) => answer,
    }
}

fn asked(query: Option<&str>, now: Timestamp) -> Result<Asked, BadQuery> {
    let query = Query::read(query, &PARAMETERS)?;
    let (from, until) = query.span(DAY, now)?;
    let span = until - from;
    let finest = if now.seconds() - from > MINUTES_KEPT { 3600 } else { 60 };
    let fits = |width: &&i64| **width >= finest && span / **width <= STEPS;
    Ok(Asked {
        from,
        until,
        width: WIDTHS.iter().find(fits).copied().unwrap_or(DAY),
        model: query.text("model").map(str::to_owned),
        provider: query.text("provider").map(str::to_owned),
        is_by_model: query.parsed("by", "model", |by| (by == "model").then_some(()))?.is_some(),
        figures: query.parsed("figures", "names of figures like calls,errors", figures)?,
    })
}

/// Names that are not known, or more than there are, are no answer.
fn figures(names: &str) -> Option<Vec<&'static Figure>> {
    let found = names.split(',').map(|wanted| FIGURES.iter().find(|(name, _)| *name == wanted));
    found.collect::<Option<Vec<_>>>().filter(|found| found.len() <= FIGURES.len())
}

fn find(store: &dyn Store, asked: &Asked, now: Timestamp) -> Result<Found, StoreError> {
    let window = Window {
        from: Timestamp::from_millis(asked.from * 1000),
        until: Some(Timestamp::from_millis(asked.until * 1000)),
        facet: Facet::Served,
        widest: match asked.width {
            ..3600 => Level::Minute,
            3600..DAY => Level::Hour,
            _ => Level::Day,
        },
        now,
    };
    let mut found = Found::default();
    store.tallies(&window, &mut |_, start, key, tally| {
        let Served { provider, model } = served(key);
        let other = |wanted: &Option<String>, is: &str| wanted.as_ref().is_some_and(|wanted| wanted != is);
        if other(&asked.model, model) || other(&asked.provider, provider) {
            return;
        }
        let step = start.div_euclid(asked.width) * asked.width;
        found.steps.entry(step).or_default().merge(tally);
        if asked.is_by_model && !model.is_empty() {
            let steps = found.models.entry((model.to_owned(), provider.to_owned())).or_default();
            steps.entry(step).or_default().merge(tally);
        }
    })?;
    Ok(found)
}

/// Rates are per second of `seconds`: of the span, where there are records.
fn shown(asked: &Asked, found: &Found, seconds: f64) -> Value {
    let mut all = Tally::default();
    for tally in found.steps.values() {
        all.merge(tally);
    }
    let stamp = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let models: Vec<Value> = found
        .models
        .iter()
        .map(|((model, provider), steps)| {
            let mut all = Tally::default();
            for tally in steps.values() {
                all.merge(tally);
            }
            let mut row = json!({ "model": model, "provider": provider, "overview": whole(&all, seconds) });
            let (name, values) = over_time(asked, steps, false);
            row[name] = values;
            if asked.figures.is_none() {
                row["classes"] = classes(&all);
            }
            row
        })
        .collect();
    let (name, values) = over_time(asked, &found.steps, true);
    json!({
        "since": stamp(asked.from),
        "until": stamp(asked.until),
        "step_seconds": asked.width,
        "class_bounds": BOUNDS,
        "overview": whole(&all, seconds),
        "classes": classes(&all),
        "first_step": stamp(asked.first()),
        name: values,
        "models": models,
    })
}

/// `steps`, each with its figures; or `figures`, each with its steps.
fn over_time(asked: &Asked, steps: &BTreeMap<i64, Tally>, is_whole: bool) -> (&'static str, Value) {
    let is_shown = |(name, _): &&Figure| is_whole || *name != CLASSES;
    let Some(wanted) = &asked.figures else {
        let rows = steps.iter().map(|(start, tally)| {
            let mut row: Map<String, Value> =
                FIGURES.iter().filter(is_shown).map(|(name, of)| ((*name).to_owned(), of(tally))).collect();
            row.insert("start".into(), json!(Timestamp::from_millis(start * 1000)));
            Value::Object(row)
        });
        return ("steps", rows.collect());
    };
    let none = Tally::default();
    let starts = (asked.first()..asked.until).step_by(usize::try_from(asked.width).unwrap_or(usize::MAX));
    let tallies: Vec<&Tally> = starts.map(|start| steps.get(&start).unwrap_or(&none)).collect();
    let lists = wanted.iter().copied().filter(is_shown);
    let lists = lists.map(|(name, of)| ((*name).to_owned(), tallies.iter().map(|tally| of(tally)).collect()));
    ("figures", Value::Object(lists.collect()))
}

/// How many calls fell into each class.
fn classes(tally: &Tally) -> Value {
    json!({
        "response_time_ms": tally.duration_ms.histogram(&BOUNDS),
        "ttft_ms": tally.ttft_ms.histogram(&BOUNDS),
        "output_tokens_per_second": tally.tokens_per_second.histogram(&BOUNDS),
    })
}

#[cfg(test)]
mod tests {
    use super::{Asked, asked};
    use paceline_types::time::Timestamp;

    fn at(query: &str) -> Option<Asked> {
        asked(Some(query), Timestamp::parse_rfc3339("2026-11-27T12:00:00Z").unwrap()).ok()
    }

    #[test]
    fn steps_are_as_wide_as_the_span_needs() {
        for (window, width) in [
            ("1m", 60),
            ("1h", 60),
            ("6h", 300),
            ("24h", 900),
            ("3d", 3600),
            ("7d", 2 * 5400),
            ("30d", 6 * 3600),
        ] {
            assert_eq!(at(&format!("window={window}")).map(|asked| asked.width), Some(width), "{window}");
        }
        // An hour of last week: its minutes are no longer kept.
        let old = at("since=2026-11-20T10:00:00Z&until=2026-11-20T12:00:00Z").unwrap();
        assert_eq!((old.width, old.until - old.from), (3600, 7200));
    }

    #[test]
    fn spans_have_bounds() {
        for bad in [
            "since=2026-01-01",
            "since=2026-11-27T11:59:30Z",
            "since=2026-11-28",
            "by=tenant",
            "windw=1h",
            "figures=calls,speed",
        ] {
            assert!(at(bad).is_none(), "{bad}");
        }
        let many = format!("figures={}", ["calls"; 17].join(","));
        assert!(at(&many).is_none() && at("figures=calls,errors").is_some());
    }
}
