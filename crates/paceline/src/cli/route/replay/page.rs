//! A replay's result for people: a table, then what it says and how far that can be trusted.

use crate::cli::out::{count, paint, table, time};
use paceline_routing::replay::{Figure, Metric, Report, Row, Weighed, Who};
use paceline_routing::route::Route;
use paceline_types::id::Name;
use std::path::Path;

const COST: usize = Metric::Cost as usize;
const LATENCY: usize = Metric::Latency as usize;
const QUALITY: usize = Metric::Quality as usize;
const SCORE: usize = Metric::Score as usize;
/// Models that a list of shares names.
const MAX_SHOWN: usize = 6;

pub(super) fn of(route: &Route, file: &Path, report: &Report, color: bool) -> String {
    let name =
        format!("the route `{}` of {} ({})", route.name, file.display(), route.policy.strategy.as_str());
    let Some((first, last)) = report.span else {
        let left_out = left_out(report).map_or_else(String::new, |words| format!(" ({words})"));
        return format!("no calls for {name} to decide{left_out}; look further back with --since\n");
    };
    let (first, last) = (first.rfc3339(), last.rfc3339());
    let day = |text: &str| text.get(..16).unwrap_or(text).replace('T', " ");
    let mut page = format!(
        "{} calls of {} to {} UTC, decided again by {name}\n",
        count(report.calls),
        day(&first),
        day(&last)
    );
    if let Some(left_out) = left_out(report) {
        page.push_str(&format!("left out: {left_out}\n"));
    }
    page.push_str(&format!(
        "\nBy what was expected of each model at the time:\n{}",
        direct(route, report, color)
    ));
    if report.rows.iter().any(|row| row.weighed.is_ok()) {
        page.push_str(&format!(
            "\nBy what really came of calls that went there, weighed:\n{}",
            weighed(route, report, color)
        ));
    }
    page.push('\n');
    for sentence in sentences(route, report) {
        page.push_str(&format!("{sentence}\n"));
    }
    for note in &report.notes {
        page.push_str(&format!("{}\n", paint(&format!("* {note}"), "2", color)));
    }
    page
}

fn left_out(report: &Report) -> Option<String> {
    let left_out = &report.left_out;
    let parts = [
        (left_out.canceled, "canceled"),
        (left_out.not_the_models, "refused or failed by no model's fault"),
        (left_out.no_tokens, "without tokens"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(calls, _)| *calls > 0)
        .map(|(calls, words)| format!("{} {words}", count(*calls)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The model of the baseline, where it is what is meant.
pub(super) fn baseline_of(route: &Route, who: Who) -> Option<&str> {
    let candidate = route.candidates.get(route.baseline).filter(|_| who == Who::Baseline)?;
    candidate.targets.first().map(|target| &*target.deployment.name)
}

fn called(route: &Route, who: Who) -> String {
    match baseline_of(route, who) {
        Some(model) => format!("all {model} (baseline)"),
        None => who.as_str().replace('_', " "),
    }
}

/// Dollars as far as they mean something.
fn usd(usd: f64) -> String {
    match usd.abs() {
        0.0 => "$0".into(),
        1.0.. => format!("${usd:.2}"),
        0.01.. => format!("${usd:.4}"),
        _ => format!("${usd:.6}"),
    }
}

/// A figure and its interval, each shown by `show`.
fn ranged(figure: Option<Figure>, show: impl Fn(f64) -> String) -> String {
    match figure {
        None => "-".into(),
        Some(Figure { value, range: None }) => show(value),
        Some(Figure { value, range: Some((low, high)) }) => {
            format!("{} ({} … {})", show(value), show(low), show(high))
        }
    }
}

/// `−12.3 %`, `+4 %`.
fn change(share: f64) -> String {
    let percent = share * 100.0;
    let digits = usize::from(percent.abs() < 9.95);
    let text = format!("{:.digits$}", percent.abs());
    let sign = match text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        true if percent < 0.0 => "−",
        true => "+",
        false => "",
    };
    format!("{sign}{text} %")
}

fn per_thousand(figure: Option<Figure>) -> String {
    ranged(figure, |cost| usd(cost * 1000.0))
}

/// Metrics other than cost.
fn others(means: &[Option<Figure>; 4]) -> [String; 3] {
    let at = |metric: usize| means[metric].map_or("-".into(), |figure| format!("{:.3}", figure.value));
    [time(means[LATENCY].map(|figure| figure.value)), at(QUALITY), at(SCORE)]
}

fn direct(route: &Route, report: &Report, color: bool) -> String {
    let recorded = &report.recorded;
    let means = |means: &[Option<Figure>; 4], total: f64, priced: u64| {
        let [latency, quality, score] = others(means);
        let total = if priced > 0 { usd(total) } else { "-".into() };
        [total, per_thousand(means[COST]), latency, quality, score]
    };
    let row = |row: &Row| {
        let numbers = means(&row.direct, row.cost_usd, row.priced);
        let counts = [called(route, row.who), count(row.calls), count(row.refused)];
        let against = ranged(row.against_recorded, change);
        counts.into_iter().chain(numbers).chain([against]).collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = report.rows.iter().map(row).collect();
    let really = ["recorded".to_owned(), count(report.calls), "-".to_owned()];
    let numbers = means(&recorded.means, recorded.cost_usd, recorded.priced);
    rows.insert(1, really.into_iter().chain(numbers).chain([String::new()]).collect());
    let head = [
        "",
        "calls",
        "refused",
        "cost",
        "per 1,000 calls",
        "latency",
        "quality",
        "score",
        "cost by recorded",
    ];
    table(&head, &[1, 2, 3, 4, 5, 6, 7, 8], &rows, color)
}

fn weighed(route: &Route, report: &Report, color: bool) -> String {
    let row = |row: &Row| {
        let Ok(weighed) = &row.weighed else { return None };
        let means = Metric::ALL.map(|metric| weighed.sharper(metric));
        let [latency, quality, score] = others(&means);
        Some(vec![
            called(route, row.who),
            count(weighed.calls),
            format!("{:.0}", weighed.effective),
            per_thousand(means[COST]),
            latency,
            quality,
            score,
            ranged(weighed.against(), change),
        ])
    };
    let rows: Vec<Vec<String>> = report.rows.iter().filter_map(row).collect();
    let head = ["", "calls", "worth", "per 1,000 calls", "latency", "quality", "score", "cost by recorded"];
    table(&head, &[1, 2, 3, 4, 5, 6, 7], &rows, color)
}

fn shares(shares: &[(Name, f64)]) -> String {
    let shown = shares.iter().take(MAX_SHOWN).map(|(name, share)| format!("{name} {:.0} %", share * 100.0));
    let mut shown: Vec<String> = shown.collect();
    if shares.len() > MAX_SHOWN {
        shown.push(format!("{} more", shares.len() - MAX_SHOWN));
    }
    shown.join(", ")
}

/// What it says, and how far it can be trusted.
fn sentences(route: &Route, report: &Report) -> Vec<String> {
    let Some(policy) = report.rows.first() else { return Vec::new() };
    let mut all = Vec::new();
    if policy.calls == 0 {
        all.push("The policy's own limits let no model take any of these calls.".to_owned());
        return all;
    }
    // What was seen comes before what was expected.
    if let Ok(weighed) = &policy.weighed {
        all.push(trusted(weighed, policy.calls));
    }
    all.push(match (policy.against_recorded, policy.priced) {
        (Some(against), _) => format!(
            "By what was expected, the policy would have cost {} where {} was paid: {}; by the baseline {}: {}.",
            usd(policy.cost_usd),
            usd(report.recorded.cost_usd),
            ranged(Some(against), change),
            baseline_of(route, Who::Baseline).unwrap_or("-"),
            ranged(policy.against_baseline, change),
        ),
        (None, 0) => "What the policy would have cost is not known: its models have no price.".to_owned(),
        (None, _) => format!(
            "The policy would have cost {}; what was paid is not known, or nothing.",
            usd(policy.cost_usd)
        ),
    });
    if policy.refused > 0 {
        all.push(format!("No model could have taken {} calls.", count(policy.refused)));
    }
    all.push(format!(
        "It would have taken {}; really it was {}.",
        shares(&policy.shares),
        shares(&report.recorded.shares)
    ));
    let agreement = policy.agreement.unwrap_or(0.0) * 100.0;
    all.push(format!("In {agreement:.0} % of the calls that is what was done."));
    if let Err(doubt) = &policy.weighed {
        all.push(format!(
            "All this is expected, not seen: {doubt}. The intervals say how calls differ, not how wrong the expectations are."
        ));
    }
    all
}

fn trusted(weighed: &Weighed, calls: u64) -> String {
    let of = if weighed.calls < calls {
        format!("in the {} of {} calls where the log could do the same", count(weighed.calls), count(calls))
    } else {
        "in all calls".to_owned()
    };
    format!(
        "By what really happened, {of}: cost {}, latency {}, quality {}. That tells as much as {:.0} calls of its own would; \
         weights come to {:.2} a call (1 where the log goes wherever the policy goes).",
        ranged(weighed.against(), change),
        ranged(weighed.sharper(Metric::Latency), |ms| time(Some(ms))),
        ranged(weighed.sharper(Metric::Quality), |quality| format!("{quality:.3}")),
        weighed.effective,
        weighed.covered,
    )
}

#[cfg(test)]
mod tests {
    use super::{change, ranged, usd};
    use paceline_routing::replay::Figure;

    #[test]
    fn figures_are_as_long_as_they_mean_something() {
        assert_eq!([12.345, 0.5, 0.000_123, 0.0].map(usd), ["$12.35", "$0.5000", "$0.000123", "$0"]);
        assert_eq!([-0.123, 0.04, -0.000_1, 0.0].map(change), ["−12 %", "+4.0 %", "0.0 %", "0.0 %"]);
        let figure = Figure { value: -0.1, range: Some((-0.12, -0.08)) };
        assert_eq!(ranged(Some(figure), change), "−10 % (−12 % … −8.0 %)");
        assert_eq!(ranged(None, change), "-");
    }
}
