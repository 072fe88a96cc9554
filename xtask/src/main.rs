//! The project's own tools: `tidy` (house rules), `deny` (licences, bans, sources), `test` (all checks in order).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks through its two streams"
)]

mod deny;
mod finding;
mod metadata;
mod source;
mod test;
mod tidy;
mod tree;

use finding::Finding;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy                    check the house rules; one line per finding
  deny                    check licences, banned crates and sources against deny.toml
  test                    every check, in order, stopping at the first failure
  test --fast             fmt, tidy and the tests: the inner loop
  test STEP… [-- ARGS]    only these steps; ARGS go to the client suite's pytest
  test --list             the steps";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(problem)) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Stop::Failed(problem)) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends without success.
enum Stop {
    /// Called the wrong way: exit code 2.
    Usage(String),
    /// It ran, and something is not as it must be: exit code 1.
    Failed(String),
}

impl From<String> for Stop {
    fn from(problem: String) -> Self {
        Self::Failed(problem)
    }
}

fn run(words: &[&str]) -> Result<(), Stop> {
    let root = root();
    match words {
        ["tidy"] => Ok(report("tidy", &tidy::run(&root)?)?),
        ["deny"] => Ok(report("deny", &deny::run(&root)?)?),
        ["test", rest @ ..] => test::run(&root, rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => Err(Stop::Usage("no command given".to_owned())),
        [other, ..] => Err(Stop::Usage(format!("no such command: {other}"))),
    }
}

/// Prints findings; any finding is a failure.
fn report(name: &str, findings: &[Finding]) -> Result<(), String> {
    for finding in findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("{name}: nothing found");
            Ok(())
        }
        count => Err(format!("{name}: {count} found")),
    }
}

/// The checkout this program was built from.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
