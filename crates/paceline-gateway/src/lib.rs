//! The call path, from socket to socket.
//!
//! Read [`pipeline`] first: the steps of a call, in order, on one screen. `call` is the guard that owns the growing
//! record and closes it exactly once; `upstream` is the only place that talks to providers.

mod body;
mod call;
mod caps;
mod capture;
pub mod config;
mod control;
mod door;
mod drain;
mod events;
pub mod framing;
mod gaps;
mod gateway;
#[cfg(test)]
mod guard_test;
mod headers;
mod held;
mod lease;
mod ledger;
mod letter;
mod patience;
pub mod pipeline;
mod redact;
mod refuse;
mod routes;
mod scope;
mod server;
mod step;
mod tape;
mod turn;
mod under_way;
mod upstream;
mod view;
mod worker;

pub use capture::{Running, UnknownKey};
pub use control::{Asker, Control, ControlBody, Pass, Refused};
pub use drain::Patience;
pub use events::{Event, Events};
pub use gateway::{Gateway, Gauges};
pub use ledger::{AccountName, Ledger, Standing, Totals};
pub use scope::{Kind as ScopeKind, Scopes};
pub use server::{ServeError, Server};
pub use step::generate::{DEFAULT_ROUTE, TOP_N, decision_answer, features};
pub use view::{PlaceView, ScopeView};
