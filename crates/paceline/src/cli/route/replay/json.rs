//! A replay's result for machines.

use paceline_routing::replay::{Doubt, Figure, Metric, Report, Row, Weighed};
use paceline_routing::route::Route;
use paceline_types::id::Name;
use serde_json::{Map, Value, json};

/// The share of intervals that hold the truth.
const INTERVAL: f64 = 0.9;

pub(super) fn of(route: &Route, report: &Report) -> Value {
    let left_out = &report.left_out;
    let recorded = &report.recorded;
    json!({
        "route": &*route.name,
        "strategy": route.policy.strategy.as_str(),
        "interval": INTERVAL,
        "from": report.span.map(|(first, _)| first),
        "to": report.span.map(|(_, last)| last),
        "calls": report.calls,
        "left_out": {
            "canceled": left_out.canceled,
            "not_the_models_fault": left_out.not_the_models,
            "no_tokens": left_out.no_tokens,
        },
        "decided": report.decided,
        "explored": report.explored,
        "scored": report.scored,
        "not_candidates": report.unplaced,
        "recorded": {
            "cost_usd": recorded.cost_usd,
            "priced": recorded.priced,
            "means": means(&recorded.means),
            "shares": shares(&recorded.shares),
        },
        "results": report.rows.iter().map(|one| row(route, one)).collect::<Vec<_>>(),
        "notes": report.notes,
    })
}

fn row(route: &Route, row: &Row) -> Value {
    json!({
        "who": row.who.as_str(),
        "model": super::page::baseline_of(route, row.who),
        "calls": row.calls,
        "refused": row.refused,
        "cost_usd": row.cost_usd,
        "priced": row.priced,
        "direct": means(&row.direct),
        "cost_against_recorded": row.against_recorded.map(figure),
        "cost_against_baseline": row.against_baseline.map(figure),
        "agreement": row.agreement,
        "shares": shares(&row.shares),
        "weighed": row.weighed.as_ref().ok().map(weighed),
        "not_weighed": row.weighed.as_ref().err().map(doubt),
    })
}

fn weighed(weighed: &Weighed) -> Value {
    let [importance, robust] = weighed.against_recorded;
    json!({
        "calls": weighed.calls,
        "effective_calls": weighed.effective,
        "mean_weight": weighed.covered,
        "importance": means(&weighed.importance),
        "doubly_robust": means(&weighed.robust),
        "cost_against_recorded": {
            "importance": importance.map(figure),
            "doubly_robust": robust.map(figure),
        },
    })
}

fn doubt(doubt: &Doubt) -> Value {
    json!({ "reason": doubt.as_str(), "words": doubt.to_string() })
}

fn figure(figure: Figure) -> Value {
    let (low, high) = figure.range.unzip();
    json!({ "value": figure.value, "low": low, "high": high })
}

fn means(means: &[Option<Figure>; 4]) -> Value {
    let entry =
        |(metric, value): (Metric, &Option<Figure>)| (metric.as_str().to_owned(), json!(value.map(figure)));
    Value::Object(Metric::ALL.into_iter().zip(means).map(entry).collect::<Map<_, _>>())
}

fn shares(shares: &[(Name, f64)]) -> Value {
    Value::Object(shares.iter().map(|(name, share)| (name.to_string(), json!(share))).collect::<Map<_, _>>())
}
