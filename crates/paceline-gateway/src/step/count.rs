//! Counting what a provider does not report: off the path, on a thread that may take its time (M2).

use crate::call::Call;
use bytes::Bytes;
use paceline_dialect::openai::prompt::prompt;
use paceline_types::record::CallRecord;
use paceline_types::tokens::{Usage, UsageSource};
use std::time::Instant;

/// What a chat message costs beside its text: role and separators (OpenAI's cookbook counts three to four).
const PER_MESSAGE: u64 = 4;

/// Closes a call whose text has to be counted first. The call ended at `now`, however long counting takes.
pub(crate) fn close_counted(
    mut call: Call,
    request: Bytes,
    text: Vec<u8>,
    now: Instant,
    note: impl FnOnce(&mut CallRecord),
) {
    call.note(note);
    let gateway = std::sync::Arc::clone(&call.worker.gateway);
    let counter = std::sync::Arc::clone(&gateway.counter);
    gateway.control_runtime.spawn_blocking(move || {
        let model = call.record().and_then(|record| record.target.clone());
        let model = model.as_deref().map_or("", |target| &target.upstream_model);
        let asked = prompt(&request);
        let input_tokens = counter.count(model, &asked.text) + asked.messages * PER_MESSAGE;
        let output_tokens = counter.count(model, &String::from_utf8_lossy(&text));
        let usage = Usage { input_tokens, output_tokens, source: UsageSource::Counted, ..Usage::default() };
        call.note(|record| record.usage = Some(usage));
        call.close(now);
    });
}
