//! Secrets that are known: those of the configuration.

use super::span::{Span, begins, ends};
use memchr::memmem::Finder;
use std::fmt;
use std::sync::Arc;

/// What is shorter is not cut out: it would be part of many words.
const AT_LEAST: usize = 4;
/// What is shorter is cut out only where it stands alone.
const ALONE_BELOW: usize = 8;

/// Known secrets, the longest first.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[Finder<'static>]>);

impl Secrets {
    /// Keeps these; what is too short to be a secret is left out.
    pub fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut values: Vec<&str> = values.filter(|value| value.len() >= AT_LEAST).collect();
        values.sort_by_key(|value| (std::cmp::Reverse(value.len()), *value));
        values.dedup();
        Self(values.into_iter().map(|value| Finder::new(value).into_owned()).collect())
    }

    /// These and those, `most` at most.
    #[must_use]
    pub fn and(&self, others: &Self, most: usize) -> Self {
        let new = |one: &&Finder<'static>| !self.0.iter().any(|known| known.needle() == one.needle());
        Self(self.0.iter().chain(others.0.iter().filter(new)).take(most).cloned().collect())
    }

    pub(super) fn find(&self, text: &[u8], spans: &mut Vec<Span>) {
        let longer = self.0.partition_point(|finder| finder.needle().len() > text.len());
        for finder in &self.0[longer..] {
            let len = finder.needle().len();
            for start in finder.find_iter(text) {
                let end = start + len;
                if len >= ALONE_BELOW || (begins(text, start) && ends(text, end)) {
                    spans.push(Span { start, end, label: "[secret]" });
                }
            }
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}
