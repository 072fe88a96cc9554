//! The configuration: bad files and what is said about them, good ones and what they mean.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "config/chains.rs"]
mod chains;
#[path = "config/detection.rs"]
mod detection;
#[path = "config/documents.rs"]
mod documents;
#[path = "config/files.rs"]
mod files;
#[path = "config/layers.rs"]
mod layers;
#[path = "config/never_panics.rs"]
mod never_panics;
#[path = "config/routes.rs"]
mod routes;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/support.rs"]
mod support;
