//! The decision as JSON: the fixed names of the specification.

use crate::decision::{Decision, Predicted, Refusal, Scored};
use crate::deployment::Deployment;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::sync::Arc;

/// Four decimals: more is not known.
fn short(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

/// Six significant digits: costs are small.
fn significant(value: f32) -> f64 {
    format!("{value:.5e}").parse().unwrap_or_default()
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let taken = self.taken();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("strategy", self.strategy.as_str())?;
        map.serialize_entry("confidence", &self.confidence.map(short))?;
        map.serialize_entry("reasoning", &self.reasoning())?;
        map.serialize_entry("selected_model", &taken.map(|one| &one.deployment.model))?;
        map.serialize_entry("expected_latency_ms", &taken.map(|one| short(one.expected_latency_ms)))?;
        map.serialize_entry(
            "expected_cost_usd",
            &taken.and_then(|one| one.expected_cost_usd).map(significant),
        )?;
        map.serialize_entry("expected_quality", &taken.map(|one| short(one.expected_quality)))?;
        map.serialize_entry("weights", &Weighed(self))?;
        map.serialize_entry("candidates", &self.candidates)?;
        map.serialize_entry("rejected", &Rejected(&self.rejected))?;
        map.serialize_entry("explored", &self.explored())?;
        map.serialize_entry("propensity", &short(self.propensity))?;
        map.serialize_entry("escalated", &self.escalated)?;
        map.serialize_entry("input_tokens", &self.input_tokens)?;
        map.serialize_entry("output_tokens", &self.output_tokens)?;
        map.serialize_entry("predicted", &self.predicted)?;
        map.end()
    }
}

impl Serialize for Predicted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("router", &format_args!("{:016x}", self.router))?;
        map.serialize_entry("task", &self.task)?;
        map.serialize_entry("quality", &short(self.quality))?;
        map.end()
    }
}

struct Weighed<'a>(&'a Decision);

impl Serialize for Weighed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("latency", &short(self.0.weights.latency))?;
        map.serialize_entry("quality", &short(self.0.weights.quality))?;
        map.serialize_entry("cost", &short(self.0.weights.cost))?;
        map.end()
    }
}

impl Serialize for Scored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &self.deployment.model)?;
        map.serialize_entry("provider", &self.deployment.provider)?;
        map.serialize_entry("deployment", &self.deployment.name)?;
        map.serialize_entry("score", &short(self.score))?;
        map.serialize_entry("latency_score", &short(self.latency))?;
        map.serialize_entry("quality_score", &short(self.quality))?;
        map.serialize_entry("cost_score", &short(self.cost))?;
        map.serialize_entry("reliability", &short(self.reliability))?;
        map.serialize_entry("expected_latency_ms", &short(self.expected_latency_ms))?;
        map.serialize_entry("expected_cost_usd", &self.expected_cost_usd.map(significant))?;
        map.serialize_entry("expected_quality", &short(self.expected_quality))?;
        map.serialize_entry("spread", &self.spread.map(short))?;
        map.end()
    }
}

struct Rejected<'a>(&'a [(Arc<Deployment>, Refusal)]);

impl Serialize for Rejected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(who, why)| RejectedOne { who, why: *why }))
    }
}

struct RejectedOne<'a> {
    who: &'a Deployment,
    why: Refusal,
}

impl Serialize for RejectedOne<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("model", &self.who.model)?;
        map.serialize_entry("provider", &self.who.provider)?;
        map.serialize_entry("reason", self.why.as_str())?;
        map.serialize_entry("words", self.why.words())?;
        map.end()
    }
}
