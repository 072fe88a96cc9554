//! What decisions came to (R10): a fold of the records of calls that a route decided.

use paceline_routing::decide::{realised, was_right};
use paceline_types::decision::{Decision, Scored};
use paceline_types::money::Cost;
use paceline_types::record::{AttemptReason, CallRecord, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Models told apart.
const MAX_MODELS: usize = 256;

/// One choice made for all calls, by what was expected of it.
#[derive(Clone, Copy, Debug, Default)]
struct Control {
    cost_usd: f64,
    latency_ms: f64,
    quality: f64,
}

impl Control {
    fn add(&mut self, one: &Scored, share: f64) {
        self.cost_usd += share * f64::from(one.expected_cost_usd.unwrap_or_default());
        self.latency_ms += share * f64::from(one.expected_latency_ms);
        self.quality += share * f64::from(one.expected_quality);
    }

    fn json(&self, name: &str, decisions: f64) -> Value {
        json!({
            "name": name,
            "expected_cost_usd": self.cost_usd,
            "mean_expected_latency_ms": rounded(self.latency_ms / decisions),
            "mean_expected_quality": rounded(self.quality / decisions),
        })
    }
}

#[derive(Clone, Debug, Default)]
struct OfModel {
    decisions: u64,
    answered: u64,
    failed: u64,
    tokens: u64,
    cost: i64,
    latency_ms: f64,
}

/// The sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoutingSums {
    decisions: u64,
    strategies: BTreeMap<&'static str, u64>,
    routes: BTreeMap<String, u64>,
    models: BTreeMap<(String, String), OfModel>,
    answered: u64,
    failed: u64,
    fallbacks: u64,
    escalated: u64,
    explored: u64,
    judged: u64,
    right: u64,
    cost: i64,
    tokens: u64,
    latency_ms: f64,
    /// Decisions whose cost and whose baseline's cost are known, and both sums in US dollars.
    compared: u64,
    baseline_usd: f64,
    compared_usd: f64,
    baseline_latency_ms: f64,
    compared_latency_ms: f64,
    policy: Control,
    cheapest: Control,
    strongest: Control,
    shuffled: Control,
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| rounded(part / whole))
}

impl RoutingSums {
    /// Takes in one call. `baseline` says what another deployment of the route would have cost for its tokens, and where
    /// it stands among the candidates.
    pub(crate) fn add(&mut self, record: &CallRecord, baseline: impl Fn(&Decision) -> Option<(f64, f64)>) {
        let Some(decision) = record.decision.as_deref() else { return };
        self.decisions += 1;
        *self.strategies.entry(decision.strategy.as_str()).or_default() += 1;
        *self.routes.entry(decision.route.to_string()).or_default() += 1;
        self.explored += u64::from(decision.explored());
        self.escalated += u64::from(decision.escalated);
        self.fallbacks += u64::from(record.attempts.iter().any(|one| one.reason == AttemptReason::Fallback));
        let answered = record.status == Status::Ok;
        self.answered += u64::from(answered);
        let failed = matches!(record.status, Status::Error | Status::Partial);
        self.failed += u64::from(failed);
        let cost = record.cost.map_or(0, |cost| cost.0);
        let tokens = record.usage.map_or(0, |usage| usage.input_tokens + usage.output_tokens);
        self.cost += cost;
        self.tokens += tokens;
        if answered {
            self.latency_ms += record.duration.ms();
        }
        self.model(record, (answered, failed), cost, tokens);
        if let Some(is_right) = Self::verdict(record) {
            self.judged += 1;
            self.right += u64::from(is_right);
        }
        let usd = record.cost.map(|cost| cost.0 as f64 / 1e12);
        if let (true, Some(usd), Some((would, latency))) = (answered, usd, baseline(decision)) {
            self.compared += 1;
            self.compared_usd += usd;
            self.baseline_usd += would;
            self.compared_latency_ms += record.duration.ms();
            self.baseline_latency_ms += latency;
        }
        self.controls(decision);
    }

    fn model(&mut self, record: &CallRecord, (answered, failed): (bool, bool), cost: i64, tokens: u64) {
        let Some(target) = record.target.as_deref() else { return };
        let key = (target.model.to_string(), target.provider.to_string());
        if self.models.len() >= MAX_MODELS && !self.models.contains_key(&key) {
            return;
        }
        let sum = self.models.entry(key).or_default();
        sum.decisions += 1;
        sum.answered += u64::from(answered);
        sum.failed += u64::from(failed);
        sum.cost += cost;
        sum.tokens += tokens;
        if answered {
            sum.latency_ms += record.duration.ms();
        }
    }

    /// Whether a call's decision was right; `None` where its outcome says nothing of that.
    pub(crate) fn verdict(record: &CallRecord) -> Option<bool> {
        let decision = record.decision.as_deref()?;
        decision.taken()?;
        // What its caller ended or asked wrongly says nothing of the choice.
        let answered = match record.status {
            Status::Ok => true,
            Status::Error | Status::Partial => false,
            Status::Canceled | Status::Refused => return None,
        };
        let usd = record.cost.map(|cost| cost.0 as f64 / 1e12);
        let quality = record.quality.map(f64::from);
        Some(was_right(decision, realised(decision, record.duration.ms(), usd, quality, answered)))
    }

    fn controls(&mut self, decision: &Decision) {
        let all = &decision.candidates;
        let Some(taken) = decision.taken() else { return };
        self.policy.add(taken, 1.0);
        let dear = |one: &&Scored| one.expected_cost_usd.unwrap_or(f32::MAX);
        if let Some(cheapest) = all.iter().min_by(|a, b| dear(a).total_cmp(&dear(b))) {
            self.cheapest.add(cheapest, 1.0);
        }
        if let Some(best) = all.iter().max_by(|a, b| a.expected_quality.total_cmp(&b.expected_quality)) {
            self.strongest.add(best, 1.0);
        }
        for one in all {
            self.shuffled.add(one, 1.0 / all.len() as f64);
        }
    }

    /// Share of decisions that were right, and of how many.
    pub(crate) fn accuracy(&self) -> (Option<f64>, u64) {
        (ratio(self.right as f64, self.judged as f64), self.judged)
    }

    /// All of it; `baselines` are their names by route.
    pub(crate) fn json(&self, baselines: &BTreeMap<String, String>) -> Value {
        let decisions = self.decisions as f64;
        let finished = (self.answered + self.failed) as f64;
        let per_1k =
            |cost: i64, tokens: u64| (tokens > 0).then(|| cost as f64 / 1e12 * 1000.0 / tokens as f64);
        let models = self.models.iter().map(|((model, provider), sum)| {
            json!({
                "model": model,
                "provider": provider,
                "decisions": sum.decisions,
                "share": ratio(sum.decisions as f64, decisions),
                "cost_usd": Cost(sum.cost),
                "usd_per_1k_tokens": per_1k(sum.cost, sum.tokens),
                "mean_latency_ms": ratio(sum.latency_ms, sum.answered as f64),
                "success_rate": ratio(sum.answered as f64, (sum.answered + sum.failed) as f64),
            })
        });
        let counted = |counts: &mut dyn Iterator<Item = (String, u64)>, what: &str| -> Vec<Value> {
            counts.map(|(name, count)| json!({what: name, "decisions": count})).collect()
        };
        json!({
            "decisions": self.decisions,
            "by_strategy": counted(&mut self.strategies.iter().map(|(name, n)| ((*name).to_owned(), *n)), "strategy"),
            "by_route": counted(&mut self.routes.iter().map(|(name, n)| (name.clone(), *n)), "route"),
            "models": models.collect::<Vec<_>>(),
            "accuracy": self.accuracy().0,
            "accuracy_decisions": self.judged,
            "success_rate": ratio(self.answered as f64, finished),
            "fallbacks": self.fallbacks,
            "escalated": self.escalated,
            "explored": self.explored,
            "average_cost_per_1k_tokens_usd": per_1k(self.cost, self.tokens),
            "average_latency_ms": ratio(self.latency_ms, self.answered as f64),
            "cost_usd": Cost(self.cost),
            "baseline": {
                "names": baselines,
                "decisions": self.compared,
                "cost_usd": self.baseline_usd,
                "same_calls_cost_usd": self.compared_usd,
                "mean_latency_ms": ratio(self.baseline_latency_ms, self.compared as f64),
                "same_calls_mean_latency_ms": ratio(self.compared_latency_ms, self.compared as f64),
            },
            "savings_usd": self.baseline_usd - self.compared_usd,
            "savings_share": ratio(self.baseline_usd - self.compared_usd, self.baseline_usd),
            "latency_improvement_share":
                ratio(self.baseline_latency_ms - self.compared_latency_ms, self.baseline_latency_ms),
            "controls": [
                self.policy.json("policy", decisions.max(1.0)),
                self.cheapest.json("all cheapest", decisions.max(1.0)),
                self.strongest.json("all strongest", decisions.max(1.0)),
                self.shuffled.json("shuffled", decisions.max(1.0)),
            ],
        })
    }
}
