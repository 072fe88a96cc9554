//! What the caller's model means: the targets of the call.

use crate::call::Call;
use crate::refuse::Fail;
use crate::step::read::Ask;
use http::StatusCode;
use paceline_routing::directory::MAX_NAME;
use paceline_routing::plan::Plan;
use paceline_types::error::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

/// Finds the plan.
pub(crate) fn plan(call: &mut Call, ask: &Ask) -> Result<Arc<Plan>, Fail> {
    let missing = |message: &str| {
        let fail = Fail::refuse(StatusCode::BAD_REQUEST, ErrorKind::BadRequest, "missing_model", message);
        Err(fail.param("model"))
    };
    let name = match &ask.asked.model {
        Some(name) => name,
        None if ask.asked.model_not_text => return missing("`model` must be a string"),
        None => {
            return missing("the request names no model; add \"model\": \"…\" (GET /v1/models lists them)");
        }
    };
    let found = call.snapshot.directory.find(name);
    let routed = call.offset(Instant::now());
    match found {
        Ok(plan) => {
            call.note(|record| {
                record.requested_model = Some(match plan.targets.first() {
                    Some(target) if *target.deployment.model == **name => {
                        Arc::clone(&target.deployment.model)
                    }
                    _ => name.as_str().into(),
                });
                record.route = routed;
            });
            Ok(plan)
        }
        Err(unknown) => {
            let shown = &name[..name.floor_char_boundary(MAX_NAME)];
            call.note(|record| record.requested_model = Some(shown.into()));
            let closest: Vec<_> = unknown.closest.iter().map(|name| format!("`{name}`")).collect();
            let hint = if closest.is_empty() {
                String::new()
            } else {
                format!("; the closest are {}", closest.join(", "))
            };
            let message = format!("the model `{shown}` is not known here{hint} (GET /v1/models lists all)");
            let fail = Fail::refuse(StatusCode::NOT_FOUND, ErrorKind::NotFound, "model_not_found", message);
            Err(fail.param("model"))
        }
    }
}
