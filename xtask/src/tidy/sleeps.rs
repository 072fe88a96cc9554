//! Tests wait for a condition or on simulated time; they do not sleep.

use super::RustFile;
use crate::finding::Finding;
use crate::source::{Token, occurrences};

/// A comment that begins so, on the line or the one above, gives the reason why this sleep must be.
const REASON: &str = "// sleep:";
const SLEEPS: &[&[&str]] =
    &[&["thread", "::", "sleep"], &["time", "::", "sleep"], &["time", "::", "sleep_until"]];

/// Checks the test code of one file.
pub(crate) fn check(file: &RustFile<'_>) -> Vec<Finding> {
    let all_is_test = file.is_test();
    let counts = |token: &Token| (all_is_test || token.in_test) && !token.clock_paused;
    let calls = SLEEPS.iter().flat_map(|sleep| {
        let found = occurrences(&file.source.tokens, sleep).filter(|(_, token)| counts(token));
        found.map(|(_, token)| token.line).collect::<Vec<_>>()
    });
    // An imported `sleep` can be called without its path, so the import itself is the finding.
    let imports =
        file.source.imports.iter().filter(|import| {
            all_is_test && SLEEPS.iter().any(|sleep| import.path.ends_with(&sleep.concat()))
        });
    let mut lines: Vec<usize> = calls.chain(imports.map(|import| import.line)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.retain(|line| !has_reason(file.text, *line));
    lines
        .into_iter()
        .map(|line| {
            Finding::new(
                file.path,
                line,
                "a test sleeps",
                "a sleep is either too short on a busy machine or too long on every other",
                "wait for the condition, pause the clock, or give the reason in a comment `// sleep: …`",
            )
        })
        .collect()
}

fn has_reason(text: &str, line: usize) -> bool {
    let mut above = text.lines().skip(line.saturating_sub(2)).take(if line > 1 { 2 } else { 1 });
    above.any(|near| near.split_once(REASON).is_some_and(|(_, reason)| !reason.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, rust};
    use super::*;

    #[test]
    fn sleeps_in_tests_are_found() {
        let text = "use tokio::time::{self, sleep};\nfn a() { std::thread::sleep(D); }\nasync fn b() { time::sleep(D).await; }\n";
        assert_eq!(lines(check(&rust("crates/a/tests/it.rs", text))), [1, 2, 3]);
    }

    #[test]
    fn product_code_may_sleep_and_its_test_module_may_not() {
        let text = "async fn a() { tokio::time::sleep(D).await; }\n#[cfg(test)]\nmod tests {\n    fn b() { std::thread::sleep(D); }\n}\n";
        assert_eq!(lines(check(&rust("crates/a/src/a.rs", text))), [4]);
    }

    #[test]
    fn paused_time_or_a_reason_is_fine() {
        let text = "#[tokio::test(start_paused = true)]\nasync fn a() { tokio::time::sleep(D).await; }\n// sleep: the kernel tells nobody when the port is free\nfn b() { std::thread::sleep(D); }\nfn c() { std::thread::sleep(D); } // sleep:\n";
        assert_eq!(lines(check(&rust("crates/a/tests/it.rs", text))), [5]);
    }
}
