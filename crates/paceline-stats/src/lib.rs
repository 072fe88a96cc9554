//! The numbers: quantile sketches that merge, histograms for export, tallies over time.
//!
//! Quiet: time arrives as an argument.

pub mod bucket;
pub mod histogram;
pub mod pack;
pub mod rollup;
pub mod sketch;
pub mod tally;
