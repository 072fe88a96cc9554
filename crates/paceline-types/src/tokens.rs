//! Token counts of one call, and where they came from.

use serde::Serialize;

/// Where counts came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UsageSource {
    /// The provider said so.
    Reported,
    /// A tokenizer counted the text.
    Counted,
    /// Derived from bytes; see the documentation for the expected error.
    #[default]
    Estimated,
}

/// Tokens of one call or attempt.
///
/// `input_tokens` includes cache reads and writes, `output_tokens` includes reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All tokens of the prompt.
    pub input_tokens: u64,
    /// All generated tokens.
    pub output_tokens: u64,
    /// Of the input: read from the provider's prompt cache.
    pub cache_read_tokens: u64,
    /// Of the input: written to the provider's prompt cache.
    pub cache_write_tokens: u64,
    /// Of the cache writes: kept for an hour, which some providers charge more for.
    pub cache_write_1h_tokens: u64,
    /// Of the output: spent on reasoning.
    pub reasoning_tokens: u64,
    /// Who counted.
    pub source: UsageSource,
}
