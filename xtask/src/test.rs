//! The test command: every check of the project as a list of steps, in order, stopping at the first failure.

mod apt;
mod browser;
mod clients;
mod prepare;
mod web;

use crate::metadata::{Metadata, cargo};
use crate::{Stop, deny, report, tidy};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long one command may take: many times what it needs, and less than CI waits for all of them.
const LONGEST: Duration = Duration::from_mins(45);
/// Between two looks whether a command has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What a step runs with.
pub(crate) struct Context {
    pub(crate) root: PathBuf,
    /// Where Cargo builds; everything the suite installs lies below it too.
    pub(crate) target: PathBuf,
    /// In CI nothing may be skipped.
    pub(crate) is_ci: bool,
    /// Passed on to pytest or Node's test runner.
    pub(crate) runner_args: Vec<String>,
}

/// How a step ended without failing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Skipped(String),
}

/// One check.
struct Step {
    name: &'static str,
    about: &'static str,
    /// Whether the inner loop has it.
    fast: bool,
    run: fn(&Context) -> Result<Outcome, String>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", about: "the sources are formatted", fast: true, run: fmt },
    Step { name: "tidy", about: "the house rules", fast: true, run: run_tidy },
    Step { name: "deny", about: "licences, banned crates, sources", fast: false, run: run_deny },
    Step { name: "clippy", about: "lints, each one an error", fast: false, run: clippy },
    Step { name: "test", about: "unit, property, integration and doc tests", fast: true, run: tests },
    Step { name: "build", about: "the release binary", fast: false, run: build },
    Step {
        name: "clients",
        about: "official clients and a real model against the binary",
        fast: false,
        run: clients::run,
    },
    Step { name: "web", about: "the dashboard in a real browser", fast: false, run: web::run },
];

/// Runs the steps that the words choose.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), Stop> {
    let (words, runner_args) = match words.iter().position(|word| *word == "--") {
        Some(at) => (&words[..at], words[at + 1..].iter().map(ToString::to_string).collect()),
        None => (words, Vec::new()),
    };
    if words == ["--list"] {
        for step in STEPS {
            println!("{:8} {}{}", step.name, step.about, if step.fast { " (also in --fast)" } else { "" });
        }
        return Ok(());
    }
    let steps = choose(words).map_err(Stop::Usage)?;
    let target = Metadata::load(root)?.target_directory;
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    let context = Context { root: root.to_path_buf(), target, is_ci, runner_args };
    Ok(run_steps(&context, &steps)?)
}

/// The steps that words ask for, in the order of the list.
fn choose(words: &[&str]) -> Result<Vec<&'static Step>, String> {
    if words == ["--fast"] {
        return Ok(STEPS.iter().filter(|step| step.fast).collect());
    }
    if let Some(word) = words.iter().find(|word| !STEPS.iter().any(|step| step.name == **word)) {
        return Err(format!("no such step: {word}; `cargo xtask test --list` shows them"));
    }
    let wants = |step: &Step| {
        // Clients and browser talk to the binary, which must be the one of these sources.
        let needs_binary = words.contains(&"clients") || words.contains(&"web");
        words.is_empty() || words.contains(&step.name) || (step.name == "build" && needs_binary)
    };
    Ok(STEPS.iter().filter(|step| wants(step)).collect())
}

fn run_steps(context: &Context, steps: &[&Step]) -> Result<(), String> {
    let mut lines = Vec::new();
    for step in steps {
        println!("\n==> {}: {}", step.name, step.about);
        let start = Instant::now();
        let outcome = (step.run)(context).and_then(|outcome| judge(outcome, context.is_ci));
        let took = seconds(start.elapsed());
        let line = match outcome {
            Ok(Outcome::Passed) => format!("{:8} ok       {took}", step.name),
            Ok(Outcome::Skipped(reason)) => format!("{:8} SKIPPED  {took}  {reason}", step.name),
            Err(problem) => {
                let again = format!("again with: cargo xtask test {}", step.name);
                return Err(format!("\nFAILED at {} after {took}: {problem}\n{again}", step.name));
            }
        };
        println!("<== {line}");
        lines.push(line);
    }
    println!("\nall steps:\n  {}", lines.join("\n  "));
    Ok(())
}

/// In CI a step that cannot run has failed: nobody would see that it was skipped.
fn judge(outcome: Outcome, is_ci: bool) -> Result<Outcome, String> {
    match outcome {
        Outcome::Skipped(reason) if is_ci => Err(format!("skipped, which CI does not accept: {reason}")),
        outcome => Ok(outcome),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn fmt(context: &Context) -> Result<Outcome, String> {
    cargo_step(context, &["fmt", "--all", "--check"])
}

fn run_tidy(context: &Context) -> Result<Outcome, String> {
    report("tidy", &tidy::run(&context.root)?)?;
    Ok(Outcome::Passed)
}

fn run_deny(context: &Context) -> Result<Outcome, String> {
    report("deny", &deny::run(&context.root)?)?;
    Ok(Outcome::Passed)
}

fn clippy(context: &Context) -> Result<Outcome, String> {
    cargo_step(context, &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn tests(context: &Context) -> Result<Outcome, String> {
    cargo_step(context, &["test", "--locked", "--workspace"])
}

fn build(context: &Context) -> Result<Outcome, String> {
    cargo_step(context, &["build", "--locked", "--release"])
}

fn cargo_step(context: &Context, args: &[&str]) -> Result<Outcome, String> {
    let mut command = Command::new(cargo());
    command.args(args).current_dir(&context.root);
    // What `cargo run` set for us is not meant for the builds we start; it would make them build again.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "LD_LIBRARY_PATH"
        {
            command.env_remove(name);
        }
    }
    run_command(&mut command)?;
    Ok(Outcome::Passed)
}

/// Runs a command with its output shown; the error says which one and how it ended. What does not end is killed, with
/// all it started: a test that hangs fails, and its name is in the output above.
pub(crate) fn run_command(command: &mut Command) -> Result<(), String> {
    run_within(command, LONGEST)
}

fn run_within(command: &mut Command, longest: Duration) -> Result<(), String> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let shown = format!("{program} {}", shown_args(command));
    // Somebody at a terminal stops all of it by Ctrl-C, which reaches only what is in the terminal's own group.
    if !std::io::stdin().is_terminal() {
        command.process_group(0);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Err(format!("`{shown}` did not start: {error}")),
    };
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{shown}` ended with {status}")),
            Ok(None) if began.elapsed() < longest => std::thread::sleep(LOOK),
            Ok(None) => {
                // First the group: what hangs is most often not the command itself but what it started.
                let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
                let _ = (child.kill(), child.wait());
                return Err(format!("`{shown}` did not end within {}", seconds(longest)));
            }
            Err(error) => return Err(format!("`{shown}` cannot be waited for: {error}")),
        }
    }
}

fn shown_args(command: &Command) -> String {
    command.get_args().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<&'static str> {
        choose(words).unwrap().iter().map(|step| step.name).collect()
    }

    fn context(is_ci: bool) -> Context {
        Context { root: PathBuf::new(), target: PathBuf::new(), is_ci, runner_args: Vec::new() }
    }

    #[test]
    fn without_words_all_steps_run_in_order() {
        assert_eq!(names(&[]), ["fmt", "tidy", "deny", "clippy", "test", "build", "clients", "web"]);
    }

    #[test]
    fn the_inner_loop_is_short_and_single_steps_can_be_named() {
        assert_eq!(names(&["--fast"]), ["fmt", "tidy", "test"]);
        assert_eq!(names(&["tidy", "fmt"]), ["fmt", "tidy"]);
        assert_eq!(names(&["clients"]), ["build", "clients"]);
        assert_eq!(names(&["web"]), ["build", "web"]);
        assert!(choose(&["nothing"]).is_err_and(|error| error.contains("nothing")));
    }

    #[test]
    fn a_skipped_step_is_a_failure_in_ci_only() {
        let skipped = || Outcome::Skipped("offline".to_owned());
        assert_eq!(judge(skipped(), false), Ok(skipped()));
        assert!(judge(skipped(), true).unwrap_err().contains("offline"));
    }

    #[test]
    fn the_first_failure_stops_and_names_its_step() {
        let good = Step { name: "good", about: "", fast: false, run: |_| Ok(Outcome::Passed) };
        let bad = Step { name: "bad", about: "", fast: false, run: |_| Err("broken".to_owned()) };
        let never =
            Step { name: "never", about: "", fast: false, run: |_| panic!("a step ran after a failure") };
        let told = run_steps(&context(false), &[&good, &bad, &never]).unwrap_err();
        assert!(told.contains("FAILED at bad") && told.contains("broken"), "{told}");
        assert!(run_steps(&context(false), &[&good]).is_ok());
    }

    #[test]
    fn a_failing_command_is_named() {
        let told = run_command(Command::new("false").arg("x")).unwrap_err();
        assert!(told.contains("`false x` ended with"), "{told}");
        assert!(run_command(&mut Command::new("no-such-program")).unwrap_err().contains("did not start"));
        let told = run_within(Command::new("sleep").arg("60"), Duration::ZERO).unwrap_err();
        assert!(told.contains("`sleep 60` did not end within"), "{told}");
    }
}
