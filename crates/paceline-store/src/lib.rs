//! Memory that lasts or is shared: where call records are kept, and what can be asked of them.
//!
//! [`store::Store`] is what every store can do; [`memory::MemoryStore`] forgets at the end of the process,
//! [`sqlite::SqliteStore`] does not.

pub mod bodies;
mod column;
pub mod control;
pub mod error;
pub mod filter;
pub mod memory;
pub mod memory_control;
pub mod session;
pub mod sqlite;
pub mod store;
