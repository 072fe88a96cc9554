//! Answers for the `strain` command: a provider with room for so many, and streams that never end.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Answers;
use crate::error::{Context, Result};

/// How long the narrow provider takes for an answer, and for how many at once it has room.
pub(crate) const SERVICE: Duration = Duration::from_millis(20);
/// See [`SERVICE`].
pub(crate) const ROOM: u32 = 64;
/// Events written at once by the stream that floods.
const FLOOD_EVENTS: usize = 32;

/// How many the narrow provider is at.
#[derive(Default)]
pub(super) struct Room(Cell<u32>);

struct Inside<'a>(&'a Room);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

impl Room {
    fn enter(&self) -> Option<Inside<'_>> {
        let inside = self.0.get();
        (inside < ROOM).then(|| {
            self.0.set(inside + 1);
            Inside(self)
        })
    }
}

/// Takes its time where there is room, and refuses where there is none.
pub(super) async fn narrow(answers: &Answers, out: &mut Vec<u8>) {
    match answers.room.enter() {
        Some(_inside) => {
            tokio::time::sleep(SERVICE).await;
            out.extend_from_slice(&answers.completion);
        }
        None => out.extend_from_slice(&answers.too_many),
    }
}

/// The first event, and then nothing until the peer goes.
pub(super) async fn idle<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, answers: &Answers) -> Result<()> {
    let start = [answers.stream_head.as_slice(), &answers.events[0]].concat();
    stream.write_all(&start).await.context("write")?;
    // Whatever comes: the stream is over.
    let _ = stream.read_u8().await;
    Ok(())
}

/// Events as fast as they are taken, until the peer goes.
pub(super) async fn flood<S: AsyncWrite + Unpin>(stream: &mut S, answers: &Answers) -> Result<()> {
    let piece = answers.events[1].repeat(FLOOD_EVENTS);
    stream.write_all(&answers.stream_head).await.context("write")?;
    stream.write_all(&answers.events[0]).await.context("write")?;
    loop {
        stream.write_all(&piece).await.context("write")?;
    }
}
