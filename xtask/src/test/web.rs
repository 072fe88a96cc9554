//! The browser suite: the dashboard in a real Chromium, against the release binary.

use super::{Context, Outcome, browser, prepare, run_command};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Installs what the suite needs, then runs it.
pub(crate) fn run(context: &Context) -> Result<Outcome, String> {
    let (node, chromium) = match needed(context) {
        Ok(found) => found,
        Err(problem) => return Ok(Outcome::Skipped(problem)),
    };
    println!("in {}", chromium.display());
    let mut tests = Command::new("node");
    tests
        .current_dir(context.root.join("tests/web"))
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(&context.runner_args)
        .env("PACELINE_BIN", context.target.join("release/paceline"))
        .env("PACELINE_TEST_NODE", node)
        .env("PACELINE_CHROMIUM", chromium);
    if std::env::var_os("PACELINE_TEST_RECORDS").is_none() {
        tests.env("PACELINE_TEST_RECORDS", "10000000");
    }
    run_command(&mut tests)?;
    Ok(Outcome::Passed)
}

/// Where the packages are, and the browser.
fn needed(context: &Context) -> Result<(PathBuf, PathBuf), String> {
    let home = context.target.join("web");
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    if !prepare::runs("node", "--version") {
        return Err("Node 20 or later is missing".to_owned());
    }
    Ok((prepare::node(&context.root.join("tests/web"), &home)?, browser::find(&home)?))
}
