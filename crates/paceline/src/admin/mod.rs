//! The admin side: everything that is no call. One file a subject.

mod audit;
mod calls;
mod captures;
mod configuration;
mod costs;
mod feedback;
mod health;
mod indicators;
mod keys;
mod limits;
mod live;
mod login;
pub mod models;
mod performance;
mod query;
mod reply;
mod routing;
mod series;
mod sessions;
pub(crate) mod shape;
mod spending;
mod sums;
mod web;
mod zip;

pub use audit::Refusals;
pub(crate) use calls::{PARAMETERS as CALLS_PARAMETERS, filter_of};
pub use login::Logins;

use crate::assemble;
use crate::aws::Signings;
use crate::config::Loaded;
use crate::keys::Keys;
use crate::learning::Outcomes;
use crate::notices::Notices;
use crate::recorder::Recorder;
use crate::reload::Source;
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use paceline_gateway::{Asker, Control, ControlBody, Gateway, Pass, Refused};
use paceline_store::error::StoreError;
use paceline_store::store::Store;
use paceline_types::time::Timestamp;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tower::ServiceExt;

/// What the admin side reads.
pub struct Admin {
    /// Records and what is known of them.
    pub recorder: Recorder,
    /// The gateway, once it is there.
    pub gateway: OnceLock<Arc<Gateway>>,
    /// Keys that were made here, and the audit log.
    pub keys: Keys,
    /// What routing decisions came to.
    pub outcomes: Outcomes,
    /// What people should hear of.
    pub notices: Notices,
    /// Refused logins of the last minute.
    pub refusals: Refusals,
    /// Browsers that are signed in.
    pub logins: Logins,
    /// Credentials of AWS in use.
    pub signings: Signings,
    /// Where the admin side's work is done.
    pub runtime: tokio::runtime::Handle,
    /// The gateway gets one new configuration at a time.
    pub replacing: Mutex<()>,
    /// The configuration as it is meant now.
    pub loaded: ArcSwap<Loaded>,
    /// Where it came from.
    pub source: OnceLock<Source>,
    /// No new calls are wanted: the process is about to end.
    pub draining: AtomicBool,
    /// Costs are being recalculated.
    pub recalculating: AtomicBool,
    /// How long captured bodies are kept.
    pub kept_bodies: Duration,
    /// When the process started, by the wall clock.
    pub started_at: Timestamp,
    /// When the process started.
    pub started: Instant,
    /// Model lists of providers, fetched when asked for.
    pub listing: models::Listing,
}

impl Admin {
    /// Asks the store, with everything in it that has been answered until now. The disk is waited for on a thread of its
    /// own: accepting connections and taking records go on.
    ///
    /// # Errors
    /// The answer for whoever asked, when the store cannot be read.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, axum::response::Response> {
        self.recorder.drain();
        let store = Arc::clone(&self.recorder.store);
        let told = match tokio::task::spawn_blocking(move || question(&*store)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(reply::no_store(&told))
    }

    /// Calls from now on see the keys as they are.
    pub(crate) fn apply_keys(&self) {
        let _turn = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gateway) = self.gateway.get() {
            let mut config = gateway.config();
            assemble::set_keys(&mut config, &self.loaded.load().config, &self.keys);
            gateway.replace(config);
        }
        self.name_tenants();
    }

    /// Metrics tell the tenants of keys that were made here apart.
    pub(crate) fn name_tenants(&self) {
        self.recorder.metrics.tenants(self.keys.all().iter().map(|key| &*key.tenant));
    }
}

/// The router as the gateway's door to the admin side.
pub struct AdminSide {
    router: Router,
    admin: Arc<Admin>,
}

impl AdminSide {
    /// All routes.
    pub fn new(admin: Arc<Admin>) -> Self {
        let router = Router::new()
            .route("/", get(web::page))
            .route("/ui", get(web::page))
            .route("/ui/{*page}", get(web::page))
            .route("/assets/{*file}", get(web::asset))
            .route("/page.css", get(web::plain_style))
            .route("/v1/session", get(login::state).post(login::begin).delete(login::end))
            .route("/v1/live", get(live::live))
            .route("/health/live", get(health::live))
            .route("/health/ready", get(health::ready))
            .route("/metrics", get(metrics))
            .route("/v1/models", get(models::list))
            .route("/v1/models/recommendations", get(routing::recommend).post(routing::recommend_by_body))
            .route("/v1/models/{*id}", get(models::one))
            .route("/v1/routing/stats", get(routing::stats))
            .route("/v1beta/models", get(models::list_of_gemini))
            .route("/v1/performance/summary", get(performance::summary))
            .route("/v1/performance/models/{*model}", get(performance::model))
            .route("/v1/performance/series", get(series::series))
            .route("/v1/costs", get(spending::costs))
            .route("/v1/config", get(configuration::show))
            .route("/v1/config/reload", post(configuration::reload))
            .route("/v1/limits", get(limits::limits))
            .route("/v1/calls", get(calls::list))
            .route("/v1/calls/{id}", get(calls::one))
            .route("/v1/calls/{id}/body", get(captures::body))
            .route("/v1/feedback", post(feedback::score))
            .route("/v1/captures", get(captures::list).post(captures::start).delete(captures::end_keyless))
            .route("/v1/captures/{key}", delete(captures::end))
            .route("/v1/sessions", get(sessions::list))
            .route("/v1/keys", get(keys::list).post(keys::create))
            .route("/v1/keys/{name}", get(keys::one).patch(keys::update).delete(keys::revoke))
            .route("/v1/keys/{name}/rotate", post(keys::rotate))
            .route("/v1/audit", get(audit::list))
            .route("/v1/costs/recalculate", post(costs::recalculate))
            .fallback(reply::no_such_path)
            .method_not_allowed_fallback(reply::wrong_method)
            .with_state(Arc::clone(&admin));
        Self { router, admin }
    }
}

impl Control for AdminSide {
    fn handle(
        &self,
        request: Request<Bytes>,
        asker: Asker,
    ) -> Pin<Box<dyn Future<Output = Response<ControlBody>> + Send>> {
        let router = self.router.clone();
        Box::pin(async move {
            let mut request = request.map(axum::body::Body::from);
            request.extensions_mut().insert(asker);
            let is_zipped = request.method() == Method::GET && zip::takes_gzip(request.headers());
            // The router's error type is uninhabited.
            let mut response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            if is_zipped {
                response = zip::zipped(response).await;
            }
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        })
    }

    fn pass(&self, method: &Method, path: &str, headers: &HeaderMap) -> Pass {
        if method.is_safe() && (web::is_open(path) || path == "/v1/session") {
            return Pass::Open;
        }
        let loaded = self.admin.loaded.load();
        let key = loaded.config.server.admin_key.as_ref();
        if login::may_use_cookie(method, headers) && self.admin.logins.holds(headers, key) {
            return Pass::Administrator;
        }
        Pass::ByKey
    }

    fn refused(&self, refused: Refused) {
        self.admin.note_refusal(&refused);
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    admin.recorder.drain();
    let page = crate::metrics::prometheus::render(&admin);
    ([(CONTENT_TYPE, crate::metrics::prometheus::CONTENT_TYPE)], page)
}
