//! Whose seal a thought bears. Providers seal what their models think and take it back only as it was; a caller that speaks
//! another dialect gives back whatever it got. So a seal that crosses to a caller says who made it, and only that family
//! gets it back.

use crate::neutral::json::Json;
use paceline_types::record::Dialect;

/// How a seal of Gemini's begins where it has crossed. No provider's own has a `#`.
const GEMINI: &str = "gemini#";

/// How a seal of a tool call begins where it has crossed to a dialect whose calls have no place for one.
const CALL: &str = "gemini-call#";

/// What stands for the seal of thought that its provider did not seal, where a dialect wants one.
pub(crate) const UNSIGNED: &str = "\"unsigned#\"";

/// How all of them begin.
pub(crate) const MARKS: [&str; 3] = [GEMINI, CALL, "unsigned#"];

/// Whether a seal says that another provider made it.
pub(crate) fn is_marked(seal: &Json<'_>) -> bool {
    MARKS.iter().any(|mark| seal.inner().starts_with(mark))
}

/// The seal as a caller of another dialect gets it. Those of Anthropic's family cross as they are: other gateways do the
/// same, so that callers may bring them from there.
pub fn mark<'a>(signature: &'a Json<'_>, provider: Dialect) -> Json<'a> {
    match provider {
        Dialect::Gemini => Json::known(format!("\"{GEMINI}{}\"", signature.inner())),
        _ => signature.view(),
    }
}

/// Who made a seal, where it says so.
pub fn family(signature: &Json<'_>) -> Option<Dialect> {
    signature.inner().starts_with(GEMINI).then_some(Dialect::Gemini)
}

/// The seal as its maker knows it.
pub fn unmark(signature: &Json<'_>) -> Json<'static> {
    let inner = signature.inner();
    Json::known(format!("\"{}\"", inner.strip_prefix(GEMINI).unwrap_or(inner)))
}

/// The seal of a tool call, as sealed thought that stands before it.
pub fn mark_call(signature: &Json<'_>) -> Json<'static> {
    Json::known(format!("\"{CALL}{}\"", signature.inner()))
}

/// The seal of the tool call that follows, where sealed thought is one.
pub fn of_call(data: &Json<'_>) -> Option<Json<'static>> {
    let seal = data.inner().strip_prefix(CALL)?;
    Some(Json::known(format!("\"{seal}\"")))
}
