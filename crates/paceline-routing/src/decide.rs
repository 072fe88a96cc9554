//! The decision: who of a route's candidates may take a call, how each scores, who takes it.
//!
//! The same view, call, moment and chance give the same decision.

use crate::affinity::cached_tokens;
use crate::choose::Chance;
use crate::estimate::{Estimate, View};
use crate::expect::{Expectation, Facts, expect, output_tokens};
use crate::health::Verdict;
use crate::need::{Complexity, Need};
use crate::place::Policy;
use crate::plan::{Pick, Plan, Target};
use crate::route::{Candidate, Route};
use crate::score::{self, COMPLEX_FLOOR, Standing};
use paceline_types::decision::{Decision, Refusal, Strategy, Weights};
use paceline_types::deployment::Deployment;
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// The most candidates that a plan tries one after the other.
const MAX_TRIED: usize = 8;

/// A call that is to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What it asks.
    pub need: &'a Need,
    /// When.
    pub now: Instant,
    /// When, by the wall clock: prices change.
    pub at: Timestamp,
    /// Stands for the beginning of its prompt.
    pub prefix: Option<u64>,
    /// Quality by the route's quality model, in the order of its models.
    pub learned: Option<&'a [f32]>,
    /// How health is judged.
    pub policy: &'a Policy,
}

/// Nobody may take a call.
#[derive(Clone, Debug, PartialEq)]
pub struct NoModel {
    /// All candidates, and why not.
    pub rejected: Vec<(Arc<Deployment>, Refusal)>,
}

/// A decision, and what is tried in which order.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Why.
    pub decision: Decision,
    /// The candidates in their order, then the route's fallback.
    pub plan: Plan,
    /// The number of each target of the plan among the route's targets, for [`Route::saw`]; empty where the beginning of the
    /// prompt is not looked at.
    pub numbers: Vec<u16>,
}

/// A candidate under consideration.
#[derive(Clone, Copy)]
struct Considered {
    /// Its number in the route.
    at: usize,
    /// The number of the target that counts.
    target: usize,
    /// The number of its first target among those of the route.
    first: u16,
    expected: Expectation,
}

impl Route {
    /// Decides one call.
    ///
    /// # Errors
    /// When no candidate may take it, with the reasons.
    pub fn decide(&self, question: &Question<'_>, chance: &mut impl Chance) -> Result<Decided, NoModel> {
        let view = self.view();
        let need = question.need;
        let strategy = need.strategy.unwrap_or(self.policy.strategy);
        let standing =
            if strategy == Strategy::Adaptive { standing(&view, need) } else { Standing::default() };
        let weights = score::weigh(strategy, self.policy.weights, need, &standing);
        let seen = question.prefix.filter(|_| self.policy.affinity);
        let seen = seen.and_then(|prefix| self.affinity.last(prefix, seconds(question.at)));
        let task = need.task_type.as_deref().and_then(|task| view.task(task));
        let mut considered: Vec<Considered> = Vec::with_capacity(self.candidates.len());
        let (mut rejected, mut left_alone) = (Vec::new(), Vec::new());
        let mut first = 0;
        for (at, (candidate, estimate)) in self.candidates.iter().zip(&view.estimates).enumerate() {
            let base = first;
            first += candidate.targets.len();
            let why = fits(candidate, need, estimate.output_tokens);
            let (open, target) = reachable(candidate, question, seen.map(|seen| seen.wrapping_sub(base)));
            let deployment = &candidate.targets[target].deployment;
            if let Some(why) = why {
                rejected.push((Arc::clone(deployment), why));
                continue;
            }
            let cached = if seen == Some(base + target) { cached_tokens(need.input_tokens) } else { 0 };
            let learned = question.learned.and_then(|all| all.get(candidate.learned?).copied());
            let facts = Facts { candidate, estimate, target, task, cached, learned };
            let expected = expect(&facts, need, weights, question.now, question.at);
            let why = self.within(&expected, estimate, need);
            match why {
                Some(why) => rejected.push((Arc::clone(deployment), why)),
                None if !open => {
                    rejected.push((Arc::clone(deployment), Refusal::LeftAlone));
                    left_alone.push(Considered { at, target, first: base as u16, expected });
                }
                None => considered.push(Considered { at, target, first: base as u16, expected }),
            }
        }
        self.rank(&mut considered);
        self.rank(&mut left_alone);
        if considered.is_empty() && left_alone.is_empty() {
            return Err(NoModel { rejected });
        }
        let (chosen, propensity) = match self.cheap_first(&considered, need) {
            Some(cheap) => (cheap, 1.0),
            None => self.explore(&considered, need, chance),
        };
        let output = considered.get(chosen).map_or(0.0, |one| output_tokens(&view.estimates[one.at], need));
        let (plan, numbers) = self.plan(&considered, &left_alone, chosen, question);
        let decision = Decision {
            route: Arc::clone(&self.name),
            strategy,
            weights,
            candidates: considered.iter().map(|one| one.expected.of(self.target(one))).collect(),
            rejected,
            chosen: chosen as u16,
            propensity,
            confidence: None,
            input_tokens: u32::try_from(need.input_tokens).unwrap_or(u32::MAX),
            output_tokens: output as u32,
            escalated: false,
            predicted: None,
        };
        Ok(Decided { decision, plan, numbers })
    }

    /// A target, by its number, answers a prompt that begins so.
    pub fn saw(&self, prefix: u64, number: u16, at: Timestamp) {
        self.affinity.note(prefix, usize::from(number), seconds(at));
    }

    /// Why what is expected of a candidate is not good enough; `None` where it is.
    fn within(&self, expected: &Expectation, estimate: &Estimate, need: &Need) -> Option<Refusal> {
        let policy = &self.policy;
        let least = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let over = |limit: Option<f64>, value: f32| limit.is_some_and(|limit| f64::from(value) > limit);
        if over(least(need.max_latency_ms, policy.max_latency_ms), expected.latency_ms) {
            return Some(Refusal::Latency);
        }
        let budget = least(need.max_cost_usd, policy.max_cost_usd);
        let too_dear = |usd: Option<f32>| usd.is_none_or(|usd| over(budget, usd));
        if budget.is_some() && too_dear(expected.usd) {
            return Some(Refusal::Cost);
        }
        let complex = (need.complexity == Some(Complexity::Complex)).then_some(COMPLEX_FLOOR);
        let floors = [need.min_quality.or(complex), policy.min_quality];
        let floor = floors.into_iter().flatten().fold(0.0, f64::max);
        if f64::from(expected.answers) < floor {
            return Some(Refusal::Quality);
        }
        (estimate.reliability < policy.reliability_threshold).then_some(Refusal::Reliability)
    }

    fn target(&self, one: &Considered) -> &Target {
        &self.candidates[one.at].targets[one.target]
    }

    /// The best first; of equals the one that comes first by name.
    fn rank(&self, considered: &mut [Considered]) {
        considered.sort_unstable_by(|a, b| {
            let by_score = b.expected.score.total_cmp(&a.expected.score);
            by_score.then_with(|| self.target(a).deployment.name.cmp(&self.target(b).deployment.name))
        });
    }

    /// Who is asked first where answers are checked: the cheapest, where the best one is dearer.
    fn cheap_first(&self, considered: &[Considered], need: &Need) -> Option<usize> {
        self.policy.cascade.filter(|_| need.checkable)?;
        let usd = |one: &Considered| one.expected.usd.filter(|usd| usd.is_finite());
        let best = usd(considered.first()?)?;
        let priced = considered.iter().enumerate().filter_map(|(at, one)| Some((at, usd(one)?)));
        let (cheapest, cost) = priced.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (cost < best).then_some(cheapest)
    }

    /// Who is taken, and how likely that was.
    fn explore(&self, considered: &[Considered], need: &Need, chance: &mut impl Chance) -> (usize, f32) {
        let scores = considered.iter().map(|one| one.expected.score);
        let Some((share, others)) = self.explores(scores, need.pinned) else { return (0, 1.0) };
        let drawn = chance.next();
        if drawn >= share {
            return (0, (1.0 - share) as f32);
        }
        let which = ((drawn / share * others as f64) as usize).min(others - 1);
        (1 + which, (share / others as f64) as f32)
    }

    /// Which share of calls with these scores, the best first, explores, and how many behind the best share it evenly;
    /// `None`: nobody explores.
    pub(crate) fn explores(&self, scores: impl Iterator<Item = f32>, pinned: bool) -> Option<(f64, usize)> {
        let share = self.policy.explore.clamp(0.0, crate::route::MAX_EXPLORE);
        if share <= 0.0 || pinned {
            return None;
        }
        let mut scores = scores;
        let best = scores.next()?;
        let others = scores.take_while(|score| f64::from(best - score) <= self.policy.explore_within).count();
        (others > 0).then_some((share, others))
    }

    fn plan(
        &self,
        considered: &[Considered],
        left_alone: &[Considered],
        chosen: usize,
        question: &Question<'_>,
    ) -> (Plan, Vec<u16>) {
        let need = question.need;
        let remembers = question.prefix.is_some();
        let first = considered.get(chosen);
        let rest = considered.iter().enumerate().filter(|(at, _)| *at != chosen).map(|(_, one)| one);
        let order = first.into_iter().chain(rest).chain(left_alone).take(MAX_TRIED);
        let mut targets: Vec<Target> = Vec::with_capacity(MAX_TRIED + self.fallback.len());
        let mut numbers = Vec::new();
        let mut pick = Pick::First;
        let mut group = 0;
        for (rank, one) in order.enumerate() {
            let candidate = &self.candidates[one.at];
            if rank == 0 {
                pick =
                    if candidate.targets.len() > 1 && one.target > 0 { Pick::First } else { candidate.pick };
            }
            let preferred = std::iter::once(one.target);
            let others = (0..candidate.targets.len()).filter(|at| *at != one.target);
            for at in preferred.chain(others).filter(|at| is_there(&candidate.targets[*at], need)) {
                targets.push(candidate.targets[at].in_group(group));
                if remembers {
                    numbers.push(one.first.saturating_add(at as u16));
                }
            }
            group += 1;
        }
        // Who says which models may be considered means no other.
        let fallback = self.fallback.iter().filter(|target| need.models.is_empty() && is_there(target, need));
        for target in fallback {
            if !targets.iter().any(|known| {
                Arc::ptr_eq(&known.deployment, &target.deployment) || known.deployment == target.deployment
            }) {
                targets.push(target.in_group(group + target.group));
                if remembers {
                    numbers.push(u16::MAX);
                }
            }
        }
        let plan =
            Plan { targets, fallback_on_content_filter: self.fallback_on_content_filter, pick, shadow: None };
        (plan, numbers)
    }
}

fn seconds(at: Timestamp) -> u32 {
    at.seconds() as u32
}

/// Why a candidate cannot take the call at all.
fn fits(candidate: &Candidate, need: &Need, usual_output: f64) -> Option<Refusal> {
    if !need.models.is_empty() && !need.models.iter().any(|name| is_called(candidate, name)) {
        return Some(Refusal::NotNamed);
    }
    if let Some(why) = candidate.can.lacks(need.asked) {
        return Some(why);
    }
    let wanted = need.output_tokens.or(need.max_tokens);
    if let (Some(most), Some(wanted)) = (candidate.max_output, need.output_tokens)
        && wanted > most
    {
        return Some(Refusal::MaxOutput);
    }
    let answer =
        wanted.map_or(usual_output as u64, |wanted| wanted.min(candidate.max_output.unwrap_or(wanted)));
    if candidate.context.is_some_and(|window| need.input_tokens.saturating_add(answer) > window) {
        return Some(Refusal::ContextWindow);
    }
    (!candidate.targets.iter().any(|target| is_there(target, need))).then_some(Refusal::Region)
}

/// Whether a target computes where the call allows.
fn is_there(target: &Target, need: &Need) -> bool {
    need.region.as_deref().is_none_or(|region| target.deployment.region.as_deref() == Some(region))
}

fn is_called(candidate: &Candidate, name: &str) -> bool {
    candidate.targets.iter().any(|target| {
        let deployment = &target.deployment;
        [&deployment.model, &deployment.name, &deployment.upstream_model]
            .iter()
            .any(|known| ***known == *name)
    })
}

/// Whether one of its targets may be asked, and which counts: the one that saw the prompt, else the first that may.
fn reachable(candidate: &Candidate, question: &Question<'_>, seen: Option<usize>) -> (bool, usize) {
    let open = |target: &Target| {
        is_there(target, question.need)
            && target.places.iter().any(|place| {
                !matches!(place.health.look(question.now, &question.policy.health), Verdict::Closed { .. })
            })
    };
    if let Some(seen) = seen.filter(|seen| candidate.targets.get(*seen).is_some_and(open)) {
        return (true, seen);
    }
    match candidate.targets.iter().position(open) {
        Some(first) => (true, first),
        None => (false, 0),
    }
}

fn standing(view: &View, need: &Need) -> Standing {
    let input = need.input_tokens as f64;
    let count = view.estimates.len().max(1) as f64;
    let times =
        view.estimates.iter().map(|one| one.first_token_ms(input) + one.tpot_ms * output_tokens(one, need));
    let errors = view.estimates.iter().map(|one| 1.0 - one.reliability);
    Standing {
        usual_latency_ms: times.sum::<f64>() / count,
        errors: (errors.sum::<f64>() / count - 0.02).max(0.0),
    }
}

/// The score that a call turned out to deserve, on the anchors of its decision: its own time and cost, its quality where
/// that is known and else what was expected, nothing for quality where it failed.
pub fn realised(
    decision: &Decision,
    total_ms: f64,
    usd: Option<f64>,
    quality: Option<f64>,
    answered: bool,
) -> f64 {
    let Weights { latency, quality: of_quality, cost } = decision.weights;
    let expected = decision.taken().map_or(0.0, |one| f64::from(one.quality));
    let quality = if answered { quality.unwrap_or(expected) } else { 0.0 };
    f64::from(latency) * score::latency(total_ms)
        + f64::from(of_quality) * quality
        + f64::from(cost) * score::cost(usd)
}

/// Whether a decision was right: what it came to is within 5 % of the best score that was expected (R10).
pub fn was_right(decision: &Decision, realised: f64) -> bool {
    decision.candidates.first().is_none_or(|best| realised >= 0.95 * f64::from(best.score))
}

/// The strategies that a caller may name.
pub fn strategies() -> impl Iterator<Item = &'static str> {
    Strategy::ALL.into_iter().map(Strategy::as_str)
}

#[cfg(test)]
#[path = "decide_test.rs"]
mod tests;
