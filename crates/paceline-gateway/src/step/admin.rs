//! Passing a request on to the admin side.

use crate::body::AnswerBody;
use crate::control::{Asker, Pass, Refused};
use crate::gateway::{Identity, Snapshot};
use crate::pipeline::Answer;
use crate::refuse::Fail;
use crate::step::admit::unauthorized;
use crate::step::quota;
use crate::step::read::collect;
use crate::step::rights;
use crate::worker::Worker;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;
use std::sync::Arc;

/// The longest body the admin side takes, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Where callers say how good answers were.
const FEEDBACK: &str = "/v1/feedback";

/// Who asks, as the admin side is told.
fn asker(snapshot: &Snapshot, identity: &Identity, is_signed_in: bool) -> Asker {
    Asker {
        holds_admin_key: is_signed_in || matches!(identity, Identity::Administrator(_)),
        rights: match identity {
            Identity::Caller(party) => Arc::clone(&party.rights),
            _ => Arc::default(),
        },
        own: match identity {
            Identity::Administrator(_) => None,
            _ if is_signed_in => None,
            Identity::Anonymous(_) if snapshot.config.admin_key.is_none() => None,
            Identity::Caller(party) | Identity::Anonymous(party) => Some(Arc::clone(&party.caller)),
            Identity::Missing | Identity::Unknown => Some(Arc::clone(&snapshot.anonymous.caller)),
        },
    }
}

/// Answers what is no call. Health and the dashboard's files are open to all; the rest needs the admin key
/// where there is one, or the sign-in that stands for it.
pub(crate) async fn control(
    worker: &Worker,
    snapshot: &Snapshot,
    identity: Identity,
    request: Request<Incoming>,
) -> Answer {
    let path = request.uri().path();
    let pass = worker.gateway.control.pass(request.method(), path, request.headers());
    let public = path.starts_with("/health/") || pass == Pass::Open;
    let is_signed_in = pass == Pass::Administrator;
    // Callers may see which models they can ask for, and say how good the answers to their calls were.
    let for_callers =
        matches!(path, "/v1/models" | "/v1beta/models" | FEEDBACK) || path.starts_with("/v1/models/");
    let asker = asker(snapshot, &identity, is_signed_in);
    let key = match &identity {
        Identity::Caller(party) => party.caller.key.clone(),
        _ => None,
    };
    // What callers say is written to the disk each time: as often as they may call, no more often.
    let counted = match &identity {
        Identity::Caller(party) | Identity::Anonymous(party) if !is_signed_in => Some(Arc::clone(party)),
        _ => None,
    };
    let refusal = match identity {
        Identity::Administrator(_) => None,
        _ if public || is_signed_in => None,
        Identity::Caller(party) if for_callers => rights::ended(&party.rights),
        Identity::Anonymous(_) if for_callers => None,
        Identity::Anonymous(_) if snapshot.config.admin_key.is_none() => None,
        Identity::Caller(_) => {
            let message =
                "this needs the admin key (PACELINE_ADMIN_KEY): callers' keys do not show what others did";
            Some(Fail::refuse(StatusCode::FORBIDDEN, ErrorKind::Forbidden, "admin_only", message))
        }
        Identity::Missing | Identity::Unknown if for_callers => {
            Some(unauthorized("this needs a caller's key or the admin key: send `Authorization: Bearer …`"))
        }
        Identity::Missing | Identity::Unknown | Identity::Anonymous(_) => {
            Some(unauthorized("this needs the admin key: send `Authorization: Bearer …`"))
        }
    };
    if let Some(fail) = refusal {
        // Who asks for what is for callers is no administrator who was refused.
        if !for_callers {
            let (method, path) = (request.method().clone(), path.to_owned());
            let status = fail.status;
            worker.gateway.control.refused(Refused { status, method, path, key });
        }
        return fail.response(Dialect::OpenAi);
    }
    if let (true, Some(party)) = (path == FEEDBACK, counted)
        && let Err(fail) = quota::aside(&party)
    {
        return fail.response(Dialect::OpenAi);
    }
    let (parts, incoming) = request.into_parts();
    let body = match collect(incoming, MAX_BODY, None).await {
        Ok(body) => body,
        Err(fail) => return fail.response(Dialect::OpenAi),
    };
    let answer = worker.gateway.control.handle(Request::from_parts(parts, body), asker);
    // On its own runtime: whatever the admin side does, no call waits for it.
    let Ok(response) = worker.gateway.control_runtime.spawn(answer).await else {
        let message = "a defect in Paceline ended this request";
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return Fail::refuse(status, ErrorKind::Internal, "internal_error", message)
            .response(Dialect::OpenAi);
    };
    response.map(AnswerBody::Control)
}
