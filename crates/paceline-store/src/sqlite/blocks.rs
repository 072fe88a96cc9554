//! Blocks as they lie on disk: rows of the tail in one piece, segments by columns, each with its check sum.

use crate::column::fields::COLUMNS;
use crate::column::table::Block;
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension};
use std::borrow::Cow;

/// No column is longer.
const MAX_COLUMN: usize = 256 << 20;

/// Numbers of a segment's rows in `segment_column`: room for as many columns as there may ever be, and their filters.
const STRIDE: i64 = 128;
const FILTERS: i64 = 64;

const _: () = assert!(COLUMNS <= FILTERS as usize);

/// The key of a column.
pub(super) fn column_key(segment: i64, column: usize) -> i64 {
    segment * STRIDE + column as i64
}

/// The key of a column's Bloom filter.
pub(super) fn filter_key(segment: i64, column: usize) -> i64 {
    column_key(segment, column) + FILTERS
}

/// The first and the last key a segment may have.
pub(super) fn keys(segment: i64) -> (i64, i64) {
    (segment * STRIDE, segment * STRIDE + STRIDE - 1)
}

/// A block whose check sum is right.
pub(super) fn checked(data: &[u8], crc: u32) -> Option<Block<'_>> {
    if crc32fast::hash(data) == crc { Block::parse(data) } else { None }
}

/// Bytes of a long column by which is told whether it shrinks.
const PIECE: usize = 4096;

/// Columns shrink by zstd's fastest level, where that saves something.
pub(super) struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    pub(super) fn new() -> Result<Self, StoreError> {
        let compressor = zstd::bulk::Compressor::new(1);
        compressor.map(Self).map_err(|error| StoreError::Io("no memory to compress".into(), error))
    }

    /// A column as it is stored: its length and whether it is packed (the lowest bit), then its bytes. What does not
    /// shrink to `worth` of 8 parts is not worth the time.
    pub(super) fn pack(&mut self, raw: &[u8], worth: usize) -> Vec<u8> {
        // Noise is told by a piece of it.
        let piece = raw.get(raw.len() / 2..raw.len() / 2 + PIECE).filter(|_| raw.len() > 4 * PIECE);
        if piece.is_some_and(|piece| self.shrunk(piece, worth).is_none()) {
            return Self::plain(raw);
        }
        let packed = self.shrunk(raw, worth);
        Self::stored(raw.len(), packed.is_some(), packed.as_deref().unwrap_or(raw))
    }

    /// The bytes packed; `None` where that leaves more than `worth` of 8 parts.
    fn shrunk(&mut self, raw: &[u8], worth: usize) -> Option<Vec<u8>> {
        self.0.compress(raw).ok().filter(|packed| packed.len() < raw.len() * worth / 8)
    }

    /// A column as it is stored, not packed.
    pub(super) fn plain(raw: &[u8]) -> Vec<u8> {
        Self::stored(raw.len(), false, raw)
    }

    fn stored(length: usize, packed: bool, body: &[u8]) -> Vec<u8> {
        let length = (length as u32) << 1 | u32::from(packed);
        let mut out = Vec::with_capacity(body.len() + 4);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(body);
        out
    }
}

/// Undoes [`Packer::pack`].
fn unpack(stored: &[u8]) -> Option<Vec<u8>> {
    let (length, body) = stored.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    if length & 1 == 0 {
        return Some(body.to_vec());
    }
    let length = (length >> 1) as usize;
    if length > MAX_COLUMN { None } else { zstd::bulk::decompress(body, length).ok() }
}

/// The bytes of a row of `segment_column`; empty where there is none.
pub(super) fn column<'a>(history: &Connection, key: i64) -> Result<Cow<'a, [u8]>, StoreError> {
    let mut statement = history.prepare_cached("SELECT crc, data FROM segment_column WHERE key = ?1")?;
    let read = statement
        .query_row([key], |row| {
            let data = row.get_ref(1)?.as_blob()?;
            Ok((crc32fast::hash(data) == row.get::<_, u32>(0)?).then(|| unpack(data)).flatten())
        })
        .optional()?;
    match read {
        None => Ok(Cow::Borrowed(&[])),
        Some(Some(bytes)) => Ok(Cow::Owned(bytes)),
        Some(None) => Err(StoreError::Damaged(format!("row {key} of segment_column"))),
    }
}
