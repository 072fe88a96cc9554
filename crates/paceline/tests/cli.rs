//! The program itself: what its commands print, with which exit code, and what it never prints.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "cli/asking.rs"]
mod asking;
#[path = "cli/budget.rs"]
mod budget;
#[path = "cli/capture.rs"]
mod capture;
#[path = "cli/catalog.rs"]
mod catalog;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/deployments.rs"]
mod deployments;
#[path = "cli/feedback.rs"]
mod feedback;
#[path = "cli/from_store.rs"]
mod from_store;
#[path = "cli/history.rs"]
mod history;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/kills.rs"]
mod kills;
#[path = "cli/operations.rs"]
mod operations;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/reload.rs"]
mod reload;
#[path = "cli/replay.rs"]
mod replay;
#[path = "cli/router.rs"]
mod router;
#[path = "cli/serving.rs"]
mod serving;
#[path = "cli/sessions.rs"]
mod sessions;
#[path = "cli/stop.rs"]
mod stop;
mod support;
#[path = "cli/top.rs"]
mod top;
#[path = "cli/wrong_use.rs"]
mod wrong_use;
