//! Licences, banned crates and sources of everything the program is built from, as `deny.toml` says.
//!
//! The file has the form of `cargo-deny`, which takes minutes to compile; these checks need seconds and nothing else.

mod spdx;

use crate::finding::Finding;
use crate::metadata::{Metadata, Package, reached};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const LIST: &str = "deny.toml";

/// The part of `deny.toml` that is checked here.
#[derive(Debug, Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Graph {
    /// The platforms whose graph counts.
    targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<LicenseException>,
}

/// Licences that only one crate may have.
#[derive(Debug, Deserialize)]
struct LicenseException {
    #[serde(rename = "crate", alias = "name")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bans {
    multiple_versions: Level,
    #[serde(default)]
    deny: Vec<Banned>,
    #[serde(default)]
    skip: Vec<Skipped>,
}

#[derive(Debug, Deserialize)]
struct Banned {
    #[serde(rename = "crate", alias = "name")]
    name: String,
    reason: String,
}

/// An old version that is known and borne, as `name@version`.
#[derive(Debug, Deserialize)]
struct Skipped {
    #[serde(rename = "crate", alias = "name")]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: Level,
    unknown_git: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Deny,
    Warn,
    Allow,
}

/// Checks the graph of every platform that `deny.toml` names.
pub(crate) fn run(root: &Path) -> Result<Vec<Finding>, String> {
    let text = fs::read_to_string(root.join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    let rules: Rules = toml::from_str(&text).map_err(|error| format!("{LIST}: {error}"))?;
    let metadata = Metadata::load(root)?;
    let mut findings = Vec::new();
    for target in &rules.graph.targets {
        let used = reached(root, &["--workspace", "--edges", "normal,build,dev", "--target", target])?;
        let is_used = |package: &&Package| {
            used.iter().any(|reached| reached.name() == package.name && reached.version == package.version)
        };
        let packages: Vec<&Package> = metadata.packages.iter().filter(is_used).collect();
        findings.extend(check(&rules, &packages)?);
    }
    findings.sort();
    findings.dedup();
    Ok(findings)
}

fn check(rules: &Rules, packages: &[&Package]) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for package in packages {
        findings.extend(check_license(&rules.licenses, package)?);
        findings.extend(check_ban(&rules.bans, package));
        findings.extend(check_source(&rules.sources, package));
    }
    findings.extend(check_versions(&rules.bans, packages));
    Ok(findings)
}

fn finding(package: &Package, what: &str, why: &'static str, advice: &str) -> Finding {
    let what = format!("{} {} {what}", package.name, package.version);
    Finding::new("Cargo.lock", 1, what, why, advice)
}

fn check_license(licenses: &Licenses, package: &Package) -> Result<Option<Finding>, String> {
    const WHY: &str = "everyone must be free to pass the program on";
    const ADVICE: &str = "use another crate, or look at the licence and allow it in deny.toml";
    let Some(expression) = &package.license else {
        return Ok(Some(finding(package, "names no licence", WHY, ADVICE)));
    };
    let special = licenses.exceptions.iter().filter(|e| e.name == package.name).flat_map(|e| &e.allow);
    let allowed: Vec<&str> = licenses.allow.iter().chain(special).map(String::as_str).collect();
    let fits = spdx::is_satisfied(expression, &allowed)
        .map_err(|error| format!("{} {}: {error}", package.name, package.version))?;
    Ok((!fits).then(|| finding(package, &format!("is under `{expression}`"), WHY, ADVICE)))
}

fn check_ban(bans: &Bans, package: &Package) -> Option<Finding> {
    let banned = bans.deny.iter().find(|banned| banned.name == package.name)?;
    let advice = format!("{}; `cargo tree -i {}` tells who brings it", banned.reason, package.name);
    Some(finding(package, "is banned", "one way for each thing", &advice))
}

/// How the address of cargo's default registry ends.
const DEFAULT_REGISTRY: &str = ".io-index";

fn check_source(sources: &Sources, package: &Package) -> Option<Finding> {
    let source = package.source.as_deref()?;
    let (kind, level) = if source.starts_with("git+") {
        ("a git repository", sources.unknown_git)
    } else if source.ends_with(DEFAULT_REGISTRY) {
        return None;
    } else {
        ("another registry", sources.unknown_registry)
    };
    let why = "what everyone can fetch and nobody can change is built the same everywhere";
    (level == Level::Deny)
        .then(|| finding(package, &format!("comes from {kind}"), why, "take a published version"))
}

fn check_versions(bans: &Bans, packages: &[&Package]) -> Vec<Finding> {
    if bans.multiple_versions != Level::Deny {
        return Vec::new();
    }
    let is_skipped = |package: &Package| {
        let full = format!("{}@{}", package.name, package.version);
        bans.skip.iter().any(|skipped| skipped.name == full)
    };
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in packages.iter().filter(|package| !is_skipped(package)) {
        by_name.entry(&package.name).or_default().push(package);
    }
    by_name.retain(|_, versions| versions.len() > 1);
    let advice = "update the older user, or name the old version under `skip` in deny.toml";
    by_name
        .into_values()
        .map(|versions| {
            let all: Vec<&str> = versions.iter().map(|package| package.version.as_str()).collect();
            let what = format!("is one of {} versions ({})", all.len(), all.join(", "));
            finding(versions[0], &what, "two versions are compiled, shipped and patched twice", advice)
        })
        .collect()
}

#[cfg(test)]
mod tests;
