//! What a translation could not carry: told to the caller, never lost in silence.

/// The most notes kept of one request; further ones are counted.
const MAX_NOTES: usize = 24;

/// What did not cross, in the order it was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    list: Vec<String>,
    more: usize,
}

impl Notes {
    /// A field that was not sent.
    pub fn dropped(&mut self, field: &str) {
        self.note(format!("{field} not sent"));
    }

    /// A field that was sent as something else.
    pub fn changed(&mut self, field: &str, how: &str) {
        self.note(format!("{field} {how}"));
    }

    fn note(&mut self, text: String) {
        if self.list.contains(&text) {
            return;
        }
        if self.list.len() == MAX_NOTES {
            self.more += 1;
            return;
        }
        self.list.push(text);
    }

    /// Whether everything crossed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One line for a header: notes with semicolons between; what is not plain ASCII is shown as `?`.
    pub fn line(&self) -> String {
        let mut line = self.list.join("; ");
        if self.more > 0 {
            line += &format!("; and {} more", self.more);
        }
        line.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
    }
}

/// A request that cannot be asked there without changing what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The field.
    pub field: String,
    /// Why not, and what to do.
    pub why: String,
}

/// A request that is not what its dialect allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The field.
    pub field: String,
    /// What was expected.
    pub expected: &'static str,
}

impl Malformed {
    /// An error at `field`.
    pub fn at(field: impl Into<String>, expected: &'static str) -> Self {
        Self { field: field.into(), expected }
    }
}
