//! The simulated provider from outside: every endpoint, every fault, and the truth of the ledger.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod chat;
mod client;
mod cut;
mod fault;
mod ledger;
mod other;
mod stream;
