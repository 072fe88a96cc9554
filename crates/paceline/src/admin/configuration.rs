//! `GET /v1/config`: the configuration as it is meant; `POST /v1/config/reload`: read again.

use crate::admin::{Admin, audit, reply};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use paceline_gateway::Asker;
use serde_json::json;
use std::sync::Arc;

pub(crate) async fn show(State(admin): State<Arc<Admin>>) -> Response {
    reply::json(&crate::config::show::render_json(&admin.loaded.load()))
}

pub(crate) async fn reload(State(admin): State<Arc<Admin>>, Extension(asker): Extension<Asker>) -> Response {
    let Some(source) = admin.source.get() else {
        let message = "this Paceline was not started from a configuration that can be read again";
        return reply::fail(StatusCode::CONFLICT, "not_reloadable", None, message);
    };
    match source.reload(&admin) {
        Ok(reloaded) => {
            reloaded.note(&admin, audit::who(&asker));
            admin
                .recorder
                .log()
                .info(&format!("configuration reloaded (asked by HTTP): {}", reloaded.line()));
            let change = |(path, (before, after)): (&String, &(_, _))| json!({"setting": path, "before": before, "after": after});
            let changes: Vec<_> = reloaded.changes.iter().map(change).collect();
            reply::json(
                &json!({"reloaded": true, "changes": changes, "at_next_start": reloaded.at_next_start}),
            )
        }
        Err(error) => {
            let mut answer = reply::json(&json!({
                "error": {
                    "message": format!("the configuration is not valid, the one before goes on: {error}"),
                    "type": "invalid_request_error",
                    "param": null,
                    "code": "invalid_configuration",
                },
                "problems": error.problems,
            }));
            *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            answer.into_response()
        }
    }
}
