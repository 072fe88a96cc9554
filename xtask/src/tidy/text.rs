//! What must not stand in any committed text: paths of one machine, addresses of package servers.

use crate::finding::Finding;
use crate::tree::TextFile;
use std::path::Path;

/// Where people's own folders lie. In two pieces, so that this file does not find itself.
const HOMES: &[&str] = &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/")];
const WHY_PATH: &str = "a path of one machine is wrong on every other";
const WHY_HOST: &str = "where packages come from is each machine's own setting";

/// Checks one text file; Cargo's lock file is Cargo's.
pub(crate) fn check(file: &TextFile, root: &Path) -> Vec<Finding> {
    if file.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let here = format!("{}/", root.display());
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if line.contains(&here) || HOMES.iter().any(|home| names_home(line, home)) {
            let advice = "write it relative to the project, or take it from the environment";
            findings.push(Finding::new(&file.path, index + 1, "a path of a machine", WHY_PATH, advice));
        }
        if file.path.ends_with("package-lock.json") && line.trim_start().starts_with("\"resolved\"") {
            let advice = "run npm with --omit-lockfile-registry-resolved";
            findings.push(Finding::new(&file.path, index + 1, "a download address", WHY_HOST, advice));
        }
    }
    findings
}

/// Whether `home` stands in the line as the begin of a path with a name after it.
fn names_home(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + home.len()..].chars().next();
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && !"._-~/}".contains(c));
        begins && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let file = TextFile { path: path.to_owned(), text: text.to_owned() };
        lines(check(&file, Path::new("/build/checkout")))
    }

    #[test]
    fn home_folders_and_this_checkout_are_found() {
        let homes: Vec<String> = HOMES.iter().map(|home| format!("see {home}ann/x\n")).collect();
        assert_eq!(found("docs/a.md", &homes.concat()), [1, 2, 3]);
        assert_eq!(found("docs/a.md", "cd /build/checkout/crates\n"), [1]);
    }

    #[test]
    fn relative_paths_and_routes_are_not() {
        let text: Vec<String> =
            HOMES.iter().map(|home| format!("app{home}x ~{home}x GET {home}\n")).collect();
        assert!(found("docs/a.md", &text.concat()).is_empty());
    }

    #[test]
    fn lock_files_of_npm_hold_no_addresses() {
        let text = "{\n  \"resolved\": \"somewhere\",\n  \"integrity\": \"x\"\n}\n";
        assert_eq!(found("tests/clients/package-lock.json", text), [2]);
        assert!(found("other.json", text).is_empty());
    }
}
