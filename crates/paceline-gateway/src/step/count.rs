//! Counting what a provider does not report: off the path, on one thread that may take its time (M2).

use crate::call::Call;
use bytes::Bytes;
use paceline_dialect::openai::prompt::prompt;
use paceline_types::ports::TokenCounter;
use paceline_types::tokens::{Usage, UsageSource};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// What a chat message costs beside its text: role and separators (OpenAI's cookbook counts three to four).
const PER_MESSAGE: u64 = 4;
/// How many calls wait to be counted at most; further ones keep their estimate.
const QUEUE: usize = 64;
/// The longest request and answer that are counted, together, in bytes.
const MAX_TEXT: usize = 4 << 20;

/// A call whose text is to be counted before it is closed.
pub(crate) struct Job {
    pub(crate) call: Call,
    pub(crate) request: Bytes,
    pub(crate) text: Vec<u8>,
    /// When the call ended, however long counting takes.
    pub(crate) ended: Instant,
}

/// The thread that counts, started when it is first needed.
#[derive(Default)]
pub(crate) struct Counting(Mutex<Option<Running>>);

/// The way to the thread, and the thread.
type Running = (SyncSender<Box<Job>>, JoinHandle<()>);

impl Counting {
    /// Counts and closes the call when there is time; closes it now, with its estimate, when there is not.
    pub(crate) fn submit(&self, job: Job) {
        let job = Box::new(job);
        let job = if job.request.len() + job.text.len() > MAX_TEXT { Err(job) } else { self.offer(job) };
        if let Err(mut job) = job {
            job.call.close(job.ended);
        }
    }

    fn offer(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            let (sender, jobs) = sync_channel(QUEUE);
            let Ok(thread) = thread::Builder::new().name("paceline-count".into()).spawn(move || work(&jobs))
            else {
                return Err(job);
            };
            *running = Some((sender, thread));
        }
        match &*running {
            Some((sender, _)) => sender.try_send(job).map_err(|full| match full {
                std::sync::mpsc::TrySendError::Full(job)
                | std::sync::mpsc::TrySendError::Disconnected(job) => job,
            }),
            None => Err(job),
        }
    }

    /// Waits until everything has been counted; to be called when no more calls come.
    pub(crate) fn finish(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, thread)) = running {
            drop(sender);
            let _ = thread.join();
        }
    }
}

/// Tokens of a request.
pub(crate) fn count_prompt(counter: &dyn TokenCounter, model: &str, request: &[u8]) -> u64 {
    let asked = prompt(request);
    counter.count(model, &asked.text) + asked.messages * PER_MESSAGE
}

fn work(jobs: &Receiver<Box<Job>>) {
    for job in jobs {
        let Job { mut call, request, text, ended } = *job;
        let counter = Arc::clone(&call.worker.gateway.counter);
        let target = call.record().and_then(|record| record.target.clone());
        let model = target.as_deref().map_or("", |target| &target.upstream_model);
        let input_tokens = count_prompt(&*counter, model, &request);
        let output_tokens = counter.count(model, &String::from_utf8_lossy(&text));
        let usage = Usage { input_tokens, output_tokens, source: UsageSource::Counted, ..Usage::default() };
        call.note(|record| record.usage = Some(usage));
        call.close(ended);
    }
}
