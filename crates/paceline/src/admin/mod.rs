//! The admin side: everything that is no call. One file a subject.

mod calls;
mod configuration;
mod health;
pub mod models;
mod performance;
mod query;
mod reply;
pub(crate) mod shape;

pub(crate) use calls::PARAMETERS as CALLS_PARAMETERS;

use crate::config::Loaded;
use crate::recorder::Recorder;
use crate::reload::Source;
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use paceline_gateway::{Control, ControlBody, Gateway};
use paceline_types::time::Timestamp;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tower::ServiceExt;

/// What the admin side reads.
pub struct Admin {
    /// Records and what is known of them.
    pub recorder: Recorder,
    /// The gateway, once it is there.
    pub gateway: OnceLock<Arc<Gateway>>,
    /// The configuration as it is meant now.
    pub loaded: ArcSwap<Loaded>,
    /// Where it came from.
    pub source: OnceLock<Source>,
    /// No new calls are wanted: the process is about to end.
    pub draining: AtomicBool,
    /// When the process started, by the wall clock.
    pub started_at: Timestamp,
    /// When the process started.
    pub started: Instant,
    /// Model lists of providers, fetched when asked for.
    pub listing: models::Listing,
}

/// The router as the gateway's door to the admin side.
pub struct AdminSide(Router);

impl AdminSide {
    /// All routes.
    pub fn new(admin: Arc<Admin>) -> Self {
        let router = Router::new()
            .route("/", get(index))
            .route("/page.css", get(style))
            .route("/health/live", get(health::live))
            .route("/health/ready", get(health::ready))
            .route("/metrics", get(metrics))
            .route("/v1/models", get(models::list))
            .route("/v1/models/{*id}", get(models::one))
            .route("/v1/performance/summary", get(performance::summary))
            .route("/v1/performance/models/{*model}", get(performance::model))
            .route("/v1/config/reload", post(configuration::reload))
            .route("/v1/calls", get(calls::list))
            .route("/v1/calls/{id}", get(calls::one))
            .fallback(reply::no_such_path)
            .method_not_allowed_fallback(reply::wrong_method)
            .with_state(admin);
        Self(router)
    }
}

impl Control for AdminSide {
    fn handle(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<ControlBody>> + Send>> {
        let router = self.0.clone();
        Box::pin(async move {
            let request = request.map(axum::body::Body::from);
            // The router's error type is uninhabited.
            let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        })
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    admin.recorder.drain();
    let page = crate::metrics::prometheus::render(&admin);
    ([(CONTENT_TYPE, crate::metrics::prometheus::CONTENT_TYPE)], page)
}

/// Nothing but our own style, no frames around us.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

async fn index() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("index.html"))
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css")], include_str!("page.css"))
}
