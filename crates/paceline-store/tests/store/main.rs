//! What every store must do (`contract`), and what only one on disk can (`disk`).

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a test that cannot go on ends here"
)]

mod contract;
mod control;
mod disk;
mod mended;
mod records;

/// A folder of its own for a test, removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("paceline-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
