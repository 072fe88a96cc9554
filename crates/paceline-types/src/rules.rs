//! What somebody may use: limits, budgets and rights, as the configuration and stored keys state them.

use crate::id::Name;
use crate::money::Cost;
use crate::time::Timestamp;

/// How much a scope (a key, workspace, tenant, model or provider) may use at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any 60 seconds; at least 1.
    pub calls_per_minute: Option<u64>,
    /// Input and output tokens in any 60 seconds; at least 1.
    pub tokens_per_minute: Option<u64>,
    /// Calls under way at once; at least 1.
    pub concurrent: Option<u64>,
    /// What would be refused is only counted.
    pub shadow: bool,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.calls_per_minute.is_none() && self.tokens_per_minute.is_none() && self.concurrent.is_none()
    }
}

/// How much a scope may spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// In one day of the zone of budgets.
    pub day: Option<Cost>,
    /// In one month of the zone of budgets.
    pub month: Option<Cost>,
    /// The share of a budget, above 0 and at most 1, from which on it is told that it is nearly used.
    pub soft: f64,
    /// What would be refused is only counted.
    pub shadow: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { day: None, month: None, soft: 0.8, shadow: false }
    }
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.day.is_none() && self.month.is_none()
    }
}

/// Which of the waiting is let in first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Work that can wait.
    Batch,
    /// Somebody waits for the answer.
    #[default]
    Interactive,
}

impl Priority {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Interactive => "interactive",
        }
    }

    /// Reads [`Priority::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Batch, Self::Interactive].into_iter().find(|priority| priority.as_str() == text)
    }
}

/// What one key may do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    /// Models it may name, as callers write them; a final `*` stands for any ending. Empty: all.
    pub models: Vec<Name>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// What it may use at a time.
    pub limits: Limits,
    /// What it may spend.
    pub budget: Budget,
    /// Who waits longer.
    pub priority: Priority,
}

impl Rights {
    /// Whether `model` may be named.
    pub fn allows(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| matches(pattern, model))
    }
}

/// Whether `name` is what `pattern` says: itself, or with a final `*` all that begins so.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::{Priority, Rights};

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        let rights = Rights { models: vec!["smart".into(), "openai/*".into()], ..Rights::default() };
        assert!(rights.allows("smart") && rights.allows("openai/gpt-5"));
        assert!(!rights.allows("smarter") && !rights.allows("groq/x"));
        assert!(Rights::default().allows("anything"));
    }

    #[test]
    fn priorities_read_back() {
        for priority in [Priority::Batch, Priority::Interactive] {
            assert_eq!(Priority::parse(priority.as_str()), Some(priority));
        }
        assert!(Priority::Interactive > Priority::Batch);
    }
}
