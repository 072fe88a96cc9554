//! Paceline, assembled: command line, configuration, admin side, and the one place that knows every room.

pub mod admin;
pub mod app;
pub mod assemble;
pub mod aws;
pub mod board;
pub mod bodies;
pub mod calendar;
pub mod cli;
pub mod config;
pub(crate) mod events;
pub mod feed;
pub mod files;
pub mod fill;
pub mod keys;
pub mod labels;
pub mod learned;
pub mod log;
pub mod metrics;
pub mod prices;
pub mod process;
pub mod recorder;
pub mod redact;
pub mod reload;
pub(crate) mod span;
pub mod tokens;
pub mod unpriced;
