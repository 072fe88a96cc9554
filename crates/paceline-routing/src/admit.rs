//! Which candidates may take a call: those that can, are there, and are expected to keep to its limits.

use crate::estimate::Estimate;
use crate::expect::Taken;
use crate::health::Verdict;
use crate::need::{Complexity, Need};
use crate::plan::Target;
use crate::question::Question;
use crate::route::{Candidate, RoutePolicy};
use crate::score::COMPLEX_FLOOR;
use paceline_types::decision::Refusal;

/// What the call and the route's policy allow together.
pub(crate) struct Limits {
    latency_ms: f32,
    usd: Option<f32>,
    quality: f32,
    reliability: f64,
}

impl Limits {
    pub(crate) fn of(policy: &RoutePolicy, need: &Need) -> Self {
        let least = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let complex = (need.complexity == Some(Complexity::Complex)).then_some(COMPLEX_FLOOR);
        let floors = [need.min_quality.or(complex), policy.min_quality];
        Self {
            latency_ms: least(need.max_latency_ms, policy.max_latency_ms)
                .map_or(f32::INFINITY, |ms| ms as f32),
            usd: least(need.max_cost_usd, policy.max_cost_usd).map(|usd| usd as f32),
            quality: floors.into_iter().flatten().fold(0.0, f64::max) as f32,
            reliability: policy.reliability_threshold,
        }
    }

    /// Why what is expected of a candidate is not good enough; `None` where it is.
    pub(crate) fn within(
        &self,
        taken: &Taken,
        quality: f32,
        at: usize,
        estimate: &Estimate,
    ) -> Option<Refusal> {
        if taken.latency_ms[at] > self.latency_ms {
            return Some(Refusal::Latency);
        }
        // An unknown cost is within no limit.
        if self.usd.is_some_and(|most| taken.usd(at).is_none_or(|usd| usd > most)) {
            return Some(Refusal::Cost);
        }
        if quality < self.quality {
            return Some(Refusal::Quality);
        }
        (estimate.reliability < self.reliability).then_some(Refusal::Reliability)
    }
}

/// Why a candidate cannot take the call at all.
pub(crate) fn fits(candidate: &Candidate, need: &Need, usual_output: f64) -> Option<Refusal> {
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
pub(crate) fn is_there(target: &Target, need: &Need) -> bool {
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

/// Whether a target is where the call allows, and may be asked now.
pub(crate) fn is_open(target: &Target, question: &Question<'_>) -> bool {
    is_there(target, question.need)
        && target.places.iter().any(|place| {
            !matches!(place.health.look(question.now, &question.policy.health), Verdict::Closed { .. })
        })
}

/// Whether one of its targets may be asked, and which counts: `wanted`, else the first that may.
pub(crate) fn reachable(
    candidate: &Candidate,
    question: &Question<'_>,
    wanted: Option<usize>,
) -> (bool, usize) {
    let first = || candidate.targets.iter().position(|target| is_open(target, question));
    match wanted.or_else(first) {
        Some(target) => (true, target),
        None => (false, 0),
    }
}
