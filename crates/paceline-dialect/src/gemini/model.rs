//! What the name of a model says about what it takes: families differ in how thought is asked for and given back.

use crate::neutral::request::Effort;

/// A model, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model<'a> {
    /// What follows `gemini-`; empty for models of other families.
    rest: &'a str,
    version: (u32, u32),
}

impl<'a> Model<'a> {
    /// Reads a name, also one with a path (`models/gemini-3-pro`).
    pub(super) fn new(name: &'a str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name);
        let rest = name.strip_prefix("gemini-").unwrap_or("");
        let mut numbers = rest.split('-').next().unwrap_or("").split('.').map(|n| n.parse().ok());
        let version = match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), minor) => (major, minor.unwrap_or(0)),
            // `gemini-flash-latest` is whatever is newest.
            (None, _) if rest.ends_with("-latest") => (u32::MAX, 0),
            (None, _) => (0, 0),
        };
        Self { rest, version }
    }

    /// Thought is asked for in words, and tool calls come with a seal that must come back.
    pub(super) const fn is_sealed(self) -> bool {
        self.version.0 >= 3
    }

    /// It can think at all. What is no Gemini by name may be one by another name.
    pub(super) fn thinks(self) -> bool {
        self.version == (0, 0) || self.version >= (2, 5)
    }

    fn is_pro(self) -> bool {
        self.rest.contains("pro")
    }

    /// The word for an effort that this model knows.
    pub(super) fn level(self, effort: Effort) -> &'static str {
        match effort {
            Effort::Minimal if self.is_pro() => "low",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            // The first of its generation knows two words.
            Effort::Medium if self.rest.starts_with("3-pro") => "high",
            Effort::Medium => "medium",
            Effort::High | Effort::Max => "high",
        }
    }

    /// The budgets this model takes, tokens: the least that is not nought, and the most.
    pub(super) fn budgets(self) -> (u64, u64) {
        match (self.is_pro(), self.rest.contains("lite")) {
            (true, _) => (128, 32_768),
            (_, true) => (512, 24_576),
            _ => (1, 24_576),
        }
    }

    /// Thought can be switched off.
    pub(super) fn can_be_silent(self) -> bool {
        !self.is_pro()
    }
}

#[cfg(test)]
mod tests {
    use super::Model;

    #[test]
    fn generations() {
        for (name, sealed, thinks) in [
            ("gemini-3-pro-preview", true, true),
            ("models/gemini-3.1-flash", true, true),
            ("gemini-flash-latest", true, true),
            ("publishers/google/models/gemini-2.5-flash", false, true),
            ("gemini-2.0-flash", false, false),
            ("gemini-1.5-pro-002", false, false),
            ("gemma-3-27b-it", false, true),
            ("", false, true),
        ] {
            let model = Model::new(name);
            assert_eq!((model.is_sealed(), model.thinks()), (sealed, thinks), "{name}");
        }
    }
}
