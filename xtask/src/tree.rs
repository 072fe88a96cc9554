//! The files of the checkout that rules look at.

use std::fs;
use std::path::Path;

/// Folders that are made by tools and never committed.
const MADE: &[&str] = &["target", "node_modules", "__pycache__", "paceline-data", "corpus-run", "artifacts"];
/// Hidden folders that belong to the project.
const HIDDEN_BUT_OURS: &[&str] = &[".ci", ".cargo", ".github"];
/// Larger files are data, not text somebody wrote.
const TEXT_LIMIT_BYTES: u64 = 4 << 20;

/// A text file: its path relative to the root, with `/`, and what it says.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// Whether the name ends in one of `extensions` (given without the dot).
    pub(crate) fn is(&self, extensions: &[&str]) -> bool {
        let extension = Path::new(&self.path).extension().and_then(|e| e.to_str());
        extension.is_some_and(|e| extensions.contains(&e))
    }
}

/// Every text file below `root`, sorted by path.
pub(crate) fn read(root: &Path) -> Result<Vec<TextFile>, String> {
    let mut files = Vec::new();
    walk(root, "", &mut files).map_err(|error| format!("cannot read the tree: {error}"))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(folder: &Path, relative: &str, files: &mut Vec<TextFile>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if relative.is_empty() { name.clone() } else { format!("{relative}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if is_ours(&name) {
                walk(&entry.path(), &path, files)?;
            }
        } else if kind.is_file() && entry.metadata()?.len() <= TEXT_LIMIT_BYTES {
            // What is not UTF-8 is a picture or a recording; the rules are about text.
            if let Ok(text) = fs::read_to_string(entry.path()) {
                files.push(TextFile { path, text });
            }
        }
    }
    Ok(())
}

fn is_ours(folder: &str) -> bool {
    if folder.starts_with('.') {
        return HIDDEN_BUT_OURS.contains(&folder);
    }
    !MADE.contains(&folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_and_foreign_folders_are_left_out() {
        assert!(is_ours("crates"));
        assert!(is_ours(".ci"));
        for made in ["target", "node_modules", ".git", ".venv", "__pycache__"] {
            assert!(!is_ours(made), "{made}");
        }
    }

    #[test]
    fn this_file_is_found_under_its_relative_path() {
        let files = read(&crate::root()).unwrap();
        let own = files.iter().find(|f| f.path == "xtask/src/tree.rs").unwrap();
        assert!(own.is(&["rs"]) && own.text.starts_with("//!"));
        assert!(files.windows(2).all(|pair| pair[0].path < pair[1].path));
    }
}
