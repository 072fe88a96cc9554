//! Collects what is wrong, with the place of every setting, so that all problems are told at once.

use super::excerpt;
use super::problem::{Fault, Problem};
use super::values::Origin;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// More problems than these in one file help nobody.
const PROBLEMS_AT_MOST: usize = 100;

/// Problems so far, and where the settings come from.
pub(super) struct Report {
    file: Option<PathBuf>,
    lines: Vec<String>,
    pub(super) origins: BTreeMap<String, Origin>,
    errors: Vec<(usize, Problem)>,
    warnings: Vec<(usize, Problem)>,
}

impl Report {
    pub(super) fn new(file: Option<(&Path, &str)>) -> Self {
        Self {
            file: file.map(|(path, _)| path.to_owned()),
            lines: file.map(|(_, text)| text.lines().map(str::to_owned).collect()).unwrap_or_default(),
            origins: BTreeMap::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Something is wrong at a setting, or at the nearest table around it that was written.
    pub(super) fn error(&mut self, path: &str, fault: Fault) {
        let found = self.at(path, fault);
        self.errors.push(found);
    }

    /// Something is doubtful at a setting.
    pub(super) fn warn(&mut self, path: &str, fault: Fault) {
        let found = self.at(path, fault);
        self.warnings.push(found);
    }

    /// Something is wrong at an offset of the file, where no setting could be made out.
    pub(super) fn error_at(&mut self, line: usize, fault: Fault) {
        let problem = self.on_line(line, "", fault);
        self.errors.push((line, problem));
    }

    /// A name in the environment is doubtful.
    pub(super) fn warn_env(&mut self, name: &str, fault: Fault) {
        self.warnings.push((usize::MAX, Problem::new(name, fault)));
    }

    /// A value in the environment is wrong.
    pub(super) fn error_env(&mut self, name: &str, fault: Fault) {
        self.errors.push((usize::MAX, Problem::new(name, fault)));
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Whether something is wrong at or below a path, or at a variable of that name.
    pub(super) fn has_errors_about(&self, path: &str) -> bool {
        self.errors.iter().any(|(_, problem)| {
            problem.key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Where a setting comes from.
    pub(super) fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }

    /// Whether a setting was given at all.
    pub(super) fn given(&self, path: &str) -> bool {
        self.origins.contains_key(path)
    }

    /// The line of a setting for a sentence, e.g. `line 12`; nothing when it is not from the file.
    pub(super) fn line_of(&self, path: &str) -> String {
        match self.origin(path) {
            Origin::File { line, .. } => format!(" (line {line})"),
            _ => String::new(),
        }
    }

    /// Errors and warnings in the order of the file.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>, BTreeMap<String, Origin>) {
        let sorted = |mut list: Vec<(usize, Problem)>| {
            list.sort_by_key(|(offset, _)| *offset);
            list.dedup_by(|a, b| a.1 == b.1);
            list.truncate(PROBLEMS_AT_MOST);
            list.into_iter().map(|(_, problem)| problem).collect()
        };
        (sorted(std::mem::take(&mut self.errors)), sorted(std::mem::take(&mut self.warnings)), self.origins)
    }

    fn at(&self, path: &str, fault: Fault) -> (usize, Problem) {
        let key = excerpt::path(path);
        let mut place = path;
        let origin = loop {
            match self.origins.get(place) {
                Some(origin) => break origin,
                None if place.is_empty() => break &Origin::Default,
                None => place = parent(place),
            }
        };
        match origin {
            Origin::File { line, .. } => (*line, self.on_line(*line, &key, fault)),
            Origin::Env(name) => (usize::MAX, Problem::new(name, fault)),
            Origin::Flag(name) => (usize::MAX, Problem::new(name, fault)),
            Origin::Default => {
                let file = self.file.clone();
                (usize::MAX, Problem { file, ..Problem::new(&key, fault) })
            }
        }
    }

    fn on_line(&self, line: usize, key: &str, fault: Fault) -> Problem {
        let text = self.lines.get(line.saturating_sub(1)).map(|text| excerpt::line(text));
        let text = text.filter(|text| !text.is_empty());
        Problem { file: self.file.clone(), line: Some(line), text, ..Problem::new(key, fault) }
    }
}

/// The path of a setting inside a table; names that are not bare are quoted.
pub(crate) fn join(table: &str, name: &str) -> String {
    let bare = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if table.is_empty() { name } else { format!("{table}.{name}") }
}

/// The table or list around a path; empty for the file itself.
fn parent(path: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    let mut cut = 0;
    for (at, c) in path.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '.' | '[' if !quoted => cut = at,
            _ => {}
        }
    }
    &path[..cut]
}

/// The last name of a path.
pub(super) fn name_of(path: &str) -> &str {
    path[parent(path).len()..].trim_start_matches('.')
}

#[cfg(test)]
mod tests {
    use super::{join, parent};

    #[test]
    fn paths_are_built_and_cut_with_quoted_names() {
        let path = join(&join("models", "gpt-4.1"), "targets") + "[2]";
        assert_eq!(path, r#"models."gpt-4.1".targets[2]"#);
        let up: Vec<&str> = std::iter::successors(Some(path.as_str()), |p| Some(parent(p))).take(5).collect();
        assert_eq!(&up[1..], [r#"models."gpt-4.1".targets"#, r#"models."gpt-4.1""#, "models", ""]);
    }
}
