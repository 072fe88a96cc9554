//! paceline

pub mod config;
