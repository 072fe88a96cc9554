//! The board: what all records taught about all deployments. A fold of records and scores, nothing else: the same records in
//! the same order give the same board.

use crate::belief::{Belief, MAX_TASKS, Took};
use crate::estimate::{Estimate, Prior, UsdRates, View};
use crate::route::Candidate;
use paceline_types::error::Blame;
use paceline_types::id::Name;
use paceline_types::record::{Attempt, CallRecord, Operation, Status};
use paceline_types::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Deployments that are known at once; further ones keep their prior.
const MAX_DEPLOYMENTS: usize = 4096;

/// What is known of all deployments, by provider and the model's name there.
#[derive(Debug, Default)]
pub struct Board {
    beliefs: Mutex<HashMap<(Name, Name), (Prior, Belief)>>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Name, Name), (Prior, Belief)>> {
        self.beliefs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Expects of a deployment what `prior` says until more is known.
    pub fn expect(&self, provider: &Name, model: &Name, prior: Prior) {
        let mut beliefs = self.lock();
        let place = (Name::clone(provider), Name::clone(model));
        if let Some(known) = beliefs.get_mut(&place) {
            known.0 = prior;
        } else if beliefs.len() < MAX_DEPLOYMENTS {
            beliefs.insert(place, (prior, Belief::default()));
        }
    }

    /// Takes in finished calls, of deployments that somebody expects something of.
    pub fn fold<'a>(&self, records: impl Iterator<Item = &'a CallRecord>) {
        let mut beliefs = self.lock();
        if beliefs.is_empty() {
            return;
        }
        for record in records {
            if record.operation != Operation::Chat {
                continue;
            }
            for attempt in &record.attempts {
                let place = (
                    Name::clone(&attempt.deployment.provider),
                    Name::clone(&attempt.deployment.upstream_model),
                );
                let Some((prior, belief)) = beliefs.get_mut(&place) else { continue };
                let at = Timestamp(record.started_at.0.saturating_add_unsigned(attempt.ended.0 / 1000));
                if let Some(answered) = verdict(attempt, record) {
                    belief.attempt(answered, at);
                }
                if let Some(took) = took(attempt, record) {
                    belief.took(&took, prior, at);
                }
            }
        }
    }

    /// An answer of a deployment was scored, 0 to 1.
    pub fn scored(&self, provider: &Name, model: &Name, quality: f64, task: Option<&str>, at: Timestamp) {
        let place = (Name::clone(provider), Name::clone(model));
        if let Some((_, belief)) = self.lock().get_mut(&place) {
            belief.scored(quality, task, at);
        }
    }

    /// What is expected of the first target of each candidate at `at`.
    pub fn view(&self, candidates: &[Candidate], at: Timestamp) -> View {
        let beliefs = self.lock();
        let places: Vec<Option<&(Prior, Belief)>> = candidates
            .iter()
            .map(|candidate| {
                let deployment = &candidate.targets.first()?.deployment;
                beliefs.get(&(Name::clone(&deployment.provider), Name::clone(&deployment.upstream_model)))
            })
            .collect();
        let mut tasks: Vec<Box<str>> = Vec::new();
        for task in places.iter().flatten().flat_map(|(_, belief)| belief.tasks()) {
            if tasks.len() < 2 * MAX_TASKS && !tasks.iter().any(|known| **known == *task) {
                tasks.push(task.into());
            }
        }
        let estimate = |(candidate, place): (&Candidate, Option<&(Prior, Belief)>)| {
            let mut estimate = match place {
                Some((_, belief)) => belief.estimate(&candidate.prior, at, &tasks),
                None => Estimate::of(&candidate.prior),
            };
            let price = candidate.targets.first().and_then(|target| target.price.as_deref());
            // The targets of a candidate may cost differently.
            estimate.rates =
                price.filter(|_| candidate.targets.len() == 1).and_then(|price| UsdRates::of(price, at));
            estimate
        };
        let estimates = candidates.iter().zip(places.iter().copied()).map(estimate).collect();
        View::new(estimates, tasks)
    }
}

/// Whether an attempt says that its deployment answers; `None` where it says nothing of that.
fn verdict(attempt: &Attempt, record: &CallRecord) -> Option<bool> {
    match attempt.error_kind {
        None if record.status == Status::Canceled => None,
        None => Some(true),
        Some(kind) => match kind.blame() {
            Blame::Provider => Some(false),
            Blame::Caller | Blame::Gateway => None,
        },
    }
}

/// What an attempt that was answered whole took.
fn took(attempt: &Attempt, record: &CallRecord) -> Option<Took> {
    let is_last = record.attempts.last().is_some_and(|last| std::ptr::eq(last, attempt));
    if record.status != Status::Ok || attempt.error_kind.is_some() || !is_last {
        return None;
    }
    let usage = attempt.usage?;
    let first = attempt.first_token.or(record.first_token.filter(|_| record.stream));
    Some(Took {
        input_tokens: usage.input_tokens as f64,
        output_tokens: usage.output_tokens as f64,
        ttft_ms: first.filter(|_| record.stream).map(|first| first.since(attempt.started).ms()),
        total_ms: attempt.ended.since(attempt.started).ms(),
    })
}
