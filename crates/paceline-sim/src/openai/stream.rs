//! A chat answer as server-sent events, with everything a fault can do to them.

use super::{
    answer::{ChatAnswer, Choice},
    chunk::{Chunks, Usage},
    error,
    request::ChatRequest,
};
use crate::{
    body::{Out, Stop},
    call::{Mark, Part},
    fault::{Fault, Flag},
    timing::{Timing, until},
};

/// Fields no client knows: numbers no float can hold, and a doubled key.
pub(crate) const ODD_FIELDS: &str = r#","x_big":123456789012345678901234567890,"x_dup":{"k":1,"k":2}"#;
const BOM: &str = "\u{feff}";

/// Everything needed to write one stream.
pub(crate) struct Stream {
    pub(crate) chunks: Chunks,
    pub(crate) request: ChatRequest,
    pub(crate) answer: ChatAnswer,
    pub(crate) fault: Fault,
    /// The usage to send, if any.
    pub(crate) usage: Option<Usage>,
    pub(crate) timing: Timing,
    /// When each step is due, ms after the request.
    pub(crate) due: Vec<f64>,
}

impl Stream {
    pub(crate) async fn run(self, out: Out) -> Result<(), Stop> {
        let mut events = Events::new(out, self.fault.clone());
        events.out.after_head().await?;
        events.error_if_due().await?;
        for (index, choice) in self.answer.choices.iter().enumerate() {
            events.send(self.chunks.role(index, choice), Mark { events: 1, ..Mark::default() }).await?;
        }
        let mut unfinished = self.answer.choices.len();
        for (step, due) in self.due.iter().enumerate() {
            until(self.timing.at(*due)).await;
            for (index, choice) in self.answer.choices.iter().enumerate() {
                self.token(&mut events, index, choice, step).await?;
                if step + 1 == choice.tokens().max(1) {
                    unfinished -= 1;
                    self.finish(&mut events, index, choice, unfinished == 0).await?;
                }
            }
        }
        self.end(events).await
    }

    async fn token(
        &self,
        events: &mut Events,
        index: usize,
        choice: &Choice,
        step: usize,
    ) -> Result<(), Stop> {
        let Some(token) = choice.token(step) else { return Ok(()) };
        let content = Mark { events: 1, content_events: 1, content: true, ..Mark::default() };
        if token.opens && token.part == Part::ToolArguments {
            events.content(self.chunks.tool(index, choice, token.tool), content.clone()).await?;
        }
        let pieces = vec![(index, token.part, token.text.to_owned())];
        let mark = Mark { tokens: 1, pieces, ..content };
        events.content(self.chunks.token(index, token, &self.request), mark).await
    }

    async fn finish(
        &self,
        events: &mut Events,
        index: usize,
        choice: &Choice,
        last: bool,
    ) -> Result<(), Stop> {
        if self.fault.has(Flag::NoFinish) {
            return Ok(());
        }
        let here = last && self.fault.has(Flag::UsageWithFinish);
        let usage = self.usage.as_ref().filter(|_| here);
        let mark = Mark {
            events: 1,
            finish: vec![(index, choice.finish)],
            usage: usage.and_then(|usage| serde_json::to_value(usage).ok()),
            ..Mark::default()
        };
        events.send(self.chunks.finish(index, choice, usage), mark).await
    }

    async fn end(&self, mut events: Events) -> Result<(), Stop> {
        if let Some(usage) = self.usage.as_ref().filter(|_| !self.fault.has(Flag::UsageWithFinish)) {
            let mark = Mark { events: 1, usage: serde_json::to_value(usage).ok(), ..Mark::default() };
            events.send(self.chunks.usage(usage), mark).await?;
        }
        if !self.fault.has(Flag::NoDone) {
            let line = if self.fault.has(Flag::DoneTight) { "data:[DONE]" } else { "data: [DONE]" };
            for _ in 0..=usize::from(self.fault.has(Flag::DoneTwice)) {
                events.raw(line, Mark::default()).await?;
            }
        }
        events.out.finish().await
    }
}

/// Writes events, counts them, and does to them what the fault says.
struct Events {
    out: Out,
    fault: Fault,
    begun: bool,
    sent: u64,
    contents: u64,
}

impl Events {
    fn new(out: Out, fault: Fault) -> Self {
        Self { out, fault, begun: false, sent: 0, contents: 0 }
    }

    async fn content(&mut self, json: String, mark: Mark) -> Result<(), Stop> {
        self.contents += 1;
        self.send(json, mark).await?;
        self.error_if_due().await
    }

    async fn send(&mut self, mut json: String, mark: Mark) -> Result<(), Stop> {
        if self.fault.has(Flag::Unicode) {
            insert(&mut json, ODD_FIELDS);
        }
        let mut line = format!("data: {json}");
        if mark.content
            && self.contents == 1
            && let Some(wanted) = self.fault.event_bytes
        {
            // The key, its quotes and the two line ends count too.
            let ends = 2 * self.line_end().len();
            let missing = wanted.saturating_sub(line.len() + ends + r#","padding":"""#.len());
            if missing > 0 {
                insert(&mut line, &format!(r#","padding":"{}""#, "x".repeat(missing)));
            }
        }
        self.raw(&line, mark).await?;
        self.sent += 1;
        self.out.after_events(self.sent).await
    }

    async fn raw(&mut self, line: &str, mark: Mark) -> Result<(), Stop> {
        let end = self.line_end();
        let bom = if !self.begun && self.fault.has(Flag::Bom) { BOM } else { "" };
        let comment =
            if self.fault.has(Flag::Comments) { format!(": keep-alive{end}{end}") } else { String::new() };
        self.begun = true;
        self.out.write(format!("{bom}{comment}{line}{end}{end}").into(), mark).await
    }

    /// Ends the stream with an error event once enough content has gone out.
    async fn error_if_due(&mut self) -> Result<(), Stop> {
        if self.fault.error_after != Some(self.contents) {
            return Ok(());
        }
        let json = error::faulty(&self.fault, 500, None);
        self.raw(&format!("data: {json}"), Mark { events: 1, ..Mark::default() }).await?;
        self.out.finish().await?;
        Err(Stop::Done)
    }

    fn line_end(&self) -> &'static str {
        if self.fault.has(Flag::Crlf) { "\r\n" } else { "\n" }
    }
}

/// Adds fields at the end of a JSON object.
pub(crate) fn insert(json: &mut String, fields: &str) {
    if json.pop() == Some('}') {
        json.push_str(fields);
        json.push('}');
    }
}
