//! What was measured, round by round, and the figures made of it.

use serde::Serialize;

use crate::cases::Case;
use crate::subject::Subject;

/// Above this share of a core, other work disturbs.
pub(crate) const FOREIGN: f64 = 0.05;

/// One subject in one case of one round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measured {
    /// Which round, from 1.
    pub(crate) round: u32,
    /// Who.
    pub(crate) subject: Subject,
    /// What.
    pub(crate) case: Case,
    /// Calls that ended in the window.
    pub(crate) calls: u64,
    /// Length of the window, seconds.
    pub(crate) seconds: f64,
    /// Processor time of the gateway's process tree in the window, seconds; none for `direct`.
    pub(crate) cpu_s: Option<f64>,
    /// The share of it spent outside the kernel.
    pub(crate) user_share: Option<f64>,
    /// How often the measurement was repeated because something else used the two cores.
    pub(crate) repeats: u32,
    /// Processor time that neither gateway, upstream nor load generator used, on both cores together, as a share of
    /// one core.
    pub(crate) foreign: f64,
    /// Median of the whole call, ms.
    pub(crate) p50_ms: f64,
    /// 99th percentile of the whole call, ms.
    pub(crate) p99_ms: f64,
    /// Median of the time to the first event, ms.
    pub(crate) first_p50_ms: f64,
    /// 99th percentile of the time to the first event, ms.
    pub(crate) first_p99_ms: f64,
    /// 99th percentile of the generator's own lateness, ms; open loop only.
    pub(crate) late_p99_ms: f64,
    /// Kept connections found closed.
    pub(crate) reconnects: u64,
    /// Answers that were wrong or missing; the figures then count for nothing.
    pub(crate) failures: u64,
    /// The first of them in words.
    pub(crate) failure: Option<String>,
}

/// One subject's process in one round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Lived {
    /// Which round, from 1.
    pub(crate) round: u32,
    /// Who.
    pub(crate) subject: Subject,
    /// Median over several starts, from the start of the process to its first good answer, ms.
    pub(crate) start_ms: f64,
    /// Resident before the first load, MB.
    pub(crate) idle_mb: f64,
    /// Resident after all cases without TLS, MB.
    pub(crate) loaded_mb: f64,
    /// Largest resident so far, MB.
    pub(crate) peak_mb: f64,
}

/// A median and its range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The middle.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The most.
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one number.
    pub(crate) fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let (low, high) = (numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2]);
        Some(Self { median: f64::midpoint(low, high), min, max })
    }

    /// The same in another unit; `change` must keep the order.
    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self { median: change(self.median), min: change(self.min), max: change(self.max) }
    }
}

/// All of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    /// Every measurement.
    pub(crate) measured: Vec<Measured>,
    /// Every process.
    pub(crate) lived: Vec<Lived>,
}

impl Results {
    /// A good measurement of this round.
    fn good(&self, round: u32, subject: Subject, case: Case) -> Option<&Measured> {
        self.measured
            .iter()
            .find(|one| one.round == round && one.subject == subject && one.case == case && one.failures == 0)
    }

    /// Whether `subject` failed `case` in any round.
    pub(crate) fn failed(&self, subject: Subject, case: Case) -> bool {
        self.measured.iter().any(|one| one.subject == subject && one.case == case && one.failures > 0)
    }

    /// A figure over the rounds in which it exists. One failure spoils all: a gateway that now and then answers
    /// wrongly has no cost worth comparing.
    fn over_rounds(
        &self,
        subject: Subject,
        case: Case,
        figure: impl Fn(u32, &Measured) -> Option<f64>,
    ) -> Option<Spread> {
        if self.failed(subject, case) {
            return None;
        }
        let of_subject = self.measured.iter().filter(|one| one.subject == subject && one.case == case);
        Spread::of(of_subject.filter_map(|one| figure(one.round, one)).collect())
    }

    /// CPU-seconds of the gateway per 1,000 calls.
    pub(crate) fn cpu(&self, subject: Subject, case: Case) -> Option<Spread> {
        self.over_rounds(subject, case, |_, one| per_thousand(one))
    }

    /// The same as a multiple of `base` in the same round.
    pub(crate) fn ratio(&self, subject: Subject, base: Subject, case: Case) -> Option<Spread> {
        self.over_rounds(subject, case, |round, one| {
            Some(per_thousand(one)? / per_thousand(self.good(round, base, case)?)?)
        })
    }

    /// Calls a second.
    pub(crate) fn rate(&self, subject: Subject, case: Case) -> Option<Spread> {
        self.over_rounds(subject, case, |_, one| Some(one.calls as f64 / one.seconds))
    }

    /// Share of its core the gateway used.
    pub(crate) fn busy(&self, subject: Subject, case: Case) -> Option<Spread> {
        self.over_rounds(subject, case, |_, one| Some(one.cpu_s? / one.seconds))
    }

    /// Share of its processor time the gateway spent outside the kernel.
    pub(crate) fn user_share(&self, subject: Subject, case: Case) -> Option<Spread> {
        self.over_rounds(subject, case, |_, one| one.user_share)
    }

    /// A latency as it is, ms.
    pub(crate) fn value(
        &self,
        subject: Subject,
        case: Case,
        latency: fn(&Measured) -> f64,
    ) -> Option<Spread> {
        self.over_rounds(subject, case, |_, one| Some(latency(one)))
    }

    /// A latency minus that of `base` in the same round, ms. `direct` never speaks TLS, so over TLS it is compared
    /// with its plain figure.
    pub(crate) fn added(
        &self,
        subject: Subject,
        base: Subject,
        case: Case,
        latency: fn(&Measured) -> f64,
    ) -> Option<Spread> {
        let base_case = match (base, case) {
            (Subject::Direct, Case::TlsPaced) => Case::Paced,
            _ => case,
        };
        self.over_rounds(subject, case, |round, one| {
            Some(latency(one) - latency(self.good(round, base, base_case)?))
        })
    }

    /// A figure of the process over the rounds.
    pub(crate) fn process(&self, subject: Subject, figure: fn(&Lived) -> f64) -> Option<Spread> {
        Spread::of(self.lived.iter().filter(|one| one.subject == subject).map(figure).collect())
    }
}

fn per_thousand(one: &Measured) -> Option<f64> {
    (one.calls > 0).then_some(one.cpu_s? * 1_000.0 / one.calls as f64)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn measured(round: u32, subject: Subject, cpu_s: f64, p50_ms: f64) -> Measured {
        Measured {
            round,
            subject,
            case: Case::Small,
            calls: 1_000,
            seconds: 2.0,
            cpu_s: Some(cpu_s),
            user_share: None,
            repeats: 0,
            foreign: 0.0,
            p50_ms,
            p99_ms: p50_ms * 2.0,
            first_p50_ms: p50_ms,
            first_p99_ms: p50_ms,
            late_p99_ms: 0.01,
            reconnects: 0,
            failures: 0,
            failure: None,
        }
    }

    #[test]
    fn ratios_and_added_latency_are_formed_within_a_round_before_the_median_is_taken() {
        let mut results = Results::default();
        // The machine is twice as slow in round 2 and three times in round 3; the ratio is 1.5, 1.5, 2.
        for (round, floor, ours) in [(1, 1.0, 1.5), (2, 2.0, 3.0), (3, 3.0, 6.0)] {
            results.measured.push(measured(round, Subject::MeteringFloor, floor, floor));
            results.measured.push(measured(round, Subject::Paceline, ours, ours));
        }
        let ratio = results.ratio(Subject::Paceline, Subject::MeteringFloor, Case::Small).unwrap();
        assert_eq!(ratio, Spread { median: 1.5, min: 1.5, max: 2.0 });
        let added = results.added(Subject::Paceline, Subject::MeteringFloor, Case::Small, |one| one.p50_ms);
        assert_eq!(added.unwrap(), Spread { median: 1.0, min: 0.5, max: 3.0 });
        assert_eq!(
            results.cpu(Subject::Paceline, Case::Small),
            Some(Spread { median: 3.0, min: 1.5, max: 6.0 })
        );
        let rate = Spread { median: 500.0, min: 500.0, max: 500.0 };
        assert_eq!(results.rate(Subject::Paceline, Case::Small), Some(rate));
    }

    #[test]
    fn one_failure_takes_the_figure_away() {
        let mut results = Results::default();
        results.measured.push(measured(1, Subject::Paceline, 1.0, 1.0));
        let broken = Measured { failures: 1, ..measured(2, Subject::Paceline, 0.1, 0.1) };
        results.measured.push(broken);
        assert!(results.failed(Subject::Paceline, Case::Small));
        assert_eq!(results.cpu(Subject::Paceline, Case::Small), None);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let spread = Spread { median: 3.0, min: 1.0, max: 9.0 };
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 9.0]), Some(spread));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
