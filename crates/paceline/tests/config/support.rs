//! A configuration from text and a pretended environment.

use paceline::config::{ConfigError, Flags, Loaded, Sources, resolve};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Resolves text under a pretended environment; the process's own is never read.
pub(crate) fn resolved(text: &str, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    with_flags(text, env, Flags::default())
}

/// The same with flags.
pub(crate) fn with_flags(text: &str, env: &[(&str, &str)], flags: Flags) -> Result<Loaded, ConfigError> {
    at(Some((Path::new("paceline.toml"), text)), env, flags)
}

/// The same without a file.
pub(crate) fn no_file(env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    at(None, env, Flags::default())
}

/// All of it.
pub(crate) fn at(
    file: Option<(&Path, &str)>,
    env: &[(&str, &str)],
    flags: Flags,
) -> Result<Loaded, ConfigError> {
    let map: BTreeMap<&str, &str> = env.iter().copied().collect();
    let names: Vec<String> = env.iter().map(|(name, _)| (*name).to_owned()).collect();
    let get = |name: &str| map.get(name).map(|value| (*value).to_owned());
    resolve(&Sources { file, env: &get, env_names: &names, flags })
}

/// The one problem of a configuration that has one.
pub(crate) fn only_problem(text: &str, env: &[(&str, &str)]) -> String {
    let error = resolved(text, env).map(|_| ()).expect_err("it must be refused");
    assert_eq!(error.problems.len(), 1, "{error}");
    error.problems[0].to_string()
}

/// A path below the crate.
pub(crate) fn crate_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a file with what it must hold; `UPDATE=1` writes it instead.
pub(crate) fn same_as_file(path: &Path, wanted: &str) {
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, wanted).unwrap();
        return;
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == wanted,
        "{} is not as it must be (UPDATE=1 writes it):\n{wanted}\n--- but it holds\n{there}",
        path.display()
    );
}
