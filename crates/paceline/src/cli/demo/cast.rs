//! Who plays: simulated providers, their models and prices, and who calls. The past day and the live calls share it.

use crate::fill::{Dice, Place, place};
use paceline_sim::{Dist, SimConfig, SimKind, SimModel};
use paceline_types::id::Name;
use paceline_types::record::Caller;
use std::sync::Arc;

/// The providers, in the order of [`PLACES`]. Their names say what they are.
pub(super) const PROVIDERS: [&str; 3] = ["sim-north", "sim-south", "sim-east"];

/// What can be asked, and what it is like. The prices are made up.
pub(super) const PLACES: [Place; 6] = [
    place("sim-north", "large", 2.5, 10.0, 420.0, 11.0),
    place("sim-north", "reasoner", 1.1, 4.4, 1200.0, 14.0),
    place("sim-south", "large", 3.0, 12.0, 560.0, 13.0),
    place("sim-south", "small", 0.2, 0.8, 260.0, 8.0),
    place("sim-east", "small", 0.1, 0.4, 150.0, 4.0),
    place("sim-east", "embed", 0.02, 0.0, 60.0, 0.0),
];

/// Models as callers name them, and the places that serve them, as indexes of [`PLACES`]: the first, then the next.
pub(super) const MODELS: [(&str, &[usize]); 4] =
    [("chat", &[0, 2]), ("fast", &[4, 3]), ("reason", &[1, 2]), ("embed", &[5])];

/// What to expect of a model before it has been measured, by its name in [`MODELS`].
pub(super) const TIERS: [(&str, &str); 3] = [("chat", "tier2"), ("fast", "tier4"), ("reason", "tier1")];

const CHAT: usize = 0;
const FAST: usize = 1;
const REASON: usize = 2;
const EMBED: usize = 3;

/// A key and what is done with it.
pub(super) struct Player {
    pub(super) key: &'static str,
    pub(super) tenant: &'static str,
    pub(super) workspace: &'static str,
    /// Of 100 calls.
    pub(super) share: u64,
    /// What it asks, as indexes of [`MODELS`]; what is there twice is asked twice as often.
    models: &'static [usize],
    /// By which strategies it lets Paceline choose, a third of its calls; none: it always names its model.
    strategies: &'static [&'static str],
    roles: &'static [&'static str],
    tasks: &'static [&'static str],
    /// Its limits and budget, in the words of the configuration; `{budget}` stands for a little more than it has spent.
    pub(super) rules: &'static str,
}

pub(super) const PLAYERS: [Player; 4] = [
    Player {
        key: "shop-assistant",
        tenant: "shop",
        workspace: "web",
        share: 42,
        models: &[CHAT, CHAT, FAST],
        strategies: &["balanced", "balanced", "lowest_latency"],
        roles: &["assistant", "pricing_strategist"],
        tasks: &["answer", "summarise"],
        rules: "limits = { calls_per_minute = 150, tokens_per_minute = 400000 }\nbudget = { day_usd = {budget} }",
    },
    Player {
        key: "shop-search",
        tenant: "shop",
        workspace: "search",
        share: 28,
        models: &[FAST, FAST, EMBED],
        strategies: &[],
        roles: &["ranker"],
        tasks: &["classify", "extract"],
        rules: "limits = { calls_per_minute = 60 }",
    },
    Player {
        key: "lab-research",
        tenant: "lab",
        workspace: "research",
        share: 20,
        models: &[REASON, CHAT],
        strategies: &["highest_quality", "balanced"],
        roles: &["researcher", "writer", "reviewer"],
        tasks: &["plan", "answer", "review"],
        rules: "budget = { month_usd = 4000 }",
    },
    Player {
        key: "lab-batch",
        tenant: "lab",
        workspace: "batch",
        share: 10,
        models: &[FAST],
        strategies: &["cost_effective"],
        roles: &["translator"],
        tasks: &["translate"],
        rules: "priority = \"batch\"\nlimits = { concurrent = 1 }",
    },
];

impl Player {
    /// One of them, by their shares.
    pub(super) fn any(dice: &mut Dice) -> usize {
        let mut left = dice.below(PLAYERS.iter().map(|player| player.share).sum());
        let fits = |player: &Player| {
            let fits = left < player.share;
            left = left.saturating_sub(player.share);
            fits
        };
        PLAYERS.iter().position(fits).unwrap_or(0)
    }

    /// Whose its calls are.
    pub(super) fn caller(&self) -> Caller {
        Caller { tenant: self.tenant.into(), workspace: self.workspace.into(), key: Some(self.key.into()) }
    }

    /// An index of [`MODELS`].
    pub(super) fn model(&self, dice: &mut Dice) -> usize {
        pick(dice, self.models)
    }

    /// How Paceline is to choose the model of this call, where it is.
    pub(super) fn strategy(&self, dice: &mut Dice) -> Option<&'static str> {
        let leaves = dice.below(3) == 0 && !self.strategies.is_empty();
        leaves.then(|| pick(dice, self.strategies))
    }

    pub(super) fn role(&self, dice: &mut Dice) -> &'static str {
        pick(dice, self.roles)
    }

    pub(super) fn task(&self, dice: &mut Dice) -> &'static str {
        pick(dice, self.tasks)
    }
}

/// One of these.
pub(super) fn pick<T: Copy>(dice: &mut Dice, of: &[T]) -> T {
    of[dice.below(of.len() as u64) as usize % of.len()]
}

/// The names that callers ask for, shared by records.
pub(super) fn requested() -> Vec<Name> {
    MODELS.iter().map(|(name, _)| (*name).into()).collect()
}

/// The callers, shared by records.
pub(super) fn callers() -> Vec<Arc<Caller>> {
    PLAYERS.iter().map(|player| Arc::new(player.caller())).collect()
}

/// What the provider of that name is like when nothing is wrong.
pub(super) fn provider(name: &str) -> SimConfig {
    let model = |place: &Place| SimModel {
        name: place.model.into(),
        kind: if place.embeds() { SimKind::Embedding } else { SimKind::Chat },
        head_ms: Dist::constant(place.first_ms / 4.0),
        ttft_ms: Dist::lognormal(place.first_ms, 0.4),
        inter_token_ms: Dist::lognormal(place.token_ms.max(0.1), 0.3),
        output_tokens: Dist::Lognormal { median: 200.0, sigma: 0.7, max: Some(900.0) },
        reasoning_tokens: (place.model == "reasoner").then_some(Dist::Lognormal {
            median: 60.0,
            sigma: 0.5,
            max: Some(300.0),
        }),
        error_rate: 0.004,
        cut_rate: 0.002,
        ..SimModel::default()
    };
    let models = PLACES.iter().filter(|place| place.provider == name).map(model).collect();
    SimConfig { models, ledger_max: 200, ledger_bytes_max: 4 << 20, ..SimConfig::default() }
}
