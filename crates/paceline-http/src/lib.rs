//! The one HTTP client: HTTP/1.1 over TCP or TLS, with the response read in the caller's own task.
//!
//! A general client hands each response piece from a connection task to its user through a slot of one: two wake-ups and
//! a write for every event of a stream. Here the task that relays an answer reads the socket itself, takes everything
//! that is there, and decodes it in place. What it does not do, on purpose: redirects, cookies, decompression, retries
//! other than that of a kept connection which died unused.

pub mod alarm;
pub mod chunked;
mod client;
pub mod clock;
mod conn;
mod dial;
mod error;
mod exchange;
pub mod head;
mod origin;
pub mod proxy;
mod tls;

pub use client::{Client, Marks};
pub use conn::Conn;
pub use error::{HttpError, What};
pub use exchange::Exchange;
pub use head::ResponseHead;
pub use origin::{Origin, OriginConfig};
pub use tls::Tls;
