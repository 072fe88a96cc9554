//! Where a demo keeps its data: a folder of its own that goes away with it, or one that was named and stays.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Lies in folders that a demo wrote to, so that it never mixes with what was measured.
const MARK: &str = "SIMULATED";

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    is_own: bool,
}

impl Folder {
    /// A new one beside other temporary files, for its owner alone.
    ///
    /// # Errors
    /// In words, when it cannot be made.
    pub(super) fn temporary() -> Result<Self, String> {
        let name = crate::keys::value::new().map_err(|error| format!("no random numbers: {error}"))?;
        let path =
            std::env::temp_dir().join(format!("paceline-demo-{}", name.get(3..15).unwrap_or_default()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.and_then(|()| mark(&path)).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path, is_own: true })
    }

    /// The one that was named, and whether a demo has filled it before.
    ///
    /// # Errors
    /// In words, when there is something in it that is not a demo's.
    pub(super) fn named(path: &Path) -> Result<(Self, bool), String> {
        let failed = |error: io::Error| format!("--data {}: {error}", path.display());
        fs::create_dir_all(path).map_err(failed)?;
        let is_empty = fs::read_dir(path).map_err(failed)?.next().is_none();
        let is_known = path.join(MARK).exists();
        if !is_empty && !is_known {
            return Err(format!(
                "--data {}: there is something in it that no demo wrote; name a new folder, so that made-up calls never mix with real ones",
                path.display()
            ));
        }
        mark(path).map_err(failed)?;
        Ok((Self { path: path.to_owned(), is_own: false }, is_known))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It goes away at the end.
    pub(super) fn is_temporary(&self) -> bool {
        self.is_own
    }
}

fn mark(path: &Path) -> io::Result<()> {
    fs::write(path.join(MARK), "Everything in this folder was made up by `paceline demo`.\n")
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_own {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Folder;

    #[test]
    fn a_temporary_folder_goes_and_a_foreign_one_is_left_alone() {
        let folder = Folder::temporary().unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        let (named, was_filled) = Folder::named(&path).unwrap();
        assert!(was_filled);
        drop(named);
        assert!(path.is_dir());
        std::fs::remove_file(path.join("SIMULATED")).unwrap();
        std::fs::write(path.join("history.db"), "real").unwrap();
        assert!(Folder::named(&path).unwrap_err().contains("no demo wrote"));
        drop(folder);
        assert!(!path.exists());
    }
}
