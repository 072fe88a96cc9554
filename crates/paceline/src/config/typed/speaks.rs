//! What a provider speaks, where it is not what its kind says.

use paceline_types::record::Dialect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A dialect of providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Speaks {
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
    Ollama,
}

impl Speaks {
    /// The dialect.
    pub(in crate::config) const fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi => Dialect::OpenAi,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini => Dialect::Gemini,
            Self::Bedrock => Dialect::Bedrock,
            Self::Ollama => Dialect::Ollama,
        }
    }
}
