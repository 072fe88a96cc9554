//! A value that cannot be printed by accident.

use std::fmt;

/// A secret string: provider key, admin key, caller key.
///
/// It has no `Display`, no `Serialize`, and its `Debug` shows nothing, so that no log line, error or
/// report can carry it unless somebody writes [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a value; surrounding white space (a file's last newline) is not part of a key.
    pub fn new(value: &str) -> Self {
        Self(value.trim().into())
    }

    /// The value itself, for the one place that sends or hashes it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", Secret::new("sk-planted\n")), "Secret(…)");
        assert_eq!(Secret::new("sk-planted\n").expose(), "sk-planted");
    }
}
