//! What Cargo knows about the workspace and the crates it is built from.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The part of `cargo metadata` that rules need.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
}

/// One crate, ours or foreign.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// `None` for a crate that lies in a folder.
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// Whether only tests see it.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Metadata {
    /// Asks Cargo.
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let output = ask(root, &["metadata", "--format-version", "1", "--locked"])?;
        serde_json::from_slice(&output).map_err(|error| format!("cargo metadata: {error}"))
    }

    /// Our own crates.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

/// One crate as a chain of names from the asked one to it, and its version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) chain: Vec<String>,
    pub(crate) version: String,
}

impl Reached {
    /// The crate itself.
    pub(crate) fn name(&self) -> &str {
        self.chain.last().map_or("", String::as_str)
    }
}

/// What `cargo tree` reaches with `args`. The graph of `cargo metadata` also holds optional crates that nothing turned on.
pub(crate) fn reached(root: &Path, args: &[&str]) -> Result<Vec<Reached>, String> {
    let fixed = ["tree", "--locked", "--prefix", "depth", "--format", "={p}"];
    let output = ask(root, &[&fixed, args].concat())?;
    Ok(read_tree(&String::from_utf8_lossy(&output)))
}

/// Reads lines of the form `2=name v1.0.0 (…)`, where 2 is how deep the crate stands.
fn read_tree(text: &str) -> Vec<Reached> {
    let mut above: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((depth, package)) = line.split_once('=') else { continue };
        let (Ok(depth), mut words) = (depth.parse::<usize>(), package.split(' ')) else { continue };
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        above.truncate(depth);
        above.push(name.to_owned());
        found.push(Reached { chain: above.clone(), version: version.trim_start_matches('v').to_owned() });
    }
    found
}

fn ask(root: &Path, args: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new(cargo())
        .current_dir(root)
        .args(args)
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("cargo {}: {}", args[0], String::from_utf8_lossy(&output.stderr).trim()))
}

/// The Cargo that started us, or the one on the path.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// The line of a manifest that names a dependency; 1 when it is spelled in a way this does not see.
pub(crate) fn line_of(manifest: &str, name: &str) -> usize {
    let names = |line: &str| {
        line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_found_by_its_whole_name() {
        let manifest = "[dependencies]\ntokio-rustls.workspace = true\ntokio = \"1\"\nhttp.workspace=true\n";
        assert_eq!(line_of(manifest, "tokio"), 3);
        assert_eq!(line_of(manifest, "http"), 4);
        assert_eq!(line_of(manifest, "absent"), 1);
    }

    #[test]
    fn a_tree_is_read_as_chains() {
        let text =
            "0=ours v0.1.0 (a folder)\n1=a v1.2.3\n2=b v2.0.0 (proc-macro)\n1=c v3.0.0\n2=b v2.0.0 (*)\n\n";
        let chains: Vec<String> =
            read_tree(text).iter().map(|r| r.chain.join(">") + "@" + &r.version).collect();
        assert_eq!(
            chains,
            ["ours@0.1.0", "ours>a@1.2.3", "ours>a>b@2.0.0", "ours>c@3.0.0", "ours>c>b@2.0.0"]
        );
    }
}
