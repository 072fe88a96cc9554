//! What is exported: the names ([`names`]) and how they are written ([`prometheus`]).

pub mod names;
pub mod prometheus;
