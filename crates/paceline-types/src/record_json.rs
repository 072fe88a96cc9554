//! The record as JSON: the fixed names of the specification, written in one place.

use crate::measure;
use crate::record::{Attempt, CallRecord};
use crate::time::Offset;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Milliseconds with three decimals: microseconds are what the clock can honestly tell.
fn ms(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn offset(value: Offset) -> f64 {
    ms(value.ms())
}

impl Serialize for CallRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.who(&mut map)?;
        self.what(&mut map)?;
        self.outcome(&mut map)?;
        self.times(&mut map)?;
        map.serialize_entry("attempts", &Attempts(&self.attempts))?;
        map.serialize_entry("quality", &self.quality_json())?;
        map.serialize_entry("tags", &Tags(self))?;
        map.end()
    }
}

impl CallRecord {
    /// The tries as they stand under `attempts`.
    pub fn attempts_json(&self) -> impl Serialize + '_ {
        Attempts(&self.attempts)
    }

    /// The free tags as they stand under `tags`.
    pub fn tags_json(&self) -> impl Serialize + '_ {
        Tags(self)
    }

    /// The quality as it stands under `quality`: six decimals, as many as are kept.
    pub fn quality_json(&self) -> Option<f64> {
        self.quality.map(|quality| (f64::from(quality) * 1e6).round() / 1e6)
    }

    fn who<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let labels = self.labels.as_deref();
        map.serialize_entry("id", &self.id.to_string())?;
        map.serialize_entry("started_at", &self.started_at)?;
        map.serialize_entry("tenant", &self.caller.tenant)?;
        map.serialize_entry("workspace", &self.caller.workspace)?;
        map.serialize_entry("key", &self.caller.key)?;
        map.serialize_entry("role", &labels.and_then(|l| l.role.as_deref()))?;
        map.serialize_entry("task", &labels.and_then(|l| l.task.as_deref()))?;
        map.serialize_entry("task_type", &labels.and_then(|l| l.task_type.as_deref()))?;
        map.serialize_entry("session", &labels.and_then(|l| l.session.as_deref()))?;
        map.serialize_entry("user", &labels.and_then(|l| l.user.as_deref()))?;
        map.serialize_entry("trace_id", &labels.and_then(|l| l.trace_id.as_deref()))
    }

    fn what<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let target = self.target.as_deref();
        let said = self.labels.as_deref().and_then(|l| l.operation.as_deref());
        map.serialize_entry("region", &target.and_then(|t| t.region.as_deref()))?;
        map.serialize_entry("operation", said.unwrap_or(self.operation.as_str()))?;
        map.serialize_entry("dialect", &self.dialect)?;
        map.serialize_entry("stream", &self.stream)?;
        map.serialize_entry("requested_model", &self.requested_model)?;
        let decision = self.decision.as_deref();
        map.serialize_entry("route", &decision.map(|decision| &decision.route))?;
        map.serialize_entry("strategy", &decision.map(|decision| decision.strategy.as_str()))?;
        map.serialize_entry("model", &target.map(|t| &t.model))?;
        map.serialize_entry("provider", &target.map(|t| &t.provider))?;
        map.serialize_entry("deployment", &target.map(|t| &t.name))
    }

    fn outcome<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("error_kind", &self.error_kind)?;
        map.serialize_entry("error_code", &self.error_code)?;
        map.serialize_entry("http_status", &(self.http_status != 0).then_some(self.http_status))?;
        map.serialize_entry("finish_reason", &self.finish_reason)?;
        map.serialize_entry("cache", &self.cache)?;
        map.serialize_entry("decision", &self.decision)?;
        map.serialize_entry("usage", &self.usage)?;
        map.serialize_entry("cost_usd", &self.cost)
    }

    fn times<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("duration_ms", &offset(self.duration))?;
        map.serialize_entry("queue_ms", &offset(self.queue))?;
        map.serialize_entry("ttft_ms", &measure::ttft_ms(self).map(ms))?;
        map.serialize_entry("tpot_ms", &measure::tpot_ms(self).map(ms))?;
        map.serialize_entry("itl_p99_ms", &self.itl_p99.map(offset))?;
        map.serialize_entry("route_us", &ms(self.route.0 as f64 / 1e3))?;
        map.serialize_entry("output_tokens_per_second", &measure::tokens_per_second(self).map(ms))?;
        map.serialize_entry("overhead_ms", &ms(measure::overhead_ms(self)))
    }
}

struct Tags<'a>(&'a CallRecord);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tags = self.0.labels.as_deref().map_or(&[][..], |labels| &labels.tags);
        serializer.collect_map(tags.iter().map(|(key, value)| (key, value)))
    }
}

struct Attempts<'a>(&'a [Attempt]);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().enumerate().map(|(at, attempt)| Numbered(at + 1, attempt)))
    }
}

struct Numbered<'a>(usize, &'a Attempt);

impl Serialize for Numbered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Numbered(n, attempt) = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("n", &n)?;
        map.serialize_entry("reason", &attempt.reason)?;
        map.serialize_entry("deployment", &attempt.deployment.name)?;
        map.serialize_entry("provider", &attempt.deployment.provider)?;
        map.serialize_entry("model", &attempt.deployment.upstream_model)?;
        map.serialize_entry("http_status", &(attempt.http_status != 0).then_some(attempt.http_status))?;
        map.serialize_entry("error_kind", &attempt.error_kind)?;
        map.serialize_entry("error_code", &attempt.error_code)?;
        map.serialize_entry("retry_after_ms", &attempt.retry_after_ms)?;
        map.serialize_entry("started_ms", &offset(attempt.started))?;
        map.serialize_entry("connect_ms", &measure::connect_ms(attempt).map(ms))?;
        map.serialize_entry("ttft_ms", &measure::attempt_ttft_ms(attempt).map(ms))?;
        map.serialize_entry("ended_ms", &offset(attempt.ended))?;
        map.serialize_entry("usage", &attempt.usage)?;
        map.serialize_entry("cost_usd", &attempt.cost)?;
        map.end()
    }
}
