//! A provider as the path sees it: the head of a request, prepared; the classification of its failures.

use crate::config::{Credential, OnCancel, ProviderConfig, ProviderKey, Signing};
use crate::gateway::{Identity, Snapshot};
use crate::headers::{self, Way, write_line};
use crate::letter::{Letter, RawBody, call_path, deployment_path, has_model_in_path, ollama_base};
use crate::redact::redact;
use crate::refuse::Fail;
use crate::worker::wall;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use paceline_dialect::bedrock::sign::{Request as Signed, body_hash};
use paceline_dialect::openai::write_request::Habits;
use paceline_dialect::provider::StreamUsage;
use paceline_http::{HttpError, Origin, What};
use paceline_types::error::ErrorKind;
use paceline_types::id::Name;
use paceline_types::record::{Dialect, Operation};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One provider, ready to be asked.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one provider")]
pub(crate) struct Upstream {
    pub(crate) name: Name,
    pub(crate) header_name: Option<HeaderValue>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) on_cancel: OnCancel,
    pub(crate) passthrough: bool,
    pub(crate) asks_for_usage: bool,
    pub(crate) done_mark: bool,
    /// What it is, for messages.
    pub(crate) kind: &'static str,
    /// What it speaks.
    dialect: Dialect,
    /// It takes OpenAI's responses besides.
    responses: bool,
    pub(crate) habits: Habits,
    /// The output limit where a caller sets none and its dialect needs one, tokens.
    pub(crate) default_max_tokens: u64,
    /// A stream ended well and reported no usage: the next ones are counted.
    pub(crate) keeps_usage_secret: AtomicBool,
    /// One for each of our keys there; at least one.
    keys: Vec<Keyed>,
    /// What signs its requests.
    signing: Option<Arc<Signing>>,
    host: String,
    base_path: String,
    /// Azure's paths that name the deployment.
    api_version: Option<String>,
    target_prefix: String,
    /// Header lines that the operator set.
    operator: Vec<(String, String)>,
}

/// What depends on the key.
struct Keyed {
    key: Option<ProviderKey>,
    /// Header lines that every request has.
    fixed: String,
    chat: Vec<u8>,
    embeddings: Vec<u8>,
}

/// What Anthropic's callers that name no version get.
const ANTHROPIC_VERSION: &str = "2023-06-01";

impl Keyed {
    fn new(config: &ProviderConfig, key: Option<ProviderKey>) -> Self {
        let mut fixed = format!("host: {}\r\naccept-encoding: identity\r\n", config.origin.host_header());
        if let Some(key) = &key {
            fixed.push_str(&config.kind.key_header.line(key.secret.expose()));
        }
        fixed.push_str(&config.origin.proxy_lines());
        for (name, value) in &config.headers {
            for part in [name.as_str(), ": ", value.as_str(), "\r\n"] {
                fixed.push_str(part);
            }
        }
        let target_prefix = config.origin.target_prefix();
        let post = |base: &str, path: &str| {
            format!("POST {target_prefix}{base}{path} HTTP/1.1\r\n{fixed}").into_bytes()
        };
        let chat = match config.dialect {
            Dialect::Anthropic => post(&config.base_path, "/messages"),
            Dialect::Ollama => post(ollama_base(&config.base_path), "/api/chat"),
            _ => post(&config.base_path, "/chat/completions"),
        };
        // Gemini's embeddings in OpenAI's dialect stand under a path of their own.
        let embeddings = if config.dialect == Dialect::Gemini { "/openai/embeddings" } else { "/embeddings" };
        Self { chat, embeddings: post(&config.base_path, embeddings), key, fixed }
    }
}

impl Upstream {
    pub(crate) fn new(config: &ProviderConfig) -> Self {
        let keys = match &config.credential {
            Credential::Keys(keys) => keys.iter().cloned().map(Some).collect(),
            Credential::Signed(_) | Credential::Passthrough | Credential::None => vec![None],
        };
        let signing = match &config.credential {
            Credential::Signed(signing) => Some(Arc::clone(signing)),
            _ => None,
        };
        Self {
            signing,
            host: config.origin.host_header(),
            name: Arc::clone(&config.entry.name),
            header_name: HeaderValue::from_str(&config.entry.name).ok(),
            origin: Arc::clone(&config.origin),
            on_cancel: config.on_cancel,
            passthrough: matches!(config.credential, Credential::Passthrough),
            asks_for_usage: config.kind.stream_usage == StreamUsage::OnRequest,
            done_mark: match config.dialect {
                Dialect::Gemini => false,
                dialect => config.kind.done_mark || dialect != config.kind.dialect,
            },
            kind: config.kind.name,
            dialect: config.dialect,
            responses: config.responses,
            habits: config.kind.habits,
            default_max_tokens: config.default_max_tokens,
            keeps_usage_secret: AtomicBool::new(config.kind.stream_usage == StreamUsage::Never),
            keys: keys.into_iter().map(|key| Keyed::new(config, key)).collect(),
            base_path: config.base_path.clone(),
            api_version: config.api_version.clone(),
            target_prefix: config.origin.target_prefix(),
            operator: config.headers.clone(),
        }
    }

    fn keyed(&self, key: usize) -> &Keyed {
        &self.keys[key.min(self.keys.len() - 1)]
    }

    /// Where one of our keys comes from; empty where there is none.
    pub(crate) fn key_source(&self, key: usize) -> &str {
        self.keyed(key).key.as_ref().map_or("", |key| key.source.as_str())
    }

    /// What is spoken with it by a call of a caller who speaks `caller`.
    pub(crate) fn speaks(&self, caller: Dialect, operation: Operation) -> Dialect {
        match operation {
            // Who has a dialect of its own offers embeddings in OpenAI's, if at all.
            Operation::Embeddings if !matches!(self.dialect, Dialect::Anthropic | Dialect::Bedrock) => {
                Dialect::OpenAi
            }
            _ if caller == Dialect::Responses && self.responses => Dialect::Responses,
            _ => self.dialect,
        }
    }

    /// The head of a call's request, with one of our keys.
    pub(crate) fn head(&self, key: usize, letter: &Letter<'_>, snapshot: &Snapshot) -> Result<Vec<u8>, Fail> {
        let keyed = self.keyed(key);
        let composed;
        let start = match (letter.operation, letter.tongues.provider) {
            (_, Dialect::OpenAi) if let Some(version) = &self.api_version => {
                let path = deployment_path(&self.base_path, letter, version);
                composed =
                    format!("POST {}{path} HTTP/1.1\r\n{}", self.target_prefix, keyed.fixed).into_bytes();
                &composed
            }
            (Operation::Embeddings, _) => &keyed.embeddings,
            (Operation::Chat, dialect) if dialect == self.dialect && !has_model_in_path(dialect) => {
                &keyed.chat
            }
            (_, dialect) => {
                let path = call_path(dialect, letter);
                composed = format!(
                    "POST {}{}{path} HTTP/1.1\r\n{}",
                    self.target_prefix, self.base_path, keyed.fixed
                )
                .into_bytes();
                &composed
            }
        };
        let mut head = Vec::with_capacity(start.len() + 768);
        head.extend_from_slice(start);
        self.write_up(letter.headers, false, !letter.tongues.are_one(), snapshot, &mut head);
        if letter.tongues.provider == Dialect::Anthropic
            && (!letter.tongues.are_one() || !letter.headers.contains_key("anthropic-version"))
        {
            write_line(&mut head, "anthropic-version", ANTHROPIC_VERSION.as_bytes());
        }
        if let Some(signing) = &self.signing {
            let path = format!("{}{}", self.base_path, call_path(letter.tongues.provider, letter));
            self.sign(signing, "POST", &path, letter.body, &mut head)?;
        }
        end_head(&mut head, letter.body.iter().map(Bytes::len).sum::<usize>() as u64);
        Ok(head)
    }

    /// Appends the lines that sign a request; `path` with its query.
    fn sign(
        &self,
        signing: &Signing,
        method: &str,
        path: &str,
        body: &[Bytes],
        head: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        let signer = signing.signer().map_err(|why| {
            let message = format!("provider {}: there are no AWS credentials: {why}", self.name);
            let status = StatusCode::BAD_GATEWAY;
            Fail::upstream(status, ErrorKind::ProviderAuth, "provider_auth_failed", message)
        })?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = body_hash(body.iter().map(|piece| &piece[..]));
        let headers = [("host", self.host.as_str())];
        let request = Signed { method, path, query, headers: &headers, body: &body };
        signer.sign(&request, wall().seconds(), head);
        Ok(())
    }

    /// What it speaks where nothing is translated.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The head of a raw request.
    pub(crate) fn raw_head(
        &self,
        key: usize,
        method: &str,
        path: &str,
        headers: &HeaderMap,
        body: RawBody<'_>,
        snapshot: &Snapshot,
    ) -> Result<Vec<u8>, Fail> {
        let mut head = format!("{method} {}{path} HTTP/1.1\r\n{}", self.target_prefix, self.keyed(key).fixed)
            .into_bytes();
        self.write_up(headers, true, false, snapshot, &mut head);
        if let Some(signing) = &self.signing {
            let RawBody::Whole(body) = body else {
                let message =
                    format!("the body is over 1 MB; provider {} wants it signed as a whole", self.name);
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(Fail::refuse(status, ErrorKind::TooLarge, "request_too_large", message));
            };
            self.sign(signing, method, path, std::slice::from_ref(body), &mut head)?;
        }
        match body.length() {
            Some(0) if matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") => {
                head.extend_from_slice(b"\r\n");
            }
            Some(len) => end_head(&mut head, len),
            None => {
                write_line(&mut head, "transfer-encoding", b"chunked");
                head.extend_from_slice(b"\r\n");
            }
        }
        Ok(head)
    }

    /// `raw`: the body goes on as it came; `foreign`: it was written for a provider of another dialect.
    fn write_up(
        &self,
        headers: &HeaderMap,
        raw: bool,
        foreign: bool,
        snapshot: &Snapshot,
        head: &mut Vec<u8>,
    ) {
        let is_ours = |value: &HeaderValue| {
            let text = value.to_str().unwrap_or_default();
            let token = text.split_once(' ').map_or(text, |(_, token)| token);
            matches!(snapshot.identify(Some(token.trim())), Identity::Caller(_) | Identity::Administrator(_))
        };
        let way =
            Way { passthrough: self.passthrough, raw, foreign, fixed: &self.operator, is_ours: &is_ours };
        headers::write_up(headers, &way, head);
    }

    /// The path at the provider.
    pub(crate) fn raw_path(&self, rest: &str) -> Option<String> {
        crate::routes::raw_path(&self.base_path, rest)
    }

    /// `text` without our keys.
    pub(crate) fn redact<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut clean = Cow::Borrowed(text);
        for key in self.keys.iter().filter_map(|keyed| keyed.key.as_ref()) {
            if let Cow::Owned(cleaner) = redact(&clean, key.secret.expose()) {
                clean = Cow::Owned(cleaner);
            }
        }
        clean
    }

    /// `text` without our key, where it stands in it.
    pub(crate) fn redact_owned(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self.redact(text) {
            Cow::Owned(clean) => Some(clean),
            Cow::Borrowed(_) => None,
        }
    }

    /// `body` without our key, looked for only `when` it may be there: in what is not a model's answer.
    pub(crate) fn redact_if(&self, when: bool, body: Bytes) -> Bytes {
        match when.then(|| self.redact_owned(&body)).flatten() {
            Some(clean) => clean.into(),
            None => body,
        }
    }

    /// What the caller hears when there is no answer.
    pub(crate) fn no_answer(&self, error: &HttpError) -> Fail {
        let (status, kind, code, advice) = match error.what {
            What::Dns | What::Connect => (
                StatusCode::BAD_GATEWAY,
                ErrorKind::Connect,
                "provider_unreachable",
                "check base_url, the network and the proxy",
            ),
            What::ConnectTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                ErrorKind::Timeout,
                "connect_timeout",
                "check the network, or raise timeouts.connect_ms",
            ),
            What::Proxy => (
                StatusCode::BAD_GATEWAY,
                ErrorKind::Connect,
                "proxy_failed",
                "check HTTPS_PROXY and NO_PROXY",
            ),
            What::Tls => (
                StatusCode::BAD_GATEWAY,
                ErrorKind::Connect,
                "tls_failed",
                "check base_url, or set ca_file for a private CA",
            ),
            What::Send | What::NoAnswer | What::Cut => (
                StatusCode::BAD_GATEWAY,
                ErrorKind::Truncated,
                "provider_hung_up",
                "try again; the provider may be restarting",
            ),
            What::BadAnswer => (
                StatusCode::BAD_GATEWAY,
                ErrorKind::Garbage,
                "provider_garbage",
                "check that base_url is an API of the provider's kind",
            ),
        };
        Fail::upstream(status, kind, code, format!("provider {}: {error}; {advice}", self.name))
    }

    /// What the caller hears when the provider refuses our key.
    pub(crate) fn refused_us(&self, key: usize, status: StatusCode, said: Option<&str>) -> Fail {
        let said = said.map_or_else(String::new, |text| format!(" (it said: {text})"));
        let source = self.keyed(key).key.as_ref().map_or("its key", |key| key.source.as_str());
        let message = format!(
            "provider {} refused Paceline's own credential with status {}{said}; check {source}",
            self.name,
            status.as_u16()
        );
        Fail::upstream(StatusCode::BAD_GATEWAY, ErrorKind::ProviderAuth, "provider_auth_failed", message)
    }
}

fn end_head(head: &mut Vec<u8>, length: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = length;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    write_line(head, "content-length", &digits[at..]);
    head.extend_from_slice(b"\r\n");
}

/// The pieces of a body with `edits` made in place, none of it copied.
pub(crate) fn splice(body: &Bytes, edits: Vec<paceline_dialect::openai::request::Edit>) -> Vec<Bytes> {
    if edits.is_empty() {
        return vec![body.clone()];
    }
    let (mut pieces, mut from) = (Vec::with_capacity(2 * edits.len() + 1), 0);
    for edit in edits {
        pieces.push(body.slice(from..edit.at.start));
        pieces.push(Bytes::from(edit.text));
        from = edit.at.end;
    }
    pieces.push(body.slice(from..));
    pieces
}
