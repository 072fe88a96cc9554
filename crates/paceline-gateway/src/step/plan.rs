//! What the caller's model, or else its role, means: the targets of the call.

use crate::call::Call;
use crate::refuse::Fail;
use crate::step::read::Ask;
use crate::step::route;
use http::StatusCode;
use paceline_http::clock;
use paceline_routing::directory::{Found, MAX_NAME, Unfound};
use paceline_routing::plan::Plan;
use paceline_types::error::ErrorKind;
use paceline_types::id::Name;
use std::sync::Arc;

/// Roles that an error names.
const MAX_SHOWN: usize = 8;

/// Finds the plan, or lets a route decide it.
pub(crate) fn plan(call: &mut Call, ask: &Ask) -> Result<Arc<Plan>, Fail> {
    let name = ask.asked.model.as_deref();
    if name.is_none() && ask.asked.model_not_text {
        return Err(missing("`model` must be a string"));
    }
    let role = call.record().and_then(|record| record.labels.as_ref()?.role.clone());
    let found = match route::named(call, &ask.headers)? {
        Some(route) => Ok(Found::Route(route)),
        None => call.snapshot.directory.choose(name, role.as_deref()),
    };
    let found = match found {
        Ok(Found::Plan(plan)) => Ok(plan),
        Ok(Found::Route(route)) => match route::decide(call, ask, &route) {
            Ok(plan) => Ok(plan),
            Err(fail) => {
                call.note(|record| record.requested_model = name.map(|name| shortened(name).into()));
                return Err(fail);
            }
        },
        Err(unfound) => Err(unfound),
    };
    let routed = call.offset(clock::now());
    let shown = name.map(shortened);
    call.note(|record| {
        record.requested_model = match (shown, &found) {
            (Some(name), Ok(plan)) => Some(shared(plan, name)),
            (name, _) => name.map(Into::into),
        };
        if found.is_ok() {
            record.route = routed;
        }
    });
    found.map_err(|unfound| refusal(unfound, shown.unwrap_or_default(), role.as_deref().unwrap_or_default()))
}

fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

/// The name as the plan has it, if it has it: a record then needs none of its own.
fn shared(plan: &Plan, name: &str) -> Name {
    match plan.targets.first() {
        Some(target) if *target.deployment.model == *name => Arc::clone(&target.deployment.model),
        _ => name.into(),
    }
}

fn refusal(unfound: Unfound, name: &str, role: &str) -> Fail {
    match unfound {
        Unfound::Nothing => missing(
            "the request names no model; add \"model\": \"…\" (GET /v1/models lists them), or leave it to a role with the header x-paceline-role",
        ),
        Unfound::NoRole => missing(&format!(
            "`{name}` leaves the model to the call's role, and this call has none; add the header x-paceline-role, or name a model (GET /v1/models lists them)"
        )),
        Unfound::Role(roles) => {
            let hint = format!(
                "`[roles]` or MODEL_<ROLE>=provider/model in Paceline's configuration gives {}",
                if roles.is_empty() { "roles models" } else { "it one" }
            );
            let there = match named(&roles) {
                there if there.is_empty() => "no role has one".to_owned(),
                there => format!("the roles that have one are {there}"),
            };
            let message = format!("the role `{role}` has no model here; {there}; {hint}");
            not_found("role_not_found", message)
        }
        Unfound::Model(unknown) => {
            let closest = named(&unknown.closest);
            let hint = if closest.is_empty() { closest } else { format!("; the closest are {closest}") };
            let message = format!("the model `{name}` is not known here{hint} (GET /v1/models lists all)");
            not_found("model_not_found", message)
        }
    }
}

fn missing(message: &str) -> Fail {
    Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "missing_model", message).param("model")
}

fn not_found(code: &'static str, message: String) -> Fail {
    Fail::refuse(StatusCode::NOT_FOUND, ErrorKind::NotFound, code, message).param("model")
}

/// Names for a sentence; nothing when there are none.
fn named(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > MAX_SHOWN { ", …" } else { "" };
    shown.join(", ") + more
}
