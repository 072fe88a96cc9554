//! The bodies of one call, as they came: only where somebody asked to see them.

use crate::id::CallId;
use crate::record::Caller;
use crate::time::Timestamp;
use std::sync::Arc;

/// Bytes of a body that are kept at most.
pub const KEPT_BYTES: usize = 256 * 1024;
/// Bytes that are taken beyond what is kept, so that a secret across the cut is still seen whole.
pub const BEYOND_BYTES: usize = 16 * 1024;

/// One body, the first [`KEPT_BYTES`] of it and [`BEYOND_BYTES`] more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// As the sender named it.
    pub content_type: Option<Box<str>>,
    /// How long it is in all, in bytes, as far as it came.
    pub length: u64,
    /// Its beginning; `None` where it is no text and only its length counts.
    pub bytes: Option<Vec<u8>>,
}

impl Side {
    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        if let Some(bytes) = &mut self.bytes {
            let room = (KEPT_BYTES + BEYOND_BYTES).saturating_sub(bytes.len());
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }
}

/// What the caller of one call sent and got, not yet fit to be stored.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Which call.
    pub id: CallId,
    /// When it started.
    pub started_at: Timestamp,
    /// Who called.
    pub caller: Arc<Caller>,
    /// What the caller sent, unpacked; `None` where no body was read.
    pub request: Option<Side>,
    /// What the caller got; `None` where nothing was sent.
    pub answer: Option<Side>,
}

impl Captured {
    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        let held =
            |side: &Option<Side>| side.as_ref().and_then(|side| side.bytes.as_ref()).map_or(0, Vec::capacity);
        size_of::<Self>() + held(&self.request) + held(&self.answer)
    }
}
