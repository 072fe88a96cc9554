//! The files of `paceline router`: sets of outcomes, trained routers, predictions.

use super::super::out::tell;
use paceline_router::file;
use paceline_router::model::Model;
use paceline_router::set::{SLACK, Set};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest set that is read, in bytes.
const MAX_SET: u64 = 2 << 30;

/// A file's bytes, not more than `most`.
fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(format!("{} is larger than {most} bytes", path.display()));
    }
    Ok(bytes)
}

/// A file's text.
pub(super) fn text(path: &Path) -> Result<String, String> {
    String::from_utf8(bytes(path, MAX_SET)?).map_err(|_| format!("{} is no UTF-8 text", path.display()))
}

/// A set: `SET.jsonl`, with its models' names in `SET.meta.json` where that lies beside it.
pub(super) fn set(path: &Path) -> Result<Set, String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let meta = path.with_extension("meta.json");
    let meta = if meta.exists() { Some(text(&meta)?) } else { None };
    let set = Set::parse(&name, &text(path)?, meta.as_deref())?;
    if set.moved > 0 {
        tell(format_args!(
            "paceline: {}: {} of the qualities lay outside 0 to 1, by {SLACK} at most: taken for 0 or 1\n",
            path.display(),
            set.moved
        ));
    }
    Ok(set)
}

/// The sets that a path means: itself, or all `*.jsonl` of the folder, by name.
pub(super) fn sets(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| format!("cannot list {}: {error}", path.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(format!("no *.jsonl in {}", path.display())) } else { Ok(found) }
}

/// A trained router.
pub(super) fn model(path: &Path) -> Result<Model, String> {
    file::read(&bytes(path, file::MAX_BYTES as u64)?).map_err(|what| format!("{}: {what}", path.display()))
}

/// Writes a file whole, or leaves the old one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}
