//! What is wrong with a configuration, said so that it can be put right at once.

use serde::Serialize;
use std::fmt::{self, Write};
use std::path::PathBuf;

/// One thing that is wrong, or that is doubtful in a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file it is in; none for flags and the environment.
    pub file: Option<PathBuf>,
    /// Line in the file, from 1.
    pub line: Option<usize>,
    /// Dotted path of the setting, or the name of the flag or of the environment variable.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line itself, without what looks like a secret.
    pub text: Option<String>,
}

impl Problem {
    /// A problem that has no place in a file.
    pub(super) fn new(key: &str, fault: Fault) -> Self {
        Self {
            file: None,
            line: None,
            key: key.to_owned(),
            message: fault.message,
            help: fault.help,
            text: None,
        }
    }

    /// The problem as a compiler would show it; `level` is `error` or `warning`. No newline at the end.
    pub fn render(&self, level: &str, color: bool) -> String {
        let paint = |code: &str, text: &str| {
            if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
        };
        let mut place = String::new();
        if let Some(file) = &self.file {
            place.push_str(&file.display().to_string());
            place.push(':');
            if let Some(line) = self.line {
                let _ = write!(place, "{line}:");
            }
            place.push(' ');
        }
        let level_code = if level == "warning" { "1;33" } else { "1;31" };
        let mut out = format!("{place}{} ", paint(level_code, &format!("{level}:")));
        if !self.key.is_empty() {
            let _ = write!(out, "{}: ", paint("1", &self.key));
        }
        out.push_str(&self.message);
        if let (Some(line), Some(text)) = (self.line, &self.text) {
            out.push_str(&paint("2", &format!("\n{line:>6} | ")));
            out.push_str(text);
        }
        if let Some(help) = &self.help {
            let lead = if self.text.is_some() { "\n       = " } else { "\n  " };
            let _ = write!(out, "{lead}{} {help}", paint("36", "help:"));
        }
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render("error", false))
    }
}

/// A configuration that is not used, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// At least one, in the order of the file, then those outside of it.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// All problems as a compiler would show them, with a blank line between and a last line that
    /// counts. No newline at the end.
    pub fn render(&self, color: bool) -> String {
        let mut out = String::new();
        for problem in &self.problems {
            out.push_str(&problem.render("error", color));
            out.push_str("\n\n");
        }
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        let _ = write!(out, "{count} {noun} in the configuration");
        out
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}

/// What is wrong with a value, by itself: the place is added by who knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub message: String,
    pub help: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: &str) -> Self {
        self.help = Some(help.to_owned());
        self
    }

    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}
