//! Failures, rendered once, in the caller's dialect.

use crate::body::AnswerBody;
use crate::lease::Told;
use crate::step::quota;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use paceline_dialect::translate::Complaint;
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;

/// `retry-after` in whole seconds, rounded up.
pub(crate) fn tell_seconds(headers: &mut HeaderMap, ms: u64) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
}

/// `retry-after` in whole seconds, rounded up, and the exact `retry-after-ms` that OpenAI's SDKs read first.
pub(crate) fn tell_wait(headers: &mut HeaderMap, ms: u64) {
    tell_seconds(headers, ms);
    headers.insert(HeaderName::from_static("retry-after-ms"), HeaderValue::from(ms));
}

/// `x-should-retry`, which the official SDKs obey before anything else.
pub(crate) fn tell_retry(headers: &mut HeaderMap, should: bool) {
    let value = HeaderValue::from_static(if should { "true" } else { "false" });
    headers.insert(HeaderName::from_static("x-should-retry"), value);
}

/// Why a call has no answer.
#[derive(Clone, Debug)]
pub(crate) struct Fail {
    pub(crate) status: StatusCode,
    pub(crate) kind: ErrorKind,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// For people: what failed and what to do.
    pub(crate) message: String,
    /// The field at fault.
    pub(crate) param: Option<&'static str>,
    /// The call never reached a provider: it was refused.
    pub(crate) refused: bool,
    /// What the caller should wait.
    pub(crate) retry_after_ms: Option<u64>,
    /// The caller's own time limit was the reason: it says nothing about the provider.
    pub(crate) callers_time: bool,
    /// Whether the caller's SDK should try again; `None`: as it does by itself.
    pub(crate) should_retry: Option<bool>,
    /// How the caller's limits stand.
    pub(crate) told: Option<Box<[Option<Told>; 2]>>,
}

impl Fail {
    /// A refusal at the door: the caller must change something.
    pub(crate) fn refuse(
        status: StatusCode,
        kind: ErrorKind,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            code,
            message: message.into(),
            param: None,
            refused: true,
            retry_after_ms: None,
            callers_time: false,
            should_retry: None,
            told: None,
        }
    }

    /// A failure on the way to or at a provider.
    pub(crate) fn upstream(
        status: StatusCode,
        kind: ErrorKind,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { refused: false, ..Self::refuse(status, kind, code, message) }
    }

    pub(crate) fn param(mut self, param: &'static str) -> Self {
        self.param = Some(param);
        self
    }

    fn complaint(&self) -> Complaint<'_> {
        Complaint {
            status: self.status.as_u16(),
            kind: self.kind,
            message: &self.message,
            param: self.param,
            code: self.code,
        }
    }

    /// The event that tells it inside a stream.
    pub(crate) fn event(&self, dialect: Dialect, number: u64) -> Vec<u8> {
        self.complaint().event(dialect, number)
    }

    /// The whole answer.
    pub(crate) fn response(&self, dialect: Dialect) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::whole(self.complaint().envelope(dialect)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        if let Some(ms) = self.retry_after_ms {
            tell_wait(headers, ms);
        }
        if let Some(told) = &self.told {
            quota::tell(headers, told);
        }
        // SDKs would try again on 502; nothing changes until somebody changes the key.
        let should_retry = if self.kind == ErrorKind::ProviderAuth { Some(false) } else { self.should_retry };
        if let Some(should) = should_retry {
            tell_retry(headers, should);
        }
        response
    }
}
