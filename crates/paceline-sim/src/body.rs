//! Answer bodies written as plain asynchronous code: paced, split, stalled and cut at exact places.

use crate::{
    call::{Call, Mark, Outcome},
    fault::{CutMode, Fault, Flag, Point},
    wire::{Wire, lock},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::body::{Body, Frame, SizeHint};
use std::{
    fmt,
    io::Write,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

/// The longest silence; a client that waits longer has no timeout of its own.
const STALL_MAX: Duration = Duration::from_mins(10);

/// Bytes that may be handed over before they must have left: what the ledger counts as sent lags behind
/// a reader that stops by no more than this.
const AHEAD_MAX: usize = 64 << 10;

/// The connection breaks here, on purpose.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken off on purpose")
    }
}

impl std::error::Error for Broken {}

/// Why writing does not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The body ends here, as meant.
    Done,
    /// The body ends here, cleanly but too early.
    Early,
    /// The connection breaks here.
    Broken,
}

type Run = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send>>;

/// A body driven by a future that hands pieces over through [`Out`]. Dropping it stops the future, so
/// nothing runs on after the client has left.
pub(crate) struct SimBody {
    run: Option<Run>,
    cell: Arc<Mutex<Option<Bytes>>>,
    wire: Arc<Wire>,
    length: Option<u64>,
}

impl SimBody {
    /// A body of `length` bytes if given, otherwise one that ends when the future does.
    pub(crate) fn new<F>(
        wire: &Arc<Wire>,
        length: Option<u64>,
        mut out: Out,
        run: impl FnOnce(Out) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), Stop>> + Send + 'static,
    {
        let cell = Arc::new(Mutex::new(None));
        out.cell = Arc::clone(&cell);
        out.left = length;
        let run = (length != Some(0)).then(|| Box::pin(run(out)) as Run);
        Self { run, cell, wire: Arc::clone(wire), length }
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Some(run) = &mut self.run else { return Poll::Ready(None) };
        let outcome = match run.as_mut().poll(cx) {
            Poll::Pending => {
                let piece = lock(&self.cell).take();
                return piece.map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(piece)))));
            }
            Poll::Ready(Ok(()) | Err(Stop::Done)) => Outcome::Completed,
            Poll::Ready(Err(Stop::Early)) => Outcome::Cut,
            Poll::Ready(Err(Stop::Broken)) => {
                self.run = None;
                return Poll::Ready(Some(Err(Broken)));
            }
        };
        self.run = None;
        self.wire.queue(Mark { end: Some(outcome), ..Mark::default() });
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// The writing end of a [`SimBody`]; applies what the fault says about bytes.
pub(crate) struct Out {
    cell: Arc<Mutex<Option<Bytes>>>,
    wire: Arc<Wire>,
    call: Call,
    cut: Option<Point>,
    cut_mode: CutMode,
    stall: Option<Point>,
    stall_ms: Option<u64>,
    chunk: Option<usize>,
    bytes: u64,
    ahead: usize,
    left: Option<u64>,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

impl Out {
    pub(crate) fn new(wire: &Arc<Wire>, call: &Call, fault: &Fault) -> Self {
        Self {
            cell: Arc::default(),
            wire: Arc::clone(wire),
            call: call.clone(),
            cut: fault.cut,
            cut_mode: fault.cut_mode,
            stall: fault.stall,
            stall_ms: fault.stall_ms,
            chunk: fault.chunk,
            bytes: 0,
            ahead: 0,
            left: None,
            gzip: None,
        }
    }

    /// Compresses what is written from here on, when the fault asks for it.
    pub(crate) fn compressed(mut self, fault: &Fault) -> Self {
        self.gzip = fault.has(Flag::Gzip).then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        self
    }

    /// What happens between the head and the first byte of the body.
    pub(crate) async fn after_head(&mut self) -> Result<(), Stop> {
        if self.stall == Some(Point::AfterHead) {
            self.stall().await?;
        }
        if matches!(self.cut, Some(Point::AfterHead | Point::AtByte(0))) {
            return Err(self.broken_off().await);
        }
        self.after_events(0).await
    }

    /// What happens after this many whole events.
    pub(crate) async fn after_events(&mut self, events: u64) -> Result<(), Stop> {
        if self.stall == Some(Point::AfterEvents(events)) {
            self.stall().await?;
        }
        if self.cut == Some(Point::AfterEvents(events)) {
            return Err(self.broken_off().await);
        }
        Ok(())
    }

    /// Writes a piece of the body; the mark holds once its last byte is written.
    pub(crate) async fn write(&mut self, bytes: Bytes, mark: Mark) -> Result<(), Stop> {
        let bytes = match &mut self.gzip {
            Some(gzip) => squeeze(gzip, &bytes),
            None => bytes,
        };
        self.raw(bytes, mark).await
    }

    /// Ends a stream: what compression has held back is written.
    pub(crate) async fn finish(&mut self) -> Result<(), Stop> {
        match self.gzip.take().and_then(|gzip| gzip.finish().ok()) {
            Some(rest) => self.raw(rest.into(), Mark::default()).await,
            None => Ok(()),
        }
    }

    async fn raw(&mut self, mut rest: Bytes, mark: Mark) -> Result<(), Stop> {
        let mut mark = Some(mark);
        while !rest.is_empty() {
            let mut take = rest.len().min(self.chunk.unwrap_or(AHEAD_MAX).min(AHEAD_MAX));
            if let Some(Point::AtByte(at)) = self.cut {
                take = take.min(usize::try_from(at - self.bytes).unwrap_or(usize::MAX));
            }
            let piece = rest.split_to(take);
            let whole = if rest.is_empty() { mark.take().unwrap_or_default() } else { Mark::default() };
            self.hand_over(piece, whole).await;
            if self.cut == Some(Point::AtByte(self.bytes)) && self.left != Some(0) {
                return Err(self.broken_off().await);
            }
        }
        Ok(())
    }

    async fn hand_over(&mut self, piece: Bytes, mut mark: Mark) {
        mark.bytes = piece.len() as u64;
        self.ahead += piece.len();
        self.bytes += mark.bytes;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(mark.bytes);
            // The connection stops asking once it has the promised length.
            if *left == 0 {
                mark.end = Some(Outcome::Completed);
            }
        }
        self.wire.queue(mark);
        *lock(&self.cell) = Some(piece);
        let mut handed = false;
        // The body that polls this takes the piece out of the cell and polls again when it wants more.
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut handed, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if self.chunk.is_some() || self.ahead >= AHEAD_MAX {
            self.wire.flushed().await;
            self.ahead = 0;
        }
    }

    async fn stall(&self) -> Result<(), Stop> {
        if stalled(&self.call, self.stall_ms).await { Ok(()) } else { Err(Stop::Broken) }
    }

    async fn broken_off(&self) -> Stop {
        self.wire.flushed().await;
        if self.cut_mode == CutMode::Fin {
            return Stop::Early;
        }
        break_off(&self.wire, &self.call, self.cut_mode);
        Stop::Broken
    }
}

/// Stays silent; false when the answer must not go on afterwards.
pub(crate) async fn stalled(call: &Call, stall_ms: Option<u64>) -> bool {
    call.stalled(true);
    tokio::time::sleep(stall_ms.map_or(STALL_MAX, Duration::from_millis)).await;
    if stall_ms.is_none() {
        call.close(Outcome::Stalled);
        return false;
    }
    call.stalled(false);
    true
}

/// Marks the connection as broken by us.
pub(crate) fn break_off(wire: &Wire, call: &Call, mode: CutMode) {
    if mode == CutMode::Rst {
        wire.reset();
    }
    call.close(Outcome::Cut);
}

/// Writing to memory does not fail; what could not be compressed would be missing and be seen at once.
fn squeeze(gzip: &mut GzEncoder<Vec<u8>>, bytes: &[u8]) -> Bytes {
    let _ = gzip.write_all(bytes).and_then(|()| gzip.flush());
    Bytes::from(std::mem::take(gzip.get_mut()))
}

/// The whole of some bytes, compressed.
pub(crate) fn gzipped(bytes: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let _ = gzip.write_all(bytes);
    gzip.finish().unwrap_or_default().into()
}
