//! The `paceline` command: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    paceline::cli::main()
}
