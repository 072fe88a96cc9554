//! Functions and files stay small; exceptions are named, bounded and have a reason.

use super::RustFile;
use crate::finding::Finding;
use crate::tree::TextFile;
use serde::Deserialize;
use std::fs;
use std::path::Path;

pub(crate) const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;
/// Files somebody writes by hand.
const WRITTEN: &[&str] = &["rs", "py", "mjs", "js", "ts", "tsx", "svelte", "sh"];
const LIST: &str = "xtask/exceptions.toml";

const WHY_SIZE: &str = "what fits on a screen is read whole";
const WHY_STALE: &str = "a list with dead entries is not read";

/// The named exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exceptions {
    #[serde(default)]
    function: Vec<LongFunction>,
    #[serde(default)]
    file: Vec<LongFile>,
}

/// A function that may be longer, up to `max` lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongFunction {
    path: String,
    name: String,
    max: usize,
    reason: String,
}

/// A file that may be longer, up to `max` lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongFile {
    path: String,
    max: usize,
    reason: String,
}

impl Exceptions {
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(root.join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let list: Self = toml::from_str(text).map_err(|error| format!("{LIST}: {error}"))?;
        let reasons = list
            .function
            .iter()
            .map(|f| (&f.path, &f.reason))
            .chain(list.file.iter().map(|f| (&f.path, &f.reason)));
        for (path, reason) in reasons {
            if reason.trim().is_empty() {
                return Err(format!("{LIST}: the exception for {path} has no reason"));
            }
        }
        Ok(list)
    }
}

/// Checks the length of every written file.
pub(crate) fn check_files(files: &[TextFile], exceptions: &Exceptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.file.len()];
    for file in files.iter().filter(|file| file.is(WRITTEN)) {
        let lines = file.text.lines().count();
        if lines <= FILE_LINES {
            continue;
        }
        let found = exceptions.file.iter().position(|long| long.path == file.path);
        let max = found.map_or(FILE_LINES, |index| {
            used[index] = true;
            exceptions.file[index].max
        });
        if lines > max {
            let what = format!("{lines} lines in one file (at most {max})");
            findings.push(Finding::new(&file.path, lines, what, WHY_SIZE, "split it by purpose"));
        }
    }
    let unused = exceptions.file.iter().zip(used).filter(|(_, used)| !used);
    findings.extend(unused.map(|(long, _)| stale(&long.path)));
    findings
}

/// Checks the length of every function.
pub(crate) fn check_functions(files: &[RustFile<'_>], exceptions: &Exceptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.function.len()];
    for file in files {
        for function in file.source.functions.iter().filter(|f| f.lines > FUNCTION_LINES) {
            let matches = |long: &LongFunction| long.path == file.path && long.name == function.name;
            let found = exceptions.function.iter().position(matches);
            let max = found.map_or(FUNCTION_LINES, |index| {
                used[index] = true;
                exceptions.function[index].max
            });
            if function.lines > max {
                let what = format!("`{}` has {} lines (at most {max})", function.name, function.lines);
                findings.push(Finding::new(file.path, function.line, what, WHY_SIZE, "split it by step"));
            }
        }
    }
    let unused = exceptions.function.iter().zip(used).filter(|(_, used)| !used);
    findings.extend(unused.map(|(long, _)| stale(&format!("{} in {}", long.name, long.path))));
    findings
}

fn stale(what: &str) -> Finding {
    Finding::new(LIST, 1, format!("the exception for {what} is not needed"), WHY_STALE, "remove it")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, rust};
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
    }

    fn exceptions(max: usize) -> Exceptions {
        Exceptions::parse(&format!(
            "[[function]]\npath = \"a.rs\"\nname = \"long\"\nmax = {max}\nreason = \"a table\"\n"
        ))
        .unwrap()
    }

    #[test]
    fn seventy_lines_are_fine_and_seventy_one_are_not() {
        let text = function("fits", 70) + &function("long", 71);
        let findings = check_functions(&[rust("a.rs", &text)], &Exceptions::default());
        assert_eq!(lines(findings), [71]);
    }

    #[test]
    fn an_exception_holds_up_to_its_own_bound() {
        let text = function("long", 80);
        assert!(check_functions(&[rust("a.rs", &text)], &exceptions(80)).is_empty());
        assert_eq!(check_functions(&[rust("a.rs", &text)], &exceptions(79)).len(), 1);
    }

    #[test]
    fn an_exception_that_is_not_needed_is_a_finding() {
        let text = function("long", 70);
        let findings = check_functions(&[rust("a.rs", &text)], &exceptions(80));
        assert_eq!((findings.len(), findings[0].path.as_str()), (1, LIST));
    }

    #[test]
    fn files_are_bounded_too_and_data_is_not() {
        let file = |path: &str, lines: usize| TextFile { path: path.to_owned(), text: "x\n".repeat(lines) };
        let files = [file("a.rs", 500), file("b.py", 501), file("c.json", 9000)];
        let findings = check_files(&files, &Exceptions::default());
        assert_eq!(lines(findings), [501]);
        let list = "[[file]]\npath = \"b.py\"\nmax = 510\nreason = \"one table\"\n";
        assert!(check_files(&files, &Exceptions::parse(list).unwrap()).is_empty());
        assert_eq!(check_files(&files[..1], &Exceptions::parse(list).unwrap()).len(), 1);
    }

    #[test]
    fn an_exception_needs_a_reason_and_known_keys() {
        let list = "[[file]]\npath = \"b.py\"\nmax = 510\nreason = \" \"\n";
        assert!(Exceptions::parse(list).unwrap_err().contains("no reason"));
        assert!(Exceptions::parse("[[fil]]\n").is_err());
    }
}
