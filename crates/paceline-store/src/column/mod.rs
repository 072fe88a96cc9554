//! Call records as columns: the one form in which they are kept on disk.
//!
//! A *block* is a number of records, column after column. Blocks are read without decoding what is not asked for: a
//! filter touches its own columns, one record only its row. Small blocks merge into larger ones column by column, so
//! neither merging nor reading ever holds all records decoded.

pub(crate) mod attempts;
pub(crate) mod bloom;
pub(crate) mod bytes;
mod decisions;
pub(crate) mod fields;
pub(crate) mod ints;
pub(crate) mod merge;
pub(crate) mod select;
pub(crate) mod table;
pub(crate) mod texts;
pub(crate) mod view;
pub(crate) mod write;
pub(crate) mod zone;
