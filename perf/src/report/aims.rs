//! Paceline's figures beside what they must be and what is aimed at.

use std::fmt::Write as _;

use super::text;
use crate::cases::Case;
use crate::results::{Results, Spread};
use crate::subject::Subject;

/// One figure and its limits; less is better.
struct Aim {
    figure: &'static str,
    found: Option<Spread>,
    unit: &'static str,
    digits: usize,
    must: Option<f64>,
    goal: Option<f64>,
}

impl Aim {
    /// The median decides; the range is shown beside it, so that a close call can be seen as one.
    fn verdict(&self) -> &'static str {
        let Some(found) = self.found else { return "not measured" };
        let within = |limit: Option<f64>| limit.is_some_and(|limit| found.median <= limit);
        match (within(self.goal), within(self.must)) {
            (true, _) => "aim met",
            (false, true) => "must met",
            (false, false) if self.must.is_none() => "aim missed",
            (false, false) => "MISSED",
        }
    }
}

fn aims(subject: Subject, results: &Results) -> Vec<Aim> {
    let ratio = |figure, base, case, must, goal| Aim {
        figure,
        found: results.ratio(subject, base, case),
        unit: " ×",
        digits: 2,
        must,
        goal,
    };
    let floor = Subject::MeteringFloor;
    let over_floor = |figure, latency, must, goal| Aim {
        figure,
        found: results.added(subject, floor, Case::SmallOpen, latency),
        unit: " ms",
        digits: 3,
        must: Some(must),
        goal: Some(goal),
    };
    let process = |figure, unit, value, must, goal| Aim {
        figure,
        found: results.process(subject, value),
        unit,
        digits: 1,
        must: Some(must),
        goal: Some(goal),
    };
    vec![
        ratio("small, against the metering floor", floor, Case::Small, Some(1.5), Some(1.25)),
        ratio("small-open, against the metering floor", floor, Case::SmallOpen, Some(1.4), Some(1.2)),
        ratio("paced, against the metering floor", floor, Case::Paced, Some(1.3), Some(1.15)),
        ratio("big, against the metering floor", floor, Case::Big, Some(1.3), Some(1.15)),
        ratio("translated, against the metering floor", floor, Case::Translated, None, Some(2.0)),
        ratio("burst, against nginx", Subject::Nginx, Case::Burst, Some(2.5), None),
        ratio("burst, against Envoy", Subject::Envoy, Case::Burst, None, Some(1.0)),
        over_floor("small-open p50, above the metering floor", |one| one.p50_ms, 0.05, 0.02),
        over_floor("small-open p99, above the metering floor", |one| one.p99_ms, 0.3, 0.1),
        process("start", " ms", |one| one.start_ms, 60.0, 50.0),
        process("idle RSS", " MB", |one| one.idle_mb, 25.0, 18.0),
        process("RSS after load", " MB", |one| one.loaded_mb, 45.0, 36.0),
    ]
}

/// The table for one Paceline binary.
pub(super) fn table(subject: Subject, results: &Results) -> String {
    let limit = |limit: Option<f64>| limit.map_or("–".to_owned(), |limit| format!("≤ {limit}"));
    let mut out = format!(
        "\n### {} against the aims\n\n| figure | found | must | aim | |\n|---|---|---|---|---|\n",
        subject.name()
    );
    for aim in aims(subject, results) {
        let found = text(aim.found, aim.digits, aim.unit);
        let _ = writeln!(
            out,
            "| {} | {found} | {} | {} | {} |",
            aim.figure,
            limit(aim.must),
            limit(aim.goal),
            aim.verdict()
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::measured;

    #[test]
    fn the_verdict_follows_the_limits() {
        for (ours, verdict) in [(1.2, "aim met"), (1.4, "must met"), (1.6, "MISSED")] {
            let mut results = Results::default();
            results.measured.push(measured(1, Subject::MeteringFloor, 1.0, 1.0));
            results.measured.push(measured(1, Subject::Paceline, ours, 1.0));
            let table = table(Subject::Paceline, &results);
            let line = table.lines().find(|line| line.contains("| small, against")).unwrap();
            assert!(line.ends_with(&format!("| {verdict} |")), "{line}");
            assert!(table.contains("not measured"));
        }
    }
}
