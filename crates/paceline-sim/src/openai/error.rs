//! Errors as OpenAI writes them, and as vLLM does.

use crate::{
    dialect::{Problem, model_name},
    exchange::{Exchange, Reply},
    fault::{Fault, Flag},
};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Envelope<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// vLLM's shape: no `error` around it.
#[derive(Serialize)]
struct Flat<'a> {
    object: &'static str,
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: u16,
}

/// Type, code and sentence a provider uses with a status.
fn usual(status: u16) -> (&'static str, Option<&'static str>, &'static str) {
    match status {
        401 => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        403 => ("permission_error", Some("permission_denied"), "You may not use this model."),
        404 => ("invalid_request_error", Some("not_found"), "Not found."),
        408 | 504 => ("timeout", None, "The request timed out."),
        409 => ("conflict_error", None, "The request conflicts with another one."),
        413 => ("invalid_request_error", Some("request_too_large"), "The request is too large."),
        429 => ("requests", Some("rate_limit_exceeded"), "Rate limit reached. Please try again later."),
        503 => ("overloaded_error", Some("overloaded"), "The engine is currently overloaded."),
        500.. => ("server_error", None, "The server had an error while processing your request."),
        _ => ("invalid_request_error", None, "The request is not valid."),
    }
}

fn body(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> String {
    let kind = usual(status).0;
    to_json(&Envelope { error: Detail { message, r#type: kind, param, code } })
}

/// An error answer.
pub(crate) fn reply(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Reply {
    Reply::json(status, body(status, message, param, code))
}

/// The error a fault asks for, as the JSON of a body or of an event.
pub(crate) fn faulty(fault: &Fault, status: u16, message: Option<&str>) -> String {
    let (kind, code, sentence) = usual(status);
    let message = message.unwrap_or(sentence);
    if fault.has(Flag::VllmError) {
        let kind = if status >= 500 { "InternalServerError" } else { "BadRequestError" };
        return to_json(&Flat { object: "error", message, r#type: kind, param: None, code: status });
    }
    let code = fault.code.as_deref().or(code);
    to_json(&Envelope { error: Detail { message, r#type: kind, param: None, code } })
}

/// The body as a JSON object with a `model`, and that name; otherwise the answer that says what is wrong.
pub(crate) fn object_with_model(exchange: &Exchange) -> Result<(Value, String), Reply> {
    let read = || {
        let value = exchange.object()?;
        let name = model_name(&value)?;
        Ok((value, name))
    };
    read().map_err(|problem: Problem| reply(problem.status, &problem.message, problem.param, problem.code))
}

/// What an unknown model gets.
pub(crate) fn no_model(name: &str) -> Reply {
    let message = format!("The model `{name}` does not exist or you do not have access to it.");
    reply(404, &message, None, Some("model_not_found"))
}

/// JSON of a value of ours. None of them can fail; if one did, the tests would see the empty object.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| json!({}).to_string())
}
