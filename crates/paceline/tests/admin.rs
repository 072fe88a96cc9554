//! The admin side: finding calls, statistics, health, models.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "admin/calls.rs"]
mod calls;
#[path = "admin/captures.rs"]
mod captures;
#[path = "admin/dashboard.rs"]
mod dashboard;
#[path = "admin/feedback.rs"]
mod feedback;
#[path = "admin/history.rs"]
mod history;
#[path = "admin/indicators.rs"]
mod indicators;
#[path = "admin/keys.rs"]
mod keys;
#[path = "admin/machines.rs"]
mod machines;
#[path = "admin/metrics.rs"]
mod metrics;
#[path = "admin/models.rs"]
mod models;
#[path = "admin/performance.rs"]
mod performance;
mod support;
