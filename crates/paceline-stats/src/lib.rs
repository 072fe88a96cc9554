//! The numbers: quantile sketches that merge, histograms for export, tallies over time.
//!
//! Quiet: time arrives as an argument.

pub mod histogram;
pub mod ladder;
pub mod sketch;
pub mod tally;
