//! The simulator's own endpoints under `/sim/`: the script, the ledger, the connections.

use crate::{exchange::Reply, openai::error::to_json, world::World};
use http_body_util::{BodyExt, Limited};
use hyper::{Method, body::Incoming};
use serde::Deserialize;
use serde_json::json;
use std::{sync::atomic::Ordering, time::Duration};

/// Bytes a script may have.
const SCRIPT_BYTES: usize = 4 << 20;
/// The longest a question can wait for its answer, ms.
const WAIT_MAX: u64 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    model: Option<String>,
    faults: Vec<String>,
}

pub(crate) async fn answer(world: &World, method: &Method, path: &str, query: &str, body: Incoming) -> Reply {
    let known = match path {
        "/sim/calls" | "/sim/totals" | "/sim/connections" => Method::GET,
        "/sim/script" | "/sim/reset" => Method::POST,
        _ => {
            return refused(
                404,
                "there is /sim/calls, /sim/totals, /sim/connections, /sim/script, /sim/reset",
            );
        }
    };
    if *method != known {
        return refused(405, &format!("{path} is asked with {known}"));
    }
    match path {
        "/sim/calls" => calls(world, query).await,
        "/sim/totals" => Reply::json(200, to_json(&world.ledger.totals())),
        "/sim/connections" => {
            let open = world.open.load(Ordering::Relaxed);
            let accepted = world.accepted.load(Ordering::Relaxed);
            Reply::json(200, json!({"open": open, "accepted": accepted}).to_string())
        }
        "/sim/script" => script(world, body).await,
        _ => {
            world.reset();
            Reply::json(200, json!({"reset": true}).to_string())
        }
    }
}

/// The calls after `since`, at most `limit`. With `wait_ms` the answer comes once at least `min` such calls
/// are there and all have ended, or when that time is over.
async fn calls(world: &World, query: &str) -> Reply {
    let (mut since, mut limit, mut wait_ms, mut min) = (0, u64::MAX, 0, 0);
    for (key, value) in
        query.split('&').filter(|pair| !pair.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")))
    {
        let place = match key {
            "since" => &mut since,
            "limit" => &mut limit,
            "wait_ms" => &mut wait_ms,
            "min" => &mut min,
            _ => return refused(400, &format!("`{key}` is not known; there is since, limit, wait_ms, min")),
        };
        let Ok(number) = value.parse() else {
            return refused(400, &format!("`{key}` must be a number"));
        };
        *place = number;
    }
    if wait_ms > 0 {
        world.ledger.settled(since, min as usize, Duration::from_millis(wait_ms.min(WAIT_MAX))).await;
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Reply::json(200, to_json(&world.ledger.reports(since, limit)))
}

async fn script(world: &World, body: Incoming) -> Reply {
    let Ok(body) = Limited::new(body, SCRIPT_BYTES).collect().await else {
        return refused(413, "the script is too large");
    };
    let script: Script = match serde_json::from_slice(&body.to_bytes()) {
        Ok(script) => script,
        Err(error) => return refused(400, &format!("expected {{\"faults\": [\"…\"]}}: {error}")),
    };
    match world.script(script.model.as_deref(), &script.faults) {
        Ok(queued) => Reply::json(200, json!({"queued": queued}).to_string()),
        Err(problem) => refused(400, &problem),
    }
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"error": {"message": message}}).to_string())
}
