//! What must hold for requests of Gemini's dialect that are translated stands in `requests.rs`.

/// Checks one request.
pub(crate) fn check(body: &[u8]) {
    super::requests::check(paceline_types::record::Dialect::Gemini, body);
}
