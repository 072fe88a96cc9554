//! The numbers: quantile sketches that merge, histograms for export, tallies over time, indicators.
//!
//! Quiet: time arrives as an argument.

pub mod bucket;
pub mod histogram;
pub mod indicator;
pub mod pack;
mod recent;
pub mod rollup;
pub mod sketch;
pub mod tally;
