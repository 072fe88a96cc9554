//! Health: the process runs; it can serve, and what is degraded.

use crate::admin::{Admin, reply};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) async fn live() -> Response {
    reply::json(&json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// Ready is who can serve. What is degraded is told, and does not turn readiness off.
pub(crate) async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let dropped = admin.recorder.queue.dropped();
    let mut degraded = Vec::new();
    if dropped > 0 {
        degraded.push(
            json!({"part": "records", "detail": format!("{dropped} call records were dropped since start")}),
        );
    }
    let config = &admin.loaded.load().config;
    if config.simulated {
        degraded.push(json!({"part": "providers", "detail": "models of provider `sim` are simulated"}));
    }
    let (kept, seen) = admin.recorder.store.counts();
    let draining = admin.draining.load(Ordering::Relaxed);
    let mut answer = reply::json(&json!({
        "status": if draining { "draining" } else { "ready" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "providers": config.providers.iter().map(|p| &p.name).collect::<Vec<_>>(),
        "records": {"kept": kept, "seen": seen, "dropped": dropped},
        "degraded": degraded,
    }));
    if draining {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer
}
