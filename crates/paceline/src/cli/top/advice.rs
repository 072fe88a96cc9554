//! What to do about a failed call, by its kind.

use super::read::text;
use serde_json::Value;

/// One line; see docs/api.md for every code.
pub(super) fn advice(call: &Value) -> &'static str {
    let is_refused = text(call, "/status") == "refused";
    match (text(call, "/error_code"), text(call, "/error_kind")) {
        ("budget_exceeded", _) if is_refused => {
            "the money of the day or month is used: wait for its reset, or raise the budget"
        }
        ("price_unknown", _) if is_refused => "a budget has to count it and its price is not known: [prices]",
        ("provider_rate_limited", _) => "the provider asks for no more calls: wait, or add a second target",
        ("first_token_timeout", _) => "a shorter prompt, a faster model, or raise timeouts.first_token_ms",
        (_, "rate_limited") if is_refused => "the caller's limit is used up: wait, or raise it",
        (_, "rate_limited") => "the provider asks for fewer calls: add a second target, or wait",
        (_, "bad_request") => "the request is wrong: its error message tells what",
        (_, "unauthorized") => "the caller sent no key or an unknown one",
        (_, "forbidden") => "the caller may not do this: widen its key, or use another model",
        (_, "not_found") => "nobody knows this model: look at GET /v1/models",
        (_, "too_large") => "the request is too large: a smaller body",
        (_, "context_too_long") => {
            "the prompt is too long for the model: shorten it, or use a longer context"
        }
        (_, "provider_failed") => "the provider failed (5xx): a second target helps",
        (_, "provider_auth") => "the provider refused our key: check where it comes from, and the account",
        (_, "connect") => "no connection: check base_url, network and proxy",
        (_, "timeout") => "too slow: a faster model, a shorter answer, or longer timeouts",
        (_, "truncated") => "the answer broke off: if it is often, use another provider",
        (_, "garbage") => "the answer was not understood: does base_url speak the right dialect?",
        (_, "content_filter") => "a safety filter refused the prompt",
        (_, "overloaded") => "too many calls at once: try again in a moment, or add a target",
        (_, "unsupported") => "the provider cannot do what is asked: another model, or another target",
        (_, "canceled") => "the caller left before the end",
        (_, "internal") => "a defect in Paceline: report it, please",
        _ => "look at its attempts to see where it failed",
    }
}
