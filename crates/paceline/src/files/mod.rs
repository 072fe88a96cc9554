//! Files in the data folder for people and their tools: snapshots of what was measured, and the operations log.
//!
//! What Paceline itself reads again is the store's; nothing here is needed to serve a call.

pub mod atomic;
pub mod operations;
pub mod own;
pub mod run;
pub mod schedule;
pub mod snapshot;
pub mod zone;
