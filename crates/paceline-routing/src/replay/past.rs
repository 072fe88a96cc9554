//! One past call as its record tells it: what it asked, where it went, how likely that was, what came of it.

use crate::need::{Abilities, Need};
use crate::route::Route;
use paceline_types::decision::{Decision, Refusal};
use paceline_types::deployment::Deployment;
use paceline_types::error::Blame;
use paceline_types::record::{CallRecord, Status};

/// Calls that say nothing about where they should have gone, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Not let in, or failed by the caller's or Paceline's fault.
    pub not_the_models: u64,
    /// The caller went away, so how it would have ended is not known.
    pub canceled: u64,
    /// Neither tokens nor a decision are recorded.
    pub no_tokens: u64,
}

impl LeftOut {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.not_the_models + self.canceled + self.no_tokens
    }
}

/// A past call.
pub(super) struct Past<'a> {
    pub(super) record: &'a CallRecord,
    /// What it asked, as far as the record knows.
    pub(super) need: Need,
    /// The candidate that was chosen first; `None` where that is none of the policy's.
    pub(super) taken: Option<usize>,
    /// The candidate that was tried last.
    pub(super) served: Option<usize>,
    /// How likely the choice was; 1 where nothing was left to chance.
    pub(super) propensity: f64,
    pub(super) answered: bool,
}

impl<'a> Past<'a> {
    /// Reads a record for a route; `None`, and counted, where it says nothing.
    pub(super) fn of(record: &'a CallRecord, route: &Route, left_out: &mut LeftOut) -> Option<Self> {
        let answered = match (record.status, record.error_kind) {
            (Status::Ok, _) => true,
            (Status::Canceled, _) => {
                left_out.canceled += 1;
                return None;
            }
            (Status::Error | Status::Partial, Some(kind)) if kind.blame() == Blame::Provider => false,
            _ => {
                left_out.not_the_models += 1;
                return None;
            }
        };
        let decision = record.decision.as_deref();
        let first = decision
            .and_then(|decision| decision.taken().map(|one| &one.deployment))
            .or_else(|| record.attempts.first().map(|attempt| &attempt.deployment))
            .or(record.target.as_ref());
        let Some(need) = need(record, route) else {
            left_out.no_tokens += 1;
            return None;
        };
        Some(Self {
            record,
            need,
            taken: first.and_then(|one| seat(route, one)),
            served: record.target.as_ref().and_then(|one| seat(route, one)),
            propensity: decision.map_or(1.0, |decision| f64::from(decision.propensity).clamp(1e-6, 1.0)),
            answered,
        })
    }

    /// Whether something was left to chance.
    pub(super) fn explored(&self) -> bool {
        self.propensity < 1.0
    }

    /// Whether the log could have gone to that candidate.
    pub(super) fn could_take(&self, candidate: usize, route: &Route) -> bool {
        if !self.explored() {
            return self.taken == Some(candidate);
        }
        let considered = self.record.decision.iter().flat_map(|decision| &decision.candidates);
        considered.into_iter().any(|one| is_at(route, candidate, &one.deployment))
    }
}

/// Whether one of a candidate's targets is that deployment.
fn is_at(route: &Route, candidate: usize, deployment: &Deployment) -> bool {
    route.candidates[candidate].targets.iter().any(|target| {
        target.deployment.upstream_model == deployment.upstream_model
            && target.deployment.provider == deployment.provider
    })
}

/// Which candidate a deployment belongs to.
pub(super) fn seat(route: &Route, deployment: &Deployment) -> Option<usize> {
    (0..route.candidates.len()).find(|at| is_at(route, *at, deployment))
}

/// What the call asked: tokens and the kind of work as recorded, the rest as far as who was left out tells it.
fn need(record: &CallRecord, route: &Route) -> Option<Need> {
    let decision = record.decision.as_deref();
    let input_tokens = match decision {
        Some(decision) => u64::from(decision.input_tokens),
        None => record.usage?.input_tokens,
    };
    let labels = record.labels.as_deref();
    let mut need = Need {
        input_tokens,
        task_type: labels.and_then(|labels| labels.task_type.as_deref()).map(str::to_owned),
        pinned: labels.is_some_and(|labels| labels.session.is_some()),
        ..Need::default()
    };
    if let Some(decision) = decision {
        as_rejected(&mut need, decision, route);
    }
    Some(need)
}

/// Who was left out for what the call asked is left out again; so is who could not be asked then.
fn as_rejected(need: &mut Need, decision: &Decision, route: &Route) {
    let mut shut: Vec<usize> = Vec::new();
    for (deployment, why) in &decision.rejected {
        let ability = match why {
            Refusal::Vision => Abilities::VISION,
            Refusal::Audio => Abilities::AUDIO,
            Refusal::Code => Abilities::CODE,
            Refusal::Tools => Abilities::TOOLS,
            Refusal::StructuredOutput => Abilities::SCHEMA,
            Refusal::Reasoning => Abilities::REASONING,
            Refusal::NotNamed | Refusal::Region | Refusal::LeftAlone => {
                shut.extend(seat(route, deployment));
                continue;
            }
            _ => continue,
        };
        need.ask(ability, true);
    }
    if shut.is_empty() {
        return;
    }
    let open = route.candidates.iter().enumerate().filter(|(at, _)| !shut.contains(at));
    need.models = open
        .filter_map(|(_, one)| one.targets.first().map(|target| target.deployment.name.to_string()))
        .collect();
    if need.models.is_empty() {
        // Nobody is called so; an empty list would mean everybody.
        need.models.push(String::new());
    }
}
