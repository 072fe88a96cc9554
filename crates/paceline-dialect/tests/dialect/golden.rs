//! Files that hold what must come out: what goes in stands beside them.

use paceline_dialect::neutral::event::Event;
use paceline_dialect::neutral::json::Json;
use std::fs;
use std::path::{Path, PathBuf};

/// Goes through the files of `dir` that end in `end`, and compares what `make` says of each with the file of the same name
/// and `.txt`; `UPDATE=1` writes it instead.
pub(crate) fn each(dir: &str, end: &str, make: impl Fn(&str, &[u8]) -> String) {
    for file in paths(dir, end) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        same(&file.with_extension("txt"), &make(&name, &fs::read(&file).unwrap()));
    }
}

/// What the files of `dir` that end in `end` hold.
pub(crate) fn files(dir: &str, end: &str) -> Vec<Vec<u8>> {
    paths(dir, end).into_iter().map(|file| fs::read(file).unwrap()).collect()
}

fn paths(dir: &str, end: &str) -> Vec<PathBuf> {
    let dir = place(dir);
    let mut files: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|own| own == end));
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing", dir.display());
    files
}

/// A file of the fixtures.
fn place(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// The text of a fixture.
pub(crate) fn fixture(path: &str) -> String {
    fs::read_to_string(place(path)).unwrap()
}

/// Compares a file below the fixtures with what it must hold; `UPDATE=1` writes it instead.
pub(crate) fn golden(path: &str, actual: &str) {
    same(&place(path), actual);
}

fn same(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, actual).unwrap();
        return;
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == actual,
        "{} is not as it must be (UPDATE=1 writes it):\n{actual}\n--- but it holds\n{there}",
        path.display()
    );
}

/// The streams among the fixtures, as their dialect sends them: each line of a file is what one event holds.
pub(crate) fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|&b| b == b'\n').filter(|line| !line.is_empty())
}

/// An event in one line.
pub(crate) fn shown(event: &Event<'_>) -> String {
    let maybe = |json: &Option<Json<'_>>| json.as_ref().map_or("-", Json::get).to_owned();
    match event {
        Event::Begin { id, model } => format!("begin {} {}", maybe(id), maybe(model)),
        Event::Text { choice, text } => format!("{choice} text {}", text.get()),
        Event::Reasoning { choice, text } => format!("{choice} reasoning {}", text.get()),
        Event::Signature { choice, signature } => format!("{choice} signature {}", signature.get()),
        Event::Sealed { choice, data } => format!("{choice} sealed {}", data.get()),
        Event::Refusal { choice, text } => format!("{choice} refusal {}", text.get()),
        Event::ToolCall { choice, tool, id, name, signature } => {
            format!("{choice} tool {tool} {} {} {}", maybe(id), name.get(), maybe(signature))
        }
        Event::ToolInput { choice, tool, piece } => format!("{choice} input {tool} {}", piece.get()),
        Event::Citation { choice, json } => format!("{choice} citation {}", json.get()),
        Event::Logprobs { choice, json } => format!("{choice} logprobs {}", json.get()),
        Event::Other { choice, kind } => format!("{choice} other {kind}"),
        Event::Finish { choice, reason, stop } => format!("{choice} finish {reason:?} {}", maybe(stop)),
        Event::Usage(usage) => format!(
            "usage in {} out {} read {} written {} (1h {}) reasoning {}",
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.cache_write_1h_tokens,
            usage.reasoning_tokens
        ),
        Event::Failed(failure) => format!("failed {failure:?}"),
        Event::End => "end".to_owned(),
    }
}
