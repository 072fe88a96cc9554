//! The simulated provider: real HTTP, seeded answers and delays, faults on demand, and a ledger of what
//! was really received, sent and when.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use paceline_sim::{SimConfig, SimServer};
//!
//! let server = SimServer::bind("127.0.0.1:0".parse().expect("an address"), SimConfig::default()).await?;
//! println!("http://{}/v1", server.addr());
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! One module per dialect turns requests into answers (`openai`); everything else is shared: `exchange`
//! reads a request and sends an answer, `body` writes it at the right times and breaks it at the right
//! places, `wire` sees when bytes really leave, `ledger` keeps the truth.

mod base64;
mod body;
mod call;
mod config;
mod control;
mod dist;
mod exchange;
mod fault;
mod hash;
mod httpdate;
mod ledger;
mod openai;
mod rng;
mod server;
mod timing;
mod wire;
mod world;

pub use call::{CallReport, Outcome, Planned, SentChoice};
pub use config::{SimConfig, SimKind, SimModel};
pub use dist::Dist;
pub use ledger::Totals;
pub use server::{SimHandle, SimServer};

/// Says what is wrong with a fault, if anything is; the grammar is in `docs/sim.md`.
pub fn check_fault(spec: &str) -> Result<(), String> {
    fault::Fault::parse(spec).map(drop)
}
