//! Which formats there are, and what they are called.

/// A file format for call records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table as text (RFC 4180), for spreadsheets.
    Csv,
    /// One record a line, as the admin side tells it.
    JsonLines,
    /// A table with types, packed, for data tools.
    Parquet,
}

impl Format {
    /// All formats, for help and documentation.
    pub const ALL: [Format; 3] = [Self::Csv, Self::JsonLines, Self::Parquet];

    /// The stable name, which is also the usual ending of such a file's name (without the dot).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// Reads [`Format::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// The format that a file's name ends in, whatever the case: `calls.CSV` is CSV.
    pub fn of_file(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        Self::parse(&ending.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn names_read_back_and_file_names_tell_the_format() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.as_str()), Some(format));
            assert_eq!(Format::of_file(&format!("a.b.{}", format.as_str())), Some(format));
        }
        assert_eq!(Format::of_file("CALLS.CSV"), Some(Format::Csv));
        for unknown in ["", "json", "CSV", "csv "] {
            assert_eq!(Format::parse(unknown), None, "{unknown}");
        }
        assert_eq!(Format::of_file("csv"), None);
    }
}
