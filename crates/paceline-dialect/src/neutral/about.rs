//! What a writer of answers is told by whoever asks for one: it has no clock and makes no names of its own.

use crate::neutral::json::Json;
use crate::neutral::seal;
use paceline_types::record::Dialect;

/// About the answer to be written.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The call's name: what names are made of where the provider gives none.
    pub call: String,
    /// The model that was asked, where the provider does not name its own.
    pub model: String,
    /// What the provider speaks; `None` where that does not matter.
    pub provider: Option<Dialect>,
    /// Unix time, seconds.
    pub created: u64,
    /// The caller asked for the usage of a stream (OpenAI).
    pub include_usage: bool,
}

impl About {
    /// The answer's name, a JSON string.
    pub fn id_json(&self) -> String {
        format!("\"call_{}\"", self.call)
    }

    /// The model's name, a JSON string.
    pub fn model_json(&self) -> String {
        Json::string(&self.model).get().to_owned()
    }

    /// A seal of the provider's as the caller gets it.
    pub fn sealed<'a>(&self, signature: &'a Json<'_>) -> Json<'a> {
        self.provider.map_or_else(|| signature.view(), |provider| seal::mark(signature, provider))
    }

    /// A name for a call of a tool whose provider gives none, a JSON string. Unlike any other of the conversation.
    pub fn tool_id(&self, tool: u32) -> String {
        format!("\"call_{}_{tool}\"", self.call)
    }
}
