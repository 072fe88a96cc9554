//! Who may depend on whom: the only allowed edges between our crates, and what quiet crates must not reach.

use crate::finding::Finding;
use crate::metadata::{Metadata, Reached, line_of, reached};
use std::fs;
use std::path::Path;

/// What a crate may use of ours.
enum May {
    Use(&'static [&'static str]),
    UseAll,
}

/// The table of `ARCHITECTURE.md`, "The rule of direction". Names without the `paceline-` in front.
const TABLE: &[(&str, May)] = &[
    ("types", May::Use(&[])),
    ("stats", May::Use(&["types"])),
    ("dialect", May::Use(&["types"])),
    ("routing", May::Use(&["types", "stats"])),
    ("router", May::Use(&["types", "stats"])),
    ("catalog", May::Use(&["types"])),
    ("cache", May::Use(&["types"])),
    ("tune", May::Use(&["types", "stats"])),
    ("report", May::Use(&["types", "stats"])),
    ("export", May::Use(&["types"])),
    ("http", May::Use(&["types"])),
    ("store", May::Use(&["types", "stats", "http"])),
    ("gateway", May::Use(&["types", "dialect", "routing", "cache", "http"])),
    ("watch", May::Use(&["types", "stats", "http"])),
    ("bench", May::Use(&["types", "stats", "dialect", "http"])),
    ("sim", May::Use(&["types", "stats", "dialect"])),
    ("paceline", May::UseAll),
    ("perf", May::UseAll),
    ("xtask", May::Use(&[])),
];

/// What the tests of any crate may use besides: the simulated world and the assembled program.
const FOR_TESTS: &[&str] = &["sim", "paceline"];

/// Crates that compute and never wait.
pub(crate) const QUIET: &[&str] =
    &["types", "stats", "dialect", "routing", "router", "catalog", "cache", "tune", "report"];

/// What waits, reads a clock, opens a socket or rolls dice.
const NOT_QUIET: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "fastrand",
    "h2",
    "hyper",
    "hyper-util",
    "isahc",
    "jiff",
    "mio",
    "quanta",
    "rand",
    "rand_core",
    "reqwest",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tower",
    "ureq",
];

const WHY_EDGES: &str = "crates depend only downwards, or the rooms grow together";
const WHY_QUIET: &str = "a quiet crate gives the same output for the same input, always";

/// Checks the manifests and what they resolve to.
pub(crate) fn check(metadata: &Metadata, root: &Path) -> Result<Vec<Finding>, String> {
    let ours: Vec<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in metadata.members() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap_or_default();
        let at = Place { path: relative(&package.manifest_path, root), manifest: &manifest };
        findings.extend(check_name(&package.name, &at));
        for dependency in &package.dependencies {
            if ours.contains(&dependency.name.as_str()) {
                findings.extend(check_edge(&package.name, &dependency.name, dependency.is_dev(), &at));
            }
        }
        if QUIET.contains(&room(&package.name)) {
            let product = reached(root, &["--package", &package.name, "--edges", "normal"])?;
            findings.extend(check_quiet(&product, &at));
        }
    }
    Ok(findings)
}

/// A manifest, to point into.
struct Place<'a> {
    path: String,
    manifest: &'a str,
}

impl Place<'_> {
    fn finding(&self, name: &str, what: String, why: &'static str, advice: String) -> Finding {
        Finding::new(&self.path, line_of(self.manifest, name), what, why, advice)
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// `paceline-types` is the room `types`; the program itself is `paceline`.
fn room(name: &str) -> &str {
    name.strip_prefix("paceline-").unwrap_or(name)
}

fn check_name(name: &str, at: &Place<'_>) -> Option<Finding> {
    let room = room(name);
    if ["core", "common", "utils", "util", "misc", "shared"].contains(&room) {
        return Some(at.finding(
            "name",
            format!("crate `{name}` is named after nothing"),
            "such a crate collects what belongs elsewhere",
            "name it after what it knows".to_owned(),
        ));
    }
    if TABLE.iter().any(|(known, _)| *known == room) {
        return None;
    }
    Some(at.finding(
        "name",
        format!("crate `{name}` is not in the table of allowed edges"),
        WHY_EDGES,
        "give it a row in ARCHITECTURE.md and in xtask/src/tidy/edges.rs".to_owned(),
    ))
}

fn check_edge(from: &str, to: &str, is_dev: bool, at: &Place<'_>) -> Option<Finding> {
    let (from_room, to_room) = (room(from), room(to));
    let allowed = match TABLE.iter().find(|(known, _)| *known == from_room)? {
        (_, May::UseAll) => true,
        (_, May::Use(list)) => list.contains(&to_room) || (is_dev && FOR_TESTS.contains(&to_room)),
    };
    (!allowed).then(|| {
        at.finding(
            to,
            format!("`{from}` depends on `{to}`"),
            WHY_EDGES,
            "move the shared words to paceline-types, or join the two in the `paceline` crate".to_owned(),
        )
    })
}

/// Checks all that a quiet crate's product is built from, itself included.
fn check_quiet(product: &[Reached], at: &Place<'_>) -> Vec<Finding> {
    let loud = product.iter().filter(|reached| NOT_QUIET.contains(&reached.name()));
    loud.filter_map(|reached| {
        let [package, first, ..] = reached.chain.as_slice() else { return None };
        Some(at.finding(
            first,
            format!("quiet crate `{package}` reaches `{}` ({})", reached.name(), reached.chain.join(" -> ")),
            WHY_QUIET,
            "let time and chance arrive as arguments, and sockets stay in busy crates".to_owned(),
        ))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place<'static> {
        Place { path: "Cargo.toml".to_owned(), manifest: "[dependencies]\npaceline-store.workspace = true\n" }
    }

    #[test]
    fn only_the_table_is_allowed() {
        assert!(check_edge("paceline-stats", "paceline-types", false, &place()).is_none());
        assert!(check_edge("paceline", "paceline-store", false, &place()).is_none());
        let finding = check_edge("paceline-gateway", "paceline-store", false, &place()).unwrap();
        assert_eq!(finding.line, 2);
        assert!(check_edge("xtask", "paceline-types", false, &place()).is_some());
        assert!(check_edge("paceline-types", "paceline", false, &place()).is_some());
    }

    #[test]
    fn tests_may_use_the_simulated_world_and_the_program() {
        assert!(check_edge("paceline-gateway", "paceline-sim", true, &place()).is_none());
        assert!(check_edge("paceline-gateway", "paceline-sim", false, &place()).is_some());
        assert!(check_edge("paceline-gateway", "paceline-store", true, &place()).is_some());
    }

    #[test]
    fn crates_need_a_telling_name_and_a_row() {
        assert!(check_name("paceline-http", &place()).is_none());
        assert!(check_name("paceline-common", &place()).unwrap().what.contains("named after nothing"));
        assert!(check_name("paceline-new", &place()).unwrap().what.contains("not in the table"));
    }

    #[test]
    fn quiet_crates_do_not_reach_a_runtime_also_not_through_others() {
        let chain = |names: &[&str]| Reached {
            chain: names.iter().map(ToString::to_string).collect(),
            version: "1.0.0".to_owned(),
        };
        let product = [
            chain(&["paceline-stats"]),
            chain(&["paceline-stats", "helper"]),
            chain(&["paceline-stats", "helper", "tokio"]),
        ];
        let findings = check_quiet(&product, &place());
        assert_eq!(findings.len(), 1);
        assert!(findings[0].what.contains("paceline-stats -> helper -> tokio"));
        assert!(check_quiet(&product[..2], &place()).is_empty());
    }
}
