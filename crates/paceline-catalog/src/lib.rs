//! What is known of models: prices over time, limits, capabilities, and where each fact is from.
//!
//! The data is `catalog/*.toml` at the root of the repository, a file a service. Each file is read when its service is
//! first asked for. Nothing here asks a network or a clock: other people's price lists come in as text.

mod builtin;
mod catalog;
mod diff;
mod document;
mod entry;
pub mod import;
mod names;
mod overlay;
mod service;
mod tiers;
mod words;
mod write;

pub use catalog::{Catalog, Found, FoundBy};
pub use diff::{Amount, Difference, Disagreement, diff};
pub use document::{Document, Problem, parse};
pub use entry::{Entry, ModelTier, Priors, Provenance, Status};
pub use overlay::{CardOverlay, Overlay, PriceOverlay, RatesOverlay};
pub use service::{canonical, is_local};
pub use words::{Capability, Modality, Set, Word};
pub use write::to_toml;
