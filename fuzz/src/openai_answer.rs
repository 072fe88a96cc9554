//! What must hold for the reader of OpenAI's answers stands in `answers.rs`.

/// Checks one stream.
pub(crate) fn check(stream: &[u8]) {
    super::answers::check(paceline_types::record::Dialect::OpenAi, stream);
}
