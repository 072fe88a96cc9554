//! The core indicators (M13): what the calls of a window come to, against a target and two limits, with words.
//!
//! A value that cannot be known is unknown, with the reason; nothing is made up to fill a row.
//!
//! | indicator | what it is | target, warning, critical |
//! |---|---|---|
//! | `response_time_ms` | 95th percentile of the response time of whole answers | 2000, 3000, 5000 ms |
//! | `selection_accuracy` | share of routing decisions that chose as well as could be told afterwards | 0.95, 0.90, 0.85 |
//! | `cache_hit_rate` | share of calls answered by the response cache, of those it was asked for | 0.90, 0.80, 0.70 |
//! | `cost_efficiency` | share of the known cost that went to whole answers; the rest was paid for answers nobody got whole | 0.80, 0.70, 0.60 |
//! | `error_rate` | share of answerable calls without a whole answer | 0.02, 0.05, 0.10 |
//!
//! Limits may be learned from the values of past hours ([`learn`]).

use crate::tally::Tally;

/// Hours with a value before limits can be learned.
pub const HOURS_TO_LEARN: usize = 24;
/// The newest hours that limits are learned from: a month.
pub const HOURS_AT_MOST: usize = 31 * 24;

/// Spreads from the usual value to target, warning and critical. Beyond 3.5 a value is commonly called an outlier
/// (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993): the warning comes a little before, critical well
/// after.
const SPREADS: [f64; 3] = [1.0, 3.0, 5.0];
/// From a median absolute deviation to the standard deviation of normal values.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The least spread, on the scale that limits are learned on: hours that are all alike must not make a change of one
/// percent a warning. About 5 % of a time, and of small odds.
const LEAST_SPREAD: f64 = 0.05;
/// Shares nearer to nothing or all than this are taken as this near: the odds of 0 and 1 have no logarithm.
const LEAST_SHARE: f64 = 0.001;
/// Times below this are taken as this: zero has no logarithm.
const LEAST_MS: f64 = 0.01;

/// The core indicators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// Response time.
    ResponseTime,
    /// Selection accuracy.
    SelectionAccuracy,
    /// Cache hit rate.
    CacheHitRate,
    /// Cost efficiency.
    CostEfficiency,
    /// Error rate.
    ErrorRate,
}

/// What is aimed at, and from where on it is worse; in the indicator's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// At it or better: all is well.
    pub target: f64,
    /// From here on it needs a look.
    pub warning: f64,
    /// From here on it is bad.
    pub critical: f64,
}

/// Where limits come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Given.
    Fixed(Limits),
    /// Learned from past hours.
    Auto,
}

impl Core {
    /// All, in the order in which they are shown.
    pub const ALL: [Core; 5] = [
        Self::ResponseTime,
        Self::SelectionAccuracy,
        Self::CacheHitRate,
        Self::CostEfficiency,
        Self::ErrorRate,
    ];

    /// The stable name, also of its setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResponseTime => "response_time_ms",
            Self::SelectionAccuracy => "selection_accuracy",
            Self::CacheHitRate => "cache_hit_rate",
            Self::CostEfficiency => "cost_efficiency",
            Self::ErrorRate => "error_rate",
        }
    }

    /// `ms`, or `share` for a number between 0 and 1.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::ResponseTime => "ms",
            _ => "share",
        }
    }

    /// The largest value a limit may have: a day, or all.
    pub const fn most(self) -> f64 {
        match self {
            Self::ResponseTime => 86_400_000.0,
            _ => 1.0,
        }
    }

    /// Whether a larger value is a better one.
    pub const fn more_is_better(self) -> bool {
        matches!(self, Self::SelectionAccuracy | Self::CacheHitRate | Self::CostEfficiency)
    }

    /// The limits unless others are given.
    pub const fn limits(self) -> Limits {
        let [target, warning, critical] = match self {
            Self::ResponseTime => [2000.0, 3000.0, 5000.0],
            Self::SelectionAccuracy => [0.95, 0.90, 0.85],
            Self::CacheHitRate => [0.90, 0.80, 0.70],
            Self::CostEfficiency => [0.80, 0.70, 0.60],
            Self::ErrorRate => [0.02, 0.05, 0.10],
        };
        Limits { target, warning, critical }
    }

    /// Whether each limit is worse than the one before it.
    pub fn in_order(self, limits: Limits) -> bool {
        let Limits { target, warning, critical } = limits;
        if self.more_is_better() {
            target > warning && warning > critical
        } else {
            target < warning && warning < critical
        }
    }

    /// The value of a window, if it can be known. One hour's value is what [`learn`] learns from.
    pub fn value(self, tally: &Tally) -> Option<f64> {
        match self {
            Self::ResponseTime => tally.duration_ms.quantile(0.95),
            // Decisions are counted apart, and no cache is asked yet.
            Self::SelectionAccuracy | Self::CacheHitRate => None,
            Self::CostEfficiency => {
                (tally.cost_pico > 0).then(|| tally.cost_ok_pico as f64 / tally.cost_pico as f64)
            }
            Self::ErrorRate => tally.error_rate(),
        }
    }

    /// The value, or why there is none, as the beginning of a sentence.
    fn story(self, tally: &Tally, value: Option<f64>, decisions: Decisions) -> String {
        let failed = tally.errors + tally.partial;
        match (self, value) {
            (Self::ResponseTime, Some(ms)) => {
                format!("95 % of {} took at most {}", many(tally.ok, "answer"), self.shown(ms))
            }
            (Self::ResponseTime, None) => "no call of the window was answered".into(),
            (Self::CostEfficiency, Some(value)) => {
                let unknown = match tally.cost_unknown {
                    0 => String::new(),
                    count => format!(" ({} of unknown cost left out)", many(count, "call")),
                };
                format!("{} of the known cost went to whole answers{unknown}", self.shown(value))
            }
            (Self::CostEfficiency, None) => {
                "no call of the window has a known cost that is more than nothing".into()
            }
            (Self::ErrorRate, Some(_)) => {
                format!("{} of {} got no whole answer", failed, many(tally.answerable(), "call"))
            }
            (Self::ErrorRate, None) => "no call of the window could have been answered".into(),
            (Self::SelectionAccuracy, Some(_)) => {
                let judged = many(decisions.judged, "routing decision");
                format!("{} of {judged} came within 5 % of the best expected score", decisions.right)
            }
            (Self::SelectionAccuracy, None) => "no routing decision has a known outcome yet".into(),
            (Self::CacheHitRate, _) => "no response cache is in use".into(),
        }
    }

    /// A value for people.
    fn shown(self, value: f64) -> String {
        match self.unit() {
            "ms" if value >= 1000.0 => format!("{:.2} s", value / 1000.0),
            "ms" if value >= 10.0 => format!("{value:.0} ms"),
            "ms" => format!("{value:.1} ms"),
            _ => format!("{:.1} %", value * 100.0),
        }
    }

    /// Onto a scale on which usual changes are about as large upwards as downwards: the logarithm of a time, the log
    /// odds of a share.
    fn scaled(self, value: f64) -> f64 {
        match self.unit() {
            "ms" => value.max(LEAST_MS).ln(),
            _ => {
                let share = value.clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
                (share / (1.0 - share)).ln()
            }
        }
    }

    fn unscaled(self, scaled: f64) -> f64 {
        match self.unit() {
            "ms" => scaled.exp(),
            _ => 1.0 / (1.0 + (-scaled).exp()),
        }
    }
}

fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What could be learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Learned {
    /// Too few hours: so many of [`HOURS_TO_LEARN`].
    Learning(usize),
    /// What is usual here, and how far from it is unusual.
    Ready(Limits),
}

/// Learns limits from the values of past hours, oldest first; hours without a value are left out by the caller.
///
/// On a logarithmic scale the median is the usual value and the median absolute deviation the usual spread, so that half
/// of the hours may be broken before the limits move much. Target, warning and critical are 1, 3 and 5 spreads worse than
/// usual. What is learned is what is *usual*: a service that is always slow is never told to be slow.
pub fn learn(core: Core, hours: &[f64]) -> Learned {
    let usable = hours.iter().rev().filter(|value| value.is_finite()).take(HOURS_AT_MOST);
    let mut scaled: Vec<f64> = usable.map(|value| core.scaled(*value)).collect();
    if scaled.len() < HOURS_TO_LEARN {
        return Learned::Learning(scaled.len());
    }
    let usual = median(&mut scaled);
    let mut distances: Vec<f64> = scaled.iter().map(|value| (value - usual).abs()).collect();
    let spread = (MAD_TO_SIGMA * median(&mut distances)).max(LEAST_SPREAD);
    let way = if core.more_is_better() { -spread } else { spread };
    let [target, warning, critical] = SPREADS.map(|count| core.unscaled(usual + count * way));
    Learned::Ready(Limits { target, warning, critical })
}

/// The middle value of at least one; of two middle ones their mean.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = values.get(half).copied().unwrap_or_default();
    match values.get(half.wrapping_sub(1)) {
        Some(lower) if values.len().is_multiple_of(2) => f64::midpoint(*lower, upper),
        _ => upper,
    }
}

/// How an indicator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// On target.
    Ok,
    /// Between target and warning.
    Info,
    /// Needs a look.
    Warning,
    /// Bad.
    Critical,
    /// The value or the limits are not known.
    Unknown,
}

impl State {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// An indicator of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Indicator {
    /// Which one.
    pub core: Core,
    /// Its value, in its unit.
    pub value: Option<f64>,
    /// The limits it is held against; `None` while they are being learned.
    pub limits: Option<Limits>,
    /// How it stands.
    pub state: State,
    /// All of it in a sentence.
    pub words: String,
}

/// Routing decisions of a window whose outcome is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Those that chose as well as could be told afterwards.
    pub right: u64,
    /// All of them.
    pub judged: u64,
}

impl Decisions {
    fn accuracy(self) -> Option<f64> {
        (self.judged > 0).then(|| self.right as f64 / self.judged as f64)
    }
}

/// Holds the calls of a window against limits. `hours`: values of past hours, oldest first; read only where limits are
/// learned.
pub fn judge(core: Core, tally: &Tally, decisions: Decisions, rule: Rule, hours: &[f64]) -> Indicator {
    let value = if core == Core::SelectionAccuracy { decisions.accuracy() } else { core.value(tally) };
    let learned = match rule {
        Rule::Fixed(limits) => Learned::Ready(limits),
        Rule::Auto => learn(core, hours),
    };
    let story = core.story(tally, value, decisions);
    let (limits, state, words) = match (value, learned) {
        (None, Learned::Ready(limits)) => (Some(limits), State::Unknown, story),
        (None, Learned::Learning(_)) => (None, State::Unknown, story),
        (Some(_), Learned::Learning(have)) => {
            let words = format!("{story}; learning what is usual: {have} of {HOURS_TO_LEARN} hours");
            (None, State::Unknown, words)
        }
        (Some(value), Learned::Ready(limits)) => {
            let state = state(core, value, limits);
            (Some(limits), state, format!("{story}; {}", verdict(core, state, limits)))
        }
    };
    Indicator { core, value, limits, state, words }
}

fn state(core: Core, value: f64, limits: Limits) -> State {
    // With the sign turned, more is worse for all of them.
    let sign = if core.more_is_better() { -1.0 } else { 1.0 };
    let worse_than = |limit: f64| value * sign > limit * sign;
    let at_least = |limit: f64| value * sign >= limit * sign;
    match limits {
        limits if at_least(limits.critical) => State::Critical,
        limits if at_least(limits.warning) => State::Warning,
        limits if worse_than(limits.target) => State::Info,
        _ => State::Ok,
    }
}

fn verdict(core: Core, state: State, limits: Limits) -> String {
    let at = |limit| core.shown(limit);
    match state {
        State::Critical => format!("critical from {} on", at(limits.critical)),
        State::Warning => format!("a warning from {} on", at(limits.warning)),
        State::Info => format!("not on the target of {}, no warning yet", at(limits.target)),
        State::Ok | State::Unknown => format!("on the target of {}", at(limits.target)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn errors(ok: u64, errors: u64) -> Tally {
        Tally { calls: ok + errors, ok, errors, ..Tally::default() }
    }

    fn fixed(core: Core) -> Rule {
        Rule::Fixed(core.limits())
    }

    #[test]
    fn states_change_at_the_stated_limits() {
        let states = |core: Core, values: &[f64]| {
            values.iter().map(|value| state(core, *value, core.limits()).as_str()).collect::<Vec<_>>()
        };
        assert_eq!(
            states(Core::ResponseTime, &[1999.0, 2000.0, 2001.0, 3000.0, 4999.0, 5000.0]),
            ["ok", "ok", "info", "warning", "warning", "critical"]
        );
        assert_eq!(
            states(Core::ErrorRate, &[0.0, 0.02, 0.03, 0.05, 0.1]),
            ["ok", "ok", "info", "warning", "critical"]
        );
        for core in [Core::SelectionAccuracy, Core::CacheHitRate, Core::CostEfficiency] {
            let Limits { target, warning, critical } = core.limits();
            assert_eq!(
                states(core, &[1.0, target, target - 0.01, warning, critical, 0.0]),
                ["ok", "ok", "info", "warning", "critical", "critical"]
            );
        }
    }

    #[test]
    fn what_cannot_be_known_is_unknown_with_a_reason() {
        for core in Core::ALL {
            let found = judge(core, &Tally::default(), Decisions::default(), fixed(core), &[]);
            assert_eq!((found.value, found.state), (None, State::Unknown));
            assert!(found.words.starts_with("no "), "{}", found.words);
        }
        let mut tally = errors(3, 1);
        (tally.cost_pico, tally.cost_ok_pico, tally.cost_unknown) = (1000, 650, 2);
        let found =
            judge(Core::CostEfficiency, &tally, Decisions::default(), fixed(Core::CostEfficiency), &[]);
        assert_eq!((found.value, found.state), (Some(0.65), State::Warning));
        assert_eq!(
            found.words,
            "65.0 % of the known cost went to whole answers (2 calls of unknown cost left out); a warning from 70.0 % on"
        );
        let found = judge(Core::ErrorRate, &tally, Decisions::default(), fixed(Core::ErrorRate), &[]);
        assert_eq!(found.words, "1 of 4 calls got no whole answer; critical from 10.0 % on");
    }

    #[test]
    fn learning_takes_a_day_and_then_tells_the_unusual() {
        let tally = errors(9, 1);
        let hours: Vec<f64> = (0..30).map(|at| 0.10 + 0.01 * f64::from(at % 3)).collect();
        let young = judge(Core::ErrorRate, &tally, Decisions::default(), Rule::Auto, &hours[..23]);
        assert_eq!((young.limits, young.state), (None, State::Unknown));
        assert!(young.words.ends_with("learning what is usual: 23 of 24 hours"), "{}", young.words);
        let usual = judge(Core::ErrorRate, &tally, Decisions::default(), Rule::Auto, &hours);
        assert_eq!(usual.state, State::Ok, "{usual:?}");
        let unusual = judge(Core::ErrorRate, &errors(5, 5), Decisions::default(), Rule::Auto, &hours);
        assert_eq!(unusual.state, State::Critical, "{unusual:?}");
    }

    #[test]
    fn hours_that_are_all_alike_do_not_make_small_changes_a_warning() {
        let Learned::Ready(limits) = learn(Core::ResponseTime, &[1000.0; 24]) else { panic!() };
        assert_eq!(state(Core::ResponseTime, 1040.0, limits), State::Ok);
        assert_eq!(state(Core::ResponseTime, 2000.0, limits), State::Critical);
        let Learned::Ready(limits) = learn(Core::ErrorRate, &[0.0; 24]) else { panic!() };
        assert_eq!(state(Core::ErrorRate, 0.0, limits), State::Ok);
        let Learned::Ready(limits) = learn(Core::CacheHitRate, &[1.0; 24]) else { panic!() };
        assert_eq!(state(Core::CacheHitRate, 1.0, limits), State::Ok);
    }

    #[test]
    fn a_third_of_broken_hours_hardly_moves_the_limits() {
        let good: Vec<f64> = (0..60).map(|at| 900.0 + 10.0 * f64::from(at % 20)).collect();
        let broken: Vec<f64> =
            good.iter().enumerate().map(|(at, &ms)| if at % 3 == 0 { 60_000.0 } else { ms }).collect();
        let (Learned::Ready(before), Learned::Ready(after)) =
            (learn(Core::ResponseTime, &good), learn(Core::ResponseTime, &broken))
        else {
            panic!()
        };
        assert!(after.critical < 2.0 * before.critical, "{before:?} {after:?}");
    }

    proptest! {
        #[test]
        fn learned_limits_are_in_order_and_within_bounds(
            hours in proptest::collection::vec(0.0..2.0f64, 24..200),
            times in proptest::collection::vec(0.0..1e9f64, 24..200),
        ) {
            for core in Core::ALL {
                let hours = if core.unit() == "ms" { &times } else { &hours };
                let Learned::Ready(limits) = learn(core, hours) else { panic!() };
                // Far out, shares that differ round to the same number.
                let worse = if core.more_is_better() { f64::ge } else { f64::le };
                let Limits { target, warning, critical } = limits;
                prop_assert!(worse(&target, &warning) && worse(&warning, &critical), "{core:?} {limits:?}");
                if core.unit() == "share" {
                    let all = [limits.target, limits.warning, limits.critical];
                    prop_assert!(all.iter().all(|limit| (0.0..=1.0).contains(limit)), "{all:?}");
                }
            }
        }

        #[test]
        fn no_hours_and_no_tally_break_it(hours in proptest::collection::vec(any::<f64>(), 0..60)) {
            for core in Core::ALL {
                let found = judge(core, &errors(1, 0), Decisions::default(), Rule::Auto, &hours);
                prop_assert!(!found.words.is_empty());
            }
        }
    }
}
