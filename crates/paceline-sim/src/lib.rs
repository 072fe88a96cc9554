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
//! One module per dialect (`openai`, `responses`, `anthropic`, `gemini`, `ollama`, `bedrock`) reads requests
//! and says answers; everything else is shared: `generate` decides what is answered and paces it, `exchange`
//! reads a request and sends an answer, `body` writes it at the right times and breaks it at the right
//! places, `wire` sees when bytes really leave, `ledger` keeps the truth.

mod anthropic;
mod base64;
mod bedrock;
mod body;
mod call;
mod config;
mod control;
mod dialect;
mod dist;
mod exchange;
mod fault;
mod gemini;
mod generate;
mod hash;
mod httpdate;
mod ledger;
mod ollama;
mod openai;
mod responses;
mod rng;
mod seen;
mod server;
mod timing;
mod wire;
mod world;

pub use call::{CallReport, Outcome, Planned, SentChoice, Tokens};
pub use config::{SimConfig, SimKind, SimModel};
pub use dist::Dist;
pub use ledger::Totals;
pub use server::{SimHandle, SimServer};

/// Says what is wrong with a fault, if anything is; the grammar is in `docs/sim.md`.
pub fn check_fault(spec: &str) -> Result<(), String> {
    fault::Fault::parse(spec).map(drop)
}
