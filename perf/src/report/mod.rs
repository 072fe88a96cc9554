//! The report: Markdown for people, JSON for machines.

mod aims;
mod notes;

use std::fmt::Write as _;

use serde::Serialize;

use crate::cases::{Case, Pace};
use crate::error::{Context, Result};
use crate::results::{Measured, Results, Spread};
use crate::run::Setting;
use crate::subject::Subject;

const BASE: Subject = Subject::MeteringFloor;

/// Everything as Markdown.
pub(crate) fn markdown(setting: &Setting, results: &Results) -> String {
    let mut out = notes::setting(setting);
    let subjects: Vec<Subject> = setting.contestants.iter().map(|one| one.subject).collect();
    let gateways: Vec<Subject> = subjects.iter().copied().filter(|one| *one != Subject::Direct).collect();
    let by_case = |title: &str, cell: &dyn Fn(Subject, Case) -> String| {
        let names: Vec<&str> = setting.cases.iter().map(|case| case.name()).collect();
        let rows = gateways.iter().map(|subject| {
            (subject.name(), setting.cases.iter().map(|case| cell(*subject, *case)).collect())
        });
        table(title, &names, rows)
    };
    out += &by_case("CPU-seconds of the gateway per 1,000 calls", &|subject, case| {
        cell(results, subject, case, results.cpu(subject, case), 4, "")
    });
    if gateways.contains(&BASE) {
        out += &by_case("The same, against the metering floor in the same round", &|subject, case| {
            cell(results, subject, case, results.ratio(subject, BASE, case), 2, " ×")
        });
    }
    out += &by_case("Of that outside the kernel, %", &|subject, case| {
        let percent = |share: f64| share * 100.0;
        let share = results.user_share(subject, case).map(|share| share.map(percent));
        cell(results, subject, case, share, 0, "")
    });
    out += &closed(setting, results, &subjects);
    out += &open(setting, results, &subjects);
    out += &processes(results, &gateways);
    for subject in [Subject::Paceline, Subject::PacelineB] {
        if gateways.contains(&subject) {
            out += &aims::table(subject, results);
        }
    }
    out + &notes::notes(setting, results)
}

/// Calls a second, and whether that was the gateway's limit or the load side's.
fn closed(setting: &Setting, results: &Results, subjects: &[Subject]) -> String {
    let closed: Vec<Case> =
        setting.cases.iter().copied().filter(|case| matches!(case.pace(), Pace::Closed { .. })).collect();
    let names: Vec<&str> = closed.iter().map(|case| case.name()).collect();
    let rows = subjects.iter().map(|subject| {
        let cells = closed.iter().map(|case| {
            let rate = cell(results, *subject, *case, results.rate(*subject, *case), 0, "");
            match results.busy(*subject, *case) {
                Some(busy) => format!("{rate}, {:.0} % busy", busy.median * 100.0),
                None => rate,
            }
        });
        (subject.name(), cells.collect())
    });
    table("Calls a second with the gateway on one core, closed loop", &names, rows)
}

/// A column: its name, and which latency of which case it shows.
type Latency = (String, Case, fn(&Measured) -> f64);

/// Latencies on schedule: `direct` as it is and the others as what they add; all as they are without `direct`.
fn open(setting: &Setting, results: &Results, subjects: &[Subject]) -> String {
    let mut columns: Vec<Latency> = Vec::new();
    for case in setting.cases.iter().copied().filter(|case| matches!(case.pace(), Pace::Open { .. })) {
        if case.streams() {
            columns.push((format!("{} TTFT p50", case.name()), case, |one| one.first_p50_ms));
            columns.push((format!("{} TTFT p99", case.name()), case, |one| one.first_p99_ms));
        } else {
            columns.push((format!("{} p50", case.name()), case, |one| one.p50_ms));
            columns.push((format!("{} p99", case.name()), case, |one| one.p99_ms));
        }
    }
    let direct = subjects.contains(&Subject::Direct);
    let rows = subjects.iter().map(|subject| {
        let cells = columns.iter().map(|(_, case, latency)| {
            let spread = if *subject == Subject::Direct || !direct {
                results.value(*subject, *case, *latency)
            } else {
                results.added(*subject, Subject::Direct, *case, *latency)
            };
            cell(results, *subject, *case, spread, 3, "")
        });
        (subject.name(), cells.collect())
    });
    let title = if direct {
        "Latency on schedule, ms: direct as it is (never over TLS), the others as what they add to it"
    } else {
        "Latency on schedule, ms, as it is (direct did not take part)"
    };
    let names: Vec<&str> = columns.iter().map(|(name, ..)| name.as_str()).collect();
    table(title, &names, rows)
}

fn processes(results: &Results, gateways: &[Subject]) -> String {
    let columns = ["start ms", "idle RSS MB", "RSS after load MB", "peak RSS MB"];
    let rows = gateways.iter().map(|subject| {
        let cells = [
            text(results.process(*subject, |one| one.start_ms), 1, ""),
            text(results.process(*subject, |one| one.idle_mb), 1, ""),
            text(results.process(*subject, |one| one.loaded_mb), 1, ""),
            text(results.process(*subject, |one| one.peak_mb), 1, ""),
        ];
        (subject.name(), cells.to_vec())
    });
    table("Process", &columns, rows)
}

fn cell(
    results: &Results,
    subject: Subject,
    case: Case,
    spread: Option<Spread>,
    digits: usize,
    unit: &str,
) -> String {
    if results.failed(subject, case) { "FAILED".to_owned() } else { text(spread, digits, unit) }
}

/// Median and, where there is one, range.
fn text(spread: Option<Spread>, digits: usize, unit: &str) -> String {
    let Some(Spread { median, min, max }) = spread else { return "–".to_owned() };
    if (max - min).abs() < f64::EPSILON {
        return format!("{median:.digits$}{unit}");
    }
    format!("{median:.digits$}{unit} ({min:.digits$}–{max:.digits$})")
}

fn table<'a>(title: &str, columns: &[&str], rows: impl Iterator<Item = (&'a str, Vec<String>)>) -> String {
    if columns.is_empty() {
        return String::new();
    }
    let mut out =
        format!("\n### {title}\n\n| | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for (name, cells) in rows {
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    }
    out
}

#[derive(Serialize)]
struct Summary {
    subject: Subject,
    case: Case,
    failed: bool,
    cpu_s_per_1000_calls: Option<Spread>,
    ratio_to_metering_floor: Option<Spread>,
    calls_per_s: Option<Spread>,
    gateway_busy: Option<Spread>,
    user_share: Option<Spread>,
    added_p50_ms: Option<Spread>,
    added_p99_ms: Option<Spread>,
    added_first_p50_ms: Option<Spread>,
}

#[derive(Serialize)]
struct Whole<'a> {
    setting: &'a Setting,
    summary: Vec<Summary>,
    rounds: &'a Results,
}

/// Everything as JSON, the single measurements included.
pub(crate) fn json(setting: &Setting, results: &Results) -> Result<String> {
    let mut summary = Vec::new();
    for subject in setting.contestants.iter().map(|one| one.subject) {
        for case in setting.cases.iter().copied() {
            let added = |figure| results.added(subject, Subject::Direct, case, figure);
            summary.push(Summary {
                subject,
                case,
                failed: results.failed(subject, case),
                cpu_s_per_1000_calls: results.cpu(subject, case),
                ratio_to_metering_floor: results.ratio(subject, BASE, case),
                calls_per_s: results.rate(subject, case),
                gateway_busy: results.busy(subject, case),
                user_share: results.user_share(subject, case),
                added_p50_ms: added(|one| one.p50_ms),
                added_p99_ms: added(|one| one.p99_ms),
                added_first_p50_ms: added(|one| one.first_p50_ms),
            });
        }
    }
    serde_json::to_string_pretty(&Whole { setting, summary, rounds: results }).context("report")
}
