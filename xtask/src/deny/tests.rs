//! Small graphs against small rules, and the real file.

use super::*;
use serde_json::json;

const RULES: &str = r#"
[graph]
targets = ["x86_64-unknown-linux-gnu"]
[licenses]
allow = ["MIT", "Apache-2.0"]
exceptions = [{ crate = "special", allow = ["OpenSSL"] }]
[bans]
multiple-versions = "deny"
deny = [{ crate = "openssl-sys", reason = "TLS is rustls" }]
skip = [{ crate = "old@1.0.0" }]
[sources]
unknown-registry = "deny"
unknown-git = "deny"
"#;

fn package(name: &str, version: &str, license: &str, source: &str) -> Package {
    serde_json::from_value(json!({
        "id": format!("{name}@{version}"), "name": name, "version": version, "license": license,
        "source": source, "manifest_path": "Cargo.toml", "dependencies": [],
    }))
    .unwrap()
}

fn published(name: &str, version: &str, license: &str) -> Package {
    package(name, version, license, "registry+https://example.org/default.io-index")
}

fn told(packages: &[Package]) -> Vec<String> {
    let rules: Rules = toml::from_str(RULES).unwrap();
    let packages: Vec<&Package> = packages.iter().collect();
    check(&rules, &packages).unwrap().into_iter().map(|finding| finding.what).collect()
}

#[test]
fn a_licence_must_be_allowed_for_all_or_for_this_crate() {
    assert!(told(&[published("a", "1.0.0", "MIT OR GPL-3.0")]).is_empty());
    assert!(told(&[published("special", "1.0.0", "MIT AND OpenSSL")]).is_empty());
    assert_eq!(
        told(&[published("other", "1.0.0", "MIT AND OpenSSL")]),
        ["other 1.0.0 is under `MIT AND OpenSSL`"]
    );
}

#[test]
fn a_crate_without_licence_is_found() {
    let mut silent = published("a", "1.0.0", "");
    silent.license = None;
    assert_eq!(told(&[silent]), ["a 1.0.0 names no licence"]);
}

#[test]
fn banned_crates_are_found() {
    assert_eq!(told(&[published("openssl-sys", "0.9.0", "MIT")]), ["openssl-sys 0.9.0 is banned"]);
}

#[test]
fn only_the_default_registry_and_folders_are_sources() {
    let git = package("a", "1.0.0", "MIT", "git+https://example.org/a");
    let foreign = package("b", "1.0.0", "MIT", "registry+https://example.org/private");
    assert_eq!(
        told(&[git, foreign]),
        ["a 1.0.0 comes from a git repository", "b 1.0.0 comes from another registry"]
    );
    let mut ours = published("c", "1.0.0", "MIT");
    ours.source = None;
    assert!(told(&[ours]).is_empty());
}

#[test]
fn two_versions_are_found_unless_the_old_one_is_named() {
    let two = |name| [published(name, "1.0.0", "MIT"), published(name, "2.0.0", "MIT")];
    assert_eq!(told(&two("twice")), ["twice 1.0.0 is one of 2 versions (1.0.0, 2.0.0)"]);
    assert!(told(&two("old")).is_empty());
}

#[test]
fn the_projects_own_file_is_read_and_bans_a_second_tls_stack() {
    let text = fs::read_to_string(crate::root().join(LIST)).unwrap();
    let rules: Rules = toml::from_str(&text).unwrap();
    for name in ["openssl", "openssl-sys", "native-tls", "ring"] {
        assert!(rules.bans.deny.iter().any(|banned| banned.name == name), "{name}");
    }
    assert_eq!((rules.sources.unknown_registry, rules.sources.unknown_git), (Level::Deny, Level::Deny));
}
