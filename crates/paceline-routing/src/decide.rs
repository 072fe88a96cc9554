//! The decision: who of a route's candidates may take a call, how each scores, who takes it.
//!
//! The same view, call, moment and chance give the same decision.

use crate::affinity::cached_tokens;
use crate::choose::Chance;
use crate::estimate::{Estimate, View, cost_usd};
use crate::health::Verdict;
use crate::need::{Abilities, Complexity, Need};
use crate::place::Policy;
use crate::plan::{Pick, Plan, Target};
use crate::route::{Candidate, Route};
use crate::score::{self, COMPLEX_FLOOR, Standing};
use paceline_types::decision::{Decision, Refusal, Scored, Strategy, Weights};
use paceline_types::deployment::Deployment;
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// The most candidates that a plan tries one after the other.
const MAX_TRIED: usize = 8;
/// How many times slower than usual a recent first token must be to count, and how much it counts at most.
const SLOW: (f64, f64) = (2.0, 4.0);

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
    /// The number of each target of the plan among the route's targets, for [`Route::saw`].
    pub numbers: Vec<u16>,
}

/// A candidate under consideration.
struct Considered {
    /// Its number in the route.
    at: usize,
    /// The number of the target that counts.
    target: usize,
    scored: Scored,
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
        let standing = standing(&view, need);
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
            let scored = self.score(&facts, question, weights);
            let why = self.within(&scored, estimate, need);
            match why {
                Some(why) => rejected.push((Arc::clone(deployment), why)),
                None if !open => {
                    rejected.push((Arc::clone(deployment), Refusal::LeftAlone));
                    left_alone.push(Considered { at, target, scored });
                }
                None => considered.push(Considered { at, target, scored }),
            }
        }
        rank(&mut considered);
        rank(&mut left_alone);
        if considered.is_empty() && left_alone.is_empty() {
            return Err(NoModel { rejected });
        }
        let (chosen, propensity) = self.explore(&considered, need, chance);
        let output = considered.get(chosen).map_or(0.0, |one| output_tokens(&view.estimates[one.at], need));
        let (plan, numbers) = self.plan(&considered, &left_alone, chosen);
        let decision = Decision {
            route: Arc::clone(&self.name),
            strategy,
            weights,
            candidates: considered.into_iter().map(|one| one.scored).collect(),
            rejected,
            chosen: chosen as u16,
            propensity,
            confidence: None,
            input_tokens: u32::try_from(need.input_tokens).unwrap_or(u32::MAX),
            output_tokens: output as u32,
            escalated: false,
        };
        Ok(Decided { decision, plan, numbers })
    }

    /// A target, by its number, answers a prompt that begins so.
    pub fn saw(&self, prefix: u64, number: u16, at: Timestamp) {
        self.affinity.note(prefix, usize::from(number), seconds(at));
    }

    fn score(&self, facts: &Facts<'_>, question: &Question<'_>, weights: Weights) -> Scored {
        let (estimate, need) = (facts.estimate, question.need);
        let target = &facts.candidate.targets[facts.target];
        let output = output_tokens(estimate, need);
        let fresh = need.input_tokens.saturating_sub(facts.cached) as f64;
        let usual = estimate.first_token_ms(fresh).max(1.0);
        let recent = target.places.iter().map(|place| place.load.recent_ms(question.now));
        let slow = recent.fold(f64::INFINITY, f64::min) / (SLOW.0 * usual);
        let first_token = usual * if slow.is_finite() { slow.clamp(1.0, SLOW.1) } else { 1.0 };
        let latency_ms = first_token + estimate.tpot_ms * output;
        let usd = target
            .price
            .as_ref()
            .and_then(|price| cost_usd(price, need.input_tokens, facts.cached, output as u64, question.at));
        let mut expected = estimate.quality_for(facts.task);
        if let Some(learned) = facts.learned.map(f64::from).filter(|learned| learned.is_finite()) {
            expected.mean = learned.clamp(0.0, 1.0);
            expected.spread = (expected.mean * (1.0 - expected.mean)).sqrt();
        }
        let thinks = facts.candidate.can.has(Abilities::REASONING);
        let answers = score::thinking(expected.mean, need.reasoning, thinks);
        let quality = answers * estimate.reliability;
        let (latency, cost) = (score::latency(latency_ms), score::cost(usd));
        let score = f64::from(weights.latency) * latency
            + f64::from(weights.quality) * quality
            + f64::from(weights.cost) * cost;
        // A score that stands at the end of its scale cannot move much.
        let damped =
            |spread: f64, score: f64| spread.min(0.5) * if score > 0.0 && score < 1.0 { 1.0 } else { 0.2 };
        let length = if need.output_tokens.is_some() { 0.3 } else { estimate.output_spread };
        let answer_part = estimate.tpot_ms * output / latency_ms.max(1.0);
        let time = estimate.latency_spread.hypot(length * answer_part);
        let paid = usd.filter(|usd| *usd > 0.0).map_or(0.0, |_| length);
        Scored {
            deployment: Arc::clone(&target.deployment),
            score: score as f32,
            latency: latency as f32,
            quality: quality as f32,
            cost: cost as f32,
            reliability: estimate.reliability as f32,
            expected_latency_ms: latency_ms as f32,
            expected_cost_usd: usd.map(|usd| usd as f32),
            expected_quality: answers as f32,
            spread: [
                damped(score::latency_spread(time), latency) as f32,
                expected.spread as f32,
                damped(score::cost_spread(paid), cost) as f32,
            ],
        }
    }

    /// Why what is expected of a candidate is not good enough; `None` where it is.
    fn within(&self, scored: &Scored, estimate: &Estimate, need: &Need) -> Option<Refusal> {
        let policy = &self.policy;
        let least = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let over = |limit: Option<f64>, value: f32| limit.is_some_and(|limit| f64::from(value) > limit);
        if over(least(need.max_latency_ms, policy.max_latency_ms), scored.expected_latency_ms) {
            return Some(Refusal::Latency);
        }
        let budget = least(need.max_cost_usd, policy.max_cost_usd);
        let too_dear = |usd: Option<f32>| usd.is_none_or(|usd| over(budget, usd));
        if budget.is_some() && too_dear(scored.expected_cost_usd) {
            return Some(Refusal::Cost);
        }
        let complex = (need.complexity == Some(Complexity::Complex)).then_some(COMPLEX_FLOOR);
        let floors = [need.min_quality.or(complex), policy.min_quality];
        let floor = floors.into_iter().flatten().fold(0.0, f64::max);
        if f64::from(scored.expected_quality) < floor {
            return Some(Refusal::Quality);
        }
        (estimate.reliability < policy.reliability_threshold).then_some(Refusal::Reliability)
    }

    /// Who is taken, and how likely that was.
    fn explore(&self, considered: &[Considered], need: &Need, chance: &mut impl Chance) -> (usize, f32) {
        let scores = considered.iter().map(|one| one.scored.score);
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

    fn plan(&self, considered: &[Considered], left_alone: &[Considered], chosen: usize) -> (Plan, Vec<u16>) {
        let first = considered.get(chosen);
        let rest = considered.iter().enumerate().filter(|(at, _)| *at != chosen).map(|(_, one)| one);
        let order = first.into_iter().chain(rest).chain(left_alone).take(MAX_TRIED);
        let room: usize = self.candidates.iter().map(|candidate| candidate.targets.len()).sum();
        let mut targets: Vec<Target> = Vec::with_capacity(room.min(2 * MAX_TRIED) + self.fallback.len());
        let mut numbers = Vec::with_capacity(targets.capacity());
        let mut pick = Pick::First;
        let mut group = 0;
        for (rank, one) in order.enumerate() {
            let candidate = &self.candidates[one.at];
            let base: usize = self.candidates[..one.at].iter().map(|before| before.targets.len()).sum();
            if rank == 0 {
                pick =
                    if candidate.targets.len() > 1 && one.target > 0 { Pick::First } else { candidate.pick };
            }
            let preferred = std::iter::once(one.target);
            let others = (0..candidate.targets.len()).filter(|at| *at != one.target);
            for at in preferred.chain(others) {
                targets.push(Target { group, ..candidate.targets[at].clone() });
                numbers.push((base + at).min(usize::from(u16::MAX)) as u16);
            }
            group += 1;
        }
        for target in &self.fallback {
            if !targets.iter().any(|known| {
                Arc::ptr_eq(&known.deployment, &target.deployment) || known.deployment == target.deployment
            }) {
                targets.push(Target { group: group + target.group, ..target.clone() });
                numbers.push(u16::MAX);
            }
        }
        let plan =
            Plan { targets, fallback_on_content_filter: self.fallback_on_content_filter, pick, shadow: None };
        (plan, numbers)
    }
}

/// What a score is made of.
struct Facts<'a> {
    candidate: &'a Candidate,
    estimate: &'a Estimate,
    target: usize,
    task: Option<usize>,
    /// Prompt tokens that the provider is expected to have.
    cached: u64,
    learned: Option<f32>,
}

fn seconds(at: Timestamp) -> u32 {
    at.seconds() as u32
}

/// The best first; of equals the one that comes first by name.
fn rank(considered: &mut [Considered]) {
    considered.sort_by(|a, b| {
        b.scored
            .score
            .total_cmp(&a.scored.score)
            .then_with(|| a.scored.deployment.name.cmp(&b.scored.deployment.name))
    });
}

fn output_tokens(estimate: &Estimate, need: &Need) -> f64 {
    let expected = need.output_tokens.map_or(estimate.output_tokens, |tokens| tokens as f64);
    need.max_tokens.map_or(expected, |most| expected.min(most as f64)).max(1.0)
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
    let region = need.region.as_deref()?;
    let there = |target: &Target| target.deployment.region.as_deref() == Some(region);
    (!candidate.targets.iter().any(there)).then_some(Refusal::Region)
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
        let there = question.need.region.as_deref();
        there.is_none_or(|region| target.deployment.region.as_deref() == Some(region))
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
    if need.strategy.is_none() && need.max_latency_ms.is_none() && view.estimates.is_empty() {
        return Standing::default();
    }
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
