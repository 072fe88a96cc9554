//! What may stand in a scenario.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Value;

/// A number, or the least and the most that it may be. A time that is given as one number may be up to 150 ms later: what
/// is due is looked at every now and then.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum About {
    One(f64),
    Between([f64; 2]),
}

impl About {
    pub(crate) fn allows(self, number: f64, late: f64) -> bool {
        let [least, most] = match self {
            Self::One(number) => [number, number + late],
            Self::Between(bounds) => bounds,
        };
        (least..=most).contains(&number)
    }
}

/// A file of scenarios.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What is promised, as a sentence.
    pub(crate) name: String,
    /// Before the usual configuration, which has the providers `p` and `q` and no `[models]`.
    pub(crate) config: String,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// What the provider does to the next calls of its models `a` to `d`: faults of `docs/sim.md`. Afterwards they answer
    /// at once.
    #[serde(default)]
    pub(crate) script: BTreeMap<String, Vec<String>>,
    pub(crate) call: Vec<Step>,
    /// Every call that the provider must see, in order: model and the time after the beginning, in milliseconds, as a
    /// number or as `least..most`.
    pub(crate) asked: Option<Vec<String>>,
    /// How often each model was asked at the provider.
    #[serde(default)]
    pub(crate) asked_in_all: BTreeMap<String, About>,
    /// What `/v1/limits` must say at the end: values by JSON pointer.
    #[serde(default)]
    pub(crate) state: BTreeMap<String, Value>,
}

/// A call or several, and what must come of each.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// When it comes.
    #[serde(default)]
    pub(crate) at_ms: u64,
    /// So many of them …
    #[serde(default = "one")]
    pub(crate) times: u64,
    /// … so far apart.
    #[serde(default)]
    pub(crate) every_ms: u64,
    #[serde(default = "model")]
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) stream: bool,
    /// So many words are said, each a token.
    pub(crate) words: Option<usize>,
    /// Further members of the request.
    #[serde(default)]
    pub(crate) body: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Another path than that of chat completions.
    pub(crate) path: Option<String>,
    /// The caller goes away after so long.
    pub(crate) leaves_ms: Option<u64>,

    /// The status of the answer.
    pub(crate) status: Option<u16>,
    /// Of several calls how many had which status.
    #[serde(default)]
    pub(crate) statuses: BTreeMap<String, About>,
    /// The error's code.
    pub(crate) code: Option<String>,
    /// What the error's message has in it.
    #[serde(default)]
    pub(crate) says: Vec<String>,
    /// How long all of it took, in milliseconds.
    pub(crate) ms: Option<About>,
    /// Headers of the answer: a text, a number or a range; `false` for one that must not be there.
    #[serde(default)]
    pub(crate) head: BTreeMap<String, Value>,
    /// Deployment, reason and end of every try.
    pub(crate) tries: Option<Vec<String>>,
    /// Values of the record by JSON pointer.
    #[serde(default)]
    pub(crate) record: BTreeMap<String, Value>,
    /// Whether a stream ended well.
    pub(crate) done: Option<bool>,
    /// The code of the error that ended a stream.
    pub(crate) ended_by: Option<String>,
    /// Of several calls what share was answered by which deployment.
    #[serde(default)]
    pub(crate) share: BTreeMap<String, About>,
}

fn one() -> u64 {
    1
}

fn model() -> String {
    "one".into()
}

/// The scenarios of a file.
pub(crate) fn read(text: &str) -> Vec<Scenario> {
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    file.scenario
}
