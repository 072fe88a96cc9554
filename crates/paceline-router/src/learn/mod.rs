//! How estimates are made from outcomes.

pub mod dense;
pub mod examples;
pub mod heads;
pub mod online;
pub mod sparse;
pub mod stage;
pub mod tasks;
pub mod train;
pub mod weights;
