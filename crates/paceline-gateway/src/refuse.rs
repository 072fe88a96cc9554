//! Failures, rendered once, in the caller's dialect.

use crate::body::AnswerBody;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use paceline_dialect::openai::error;
use paceline_types::error::ErrorKind;

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
}

impl Fail {
    /// A refusal at the door: the caller must change something.
    pub(crate) fn refuse(
        status: StatusCode,
        kind: ErrorKind,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { status, kind, code, message: message.into(), param: None, refused: true, retry_after_ms: None }
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

    /// The envelope as text.
    pub(crate) fn envelope(&self) -> String {
        let kind = error::kind_of_status(self.status.as_u16());
        error::envelope(&self.message, kind, self.param, self.code)
    }

    /// The whole answer.
    pub(crate) fn response(&self) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::whole(self.envelope()));
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
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
        }
        if self.kind == ErrorKind::ProviderAuth {
            // SDKs would try again on 502; nothing changes until somebody changes the key.
            headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
        }
        response
    }
}
