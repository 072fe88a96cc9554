//! Every module opens by saying what it is for.

use super::RustFile;
use crate::finding::Finding;

/// Checks one file.
pub(crate) fn check(file: &RustFile<'_>) -> Option<Finding> {
    let first = file.text.lines().map(str::trim).find(|line| !line.is_empty());
    let says = first.and_then(|line| line.strip_prefix("//!")).is_some_and(|rest| !rest.trim().is_empty());
    (!says).then(|| {
        Finding::new(
            file.path,
            1,
            "the file does not open with `//!`",
            "one line tells a reader whether this is the room they look for",
            "say the module's one purpose in its first line",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::rust;
    use super::*;

    #[test]
    fn the_first_line_must_speak() {
        assert!(check(&rust("a.rs", "\n//! Purpose.\nfn a() {}\n")).is_none());
        for text in ["fn a() {}\n", "//!\nfn a() {}\n", "// note\n//! Purpose.\n", ""] {
            assert!(check(&rust("a.rs", text)).is_some(), "{text:?}");
        }
    }
}
