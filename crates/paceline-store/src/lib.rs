//! Memory that lasts or is shared: where call records are kept.

pub mod filter;
pub mod memory;
