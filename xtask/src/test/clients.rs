//! The client suite: official clients, a real model and a real Prometheus against the release binary.

use super::{Context, Outcome, cargo_step, prepare, run_command};
use std::process::Command;

/// Installs what the suite needs, then runs it.
pub(crate) fn run(context: &Context) -> Result<Outcome, String> {
    let tools = match prepare::all(context) {
        Ok(tools) => tools,
        Err(problem) => return Ok(Outcome::Skipped(problem)),
    };
    // What it holds against AWS's own library is no part of the program.
    cargo_step(context, &["build", "--locked", "--workspace", "--example", "aws_parts"])?;
    let mut pytest = Command::new(&tools.python);
    pytest
        .current_dir(context.root.join("tests/clients"))
        .args(["-m", "pytest"])
        .args(&context.runner_args)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PACELINE_BINARY", context.target.join("release/paceline"))
        .env("PACELINE_AWS_PARTS", context.target.join("debug/examples/aws_parts"))
        .env("PACELINE_TEST_NODE", &tools.node)
        .env("PACELINE_TEST_MODEL", &tools.model)
        .env("PACELINE_TEST_PROMETHEUS", &tools.prometheus);
    run_command(&mut pytest)?;
    Ok(Outcome::Passed)
}
