//! What a call asks of a model, and what a model can.

use paceline_types::decision::{Refusal, Strategy};

/// What can be asked of a model: a set of words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities(u8);

impl Abilities {
    /// Understands images.
    pub const VISION: Self = Self(1);
    /// Understands sound.
    pub const AUDIO: Self = Self(1 << 1);
    /// Made for program code.
    pub const CODE: Self = Self(1 << 2);
    /// Calls functions.
    pub const TOOLS: Self = Self(1 << 3);
    /// Keeps to a JSON schema.
    pub const SCHEMA: Self = Self(1 << 4);
    /// Thinks before it answers.
    pub const REASONING: Self = Self(1 << 5);
    /// All of them: what is assumed of a model that nothing is known of.
    pub const ALL: Self = Self((1 << 6) - 1);

    const WORDS: [(Self, Refusal); 6] = [
        (Self::VISION, Refusal::Vision),
        (Self::AUDIO, Refusal::Audio),
        (Self::CODE, Refusal::Code),
        (Self::TOOLS, Refusal::Tools),
        (Self::SCHEMA, Refusal::StructuredOutput),
        (Self::REASONING, Refusal::Reasoning),
    ];

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Why who has these cannot do what `asked` says; `None` where it can.
    pub fn lacks(self, asked: Self) -> Option<Refusal> {
        let missing = asked.0 & !self.0;
        if missing == 0 {
            return None;
        }
        Self::WORDS.iter().find(|(word, _)| missing & word.0 != 0).map(|(_, why)| *why)
    }
}

/// How hard a call is, as its caller says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complexity {
    /// A cheap model will do.
    Simple,
    /// As most.
    Moderate,
    /// A good model is needed.
    Complex,
}

impl Complexity {
    /// Reads `simple`, `moderate`, `complex`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "simple" => Some(Self::Simple),
            "moderate" => Some(Self::Moderate),
            "complex" => Some(Self::Complex),
            _ => None,
        }
    }
}

/// What is asked for, as far as it concerns the choice of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Need {
    /// What the model must be able to do.
    pub asked: Abilities,
    /// Estimated prompt tokens.
    pub input_tokens: u64,
    /// Expected tokens of the answer, where the caller says.
    pub output_tokens: Option<u64>,
    /// The most tokens of the answer.
    pub max_tokens: Option<u64>,
    /// The kind of work.
    pub task_type: Option<String>,
    /// How hard it is.
    pub complexity: Option<Complexity>,
    /// How much creativity is wanted, 0 to 1.
    pub creativity: f64,
    /// How much thought is wanted, 0 to 1.
    pub reasoning: f64,
    /// The longest expected time to the end of the answer, in milliseconds.
    pub max_latency_ms: Option<f64>,
    /// The highest expected cost, in US dollars.
    pub max_cost_usd: Option<f64>,
    /// The lowest expected quality, 0 to 1.
    pub min_quality: Option<f64>,
    /// The only models that may be considered; empty: all.
    pub models: Vec<String>,
    /// Where the model must compute.
    pub region: Option<String>,
    /// How to weigh, where not as the route says.
    pub strategy: Option<Strategy>,
    /// How much of the caller's budget is used beyond its share of the period, 0 to 1.
    pub budget_pressure: f64,
    /// Whether its answer comes in one piece, so that it can be checked before the caller gets it.
    pub checkable: bool,
    /// Whether the call must go where it would go without exploring.
    pub pinned: bool,
}

/// A feature that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFeature {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub what: String,
}

/// The names of features.
pub const FEATURES: [&str; 15] = [
    "estimated_tokens",
    "creativity_requirement",
    "reasoning_requirement",
    "requires_code",
    "requires_vision",
    "task_type",
    "task_complexity",
    "token_count",
    "latency_requirement",
    "cost_budget",
    "accuracy_requirement",
    "available_models",
    "strategy",
    "region",
    "operation",
];

impl Need {
    /// Takes in one feature by its name, its value as text; lists are parted by `|`.
    ///
    /// # Errors
    /// When there is no such feature, or its value is none.
    pub fn feature(&mut self, name: &str, value: &str) -> Result<(), BadFeature> {
        let value = value.trim();
        let bad = |what: String| BadFeature { name: name.to_owned(), what };
        let within = |low: f64, high: f64| {
            let number = value.parse::<f64>().ok().filter(|number| (low..=high).contains(number));
            number.ok_or_else(|| bad(format!("`{value}` is no number from {low} to {high}")))
        };
        let yes = || match value {
            "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" | "" => Ok(false),
            _ => Err(bad(format!("`{value}` is neither true nor false"))),
        };
        match name {
            "estimated_tokens" => self.output_tokens = Some(within(0.0, 1e9)? as u64),
            "token_count" => self.input_tokens = within(0.0, 1e9)? as u64,
            "creativity_requirement" => self.creativity = within(0.0, 1.0)?,
            "reasoning_requirement" => self.reasoning = within(0.0, 1.0)?,
            "requires_code" => self.ask(Abilities::CODE, yes()?),
            "requires_vision" => self.ask(Abilities::VISION, yes()?),
            "task_type" => self.task_type = Some(value.chars().take(64).collect()),
            "task_complexity" => {
                let known = Complexity::parse(value);
                self.complexity =
                    Some(known.ok_or_else(|| bad(format!("`{value}` is not simple, moderate or complex")))?);
            }
            "latency_requirement" => self.max_latency_ms = Some(within(0.0, 86_400.0)? * 1000.0),
            "cost_budget" => self.max_cost_usd = Some(within(0.0, 1e6)?),
            "accuracy_requirement" => self.min_quality = Some(within(0.0, 1.0)?),
            "available_models" => {
                let names = value.split('|').map(str::trim).filter(|name| !name.is_empty());
                self.models = names.take(64).map(str::to_owned).collect();
            }
            "strategy" => {
                let known = Strategy::parse(value);
                self.strategy = Some(known.ok_or_else(|| {
                    let all = Strategy::ALL.map(Strategy::as_str).join(", ");
                    bad(format!("`{value}` is no strategy; there are {all}"))
                })?);
            }
            "region" => self.region = Some(value.to_owned()),
            "operation" => {}
            _ => {
                return Err(bad(format!("there is no such feature; there are {}", FEATURES.join(", "))));
            }
        }
        Ok(())
    }

    /// Takes in `name=value` pairs parted by commas, as `x-paceline-features` has them.
    ///
    /// # Errors
    /// As [`Need::feature`].
    pub fn features(&mut self, text: &str) -> Result<(), BadFeature> {
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
            self.feature(name.trim(), value)?;
        }
        Ok(())
    }

    /// Asks for an ability, or not.
    pub fn ask(&mut self, ability: Abilities, wanted: bool) {
        if wanted {
            self.asked = self.asked.and(ability);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Abilities, Complexity, Need};
    use paceline_types::decision::{Refusal, Strategy};

    #[test]
    fn features_are_read_and_errors_name_them() {
        let mut need = Need::default();
        need.features("estimated_tokens=500, requires_vision, latency_requirement=2.5,available_models=a|b")
            .unwrap();
        need.features("strategy=cost_effective,task_complexity=complex,requires_code=false").unwrap();
        assert_eq!((need.output_tokens, need.max_latency_ms), (Some(500), Some(2500.0)));
        assert_eq!(need.models, ["a", "b"]);
        assert_eq!(
            (need.strategy, need.complexity),
            (Some(Strategy::CostEffective), Some(Complexity::Complex))
        );
        assert_eq!(Abilities::default().lacks(need.asked), Some(Refusal::Vision));
        assert_eq!(Abilities::ALL.lacks(need.asked), None);
        for (text, name) in [
            ("creativity_requirement=2", "creativity_requirement"),
            ("color=red", "color"),
            ("strategy=x", "strategy"),
        ] {
            assert_eq!(Need::default().features(text).unwrap_err().name, name);
        }
    }
}
