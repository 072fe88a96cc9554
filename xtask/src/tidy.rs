//! The house rules, each in a file of its own; this is the list of them.

mod clock;
mod docs;
mod edges;
mod names;
mod quiet;
mod size;
mod sleeps;
mod text;
mod words;

use crate::finding::Finding;
use crate::metadata::Metadata;
use crate::source::Source;
use crate::tree::{self, TextFile};
use std::path::Path;

/// A Rust file of the tree, read.
pub(crate) struct RustFile<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) source: Source,
}

impl RustFile<'_> {
    /// Whether the whole file is compiled for tests only, as its place tells.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts: Vec<&str> = self.path.split('/').collect();
        let file = parts.pop().unwrap_or_default();
        file == "tests.rs" || file.ends_with("_tests.rs") || parts.contains(&"tests")
    }
}

/// Checks everything; findings are sorted by place.
pub(crate) fn run(root: &Path) -> Result<Vec<Finding>, String> {
    let files = tree::read(root)?;
    let metadata = Metadata::load(root)?;
    let exceptions = size::Exceptions::load(root)?;

    let mut findings = edges::check(&metadata, root)?;
    findings.extend(check_files(&files, &exceptions, root));
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// The rules about what is written in files.
fn check_files(files: &[TextFile], exceptions: &size::Exceptions, root: &Path) -> Vec<Finding> {
    let mut findings = size::check_files(files, exceptions);
    for file in files {
        findings.extend(text::check(file, root));
    }
    let rust = read_rust(files, &mut findings);
    findings.extend(size::check_functions(&rust, exceptions));
    for file in &rust {
        findings.extend(docs::check(file));
        findings.extend(words::check(file));
        findings.extend(names::check(file));
        findings.extend(sleeps::check(file));
        findings.extend(quiet::check(file));
        findings.extend(clock::check(file));
    }
    findings
}

fn read_rust<'a>(files: &'a [TextFile], findings: &mut Vec<Finding>) -> Vec<RustFile<'a>> {
    let mut rust = Vec::new();
    for file in files.iter().filter(|file| file.is(&["rs"])) {
        match Source::parse(&file.text) {
            Ok(source) => rust.push(RustFile { path: &file.path, text: &file.text, source }),
            Err(error) => findings.push(Finding::new(
                &file.path,
                1,
                error,
                "what cannot be read cannot be checked",
                "make it compile",
            )),
        }
    }
    rust
}

#[cfg(test)]
pub(crate) mod tests {
    //! Small inputs for the rules.

    use super::*;

    pub(crate) fn rust<'a>(path: &'a str, text: &'a str) -> RustFile<'a> {
        RustFile { path, text, source: Source::parse(text).unwrap() }
    }

    pub(crate) fn lines(findings: impl IntoIterator<Item = Finding>) -> Vec<usize> {
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        for path in ["crates/a/tests/it/main.rs", "crates/a/src/b/tests.rs", "crates/a/src/b_tests.rs"] {
            assert!(rust(path, "").is_test(), "{path}");
        }
        assert!(!rust("crates/a/src/latest.rs", "").is_test());
    }

    #[test]
    fn every_rule_about_files_is_asked() {
        let long = "    x();\n".repeat(size::FUNCTION_LINES);
        let text = format!(
            "use std::fs;\nfn a() {{ todo!() }}\nconst B: &str = \"paceline_calls_total\";\n\
             #[cfg(test)]\nmod tests {{ fn c() {{ std::thread::sleep(D); }} }}\n// /build/checkout/x\n\
             fn d() {{\n{long}}}\n"
        );
        let path = "crates/paceline-stats/src/a.rs".to_owned();
        let files = [TextFile { path, text }, TextFile { path: "b.rs".to_owned(), text: "fn (".to_owned() }];
        let exceptions = size::Exceptions::default();
        let findings = check_files(&files, &exceptions, Path::new("/build/checkout"));
        let told = findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for what in [
            "does not open",
            "`std::fs`",
            "`todo!`",
            "metric name",
            "sleeps",
            "a path",
            "`d` has",
            "not Rust",
        ] {
            assert!(told.contains(what), "{what} in:\n{told}");
        }
    }
}
