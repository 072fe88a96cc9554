//! What a replay comes to, and how far it can be trusted.

use super::Counts;
use super::past::LeftOut;
use super::rows::{Metric, Who};
use super::sums::{Batches, Figure, Sums};
use super::tally::{PARTS, field, of as position};
use crate::route::Route;
use paceline_types::id::Name;
use paceline_types::time::Timestamp;
use std::fmt;

/// Fewer effective calls are no sample.
const LEAST_EFFECTIVE: f64 = 30.0;
/// Where weights come to less than this for each call, the log hardly goes where the policy goes.
const LEAST_COVERED: f64 = 0.95;
/// A log without chance is a sample of a policy that does the same in so many calls.
const SAME: f64 = 0.99;

/// Where the sums of a cost are among those by metric.
const COST: usize = Metric::Cost as usize;

/// A replay's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Calls that were replayed.
    pub calls: u64,
    /// Calls that were not.
    pub left_out: LeftOut,
    /// When the first and the last of them began.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Those that a route decided.
    pub decided: u64,
    /// Those whose decision left something to chance.
    pub explored: u64,
    /// Those whose answer was scored.
    pub scored: u64,
    /// Those that went to a model that is no candidate of the policy.
    pub unplaced: u64,
    /// What really happened.
    pub recorded: Recorded,
    /// The policy, then the controls.
    pub rows: Vec<Row>,
    /// What the replay could not take into account, in words.
    pub notes: Vec<String>,
}

/// What really happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Means a call, by metric; quality and score where quality can be told.
    pub means: [Option<Figure>; 4],
    /// The sum of known costs, in US dollars.
    pub cost_usd: f64,
    /// Calls whose cost is known.
    pub priced: u64,
    /// Share of calls by deployment, the largest first.
    pub shares: Vec<(Name, f64)>,
}

/// What would have come of one who decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who.
    pub who: Who,
    /// Calls that he takes.
    pub calls: u64,
    /// Calls that none of his candidates could take.
    pub refused: u64,
    /// Means a call by what was expected of whom he takes, by metric.
    pub direct: [Option<Figure>; 4],
    /// The sum of those costs, in US dollars.
    pub cost_usd: f64,
    /// Calls with a cost.
    pub priced: u64,
    /// Cost by recorded cost, less 1: −.1 is a tenth saved.
    pub against_recorded: Option<Figure>,
    /// Cost by that of the baseline, less 1.
    pub against_baseline: Option<Figure>,
    /// Share of calls in which he does what was done.
    pub agreement: Option<f64>,
    /// Share of calls by candidate, the largest first.
    pub shares: Vec<(Name, f64)>,
    /// What really came of calls that went where he goes, or why that cannot be told.
    pub weighed: Result<Weighed, Doubt>,
}

/// What really came of calls that went where somebody else goes too, weighed.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// Calls in which the log could do the same.
    pub calls: u64,
    /// So many calls of his own would tell as much.
    pub effective: f64,
    /// The mean weight: 1 where the log goes wherever he goes.
    pub covered: f64,
    /// Self-normalised importance weighting, by metric.
    pub importance: [Option<Figure>; 4],
    /// Doubly robust, by metric.
    pub robust: [Option<Figure>; 4],
    /// Cost by the recorded cost of the same calls, less 1: by importance weighting, doubly robust.
    pub against_recorded: [Option<Figure>; 2],
}

impl Weighed {
    /// Of the two ways the one with the narrower interval.
    pub fn sharper(&self, metric: Metric) -> Option<Figure> {
        narrower(self.importance[metric as usize], self.robust[metric as usize])
    }

    /// Cost by the recorded cost of the same calls, less 1, by the way with the narrower interval.
    pub fn against(&self) -> Option<Figure> {
        let [importance, robust] = self.against_recorded;
        narrower(importance, robust)
    }
}

fn narrower(importance: Option<Figure>, robust: Option<Figure>) -> Option<Figure> {
    match (importance, robust) {
        (Some(importance), Some(robust)) if importance.width() < robust.width() => Some(importance),
        (importance, robust) => robust.or(importance),
    }
}

/// Why outcomes cannot be weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    /// There are no calls.
    NoCalls,
    /// No call was decided by a route: callers named the models.
    NoDecisions,
    /// No decision left anything to chance.
    Deterministic {
        /// Share of calls in which he does what was done.
        agreement: f64,
    },
    /// Too few calls, after weighing.
    FewEffective {
        /// So many.
        effective: f64,
    },
    /// The log hardly goes where he goes.
    Uncovered {
        /// The mean weight.
        covered: f64,
    },
}

impl Doubt {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCalls => "no_calls",
            Self::NoDecisions => "no_decisions",
            Self::Deterministic { .. } => "deterministic_log",
            Self::FewEffective { .. } => "few_effective_calls",
            Self::Uncovered { .. } => "not_covered",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCalls => f.write_str("there are no calls"),
            Self::NoDecisions => f.write_str(
                "no route decided these calls: callers named the models, so nothing tells how others would have answered",
            ),
            Self::Deterministic { agreement } => write!(
                f,
                "nothing was left to chance (every propensity is 1), so nothing tells how other models would have answered \
                 in the {:.0} % of calls that would have gone elsewhere; let the route explore (`explore`, at most 2 %)",
                (1.0 - agreement) * 100.0
            ),
            Self::FewEffective { effective } => write!(
                f,
                "too few calls went where it would have gone: weighed, they tell as much as {effective:.0} calls, and \
                 {LEAST_EFFECTIVE:.0} are needed; replay a longer time"
            ),
            Self::Uncovered { covered } => write!(
                f,
                "the log hardly ever goes where it would have gone: weights come to {covered:.2} a call instead of 1"
            ),
        }
    }
}

/// Means by metric, of sums that begin at `first`.
fn means(batches: &Batches<PARTS>, first: usize) -> [Option<Figure>; 4] {
    Metric::ALL.map(|metric| {
        let figure = batches.figure(|sums| sums[first + metric as usize].ratio())?;
        Some(figure.within(metric.bounds()))
    })
}

/// A cost by another, less 1; neither is negative.
fn change(batches: &Batches<PARTS>, of: impl Fn(&Sums<PARTS>) -> Option<f64>) -> Option<Figure> {
    batches
        .figure(|sums| of(sums).map(|ratio| ratio - 1.0))
        .map(|figure| figure.within((-1.0, f64::INFINITY)))
}

fn ordered(shares: impl Iterator<Item = (Name, f64)>) -> Vec<(Name, f64)> {
    let mut shares: Vec<(Name, f64)> = shares.filter(|(_, share)| *share > 0.0).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    shares
}

pub(super) fn of(route: &Route, batches: &Batches<PARTS>, counts: &Counts) -> Report {
    let total = batches.total();
    let all = counts.calls.max(1) as f64;
    let recorded = Recorded {
        means: means(batches, 0),
        cost_usd: total[COST].sum,
        priced: total[COST].of as u64,
        shares: ordered(
            counts.by_recorded.iter().map(|(name, calls)| (Name::clone(name), *calls as f64 / all)),
        ),
    };
    let row = |who: Who| {
        let (by_candidate, refused) = &counts.by_who[who as usize];
        let calls = counts.calls - refused;
        let named = route.candidates.iter().zip(by_candidate).filter_map(|(candidate, share)| {
            let deployment = &candidate.targets.first()?.deployment;
            Some((Name::clone(&deployment.name), share / (calls.max(1) as f64)))
        });
        let direct = total[position(who, field::DIRECT + COST)];
        Row {
            who,
            calls,
            refused: *refused,
            direct: means(batches, position(who, field::DIRECT)),
            cost_usd: direct.sum,
            priced: direct.of as u64,
            against_recorded: change(batches, |sums| sums[position(who, field::BY_RECORDED)].ratio()),
            against_baseline: change(batches, |sums| sums[position(who, field::BY_BASELINE)].ratio()),
            agreement: total[position(who, field::AGREED)].ratio(),
            shares: ordered(named),
            weighed: weighed(batches, &total, who, counts),
        }
    };
    Report {
        calls: counts.calls,
        left_out: counts.left_out,
        span: counts.span,
        decided: counts.decided,
        explored: counts.explored,
        scored: counts.scored,
        unplaced: counts.unplaced,
        recorded,
        rows: Who::ALL.map(row).into(),
        notes: notes(route, counts),
    }
}

fn weighed(
    batches: &Batches<PARTS>,
    total: &Sums<PARTS>,
    who: Who,
    counts: &Counts,
) -> Result<Weighed, Doubt> {
    let (weights, squares) = (total[position(who, field::WEIGHTS)], total[position(who, field::SQUARES)]);
    let agreed = total[position(who, field::AGREED)];
    if agreed.of < 1.0 {
        return Err(Doubt::NoCalls);
    }
    let agreement = agreed.ratio().unwrap_or(0.0);
    if counts.explored == 0 && agreement < SAME {
        return Err(if counts.decided == 0 {
            Doubt::NoDecisions
        } else {
            Doubt::Deterministic { agreement }
        });
    }
    let effective = if squares.sum > 0.0 { weights.sum * weights.sum / squares.sum } else { 0.0 };
    if effective < LEAST_EFFECTIVE {
        return Err(Doubt::FewEffective { effective });
    }
    let covered = batches.figure(|sums| sums[position(who, field::WEIGHTS)].ratio());
    let highest = covered.and_then(|figure| figure.range).map_or(1.0, |(_, high)| high);
    let covered = covered.map_or(0.0, |figure| figure.value);
    if highest < LEAST_COVERED {
        return Err(Doubt::Uncovered { covered });
    }
    let by_paid = |first: usize| {
        change(batches, |sums| {
            let paid = sums[position(who, field::PAID)].ratio().filter(|paid| *paid > 0.0)?;
            Some(sums[position(who, first) + COST].ratio()? / paid)
        })
    };
    Ok(Weighed {
        calls: weights.of as u64,
        effective,
        covered,
        importance: means(batches, position(who, field::IMPORTANCE)),
        robust: means(batches, position(who, field::ROBUST)),
        against_recorded: [by_paid(field::IMPORTANCE), by_paid(field::ROBUST)],
    })
}

/// What was not taken into account, as far as it concerns this route and these calls.
fn notes(route: &Route, counts: &Counts) -> Vec<String> {
    let mut notes = vec![
        "limits, complexity and strategies that callers named are not recorded: each call is decided by the route's own; what \
         it asked of a model is known only where it kept a candidate out"
            .to_owned(),
        if counts.explored > 0 {
            "direct figures take each answer to be as long as the recorded one, times how much longer that model's answers \
             are by the calls that were sent by chance"
                .to_owned()
        } else {
            "direct figures take each answer to be as long as the recorded one".to_owned()
        },
    ];
    if counts.scored == 0 {
        notes.push("no answer was scored: quality is what the estimates say, not what was seen".to_owned());
    }
    if route.policy.learned.is_some() {
        notes.push(
            "prompts are not kept, so the route's trained router could not look at them: quality is by model and task"
                .to_owned(),
        );
    }
    if route.policy.cascade.is_some() {
        notes.push("a cascade is not replayed: figures are of the model that is chosen without trying a cheaper one first".to_owned());
    }
    if route.policy.affinity {
        notes.push(
            "what draws calls to a provider's prompt cache is left out; caches are read as recorded"
                .to_owned(),
        );
    }
    if counts.unplaced > 0 {
        notes.push(format!(
            "{} of {} calls went to models that are no candidates of the route",
            counts.unplaced, counts.calls
        ));
    }
    let unnamed = counts.calls - counts.decided;
    if counts.decided > 0 && unnamed > 0 {
        notes.push(format!(
            "{unnamed} of {} calls named their model; route={} replays only what the route decided",
            counts.calls, route.name
        ));
    }
    notes
}
