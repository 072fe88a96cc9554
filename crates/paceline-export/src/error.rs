//! What can go wrong while records are written.

use parquet::errors::ParquetError;
use std::{error, fmt, io};

/// Why an export failed. What was written until then is no usable file.
#[derive(Debug)]
pub enum ExportError {
    /// The file, pipe or disk refused: full, closed, not allowed.
    Write(io::Error),
    /// A record could not be put into the format; a defect of ours. Says what the encoder said.
    Encode(String),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(error) => write!(f, "cannot write the export: {error}"),
            Self::Encode(what) => write!(f, "cannot encode a record: {what}"),
        }
    }
}

impl error::Error for ExportError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Write(error) => Some(error),
            Self::Encode(_) => None,
        }
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encode(error.to_string())
    }
}

impl From<ParquetError> for ExportError {
    /// The library wraps what the writer said; a full disk must stay a full disk.
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(io) => Self::Write(*io),
                Err(other) => Self::Encode(other.to_string()),
            },
            other => Self::Encode(other.to_string()),
        }
    }
}
