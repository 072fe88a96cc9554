//! The steps of a call, in order, on one screen:
//! door → key → request → plan → limits → attempts → answer → record.

use crate::body::AnswerBody;
use crate::call::{Call, Outlive};
use crate::drain::{Drain, cut_off};
use crate::gateway::Snapshot;
use crate::headers::put;
use crate::refuse::Fail;
use crate::routes::{Route, route};
use crate::step::quota::Need;
use crate::step::{
    admin, admit, attempt, count_tokens, generate, passthrough, plan, quota, read, recover, rights, shadow,
};
use crate::worker::Worker;
use http::header::HeaderName;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use paceline_types::error::ErrorKind;
use paceline_types::id::CallId;
use paceline_types::record::{Dialect, Operation};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

pub(crate) type Answer = Response<AnswerBody>;

/// Answers one request.
pub(crate) async fn serve(worker: &Arc<Worker>, request: Request<Incoming>) -> Answer {
    let snapshot = worker.gateway.snapshot();
    if let Some(answer) = admit::browser(&snapshot, &request) {
        return answer;
    }
    let origin = admit::cors_origin(&snapshot, request.headers());
    let mut answer = dispatch(worker, snapshot, request).await;
    if let Some(origin) = origin {
        admit::allow_origin(answer.headers_mut(), origin);
    }
    answer
}

async fn dispatch(worker: &Arc<Worker>, snapshot: Arc<Snapshot>, request: Request<Incoming>) -> Answer {
    let identity = snapshot.identify(crate::headers::credential(request.headers()));
    let provider = |name: &str| snapshot.upstreams.iter().position(|upstream| &*upstream.name == name);
    let (what, raw) = match route(request.uri().path(), provider) {
        Route::Control => return admin::control(worker, &snapshot, identity, request).await,
        Route::Call(operation, dialect) => ((operation, dialect), None),
        Route::Named { operation, .. } => ((operation, Dialect::Gemini), None),
        Route::Passthrough(at, rest) => ((Operation::Passthrough, Dialect::Raw), Some((at, rest.to_owned()))),
    };
    let (party, refusal) = admit::caller(&snapshot, identity, raw.as_ref().map(|(at, _)| *at));
    let mut call = Call::open(Arc::clone(worker), snapshot, what, &party);
    // A provider that is to be read to the end after the caller has gone needs a task that outlives the caller.
    if !call.snapshot.drains {
        return guarded(&worker.gateway.drain, call, refusal, raw, request).await;
    }
    let outlive = Arc::new(Outlive::default());
    call.outlive = Some(Arc::clone(&outlive));
    let (present, gone) = oneshot::channel();
    let worker = Arc::clone(worker);
    let carried = async move {
        let mut steps = std::pin::pin!(guarded(&worker.gateway.drain, call, refusal, raw, request));
        outlived(steps.as_mut(), gone, outlive, &worker).await
    };
    let answer = tokio::spawn(carried).await;
    drop::<oneshot::Sender<()>>(present);
    answer.ok().flatten().unwrap_or_else(defect)
}

/// Carries a call on when its caller has gone, for as long as its provider's setting says.
async fn outlived(
    steps: Pin<&mut impl Future<Output = Answer>>,
    gone: oneshot::Receiver<()>,
    outlive: Arc<Outlive>,
    worker: &Arc<Worker>,
) -> Option<Answer> {
    let mut steps = std::pin::pin!(woken(&worker.gateway.drain, steps));
    tokio::select! {
        answer = &mut steps => return Some(answer),
        _ = gone => outlive.gone.store(true, Ordering::Relaxed),
    }
    let limit = Duration::from_millis(outlive.drain_ms.load(Ordering::Relaxed));
    let _ = outlive.until.set(Instant::now() + limit);
    if !limit.is_zero()
        && let Some(_place) = worker.drain_place()
    {
        let _ = tokio::time::timeout(limit, steps).await;
    }
    None
}

/// A task of its own is not looked at again with its connection when calls are to end: this wakes it.
async fn woken<F: Future>(drain: &Drain, mut steps: Pin<&mut F>) -> F::Output {
    tokio::select! {
        answer = &mut steps => answer,
        () = drain.until_cut() => steps.await,
    }
}

/// A panic in a step ends its call, not its connection: the record is closed by the guard as it is dropped.
async fn guarded(
    drain: &Drain,
    call: Call,
    refusal: Option<Fail>,
    raw: Option<(usize, String)>,
    request: Request<Incoming>,
) -> Answer {
    let steps = AssertUnwindSafe(steps(drain, call, refusal, raw, request));
    let mut steps = std::pin::pin!(steps.0);
    std::future::poll_fn(|cx| {
        std::panic::catch_unwind(AssertUnwindSafe(|| steps.as_mut().poll(cx)))
            .unwrap_or_else(|_| std::task::Poll::Ready(defect()))
    })
    .await
}

fn defect() -> Answer {
    let message =
        "a defect in Paceline ended this call; please report it with the log lines around this time";
    Fail::refuse(StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Internal, "internal_error", message)
        .response(Dialect::OpenAi)
}

/// The path of one call.
async fn steps(
    drain: &Drain,
    mut call: Call,
    refusal: Option<Fail>,
    raw: Option<(usize, String)>,
    request: Request<Incoming>,
) -> Answer {
    let id = call.record().map(|record| record.id);
    let named = call.snapshot.config.answer_headers;
    let outcome = match (refusal, raw) {
        (Some(fail), _) => Some(Err(fail)),
        // Rare and large: on the heap, so that every other call's future stays small.
        (None, Some((provider, rest))) => {
            until_cut(drain, Box::pin(passthrough::run(&mut call, provider, &rest, request)).as_mut()).await
        }
        (None, None) => until_cut(drain, std::pin::pin!(run(&mut call, request))).await,
    };
    let outcome = outcome.unwrap_or_else(|| Err(interrupt(&mut call)));
    let mut answer = match outcome {
        Ok(attempt::Outcome::Whole(whole)) if call.generate.is_some() => {
            let whole = generate::answer(&mut call, whole);
            attempt::Outcome::Whole(whole).into_answer(call)
        }
        Ok(relayed) => relayed.into_answer(call),
        Err(fail) => {
            call.note_failure(&fail);
            let answer = fail.response(call.dialect);
            if let (Some(tape), AnswerBody::Whole(Some(body))) = (&mut call.tape, answer.body()) {
                tape.answered(answer.headers());
                tape.answer(body);
            }
            call.close(Instant::now());
            answer
        }
    };
    if let (true, Some(id)) = (named, id) {
        name_call(&mut answer, id);
    }
    answer
}

/// What `steps` come to; `None` when calls are to end before they do. Dropping them closes the provider's connection.
async fn until_cut<F: Future>(drain: &Drain, mut steps: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| match steps.as_mut().poll(cx) {
        std::task::Poll::Pending if drain.is_cut() => std::task::Poll::Ready(None),
        other => other.map(Some),
    })
    .await
}

/// The process ends before there is an answer.
fn interrupt(call: &mut Call) -> Fail {
    let tried = call.record().is_some_and(|record| !record.attempts.is_empty());
    let fail = Fail { refused: !tried, ..cut_off() };
    if tried {
        attempt::note_marks(call);
        attempt::end_badly(call, &fail);
    }
    fail
}

async fn run(call: &mut Call, request: Request<Incoming>) -> Result<attempt::Outcome, Fail> {
    let ask = read::read(call, request).await?;
    rights::model(call, &ask)?;
    let plan = plan::plan(call, &ask)?;
    let operation = call.record().map_or(Operation::Chat, |record| record.operation);
    let need = Need {
        bytes: call.request_bytes,
        max_tokens: ask.asked.max_tokens,
        generates: operation == Operation::Chat,
        is_free: operation == Operation::CountTokens,
    };
    quota::priority(call, &ask.headers);
    quota::caller(call, &need, plan.targets.first()).await?;
    if operation == Operation::CountTokens {
        return Box::pin(count_tokens::run(call, &plan, &ask, &need)).await;
    }
    shadow::cast(call, &plan, &ask, &need);
    recover::run(call, &plan, &ask, &need).await
}

fn name_call(answer: &mut Answer, id: CallId) {
    let headers = answer.headers_mut();
    if let Ok(value) = HeaderValue::from_bytes(&id.encode()) {
        headers.insert(HeaderName::from_static("x-paceline-call-id"), value);
    }
    if !headers.contains_key("x-paceline-cache") {
        put(headers, HeaderName::from_static("x-paceline-cache"), "off");
    }
}
