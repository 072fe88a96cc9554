//! What all connections of one simulated provider share.

use crate::{
    config::{SimConfig, SimModel, short},
    fault::Fault,
    ledger::Ledger,
    seen::Seen,
    wire::lock,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Scripted faults that may wait.
const SCRIPT_MAX: usize = 10_000;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: SimConfig,
    pub(crate) ledger: Arc<Ledger>,
    /// Connections open now.
    pub(crate) open: AtomicU64,
    /// Connections accepted since the start.
    pub(crate) accepted: AtomicU64,
    /// Prompt prefixes that are cached.
    pub(crate) prefixes: Seen,
    /// Tool calls that were sent with a signature.
    pub(crate) signed: Seen,
    /// Responses that a later one may follow.
    pub(crate) responses: Seen,
    script: Mutex<VecDeque<(Option<String>, Fault)>>,
    /// Calls each model has had, for slow starts.
    calls: Vec<AtomicU64>,
}

impl World {
    pub(crate) fn new(config: SimConfig) -> Arc<Self> {
        Arc::new(Self {
            ledger: Ledger::new(config.ledger_max, config.ledger_bytes_max),
            open: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            prefixes: Seen::default(),
            signed: Seen::default(),
            responses: Seen::default(),
            script: Mutex::default(),
            calls: config.models.iter().map(|_| AtomicU64::new(0)).collect(),
            config,
        })
    }

    /// The model of this name, with or without `sim/` in front.
    pub(crate) fn model(&self, name: &str) -> Option<&SimModel> {
        self.config.models.iter().find(|model| short(&model.name) == short(name))
    }

    /// Queues faults for the next calls of a model, or of any; the new length of the queue.
    pub(crate) fn script(&self, model: Option<&str>, specs: &[String]) -> Result<usize, String> {
        if let Some(name) = model.filter(|name| self.model(name).is_none()) {
            return Err(format!("there is no model `{name}`"));
        }
        let faults = specs.iter().map(|spec| Fault::parse(spec)).collect::<Result<Vec<_>, _>>()?;
        let mut script = lock(&self.script);
        if script.len() + faults.len() > SCRIPT_MAX {
            return Err(format!("at most {SCRIPT_MAX} faults can wait"));
        }
        let model = model.map(|name| short(name).to_owned());
        script.extend(faults.into_iter().map(|fault| (model.clone(), fault)));
        Ok(script.len())
    }

    /// The oldest scripted fault meant for this model or for any.
    pub(crate) fn scripted(&self, model: Option<&str>) -> Option<Fault> {
        let mut script = lock(&self.script);
        let fits = |(wanted, _): &(Option<String>, Fault)| {
            wanted.as_deref().is_none_or(|wanted| model.is_some_and(|name| short(name) == wanted))
        };
        let index = script.iter().position(fits)?;
        script.remove(index).map(|(_, fault)| fault)
    }

    /// Counts a call of this model and says how much its slow start adds, ms.
    pub(crate) fn slow_start_ms(&self, model: &SimModel) -> f64 {
        let index = self.config.models.iter().position(|known| known.name == model.name);
        let before = index.map_or(0, |index| self.calls[index].fetch_add(1, Ordering::Relaxed));
        let left = model.slow_start_calls.saturating_sub(before);
        model.slow_start_ms as f64 * left as f64 / model.slow_start_calls as f64
    }

    /// As new: no calls, no script, nothing cached, every model cold.
    pub(crate) fn reset(&self) {
        self.ledger.reset();
        self.prefixes.clear();
        self.signed.clear();
        self.responses.clear();
        lock(&self.script).clear();
        for calls in &self.calls {
            calls.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_taken_in_order_by_the_calls_they_fit() {
        let world = World::new(SimConfig::default());
        let specs = |list: &[&str]| list.iter().map(|spec| (*spec).to_owned()).collect::<Vec<_>>();
        assert_eq!(world.script(Some("smart"), &specs(&["bom"])), Ok(1));
        assert_eq!(world.script(None, &specs(&["crlf", "burst"])), Ok(3));
        let next = |model| world.scripted(model).map(|fault| fault.text);
        assert_eq!(next(Some("sim/fast")).as_deref(), Some("crlf"));
        assert_eq!(next(Some("sim/smart")).as_deref(), Some("bom"));
        assert_eq!(next(None).as_deref(), Some("burst"));
        assert_eq!(next(Some("sim/smart")), None);
    }

    #[test]
    fn scripts_are_checked_before_any_is_queued() {
        let world = World::new(SimConfig::default());
        let error = world.script(None, &["burst".to_owned(), "brust".to_owned()]).unwrap_err();
        assert!(error.contains("brust"));
        assert!(world.script(Some("nobody"), &[]).is_err());
        assert!(world.script(None, &vec!["burst".to_owned(); SCRIPT_MAX + 1]).is_err());
        assert_eq!(world.scripted(Some("sim/fast")), None);
    }

    #[test]
    fn a_slow_start_wears_off() {
        let slow =
            SimModel { name: "cold".into(), slow_start_ms: 300, slow_start_calls: 3, ..SimModel::default() };
        let world = World::new(SimConfig { models: vec![slow.clone()], ..SimConfig::default() });
        let waits: Vec<f64> = (0..4).map(|_| world.slow_start_ms(&slow)).collect();
        assert_eq!(waits, [300.0, 200.0, 100.0, 0.0]);
        world.reset();
        assert!(world.slow_start_ms(&slow) > 299.0);
    }
}
