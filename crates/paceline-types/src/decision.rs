//! Why a call went where it went: enough to explain it, and to decide it again.

use crate::deployment::Deployment;
use crate::id::Name;
use std::fmt;
use std::sync::Arc;

/// How a route weighs latency, quality and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Latency above all.
    LowestLatency,
    /// Quality above all.
    HighestQuality,
    /// Cost above all.
    CostEffective,
    /// All three alike.
    #[default]
    Balanced,
    /// Weights by what the call asks and how things stand.
    Adaptive,
    /// Weights as the route states them.
    Custom,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::LowestLatency,
        Self::HighestQuality,
        Self::CostEffective,
        Self::Balanced,
        Self::Adaptive,
        Self::Custom,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LowestLatency => "lowest_latency",
            Self::HighestQuality => "highest_quality",
            Self::CostEffective => "cost_effective",
            Self::Balanced => "balanced",
            Self::Adaptive => "adaptive",
            Self::Custom => "custom",
        }
    }

    /// Reads [`Strategy::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == text.trim())
    }
}

/// What latency, quality and cost count; not negative, 1 together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Of the latency score.
    pub latency: f32,
    /// Of the quality score.
    pub quality: f32,
    /// Of the cost score.
    pub cost: f32,
}

/// Why a candidate was not considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The call holds images.
    Vision,
    /// The call holds sound.
    Audio,
    /// The call asks for program code.
    Code,
    /// The call describes tools.
    Tools,
    /// The call asks for JSON of a schema.
    StructuredOutput,
    /// The call asks for thought.
    Reasoning,
    /// The prompt, with the answer's limit, does not fit.
    ContextWindow,
    /// The answer may be longer than it can be.
    MaxOutput,
    /// It computes elsewhere than the call allows.
    Region,
    /// The call names its candidates, and it is none of them.
    NotNamed,
    /// It is expected to take longer than the call allows.
    Latency,
    /// It is expected to cost more than the call allows, or nobody knows what it costs.
    Cost,
    /// Its answers are expected to be worse than the call allows.
    Quality,
    /// Too few of its calls were answered lately.
    Reliability,
    /// It is left alone after failures, or asked to be; still asked where nothing else is left.
    LeftAlone,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Vision,
        Self::Audio,
        Self::Code,
        Self::Tools,
        Self::StructuredOutput,
        Self::Reasoning,
        Self::ContextWindow,
        Self::MaxOutput,
        Self::Region,
        Self::NotNamed,
        Self::Latency,
        Self::Cost,
        Self::Quality,
        Self::Reliability,
        Self::LeftAlone,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vision => "no_vision",
            Self::Audio => "no_audio",
            Self::Code => "no_code",
            Self::Tools => "no_tools",
            Self::StructuredOutput => "no_structured_output",
            Self::Reasoning => "no_reasoning",
            Self::ContextWindow => "context_window",
            Self::MaxOutput => "max_output",
            Self::Region => "region",
            Self::NotNamed => "not_a_candidate",
            Self::Latency => "latency_limit",
            Self::Cost => "cost_limit",
            Self::Quality => "quality_floor",
            Self::Reliability => "reliability",
            Self::LeftAlone => "left_alone",
        }
    }

    /// The same for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Vision => "cannot see images",
            Self::Audio => "cannot hear",
            Self::Code => "is not made for code",
            Self::Tools => "cannot call tools",
            Self::StructuredOutput => "cannot keep to a schema",
            Self::Reasoning => "cannot reason",
            Self::ContextWindow => "its context window is too small",
            Self::MaxOutput => "cannot answer at that length",
            Self::Region => "computes in another region",
            Self::NotNamed => "not among the models the call allows",
            Self::Latency => "expected to take longer than the call allows",
            Self::Cost => "expected to cost more than the call allows",
            Self::Quality => "expected to answer worse than the call allows",
            Self::Reliability => "too few calls were answered lately",
            Self::LeftAlone => "left alone for now after failures or a rate limit",
        }
    }
}

/// A candidate as it was scored. Scores are 0 (worst) to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Where it would go.
    pub deployment: Arc<Deployment>,
    /// What counts: weights times the three scores.
    pub score: f32,
    /// Of the expected latency.
    pub latency: f32,
    /// Of the expected quality, reliability included.
    pub quality: f32,
    /// Of the expected cost; 0 where no price is known.
    pub cost: f32,
    /// Share of attempts that are expected to be answered.
    pub reliability: f32,
    /// Expected time to the end of the answer, in milliseconds.
    pub expected_latency_ms: f32,
    /// Expected cost in US dollars.
    pub expected_cost_usd: Option<f32>,
    /// Expected quality of an answer, 0 to 1.
    pub expected_quality: f32,
    /// How far one call's own scores may lie from these: standard deviations of latency, quality and cost.
    pub spread: [f32; 3],
}

/// What a trained router said of the candidate that was taken, before what was learned since moved it: what came true is
/// compared with this.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// Which router.
    pub router: u64,
    /// The kind of work that it sees in the prompt; `None` where it tells none apart.
    pub task: Option<Name>,
    /// Quality, 0 to 1.
    pub quality: f32,
}

/// Why a call went where it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The route that decided.
    pub route: Name,
    /// How it weighed.
    pub strategy: Strategy,
    /// With these weights.
    pub weights: Weights,
    /// Who was considered, the best first.
    pub candidates: Vec<Scored>,
    /// Who was not, and why.
    pub rejected: Vec<(Arc<Deployment>, Refusal)>,
    /// Which candidate was taken: 0 but where it explored.
    pub chosen: u16,
    /// How likely this choice was, 0 to 1; 1 without exploration.
    pub propensity: f32,
    /// How likely the chosen one has the best realised score, 0 to 1; `None` until it is worked out.
    pub confidence: Option<f32>,
    /// Estimated prompt tokens.
    pub input_tokens: u32,
    /// Expected tokens of an answer of the chosen one.
    pub output_tokens: u32,
    /// A cheaper model answered first and its answer did not hold.
    pub escalated: bool,
    /// What the route's trained router said, where it has one that knows the candidate.
    pub predicted: Option<Predicted>,
}

impl Decision {
    /// The candidate that was taken.
    pub fn taken(&self) -> Option<&Scored> {
        self.candidates.get(usize::from(self.chosen))
    }

    /// Whether it was taken to learn, not because it scored best.
    pub fn explored(&self) -> bool {
        self.chosen != 0 && self.propensity < 1.0
    }

    /// The sentence for people.
    pub fn reasoning(&self) -> String {
        self.to_string()
    }
}

fn seconds(ms: f32) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

impl fmt::Display for Decision {
    /// One sentence, from the decision alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(taken) = self.taken() else {
            return write!(f, "{}: no model could be considered", self.strategy.as_str());
        };
        let name = &taken.deployment.model;
        write!(f, "{name} by {}", self.strategy.as_str())?;
        if self.chosen != 0 && self.propensity >= 1.0 {
            write!(f, ", the cheapest, asked first; its answer is checked")?;
        } else if self.explored() {
            write!(f, ", tried to learn more of it (chance {:.1} %)", self.propensity * 100.0)?;
        } else if self.candidates.len() == 1 {
            write!(f, ", the only one that could be considered")?;
        } else {
            write!(f, ", score {:.3}, the best of {}", taken.score, self.candidates.len())?;
            if let Some(next) = self.candidates.get(1) {
                write!(f, " before {} ({:.3})", next.deployment.model, next.score)?;
            }
        }
        write!(f, "; expected {}", seconds(taken.expected_latency_ms))?;
        match taken.expected_cost_usd {
            Some(usd) => write!(f, ", ${usd:.6}")?,
            None => f.write_str(", cost unknown")?,
        }
        write!(f, ", quality {:.2}", taken.expected_quality)?;
        if let Some(confidence) = self.confidence {
            write!(f, "; confidence {confidence:.2}")?;
        }
        if let (1, Some((who, why))) = (self.candidates.len(), self.rejected.first()) {
            write!(f, "; {} {}", who.model, why.words())?;
            if self.rejected.len() > 1 {
                write!(f, ", and {} more left out", self.rejected.len() - 1)?;
            }
        }
        Ok(())
    }
}
