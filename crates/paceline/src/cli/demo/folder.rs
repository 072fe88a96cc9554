//! Where a demo keeps its data: a folder of its own that goes away with it, or one that was named and stays.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What temporary ones are called, before letters of chance, and how many these are.
const NAME: &str = "paceline-demo-";
const CHANCE: usize = 12;
/// Lies in temporary ones, locked while their demo runs, however it ends.
const OWNER: &str = "demo.lock";
/// Folders left behind that one start looks at.
const MAX_LEFT: usize = 100;

/// Lies in folders that a demo wrote to, so that it never mixes with what was measured.
const MARK: &str = "SIMULATED";

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Of one that goes away: held open, it is locked.
    owner: Option<File>,
}

impl Folder {
    /// A new one beside other temporary files, for its owner alone.
    ///
    /// # Errors
    /// In words, when it cannot be made.
    pub(super) fn temporary() -> Result<Self, String> {
        let name = crate::keys::value::new().map_err(|error| format!("no random numbers: {error}"))?;
        let beside = std::env::temp_dir();
        sweep(&beside);
        Self::made(beside.join(format!("{NAME}{}", name.get(3..3 + CHANCE).unwrap_or_default())))
    }

    fn made(path: PathBuf) -> Result<Self, String> {
        let made = DirBuilder::new().mode(0o700).create(&path);
        let locked = made.and_then(|()| mark(&path)).and_then(|()| own(&path));
        let owner = locked.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path, owner: Some(owner) })
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
        // One that a demo left behind is somebody's now.
        if is_left(path) {
            let _ = fs::remove_file(path.join(OWNER));
        }
        Ok((Self { path: path.to_owned(), owner: None }, is_known))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It goes away at the end.
    pub(super) fn is_temporary(&self) -> bool {
        self.owner.is_some()
    }
}

fn mark(path: &Path) -> io::Result<()> {
    fs::write(path.join(MARK), "Everything in this folder was made up by `paceline demo`.\n")
}

/// Locked before it has its name, so that nobody ever finds it there unlocked while its demo runs.
fn own(path: &Path) -> io::Result<File> {
    let begun = path.join("demo.lock.new");
    let file = File::create_new(&begun)?;
    file.try_lock()?;
    fs::rename(begun, path.join(OWNER))?;
    Ok(file)
}

/// Whether a demo made it as a temporary one and is gone.
fn is_left(path: &Path) -> bool {
    path.join(MARK).is_file() && File::open(path.join(OWNER)).is_ok_and(|file| file.try_lock().is_ok())
}

/// Removes what demos left behind that were killed: only folders of ours, with their name, their mark and a lock that
/// nobody holds.
fn sweep(beside: &Path) {
    let me = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(beside) else { return };
    let named = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        let chance = name.to_str().and_then(|name| name.strip_prefix(NAME));
        chance.is_some_and(|chance| chance.len() == CHANCE)
    });
    for entry in named.take(MAX_LEFT) {
        // Does not follow links.
        let is_ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == me);
        if is_ours && is_left(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.owner.is_some() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Folder, NAME, OWNER, sweep};
    use std::fs;

    #[test]
    fn a_temporary_folder_goes_and_a_foreign_one_is_left_alone() {
        let folder = Folder::temporary().unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        let (named, was_filled) = Folder::named(&path).unwrap();
        assert!(was_filled);
        drop(named);
        assert!(path.is_dir());
        fs::remove_file(path.join("SIMULATED")).unwrap();
        fs::write(path.join("history.db"), "real").unwrap();
        assert!(Folder::named(&path).unwrap_err().contains("no demo wrote"));
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_demo_left_goes_and_nothing_else() {
        let (beside, elsewhere) = (Folder::temporary().unwrap(), Folder::temporary().unwrap());
        let at = |name: &str| beside.path().join(format!("{NAME}{name}"));
        // Killed: nothing is cleaned up, and the system gives the lock back.
        let kill = |mut folder: Folder| drop(folder.owner.take());
        let running = Folder::made(at("aaaaaaaaaaaa")).unwrap();
        for name in ["bbbbbbbbbbbb", "backup", "cccccccccccc", "dddddddddddd", "eeeeeeeeeeee"] {
            kill(Folder::made(at(name)).unwrap());
        }
        fs::write(at("bbbbbbbbbbbb").join("history.db"), "made up").unwrap();
        fs::remove_file(at("cccccccccccc").join("SIMULATED")).unwrap();
        fs::remove_file(at("dddddddddddd").join(OWNER)).unwrap();
        // Named by somebody who wants to keep it.
        assert!(Folder::named(&at("eeeeeeeeeeee")).unwrap().1);
        kill(Folder::made(elsewhere.path().join("behind")).unwrap());
        std::os::unix::fs::symlink(elsewhere.path().join("behind"), at("ffffffffffff")).unwrap();
        sweep(beside.path());
        assert!(!at("bbbbbbbbbbbb").exists());
        for name in ["aaaaaaaaaaaa", "backup", "cccccccccccc", "dddddddddddd", "eeeeeeeeeeee", "ffffffffffff"]
        {
            assert!(at(name).exists(), "{name}");
        }
        drop(running);
        assert!(!at("aaaaaaaaaaaa").exists());
    }
}
