//! Which dialect a request is in, and what the dialects answer alike: refusals and wrong bodies.

use crate::{
    anthropic, bedrock,
    config::{SimKind, SimModel},
    exchange::{Answer, Exchange, Reply},
    fault::{Fault, Flag, WrongBody},
    gemini, ollama, openai,
    rng::Rng,
    timing::Timing,
};
use serde_json::Value;

/// A family of wire formats with errors and headers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
    Gemini,
    Ollama,
    Bedrock,
}

/// What is wrong with a request, before a dialect says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) param: Option<&'static str>,
    pub(crate) code: Option<&'static str>,
}

impl Problem {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), ..Self::default() }
    }

    /// A field that is missing or wrong.
    pub(crate) fn of(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), ..Self::new(400, message) }
    }
}

impl Dialect {
    /// The dialect that has this path.
    pub(crate) fn of(path: &str) -> Self {
        if path == "/v1/messages" || path.starts_with("/v1/messages/") {
            Self::Anthropic
        } else if gemini::has(path) {
            Self::Gemini
        } else if path.starts_with("/api/") {
            Self::Ollama
        } else if path.starts_with("/model/") {
            Self::Bedrock
        } else {
            Self::OpenAi
        }
    }

    /// Answers a request of this dialect.
    pub(crate) async fn answer(self, exchange: Exchange) -> Answer {
        match self {
            Self::OpenAi => openai::answer(exchange).await,
            Self::Anthropic => anthropic::answer(exchange).await,
            Self::Gemini => gemini::answer(exchange).await,
            Self::Ollama => ollama::answer(exchange).await,
            Self::Bedrock => bedrock::answer(exchange).await,
        }
    }

    /// Says what is wrong with a request, which is number `n`.
    pub(crate) fn refusal(self, problem: &Problem, n: u64) -> Reply {
        let Problem { status, ref message, param, code } = *problem;
        match self {
            Self::OpenAi => openai::error::reply(status, message, param, code),
            Self::Anthropic => anthropic::error::reply(status, message, n),
            Self::Gemini => gemini::error::reply(status, message),
            Self::Ollama => ollama::error(status, message),
            Self::Bedrock => bedrock::error::reply(status, message),
        }
    }

    /// The error answer a fault asks for.
    fn faulty(self, fault: &Fault, status: u16, message: Option<&str>, n: u64) -> Reply {
        match self {
            Self::OpenAi => Reply::json(status, openai::error::faulty(fault, status, message)),
            Self::Anthropic => anthropic::error::faulty(fault, status, message, n),
            Self::Gemini => gemini::error::faulty(fault, status, message),
            Self::Ollama => ollama::faulty(status, message),
            Self::Bedrock => bedrock::error::faulty(fault, status, message),
        }
    }

    /// The header lines every answer of this dialect has.
    pub(crate) fn headers(self, n: u64, status: u16, spent_ms: u128) -> Vec<(&'static str, String)> {
        match self {
            Self::OpenAi => openai::headers(n, status, spent_ms),
            Self::Anthropic => anthropic::headers(n, status),
            Self::Gemini => vec![("server-timing", format!("gfet4t7; dur={spent_ms}"))],
            Self::Ollama => Vec::new(),
            Self::Bedrock => vec![("x-amzn-requestid", format!("00000000-0000-4000-8000-{n:012x}"))],
        }
    }

    /// Whether waits are told in headers.
    pub(crate) fn has_retry_after(self) -> bool {
        !matches!(self, Self::Gemini | Self::Bedrock)
    }

    fn no_model(self, name: &str) -> Problem {
        let message = match self {
            Self::OpenAi => {
                format!("The model `{name}` does not exist or you do not have access to it.")
            }
            Self::Anthropic => format!("model: {name}"),
            Self::Gemini => format!(
                "models/{name} is not found for API version v1beta, or is not supported for generateContent."
            ),
            Self::Ollama => format!("model '{name}' not found, try pulling it first"),
            Self::Bedrock => "The provided model identifier is invalid.".to_owned(),
        };
        Problem { code: Some("model_not_found"), ..Problem::new(404, message) }
    }
}

impl Exchange {
    /// Refuses a request that is wrong in itself, in its own dialect.
    pub(crate) async fn wrong(&self, problem: Problem) -> Answer {
        self.refuse(self.dialect.refusal(&problem, self.call.n())).await
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Value, Problem> {
        let value: Value = serde_json::from_slice(&self.body).map_err(|error| {
            Problem::new(400, format!("We could not parse the JSON body of your request: {error}."))
        })?;
        if value.is_object() {
            return Ok(value);
        }
        Err(Problem::new(400, "The JSON body of your request is not an object."))
    }

    /// The chat model of this name.
    pub(crate) fn chat_model(&self, name: &str) -> Result<SimModel, Problem> {
        let model = self.world.model(name).ok_or_else(|| self.dialect.no_model(name))?;
        if model.kind != SimKind::Chat {
            return Err(Problem::of("model", format!("The model `{name}` is not a chat model.")));
        }
        Ok(model.clone())
    }

    fn echoed(&self) -> String {
        let credential = ["authorization", "api-key", "x-api-key", "x-goog-api-key"]
            .into_iter()
            .find_map(|name| self.headers.get(name))
            .map_or_else(|| "(none)".into(), |value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let credential = credential.rsplit(' ').next().unwrap_or_default();
        format!("Incorrect API key provided: {credential}. You can find your API key in your account.")
    }
}

/// The field of this name as text, where a request must have it.
pub(crate) fn model_name(value: &Value) -> Result<String, Problem> {
    let name = value.get("model").and_then(Value::as_str);
    name.map(str::to_owned).ok_or_else(|| Problem::of("model", "you must provide a model parameter"))
}

/// The answer instead of the right one, if the fault asks for any; `streaming` answers keep errors that
/// belong into the stream for themselves.
pub(crate) fn instead(exchange: &Exchange, fault: &Fault, streaming: bool) -> Option<Reply> {
    let faulty = |status, message| exchange.dialect.faulty(fault, status, message, exchange.call.n());
    if let Some(status) = fault.error_status() {
        let told = fault.has(Flag::EchoKey).then(|| exchange.echoed());
        return Some(faulty(status, told.as_deref()));
    }
    match fault.body {
        Some(WrongBody::Garbage) => Some(Reply {
            status: 200,
            content_type: "text/html; charset=utf-8",
            body: "<!doctype html>\n<title>Bad gateway</title>\n<h1>Please wait {while [we\" check\n".into(),
            ..Reply::default()
        }),
        Some(WrongBody::Empty) => Some(Reply::json(200, "")),
        Some(WrongBody::Error) => Some(Reply { status: 200, ..faulty(502, None) }),
        None if !streaming && fault.error_after.is_some() => {
            let reply = faulty(500, None);
            // A named exception has a status of its own where there is no stream to put it into.
            let named = exchange.dialect == Dialect::Bedrock && fault.exception.is_some();
            Some(if named { reply } else { Reply { status: 200, ..reply } })
        }
        None => None,
    }
}

/// Answers at once, without a model; faults apply, scripted ones where `scriptable`.
pub(crate) async fn simple(exchange: Exchange, scriptable: bool, reply: Reply) -> Answer {
    match exchange.fault(None, scriptable, &mut Rng::new(0)) {
        Ok(fault) => {
            let reply = instead(&exchange, &fault, false).unwrap_or(reply);
            let timing =
                Timing::draw(&SimModel::default(), &fault, exchange.start, 0.0, Rng::new(0)).refusal(&fault);
            exchange.whole(&fault, timing, reply).await
        }
        Err(reply) => exchange.refuse(reply).await,
    }
}

/// `%2F` and the like as the bytes they stand for.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = if byte.is_some() { &after[2..] } else { after };
        bytes.push(byte.unwrap_or(*first));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_where_they_mean_something() {
        assert_eq!(percent_decoded("sim%2Ffast"), "sim/fast");
        assert_eq!(percent_decoded("a%zz%"), "a%zz%");
    }

    #[test]
    fn paths_tell_the_dialect() {
        for (path, dialect) in [
            ("/v1/chat/completions", Dialect::OpenAi),
            ("/v1/responses", Dialect::OpenAi),
            ("/v1/messages", Dialect::Anthropic),
            ("/v1/messagesx", Dialect::OpenAi),
            ("/v1beta/models", Dialect::Gemini),
            ("/v1/models/a:b", Dialect::OpenAi),
            ("/v1/models/a:generateContent", Dialect::Gemini),
            ("/api/chat", Dialect::Ollama),
            ("/model/a/converse", Dialect::Bedrock),
        ] {
            assert_eq!(Dialect::of(path), dialect, "{path}");
        }
    }
}
