//! The door to the admin side: the gateway passes on what is no call.

use crate::body::BoxError;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use std::future::Future;
use std::pin::Pin;

/// The body of an answer of the admin side.
pub type ControlBody = UnsyncBoxBody<Bytes, BoxError>;

/// Answers what is no call: health, metrics, the admin API, the dashboard.
pub trait Control: Send + Sync + 'static {
    /// Answers one request, on the control runtime.
    fn handle(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<ControlBody>> + Send>>;
}
