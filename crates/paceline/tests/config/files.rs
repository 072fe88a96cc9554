//! Every file below `bad/` and `good/` against the text beside it.
//!
//! A first line `# env: A=b C=d` is the environment.

use crate::support::{at, crate_path, same_as_file};
use paceline::config::{Flags, show};
use std::path::{Path, PathBuf};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = crate_path("tests/config").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    files
}

fn env_of(text: &str) -> Vec<(String, String)> {
    let line = text.lines().next().and_then(|line| line.strip_prefix("# env: ")).unwrap_or_default();
    let pair = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    line.split_whitespace().filter_map(pair).collect()
}

fn said_of(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).unwrap();
    let env = env_of(&text);
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let name = Path::new(path.file_name().unwrap());
    match at(Some((name, &text)), &env, Flags::default()) {
        Ok(loaded) => Ok(show::render(&loaded, false)),
        Err(error) => Err(format!("{error}\n")),
    }
}

#[test]
fn bad_files_are_refused_with_place_and_suggestion() {
    let cases = cases("bad");
    assert!(cases.len() >= 12);
    for path in cases {
        let said = said_of(&path).expect_err("it must be refused");
        same_as_file(&path.with_extension("txt"), &said);
    }
}

#[test]
fn good_files_mean_what_they_say() {
    let cases = cases("good");
    assert!(cases.len() >= 5);
    for path in cases {
        let said = said_of(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        same_as_file(&path.with_extension("txt"), &said);
    }
}
