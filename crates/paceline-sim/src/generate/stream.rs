//! An answer as a stream: token after token at the right time, told by a voice.

use super::{Told, Voice, events::Events};
use crate::{
    body::{Out, Stop},
    timing::{Timing, until},
};

/// Everything needed to write one stream.
pub(crate) struct Stream<V> {
    pub(crate) voice: V,
    pub(crate) told: Told,
    pub(crate) timing: Timing,
    /// When each step is due, ms after the request.
    pub(crate) due: Vec<f64>,
}

impl<V: Voice> Stream<V> {
    pub(crate) async fn run(mut self, out: Out) -> Result<(), Stop> {
        let mut events = Events::new(out, self.told.fault.clone(), self.voice.framing());
        events.after_head().await?;
        self.error_if_due(&mut events).await?;
        let begin = self.voice.begin(&self.told);
        events.send_all(begin).await?;
        let mut unfinished = self.told.answer.choices.len();
        let due = std::mem::take(&mut self.due);
        for (step, due) in due.into_iter().enumerate() {
            until(self.timing.at(due)).await;
            for index in 0..self.told.answer.choices.len() {
                self.tokens(&mut events, index, step).await?;
                if step + 1 == self.told.answer.choices[index].tokens().max(1) {
                    unfinished -= 1;
                    let finish = self.voice.finish(&self.told, index, unfinished == 0);
                    events.send_all(finish).await?;
                }
            }
        }
        let end = self.voice.end(&self.told);
        events.send_all(end).await?;
        events.finish().await
    }

    async fn tokens(&mut self, events: &mut Events, index: usize, step: usize) -> Result<(), Stop> {
        let Some(token) = self.told.answer.choices[index].token(step) else { return Ok(()) };
        for event in self.voice.token(&self.told, index, token) {
            let content = event.mark.content_events > 0;
            events.send(event).await?;
            if content {
                self.error_if_due(events).await?;
            }
        }
        Ok(())
    }

    /// Ends the stream with an error event once enough content has gone out.
    async fn error_if_due(&mut self, events: &mut Events) -> Result<(), Stop> {
        if self.told.fault.error_after != Some(events.contents()) {
            return Ok(());
        }
        let error = self.voice.error(&self.told, events.contents());
        events.error(error).await?;
        events.finish().await?;
        Err(Stop::Done)
    }
}
