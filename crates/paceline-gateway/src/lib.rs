//! The call path, from socket to socket.
//!
//! Read [`pipeline`] first: the steps of a call, in order, on one screen. `call` is the guard that owns the growing
//! record and closes it exactly once; `upstream` is the only place that talks to providers.

mod body;
mod call;
mod capture;
pub mod config;
mod control;
mod door;
pub mod framing;
mod gaps;
mod gateway;
#[cfg(test)]
mod guard_test;
mod headers;
mod ledger;
pub mod pipeline;
mod redact;
mod refuse;
mod routes;
mod server;
mod step;
mod tape;
mod turn;
mod upstream;
mod worker;

pub use capture::{Running, UnknownKey};
pub use control::{Control, ControlBody};
pub use gateway::{Gateway, Gauges};
pub use ledger::{AccountName, Ledger, Totals};
pub use server::{ServeError, Server};
