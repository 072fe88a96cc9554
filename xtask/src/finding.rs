//! One broken rule: where, what, why it is a rule, and what to do.

use std::fmt;

/// A broken rule, told in one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) why: &'static str,
    pub(crate) advice: String,
}

impl Finding {
    pub(crate) fn new(
        path: &str,
        line: usize,
        what: impl Into<String>,
        why: &'static str,
        advice: impl Into<String>,
    ) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), why, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, why, advice } = self;
        write!(f, "{path}:{line}: {what}; {why}; {advice}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_line_with_all_four_parts() {
        let finding = Finding::new("a/b.rs", 7, "what", "why", "do this");
        assert_eq!(finding.to_string(), "a/b.rs:7: what; why; do this");
    }
}
