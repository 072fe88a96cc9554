//! Files that are there whole or not at all: written beside their place, put on the disk, then moved there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// What the name of a file that is being written ends with; it begins with a dot.
const UNFINISHED: &str = ".tmp";

/// Writes the file `name` in `folder`, which is made if it is not there. Whoever reads sees the old content or the new.
///
/// # Errors
/// Those of the system; what was there before is still there.
pub fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{name}{UNFINISHED}"));
    let written = put(&beside, content).and_then(|()| fs::rename(&beside, folder.join(name)));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
        return written;
    }
    // The new name is on the disk when the folder is.
    File::open(folder)?.sync_all()
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Removes what a process that ended in the middle of [`write`] left behind, of names that are `own`.
pub fn clean(folder: &Path, own: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let left = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(UNFINISHED));
        if left.is_some_and(&own) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, write};
    use crate::files::own::tests::Folder;
    use std::fs;

    #[test]
    fn content_is_replaced_whole_and_nothing_is_left_beside() {
        let folder = Folder::new();
        let inner = folder.path().join("metrics");
        write(&inner, "a.json", b"old and longer").unwrap();
        write(&inner, "a.json", b"new").unwrap();
        assert_eq!(fs::read(inner.join("a.json")).unwrap(), b"new");
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_what_was_there() {
        let folder = Folder::new();
        fs::create_dir(folder.path().join("a.json")).unwrap();
        fs::write(folder.path().join("a.json").join("full"), b"").unwrap();
        assert!(write(folder.path(), "a.json", b"new").is_err(), "a folder stands in its place");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(write(&folder.path().join("file"), "a.json", b"new").is_err(), "no folder can be made there");
    }

    #[test]
    fn leftovers_of_own_names_go_and_others_stay() {
        let folder = Folder::new();
        for name in [".mine.json.tmp", ".theirs.json.tmp", "mine.json", ".mine.json", "mine.json.tmp"] {
            fs::write(folder.path().join(name), b"{").unwrap();
        }
        clean(folder.path(), |name| name == "mine.json");
        assert!(!folder.path().join(".mine.json.tmp").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
        clean(&folder.path().join("nowhere"), |_| true);
    }
}
