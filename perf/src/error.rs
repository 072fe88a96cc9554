//! One error for the whole tool: a sentence for the person who ran it.

use std::fmt;

/// What went wrong, in words.
#[derive(Debug, Clone)]
pub(crate) struct Error(pub(crate) String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// A result with [`Error`].
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An [`Error`] as a result.
pub(crate) fn fail<T>(what: impl Into<String>) -> Result<T> {
    Err(Error(what.into()))
}

/// Adds what was being done to an error or to an absence.
pub(crate) trait Context<T> {
    /// Turns the failure into an [`Error`] that starts with `doing`.
    fn context(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error(format!("{doing}: {error}")))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, doing: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error(doing.to_string()))
    }
}
