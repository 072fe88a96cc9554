//! The request as a target gets it: as it came with small edits, where caller and provider speak alike, else translated.

use crate::call::Call;
use crate::refuse::Fail;
use crate::step::read::Ask;
use crate::upstream::{Upstream, splice};
use bytes::Bytes;
use http::StatusCode;
use paceline_dialect::neutral::about::About;
use paceline_dialect::neutral::foreign;
use paceline_dialect::neutral::notes::{Malformed, Notes, Unsupported};
use paceline_dialect::neutral::request::ChatRequest;
use paceline_dialect::openai::request;
use paceline_dialect::translate::{self, Target};
use paceline_routing::plan::Target as Place;
use paceline_types::error::ErrorKind;
use paceline_types::record::{Dialect, Operation};

/// A request ready to be sent.
pub(crate) struct Composed {
    /// The body, in pieces.
    pub(crate) pieces: Vec<Bytes>,
    /// What caller and provider speak.
    pub(crate) tongues: Tongues,
    /// The caller did not ask for the usage chunk that the provider was asked for.
    pub(crate) strips_usage: bool,
}

/// What caller and provider speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tongues {
    pub(crate) caller: Dialect,
    pub(crate) provider: Dialect,
}

impl Tongues {
    pub(crate) fn are_one(self) -> bool {
        self.caller == self.provider
    }
}

/// Makes the request of `ask` for `target`.
pub(crate) fn compose(
    call: &mut Call,
    upstream: &Upstream,
    target: &Place,
    ask: &Ask,
    stream: bool,
) -> Result<Composed, Fail> {
    let operation = call.record().map_or(Operation::Chat, |record| record.operation);
    let caller = call.dialect;
    let provider = upstream.speaks(caller, operation);
    let tongues = Tongues { caller, provider };
    let model = &*target.deployment.upstream_model;
    call.warning = None;
    if tongues.are_one()
        && let Some(body) = foreign::without(provider, &ask.body)
    {
        // The conversation has moved here from another provider.
        let body = Bytes::from(body);
        let asked =
            request::read(&body).map_err(|_| malformed(&Malformed::at("the body", "a JSON object")))?;
        let pieces = splice(&body, asked.edits(model, false));
        call.warning = Some("thinking of another provider not sent".into());
        return Ok(Composed { pieces, tongues, strips_usage: false });
    }
    if tongues.are_one() {
        let asks = stream && upstream.asks_for_usage && provider == Dialect::OpenAi;
        // Where the model is in the path, the body goes as it came.
        let edits = if provider == Dialect::Gemini { Vec::new() } else { ask.asked.edits(model, asks) };
        let pieces = splice(&ask.body, edits);
        return Ok(Composed { pieces, tongues, strips_usage: asks && !ask.asked.include_usage });
    }
    if operation == Operation::Embeddings {
        let message =
            format!("provider {} has no embeddings; name a model of another provider", upstream.name);
        return Err(unsupported("model", message));
    }
    let mut notes = Notes::default();
    let mut neutral = read(ask, caller, &mut notes)?;
    neutral.stream = stream;
    let to = Target {
        dialect: provider,
        model,
        habits: upstream.habits,
        asks_for_usage: stream && upstream.asks_for_usage,
        max_tokens: upstream.default_max_tokens,
    };
    let body =
        translate::write_request(&neutral, &to, &mut notes).map_err(|wrong| refused(upstream, &wrong))?;
    if !notes.is_empty() {
        call.warning = Some(notes.line().into());
    }
    Ok(Composed { pieces: vec![body.into()], tongues, strips_usage: false })
}

/// Reads the caller's request for translation.
pub(crate) fn read<'a>(ask: &'a Ask, caller: Dialect, notes: &mut Notes) -> Result<ChatRequest<'a>, Fail> {
    if let Some(field) = translate::needs_provider_state(caller, &ask.body) {
        let message = format!(
            "`{field}` refers to what another provider keeps; send the whole conversation, or name a model of the provider that has it"
        );
        return Err(unsupported(field, message));
    }
    translate::read_request(caller, &ask.body, notes).map_err(|wrong| malformed(&wrong))
}

/// What a writer of the caller's dialect is told about the answer.
pub(crate) fn about(call: &mut Call, target: &Place, ask: &Ask, provider: Dialect) -> About {
    let record = call.record();
    let id = record.as_ref().map(|record| record.id);
    About {
        call: id.map_or_else(String::new, |id| String::from_utf8_lossy(&id.encode()).into_owned()),
        model: target.deployment.upstream_model.to_string(),
        provider: Some(provider),
        created: record.map_or(0, |record| u64::try_from(record.started_at.0 / 1_000_000).unwrap_or(0)),
        include_usage: ask.asked.include_usage,
    }
}

fn malformed(wrong: &Malformed) -> Fail {
    let message = format!("{}: expected {}", wrong.field, wrong.expected);
    Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "invalid_request", message)
}

fn refused(upstream: &Upstream, wrong: &Unsupported) -> Fail {
    let message = format!("provider {} cannot do what `{}` asks: {}", upstream.name, wrong.field, wrong.why);
    unsupported("model", message)
}

fn unsupported(param: &'static str, message: String) -> Fail {
    let status = StatusCode::BAD_REQUEST;
    Fail::refuse(status, ErrorKind::Unsupported, "unsupported_by_provider", message).param(param)
}
