//! What can be set: the seed, the models and the bounds of a simulated provider.

use crate::dist::Dist;
use serde::Deserialize;
use std::collections::HashSet;

/// A simulated provider. The default serves believable models that need no setting.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimConfig {
    /// The same seed gives the same answers and the same delays.
    pub seed: u64,
    /// The models served.
    pub models: Vec<SimModel>,
    /// Calls kept in the ledger; the oldest are dropped first, and counted.
    pub ledger_max: usize,
    /// Bytes of bodies, headers and texts kept in the ledger; the oldest calls are dropped first.
    pub ledger_bytes_max: usize,
}

/// What a model answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SimKind {
    /// Chat completions.
    #[default]
    Chat,
    /// Embeddings.
    Embedding,
    /// Speech (bytes that stand for audio).
    Speech,
}

/// One simulated model. Rates are shares of calls, 0 to 1, and are drawn only for calls without a
/// scripted fault.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimModel {
    /// Its name; `sim/fast` is also known as `fast`.
    pub name: String,
    /// What it answers with.
    pub kind: SimKind,
    /// Request complete to response head and role chunk of a stream, ms; never later than the first token.
    pub head_ms: Dist,
    /// Request complete to first token, ms.
    pub ttft_ms: Dist,
    /// Between two tokens, ms.
    pub inter_token_ms: Dist,
    /// Length of an answer, tokens.
    pub output_tokens: Dist,
    /// Length of the reasoning before the answer, tokens; none for models that do not reason.
    pub reasoning_tokens: Option<Dist>,
    /// Share of calls that fail with 500 or 503.
    pub error_rate: f64,
    /// Share of calls refused with 429.
    pub rate_limit_rate: f64,
    /// What a 429 asks the caller to wait, ms.
    pub retry_after_ms: u64,
    /// Share of calls that go silent: before the head, after it, or between tokens.
    pub stall_rate: f64,
    /// Share of calls whose connection breaks in the middle of the answer.
    pub cut_rate: f64,
    /// A model that must be loaded first: extra delay of its first call, ms.
    pub slow_start_ms: u64,
    /// Calls until the slow start has worn off, evenly.
    pub slow_start_calls: u64,
    /// Length of an embedding when the caller names none.
    pub dimensions: usize,
}

impl Default for SimModel {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: SimKind::Chat,
            head_ms: Dist::constant(60.0),
            ttft_ms: Dist::lognormal(380.0, 0.4),
            inter_token_ms: Dist::lognormal(18.0, 0.4),
            output_tokens: Dist::Lognormal { median: 90.0, sigma: 0.5, max: Some(600.0) },
            reasoning_tokens: None,
            error_rate: 0.0,
            rate_limit_rate: 0.0,
            retry_after_ms: 1_000,
            stall_rate: 0.0,
            cut_rate: 0.0,
            slow_start_ms: 0,
            slow_start_calls: 1,
            dimensions: 256,
        }
    }
}

impl SimModel {
    fn timed(name: &str, head: f64, ttft: f64, inter_token: f64, tokens: f64) -> Self {
        Self {
            name: name.to_owned(),
            head_ms: Dist::constant(head),
            ttft_ms: Dist::lognormal(ttft, 0.35),
            inter_token_ms: Dist::lognormal(inter_token, 0.4),
            output_tokens: Dist::Lognormal { median: tokens, sigma: 0.5, max: Some(tokens * 6.0) },
            ..Self::default()
        }
    }

    fn instant(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            head_ms: Dist::constant(0.0),
            ttft_ms: Dist::constant(0.0),
            inter_token_ms: Dist::constant(0.0),
            output_tokens: Dist::constant(24.0),
            ..Self::default()
        }
    }

    /// The first thing wrong with the model's settings, if any.
    fn problem(&self) -> Option<String> {
        let name = &self.name;
        if name.is_empty() || name.len() > 200 || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Some(format!("`{name}` is not a model name"));
        }
        let dists = [
            ("head_ms", Some(self.head_ms)),
            ("ttft_ms", Some(self.ttft_ms)),
            ("inter_token_ms", Some(self.inter_token_ms)),
            ("output_tokens", Some(self.output_tokens)),
            ("reasoning_tokens", self.reasoning_tokens),
        ];
        for (key, dist) in dists {
            if let Some(problem) = dist.and_then(|dist| dist.problem()) {
                return Some(format!("model `{name}`, {key}: {problem}"));
            }
        }
        let rates = [
            ("error_rate", self.error_rate),
            ("rate_limit_rate", self.rate_limit_rate),
            ("stall_rate", self.stall_rate),
            ("cut_rate", self.cut_rate),
        ];
        for (key, rate) in rates {
            if !(0.0..=1.0).contains(&rate) {
                return Some(format!("model `{name}`, {key}: must be between 0 and 1"));
            }
        }
        if self.slow_start_calls == 0 {
            return Some(format!("model `{name}`, slow_start_calls: must be at least 1"));
        }
        (!(1..=4096).contains(&self.dimensions))
            .then(|| format!("model `{name}`, dimensions: must be between 1 and 4096"))
    }
}

impl Default for SimConfig {
    fn default() -> Self {
        let chat = SimModel::timed;
        Self {
            seed: 1,
            ledger_max: 10_000,
            ledger_bytes_max: 64 << 20,
            models: vec![
                chat("sim/fast", 30.0, 180.0, 8.0, 60.0),
                chat("sim/balanced", 60.0, 380.0, 18.0, 90.0),
                chat("sim/smart", 120.0, 750.0, 32.0, 150.0),
                SimModel {
                    reasoning_tokens: Some(Dist::Lognormal { median: 80.0, sigma: 0.6, max: Some(800.0) }),
                    ..chat("sim/reasoner", 150.0, 900.0, 22.0, 110.0)
                },
                SimModel {
                    error_rate: 0.08,
                    rate_limit_rate: 0.06,
                    stall_rate: 0.02,
                    cut_rate: 0.04,
                    ..chat("sim/flaky", 60.0, 300.0, 14.0, 70.0)
                },
                SimModel::instant("sim/instant"),
                SimModel {
                    kind: SimKind::Embedding,
                    ttft_ms: Dist::lognormal(40.0, 0.3),
                    ..SimModel::instant("sim/embed")
                },
                SimModel {
                    kind: SimKind::Speech,
                    ttft_ms: Dist::lognormal(120.0, 0.3),
                    inter_token_ms: Dist::constant(15.0),
                    ..SimModel::instant("sim/speech")
                },
            ],
        }
    }
}

impl SimConfig {
    /// Says what is wrong with the settings, naming the model and the key.
    pub fn check(&self) -> Result<(), String> {
        if self.models.is_empty() {
            return Err("a simulated provider needs at least one model".to_owned());
        }
        if self.ledger_max == 0 {
            return Err("ledger_max: must be at least 1".to_owned());
        }
        let mut seen = HashSet::new();
        for model in &self.models {
            if let Some(problem) = model.problem() {
                return Err(problem);
            }
            if !seen.insert(short(&model.name)) {
                return Err(format!("model `{}` is there twice", model.name));
            }
        }
        Ok(())
    }
}

/// A model's name without the `sim/` in front.
pub(crate) fn short(name: &str) -> &str {
    name.strip_prefix("sim/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound() {
        assert_eq!(SimConfig::default().check(), Ok(()));
    }

    #[test]
    fn a_few_lines_are_enough() {
        let text = "seed = 9\n[[models]]\nname = \"mine\"\nttft_ms = { kind = \"constant\", value = 5 }\n";
        let config: SimConfig = toml::from_str(text).unwrap();
        assert_eq!(config.check(), Ok(()));
        assert_eq!((config.seed, config.models.len(), config.ledger_max), (9, 1, 10_000));
        assert_eq!(config.models[0].ttft_ms, Dist::constant(5.0));
        assert!(toml::from_str::<SimConfig>("sed = 9").unwrap_err().to_string().contains("sed"));
    }

    #[test]
    fn mistakes_are_named() {
        let with = |change: fn(&mut SimConfig)| {
            let mut config = SimConfig::default();
            change(&mut config);
            config.check().unwrap_err()
        };
        assert!(with(|c| c.models.clear()).contains("at least one model"));
        assert!(with(|c| c.models[0].error_rate = 1.5).contains("sim/fast`, error_rate"));
        assert!(with(|c| c.models[1].name = "fast".into()).contains("twice"));
        assert!(with(|c| c.models[2].ttft_ms = Dist::constant(-1.0)).contains("ttft_ms"));
    }
}
