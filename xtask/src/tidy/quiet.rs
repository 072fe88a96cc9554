//! Quiet crates read no clock, no environment, no file and no socket.

use super::RustFile;
use super::edges::QUIET;
use crate::finding::Finding;
use crate::source::occurrences;

const CALLS: &[&[&str]] = &[
    &["Instant", "::", "now"],
    &["SystemTime", "::", "now"],
    &["std", "::", "env"],
    &["std", "::", "fs"],
    &["std", "::", "net"],
    &["std", "::", "process"],
];
const MODULES: &[&str] = &["std::env", "std::fs", "std::net", "std::process"];

const WHY: &str = "a quiet crate gives the same output for the same input, always";
const ADVICE: &str = "take the time, the setting or the bytes as an argument";

/// Checks one file; only `src` of quiet crates is meant.
pub(crate) fn check(file: &RustFile<'_>) -> Vec<Finding> {
    let is_quiet = QUIET.iter().any(|room| file.path.starts_with(&format!("crates/paceline-{room}/src/")));
    if !is_quiet {
        return Vec::new();
    }
    // There is no other way to an instant than to ask the clock: tests take one as the beginning of their own time.
    let is_test = file.path.ends_with("_test.rs");
    let counts = |call: &&&[&str]| !(is_test && call[0] == "Instant");
    let calls = CALLS.iter().filter(counts).flat_map(|call| {
        let what = call.concat();
        occurrences(&file.source.tokens, call)
            .map(move |(_, token)| (token.line, what.clone()))
            .collect::<Vec<_>>()
    });
    let imports = file.source.imports.iter().filter_map(|import| {
        let module = MODULES.iter().find(|module| is_within(&import.path, module))?;
        Some((import.line, (*module).to_owned()))
    });
    let mut found: Vec<(usize, String)> = calls.chain(imports).collect();
    found.sort();
    found.dedup();
    found
        .into_iter()
        .map(|(line, what)| Finding::new(file.path, line, format!("quiet crate uses `{what}`"), WHY, ADVICE))
        .collect()
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, rust};
    use super::*;

    const SOURCE: &str = "use std::{fs, time::Instant};\nuse std::environment::x;\nfn a() { let _ = Instant::now(); }\nfn b() { std::env::var(\"X\"); }\n";

    #[test]
    fn clocks_files_and_environment_are_found_in_quiet_crates() {
        assert_eq!(lines(check(&rust("crates/paceline-stats/src/a.rs", SOURCE))), [1, 3, 4]);
    }

    #[test]
    fn busy_crates_and_tests_beside_the_source_may_use_them() {
        assert!(check(&rust("crates/paceline-gateway/src/a.rs", SOURCE)).is_empty());
        assert!(check(&rust("crates/paceline-stats/tests/a.rs", SOURCE)).is_empty());
    }

    #[test]
    fn tests_beside_the_source_may_take_an_instant_to_begin_with_and_nothing_else() {
        assert_eq!(lines(check(&rust("crates/paceline-stats/src/a_test.rs", SOURCE))), [1, 4]);
    }

    #[test]
    fn one_place_is_told_once() {
        assert_eq!(lines(check(&rust("crates/paceline-types/src/a.rs", "use std::fs;\n"))), [1]);
    }
}
