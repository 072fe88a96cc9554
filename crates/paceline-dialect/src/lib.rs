//! The languages of Paceline: the wire formats of clients and providers, without a socket.
//!
//! Nothing here builds a tree of a body that is passed through: [`json`] walks bytes once, as they come, and tells a
//! visitor the few values somebody asked for; [`sse`] finds where events end; [`openai`] knows what the values mean. [`bedrock`]
//! has what AWS does its own way: frames, signatures, credentials.

mod answer;
pub mod anthropic;
pub mod asks;
pub mod bedrock;
mod framing;
pub mod gemini;
pub mod gist;
pub mod json;
pub mod neutral;
pub mod ollama;
pub mod openai;
pub mod provider;
pub mod responses;
pub mod sse;
pub mod translate;
