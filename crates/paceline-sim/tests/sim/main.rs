//! The simulated provider from outside: every endpoint, every fault, and the truth of the ledger.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod anthropic;
mod bedrock;
mod chat;
mod client;
mod cut;
mod dialects;
mod fault;
mod gemini;
mod ledger;
mod ollama;
mod other;
mod responses;
mod stream;
