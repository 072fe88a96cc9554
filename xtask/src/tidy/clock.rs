//! The call path reads one clock, which tests can pause.

use super::RustFile;
use crate::finding::Finding;
use crate::source::occurrences;

const ROOMS: &[&str] = &["crates/paceline-gateway/src/", "crates/paceline-http/src/"];
/// Where the clock is.
const CLOCK: &str = "crates/paceline-http/src/clock.rs";
const READS: &[&[&str]] = &[&["Instant", "::", "now"], &[".", "elapsed", "("]];

/// Checks one file.
pub(crate) fn check(file: &RustFile<'_>) -> Vec<Finding> {
    if file.path == CLOCK || file.is_test() || !ROOMS.iter().any(|room| file.path.starts_with(room)) {
        return Vec::new();
    }
    let reads = READS.iter().flat_map(|read| occurrences(&file.source.tokens, read));
    reads
        .filter(|(_, token)| !token.in_test)
        .map(|(_, token)| {
            Finding::new(
                file.path,
                token.line,
                "a clock of its own",
                "what tests cannot pause they cannot prove",
                "ask `paceline_http::clock::now`",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{lines, rust};
    use super::*;

    const SOURCE: &str = "fn a() { let _ = Instant::now(); }\nfn b(at: Instant) { let _ = at.elapsed(); }\nfn c() { let _ = clock::now(); }\n";

    #[test]
    fn only_the_call_path_is_bound_to_it() {
        assert_eq!(lines(check(&rust("crates/paceline-gateway/src/call.rs", SOURCE))), [1, 2]);
        assert!(check(&rust("crates/paceline/src/app.rs", SOURCE)).is_empty());
        assert!(check(&rust(CLOCK, SOURCE)).is_empty());
    }
}
