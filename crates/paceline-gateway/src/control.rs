//! The door to the admin side: the gateway passes on what is no call.

use crate::body::BoxError;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use paceline_types::id::Name;
use paceline_types::record::Caller;
use paceline_types::rules::Rights;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The body of an answer of the admin side.
pub type ControlBody = UnsyncBoxBody<Bytes, BoxError>;

/// Who asks the admin side.
#[derive(Clone, Debug)]
pub struct Asker {
    /// By the admin key; else there is none to have, or it is a caller who may see this.
    pub holds_admin_key: bool,
    /// What the caller may do.
    pub rights: Arc<Rights>,
    /// Who calls under that key, or without one, where it may know of its own calls alone; `None` may know of all.
    pub own: Option<Arc<Caller>>,
}

impl Asker {
    /// Whether it may know of a call of `caller`.
    pub fn may_know(&self, caller: &Caller) -> bool {
        self.own.as_deref().is_none_or(|own| own.tenant == caller.tenant && own.key == caller.key)
    }
}

/// Somebody was kept from the admin side.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What they were told.
    pub status: StatusCode,
    /// What they wanted.
    pub method: Method,
    /// Where; whatever they wrote.
    pub path: String,
    /// The name of their key, where it is a caller's.
    pub key: Option<Name>,
}

/// How a request to the admin side is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// By the key it carries, or refused.
    ByKey,
    /// Anybody may see this.
    Open,
    /// It stands for the administrator, who has shown the admin key before.
    Administrator,
}

/// Answers what is no call: health, metrics, the admin API, the dashboard.
pub trait Control: Send + Sync + 'static {
    /// Answers one request, on the control runtime.
    fn handle(
        &self,
        request: Request<Bytes>,
        asker: Asker,
    ) -> Pin<Box<dyn Future<Output = Response<ControlBody>> + Send>>;

    /// How a request is let in that its key does not let in. Called by threads that carry calls: it must not block.
    fn pass(&self, _method: &Method, _path: &str, _headers: &HeaderMap) -> Pass {
        Pass::ByKey
    }

    /// Somebody was kept from here. Called by threads that carry calls: it must not block.
    fn refused(&self, _refused: Refused) {}
}
