//! Exported metric names stand in one file.

use super::RustFile;
use crate::finding::Finding;

/// The one place.
const NAMES_FILE: &str = "crates/paceline/src/metrics/names.rs";
const PREFIX: &str = "paceline_";
/// Our crates as Rust spells them; they look like metric names and are none.
const CRATES: &[&str] = &[
    "types", "stats", "dialect", "routing", "catalog", "cache", "tune", "report", "http", "store", "gateway",
    "watch", "bench", "sim", "perf",
];

/// Checks one file of the product.
pub(crate) fn check(file: &RustFile<'_>) -> Vec<Finding> {
    let is_product = file.path.starts_with("crates/") && file.path.contains("/src/");
    if !is_product || file.is_test() || file.path == NAMES_FILE {
        return Vec::new();
    }
    let literals = file.source.tokens.iter().filter(|token| token.is_literal && !token.in_test);
    literals
        .filter_map(|token| {
            let name = metric_name(&token.text)?;
            Some(Finding::new(
                file.path,
                token.line,
                format!("the metric name `{name}` in quotes"),
                "a renamed metric must cost one file",
                format!("make it a constant in {NAMES_FILE}"),
            ))
        })
        .collect()
}

/// The first metric name in a literal.
fn metric_name(literal: &str) -> Option<&str> {
    literal.match_indices(PREFIX).find_map(|(at, _)| {
        let rest = &literal[at + PREFIX.len()..];
        let length = rest.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_');
        let name = &rest[..length.unwrap_or(rest.len())];
        (!name.is_empty() && !CRATES.contains(&name)).then(|| &literal[at..at + PREFIX.len() + name.len()])
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, rust};
    use super::*;

    const SOURCE: &str = "const A: &str = \"paceline_calls_total\";\nfn b() { w(\"# TYPE paceline_open gauge\") }\n/// As paceline_doc_total.\nconst C: &str = \"paceline_gateway=debug\";\n#[cfg(test)]\nmod tests { const D: &str = \"paceline_calls_total\"; }\n";

    #[test]
    fn names_in_quotes_are_found_in_the_product() {
        assert_eq!(lines(check(&rust("crates/paceline/src/admin/calls.rs", SOURCE))), [1, 2]);
    }

    #[test]
    fn the_names_file_and_tests_may_spell_them() {
        for path in [NAMES_FILE, "crates/paceline/tests/it/metrics.rs", "crates/paceline/src/admin/tests.rs"]
        {
            assert!(check(&rust(path, SOURCE)).is_empty(), "{path}");
        }
    }
}
