//! What is exported: the names ([`names`], [`otel`]), whose values labels have ([`space`]), what is counted ([`series`],
//! in [`table`]s) and how it is written ([`prometheus`]).

mod limits;
pub mod names;
pub mod otel;
pub mod prometheus;
pub mod series;
pub mod space;
pub mod table;
