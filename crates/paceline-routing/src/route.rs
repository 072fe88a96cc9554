//! A route: a named policy over models, and what is known of its candidates.

use crate::affinity::Affinity;
use crate::board::Board;
use crate::chain::Link;
use crate::estimate::{Prior, View};
use crate::need::Abilities;
use crate::plan::{Pick, Target};
use arc_swap::ArcSwap;
use paceline_types::decision::{Decision, Predicted, Strategy, Weights};
use paceline_types::deployment::Deployment;
use paceline_types::id::Name;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// The most candidates of a route.
pub const MAX_CANDIDATES: usize = 32;
/// The largest share of calls that may explore.
pub const MAX_EXPLORE: f64 = 0.02;

/// What a trained router says of a prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Foresight {
    /// Quality, 0 to 1, for each of [`QualityModel::models`] in their order, with what was learned since.
    pub quality: Vec<f32>,
    /// The same as it was trained.
    pub trained: Vec<f32>,
    /// The kind of work that it sees most in the prompt.
    pub task: Option<Name>,
}

/// Predicts how well models would answer a prompt: what a router that was trained beforehand knows, and what answers that
/// were scored taught since.
pub trait QualityModel: Send + Sync + fmt::Debug {
    /// Models it was trained on, by the names that they had there.
    fn models(&self) -> &[String];

    /// Tells one router from another.
    fn mark(&self) -> u64;

    /// What it says of a prompt. Calls ask this: it waits for nobody who teaches.
    fn quality(&self, prompt: &str, task: Option<&str>) -> Foresight;

    /// An answer of the model at this place was scored, of which it had predicted that. Not seen before
    /// [`QualityModel::settle`].
    fn scored(&self, predicted: &Predicted, model: usize, quality: f32);

    /// Calls from now on know what was scored.
    fn settle(&self);
}

/// How a route decides.
#[derive(Clone, Debug)]
pub struct RoutePolicy {
    /// How it weighs.
    pub strategy: Strategy,
    /// The weights of [`Strategy::Custom`].
    pub weights: Weights,
    /// Candidates of which a smaller share of attempts is answered are left out.
    pub reliability_threshold: f64,
    /// The longest expected time of a call, in milliseconds.
    pub max_latency_ms: Option<f64>,
    /// The highest expected cost of a call, in US dollars.
    pub max_cost_usd: Option<f64>,
    /// The lowest expected quality, 0 to 1.
    pub min_quality: Option<f64>,
    /// The share of calls that go elsewhere to learn, 0 to [`MAX_EXPLORE`].
    pub explore: f64,
    /// Candidates that score so much less than the best are not explored.
    pub explore_within: f64,
    /// Whether calls of the same beginning are drawn to where its provider may have it cached.
    pub affinity: bool,
    /// What predicts quality by the prompt.
    pub learned: Option<Arc<dyn QualityModel>>,
    /// Cheap first, checked, then a better one.
    pub cascade: Option<Cascade>,
}

impl Default for RoutePolicy {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            weights: Weights { latency: 0.3, quality: 0.3, cost: 0.4 },
            reliability_threshold: 0.8,
            max_latency_ms: None,
            max_cost_usd: None,
            min_quality: None,
            explore: 0.0,
            explore_within: 0.15,
            affinity: true,
            learned: None,
            cascade: None,
        }
    }
}

/// When the answer of a cheap model does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent checks")]
pub struct Cascade {
    /// Without text and without a call of a tool.
    pub on_empty: bool,
    /// Cut at its limit.
    pub on_length: bool,
    /// Refused, or stopped by a content filter.
    pub on_refusal: bool,
    /// Not JSON where JSON was asked for.
    pub on_invalid_json: bool,
}

/// A candidate as the configuration has it.
#[derive(Clone, Debug)]
pub struct CandidateEntry {
    /// The model and where it is served.
    pub link: Link,
    /// Which place is tried first.
    pub pick: Pick,
    /// What it can.
    pub can: Abilities,
    /// Tokens of prompt and answer together; `None`: not known.
    pub context: Option<u64>,
    /// Tokens of an answer; `None`: not known.
    pub max_output: Option<u64>,
    /// What is expected before anything was seen.
    pub prior: Prior,
    /// Its place among the models of the route's quality model.
    pub learned: Option<usize>,
}

/// A route as the configuration has it.
#[derive(Clone, Debug)]
pub struct RouteEntry {
    /// What callers write.
    pub name: Name,
    /// Other names for it.
    pub aliases: Vec<Name>,
    /// Who may be chosen.
    pub candidates: Vec<CandidateEntry>,
    /// What is tried when all of them have failed.
    pub fallback: Vec<Link>,
    /// Whether an answer that a content filter stopped moves on.
    pub fallback_on_content_filter: bool,
    /// How it decides.
    pub policy: RoutePolicy,
    /// The candidate whose costs savings are measured against: the strongest by its prior where none is named.
    pub baseline: Option<usize>,
}

/// A candidate with its places.
#[derive(Debug)]
pub struct Candidate {
    /// Its targets, at least one, in their order.
    pub targets: Vec<Target>,
    /// Which of them is tried first.
    pub pick: Pick,
    /// What it can.
    pub can: Abilities,
    /// Tokens of prompt and answer together.
    pub context: Option<u64>,
    /// Tokens of an answer.
    pub max_output: Option<u64>,
    /// What is expected before anything was seen.
    pub prior: Prior,
    /// Its place among the models of the route's quality model.
    pub learned: Option<usize>,
}

/// A route, ready to decide.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: Name,
    /// How it decides.
    pub policy: RoutePolicy,
    /// Who may be chosen.
    pub candidates: Vec<Candidate>,
    /// What is tried when all of them have failed.
    pub fallback: Vec<Target>,
    /// Whether an answer that a content filter stopped moves on.
    pub fallback_on_content_filter: bool,
    /// The candidate whose costs savings are measured against.
    pub baseline: usize,
    /// Which target saw which prompt.
    pub affinity: Affinity,
    /// The place of each target, in the order of candidates and theirs, when all are put in order by name.
    pub(crate) by_name: Vec<u16>,
    view: ArcSwap<View>,
}

impl Route {
    /// A route of these candidates, [`MAX_CANDIDATES`] at most.
    pub fn new(
        entry: &RouteEntry,
        mut candidates: Vec<Candidate>,
        fallback: Vec<Target>,
        board: &Board,
        at: Timestamp,
    ) -> Self {
        candidates.truncate(MAX_CANDIDATES);
        let strongest = || {
            let by_quality = |(_, a): &(usize, &Candidate), (_, b): &(usize, &Candidate)| {
                a.prior.quality.total_cmp(&b.prior.quality)
            };
            candidates.iter().enumerate().rev().max_by(by_quality).map_or(0, |(at, _)| at)
        };
        let baseline = entry.baseline.filter(|at| *at < candidates.len()).unwrap_or_else(strongest);
        let names: Vec<&str> = candidates
            .iter()
            .flat_map(|candidate| &candidate.targets)
            .map(|target| &*target.deployment.name)
            .collect();
        let before = |name: &&str| names.iter().filter(|other| *other < name).count() as u16;
        let route = Self {
            by_name: names.iter().map(before).collect(),
            name: Arc::clone(&entry.name),
            policy: entry.policy.clone(),
            fallback,
            fallback_on_content_filter: entry.fallback_on_content_filter,
            baseline,
            affinity: Affinity::default(),
            view: ArcSwap::default(),
            candidates,
        };
        route.learn(board, at);
        route
    }

    /// What calls from now on know is what the board knows at `at`.
    pub fn learn(&self, board: &Board, at: Timestamp) {
        self.view.store(Arc::new(board.view(&self.candidates, at)));
    }

    /// What the route's trained router had said of the one that a decision took.
    pub fn predicted(&self, decision: &Decision, said: Foresight) -> Option<Predicted> {
        let router = self.policy.learned.as_ref()?.mark();
        let place = self.learned_as(&decision.taken()?.deployment)?;
        Some(Predicted { router, task: said.task, quality: *said.trained.get(place)? })
    }

    /// Takes in the quality of an answer that the route's trained router had predicted; `false` where it had not, or another
    /// model took over.
    pub fn scored(&self, record: &CallRecord) -> bool {
        let Some(model) = &self.policy.learned else { return false };
        let (Some(quality), Some(target), Some(decision)) =
            (record.quality, record.target.as_deref(), record.decision.as_deref())
        else {
            return false;
        };
        let Some(predicted) = decision.predicted.as_ref().filter(|said| said.router == model.mark()) else {
            return false;
        };
        let is_taken = decision.taken().is_some_and(|taken| taken.deployment.name == target.name);
        let Some(place) = self.learned_as(target).filter(|_| is_taken) else { return false };
        model.scored(predicted, place, quality);
        true
    }

    /// A deployment's place among the models of the trained router.
    fn learned_as(&self, deployment: &Deployment) -> Option<usize> {
        // A deployment may serve two models of the configuration.
        let is_it = |known: &Deployment| known.name == deployment.name && known.model == deployment.model;
        let serves = |one: &&Candidate| one.targets.iter().any(|target| is_it(&target.deployment));
        self.candidates.iter().find(serves)?.learned
    }

    /// What calls from now on know.
    pub(crate) fn know(&self, view: Arc<View>) {
        self.view.store(view);
    }

    /// What is known now.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }
}
