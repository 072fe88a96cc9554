//! The decision: who of a route's candidates may take a call, how each scores, who takes it.
//!
//! The same view, call, moment and chance give the same decision.

use crate::admit::{Limits, fits, is_there, reachable};
use crate::affinity::{Kept, cached_tokens};
use crate::choose::Chance;
use crate::estimate::{View, cost_usd};
use crate::expect::{Beside, Scores, Taken, output_tokens};
use crate::need::{Abilities, Need};
use crate::plan::{Pick, Plan, Target};
use crate::question::Question;
use crate::route::{MAX_CANDIDATES, Route};
use crate::score::{self, Standing};
use paceline_types::decision::{Decision, Refusal, Strategy, Weights};
use paceline_types::deployment::Deployment;
use paceline_types::time::Timestamp;
use std::sync::Arc;

/// The most candidates that a plan tries one after the other.
const MAX_TRIED: usize = 8;

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
    /// The best first; of equals the one that comes first by name.
    rank: u64,
    /// Its number in the route.
    at: u16,
    /// The number of the target that counts.
    target: u16,
    /// The number of its first target among those of the route.
    first: u16,
    /// That target saw the prompt's beginning, and is asked for it.
    drawn: bool,
}

/// A candidate before it is scored.
#[derive(Clone, Copy, Default)]
struct Looked {
    /// Why it cannot take the call at all.
    why: Option<Refusal>,
    /// Whether it may be asked now.
    open: bool,
    target: u16,
    first: u16,
    drawn: bool,
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
        let (known, count) = (view.known(), self.candidates.len());
        let (looked, beside) = self.look(question, &view, weights, seen);
        let mut taken = Taken::of(known, &beside, need, count);
        self.price(&mut taken, &beside, question, &view, &looked);
        let scores = Scores::of(known, &beside, &taken, (need, weights), count);
        let limits = Limits::of(&self.policy, need);
        let mut considered: Vec<Considered> = Vec::with_capacity(self.candidates.len());
        let (mut rejected, mut left_alone) = (Vec::new(), Vec::new());
        for (at, (one, estimate)) in looked.iter().zip(&view.estimates).enumerate() {
            let target = usize::from(one.target);
            let why = one.why.or_else(|| limits.within(&taken, beside.quality[at], at, estimate));
            let why = why.or((!one.open).then_some(Refusal::LeftAlone));
            if let Some(why) = why {
                rejected.push((Arc::clone(&self.candidates[at].targets[target].deployment), why));
                if why != Refusal::LeftAlone {
                    continue;
                }
            }
            // Scores are not negative, so that their bits are in their order.
            let by_score = u64::from(!scores.score[at].to_bits()) << 16;
            let rank = by_score | u64::from(self.by_name[usize::from(one.first) + target]);
            let one =
                Considered { rank, at: at as u16, target: one.target, first: one.first, drawn: one.drawn };
            if why.is_none() { considered.push(one) } else { left_alone.push(one) }
        }
        considered.sort_unstable_by_key(|one| one.rank);
        left_alone.sort_unstable_by_key(|one| one.rank);
        if considered.is_empty() && left_alone.is_empty() {
            return Err(NoModel { rejected });
        }
        let (chosen, propensity) = match self.cheap_first(&considered, &taken, need) {
            Some(cheap) => (cheap, 1.0),
            None => self.explore(&considered, &scores, need, chance),
        };
        let output = considered.get(chosen).map_or(0.0, |one| taken.output[usize::from(one.at)]);
        let (plan, numbers) = self.plan(&considered, &left_alone, chosen, question);
        let decision = Decision {
            route: Arc::clone(&self.name),
            strategy,
            weights,
            candidates: considered
                .iter()
                .map(|one| scores.scored(known, &beside, &taken, one.at.into(), self.target(one)))
                .collect(),
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

    /// Who may take the call, by which target, and what is known of each beside its estimate.
    fn look(
        &self,
        question: &Question<'_>,
        view: &View,
        weights: Weights,
        seen: Option<usize>,
    ) -> ([Looked; MAX_CANDIDATES], Beside) {
        let need = question.need;
        let known = view.known();
        let mut looked = [Looked::default(); MAX_CANDIDATES];
        let mut beside = Beside::usual(known);
        let task = need.task_type.as_deref().and_then(|task| view.task(task));
        let unthinking = score::unthinking(need.reasoning);
        let prompt = need.input_tokens as i64 as f32;
        let mut first = 0;
        let candidates = self.candidates.iter().zip(&view.estimates).zip(&mut looked).enumerate();
        for (at, ((candidate, estimate), one)) in candidates {
            one.first = first;
            let base = usize::from(first);
            first = first.saturating_add(candidate.targets.len() as u16);
            one.why = fits(candidate, need, estimate.output_tokens);
            let mine = seen.and_then(|seen| seen.checked_sub(base));
            let mine = mine.filter(|mine| {
                let there = Kept { candidate, at, target: *mine };
                there.is_worth(estimate, known, question, weights)
            });
            let (open, number) = reachable(candidate, question, mine);
            (one.open, one.target, one.drawn) = (open, number as u16, mine == Some(number));
            let mut fresh = prompt;
            if one.drawn {
                let cached = cached_tokens(need.input_tokens) as f32;
                beside.cached[at] = cached;
                fresh -= cached;
            }
            let target = &candidate.targets[number];
            beside.first_ms[at] = known.first_token_ms(at, fresh, target, question.now);
            if task.is_some() {
                let expected = estimate.quality_for(task);
                beside.quality[at] = expected.mean as f32;
                beside.quality_spread[at] = expected.spread as f32;
            }
            let learned = question.learned.and_then(|all| all.get(candidate.learned?).copied());
            if let Some(learned) = learned.filter(|learned| learned.is_finite()) {
                let learned = learned.clamp(0.0, 1.0);
                beside.quality[at] = learned;
                beside.quality_spread[at] = (learned * (1.0 - learned)).sqrt();
            }
            if need.reasoning > 0.0 && !candidate.can.has(Abilities::REASONING) {
                beside.quality[at] *= unthinking;
            }
        }
        (looked, beside)
    }

    /// Costs that depend on how many tokens there are, or on time.
    fn price(
        &self,
        taken: &mut Taken,
        beside: &Beside,
        question: &Question<'_>,
        view: &View,
        looked: &[Looked],
    ) {
        let input = question.need.input_tokens;
        for (at, (candidate, estimate)) in self.candidates.iter().zip(&view.estimates).enumerate() {
            if estimate.rates.is_some() {
                continue;
            }
            let Some(price) = &candidate.targets[usize::from(looked[at].target)].price else { continue };
            let (cached, output) = (beside.cached[at] as u64, taken.output[at] as u64);
            let took_ms = f64::from(taken.latency_ms[at]);
            if let Some(usd) = cost_usd(price, input, cached, output, took_ms, question.at) {
                taken.usd[at] = usd as f32;
            }
        }
    }

    fn target(&self, one: &Considered) -> &Target {
        &self.candidates[usize::from(one.at)].targets[usize::from(one.target)]
    }

    /// Who is asked first where answers are checked: the cheapest, where the best one is dearer.
    fn cheap_first(&self, considered: &[Considered], taken: &Taken, need: &Need) -> Option<usize> {
        self.policy.cascade.filter(|_| need.checkable)?;
        let usd = |one: &Considered| taken.usd(one.at.into()).filter(|usd| usd.is_finite());
        let best = usd(considered.first()?)?;
        let priced = considered.iter().enumerate().filter_map(|(at, one)| Some((at, usd(one)?)));
        let (cheapest, cost) = priced.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (cost < best).then_some(cheapest)
    }

    /// Who is taken, and how likely that was.
    fn explore(
        &self,
        considered: &[Considered],
        scores: &Scores,
        need: &Need,
        chance: &mut impl Chance,
    ) -> (usize, f32) {
        let scores = considered.iter().map(|one| scores.score[usize::from(one.at)]);
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
            let candidate = &self.candidates[usize::from(one.at)];
            let target = usize::from(one.target);
            if rank == 0 {
                pick = if one.drawn { Pick::First } else { candidate.pick };
            }
            let preferred = std::iter::once(target);
            let others = (0..candidate.targets.len()).filter(|at| *at != target);
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
    f64::from(latency * score::latency(total_ms as f32))
        + f64::from(of_quality) * quality
        + f64::from(cost * score::cost(usd.map_or(f32::NAN, |usd| usd as f32)))
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
