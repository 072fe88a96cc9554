//! Files that hold what a translation must come to.

use std::path::{Path, PathBuf};

/// A file of the fixtures.
fn place(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// The text of a fixture.
pub(crate) fn fixture(path: &str) -> String {
    std::fs::read_to_string(place(path)).unwrap()
}

/// Compares a file below the fixtures with what it must hold; `UPDATE=1` writes it instead.
pub(crate) fn golden(path: &str, actual: &str) {
    let path = place(path);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, actual).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == actual,
        "{} is not as it must be (UPDATE=1 writes it):\n{actual}\n--- but it holds\n{there}",
        path.display()
    );
}
