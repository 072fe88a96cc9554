//! How many tokens a request has: asked of a provider that speaks the caller's dialect, else counted here.

use crate::call::Call;
use crate::refuse::Fail;
use crate::step::attempt::{Outcome, name_answer};
use crate::step::count::count_prompt;
use crate::step::quota::Need;
use crate::step::read::Ask;
use crate::step::recover;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use paceline_routing::plan::Plan;
use paceline_types::error::ErrorKind;
use paceline_types::record::{Dialect, Operation, Status};
use std::sync::Arc;

/// Answers a request for a count.
pub(crate) async fn run(call: &mut Call, plan: &Plan, ask: &Ask, need: &Need) -> Result<Outcome, Fail> {
    let caller = call.dialect;
    let Some(target) = plan.targets.first() else { return recover::run(call, plan, ask, need).await };
    let upstream = &call.snapshot.upstreams[target.provider];
    if upstream.speaks(caller, Operation::CountTokens) == caller {
        return recover::run(call, plan, ask, need).await;
    }
    call.note(|record| record.target = Some(Arc::clone(&target.deployment)));
    let counter = Arc::clone(&call.worker.gateway.counter);
    let (model, body) = (Arc::clone(&target.deployment.upstream_model), ask.body.clone());
    // Long prompts take milliseconds: other calls of this worker do not wait for them.
    let counting = tokio::task::spawn_blocking(move || count_prompt(&*counter, &model, &body));
    let tokens = call.watch.wait(counting).await.map_err(|_| {
        let message = "a defect in Paceline ended the counting of tokens";
        Fail::refuse(StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Internal, "internal_error", message)
    })?;
    let body = match caller {
        Dialect::Gemini => format!("{{\"totalTokens\":{tokens}}}"),
        _ => format!("{{\"input_tokens\":{tokens}}}"),
    };
    call.warning = Some("tokens counted by Paceline, not by the provider".into());
    let mut answer = Response::new(Bytes::from(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    name_answer(call, answer.headers_mut());
    call.note(|record| {
        record.status = Status::Ok;
        record.http_status = StatusCode::OK.as_u16();
    });
    Ok(Outcome::Whole(answer))
}
