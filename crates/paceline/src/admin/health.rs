//! Health: the process runs; it can serve, and what is degraded.

use crate::admin::{Admin, reply};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a demo says on every page.
const DEMO: &str = "SIMULATED: providers, callers, prices and the past are made up; nothing is paid";

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
    if config.demo {
        degraded.push(json!({"part": "demo", "detail": DEMO}));
    }
    if config.simulated {
        degraded.push(json!({"part": "providers", "detail": "models of provider `sim` are simulated"}));
    }
    let storage = admin.recorder.store.state();
    if let Some(reason) = &storage.degraded {
        degraded.push(json!({"part": "storage", "detail": format!("call records wait in memory: {reason}")}));
    }
    if storage.damaged > 0 {
        let detail = format!("{} blocks of history could not be read", storage.damaged);
        degraded.push(json!({"part": "storage", "detail": detail}));
    }
    let draining = admin.draining.load(Ordering::Relaxed);
    let mut answer = reply::json(&json!({
        "status": if draining { "draining" } else { "ready" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "providers": config.providers.iter().map(|p| &p.name).collect::<Vec<_>>(),
        "records": {"kept": storage.records, "dropped": dropped + storage.dropped},
        "storage": {
            "state": if storage.degraded.is_some() { "degraded" } else { "ok" },
            "reason": storage.degraded,
            "pending_records": storage.pending,
            "bytes": storage.bytes,
        },
        "degraded": degraded,
    }));
    if draining {
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    answer
}
