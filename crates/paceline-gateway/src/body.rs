//! The body of every answer.

use crate::control::ControlBody;
use crate::step::relay::Relay;
use crate::turn::Owed;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use paceline_types::ports::{RecordSink, Settled};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Any error of a body, as the connection wants it.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An answer's body, and the mark that it is not over.
pub(crate) struct Marked {
    pub(crate) body: AnswerBody,
    /// Where an answer's end waits until its record is kept.
    pub(crate) keeping: Option<Box<Keeping>>,
    pub(crate) _owed: Owed,
}

/// The end of an answer that waits for its record.
pub(crate) struct Keeping {
    sink: Arc<dyn RecordSink>,
    /// The last piece, and what it waits for.
    last: Option<(Option<Piece>, Settled)>,
    kept: bool,
}

type Piece = Result<Frame<Bytes>, BoxError>;

impl Keeping {
    pub(crate) fn new(sink: Arc<dyn RecordSink>) -> Box<Self> {
        Box::new(Self { sink, last: None, kept: false })
    }

    /// The next piece of `body`; its last one when its record is kept.
    fn poll(&mut self, body: &mut AnswerBody, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        loop {
            if let Some((_, settled)) = &mut self.last {
                ready!(settled.as_mut().poll(cx));
                self.kept = true;
                return Poll::Ready(self.last.take().and_then(|(piece, _)| piece));
            }
            let piece = ready!(Pin::new(&mut *body).poll_frame(cx));
            let is_last = piece.is_none() || body.is_end_stream();
            let settled = if is_last && !self.kept { self.sink.settled() } else { None };
            match settled {
                Some(settled) => self.last = Some((piece, settled)),
                None => return Poll::Ready(piece),
            }
        }
    }
}

impl Body for Marked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match &mut this.keeping {
            Some(keeping) => keeping.poll(&mut this.body, cx),
            None => Pin::new(&mut this.body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.keeping.as_ref().is_none_or(|keeping| keeping.kept)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What an answer's body is made of.
pub(crate) enum AnswerBody {
    /// At hand.
    Whole(Option<Bytes>),
    /// Coming from a provider.
    Relay(Box<Relay>),
    /// From the admin side.
    Control(ControlBody),
}

impl AnswerBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relay(relay) => relay.poll_frame(cx),
            Self::Control(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Relay(relay) => relay.is_over(),
            Self::Control(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Relay(relay) => relay.length().map_or_else(SizeHint::default, SizeHint::with_exact),
            Self::Control(body) => body.size_hint(),
        }
    }
}
