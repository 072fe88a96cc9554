//! Temporary credentials as the services that hand them out write them: containers and instance metadata, one JSON form.

use super::sign::Credentials;
use paceline_types::secret::Secret;
use paceline_types::time::Timestamp;
use serde::Deserialize;
use std::fmt;

/// Credentials with their end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// The credentials.
    pub credentials: Credentials,
    /// When they end (Unix seconds), where the document says so.
    pub expires_s: Option<i64>,
}

/// Why a document gives no credentials. No value of the document's secrets is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentError {
    /// No JSON object of text members.
    NotJson {
        /// Where it stops fitting, counted from 1.
        line: usize,
        /// The same.
        column: usize,
    },
    /// The service says why it has none.
    Refused {
        /// Its code, e.g. `AssumeRoleUnauthorizedAccess`.
        code: String,
        /// Its words.
        message: String,
    },
    /// A member that must be there is not, or is empty.
    Missing(&'static str),
    /// `Expiration` is no moment.
    Expiration,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column } => {
                write!(f, "the answer is no JSON object of credentials (line {line}, column {column})")
            }
            Self::Refused { code, message } if message.is_empty() => write!(f, "it says {code}"),
            Self::Refused { code, message } => write!(f, "it says {code}: {message}"),
            Self::Missing(name) => write!(f, "the answer has no {name}"),
            Self::Expiration => f.write_str("the answer's Expiration is no moment (RFC 3339)"),
        }
    }
}

impl std::error::Error for DocumentError {}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    #[serde(alias = "code")]
    code: Option<String>,
    #[serde(alias = "message")]
    message: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

/// Reads a document.
///
/// # Errors
/// When it holds no credentials; the error says why.
pub fn parse(json: &[u8]) -> Result<Temporary, DocumentError> {
    let written: Written = serde_json::from_slice(json)
        .map_err(|error| DocumentError::NotJson { line: error.line(), column: error.column() })?;
    if let Some(code) = written.code.filter(|code| code != "Success") {
        return Err(DocumentError::Refused { code, message: written.message.unwrap_or_default() });
    }
    let needed = |value: Option<String>, name| {
        value.filter(|value| !value.trim().is_empty()).ok_or(DocumentError::Missing(name))
    };
    let credentials = Credentials {
        access_key: needed(written.access_key_id, "AccessKeyId")?.trim().to_owned(),
        secret_key: Secret::new(&needed(written.secret_access_key, "SecretAccessKey")?),
        session_token: written.token.map(|token| Secret::new(&token)).filter(|token| !token.is_empty()),
    };
    let expires_s = match written.expiration {
        None => None,
        Some(text) => Some(Timestamp::parse_rfc3339(&text).ok_or(DocumentError::Expiration)?.seconds()),
    };
    Ok(Temporary { credentials, expires_s })
}

#[cfg(test)]
mod tests {
    use super::{DocumentError, parse};
    use paceline_types::secret::Secret;

    #[test]
    fn instance_metadata_as_amazon_shows_it() {
        let text = br#"{"Code":"Success","LastUpdated":"2026-04-26T16:39:16Z","Type":"AWS-HMAC",
            "AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalr/K7","Token":"token",
            "Expiration":"2026-05-17T15:09:54Z"}"#;
        let found = parse(text).unwrap();
        assert_eq!(found.credentials.access_key, "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(found.credentials.secret_key.expose(), "wJalr/K7");
        assert_eq!(found.credentials.session_token.as_ref().map(Secret::expose), Some("token"));
        assert_eq!(found.expires_s, Some(1_779_030_594));
    }

    #[test]
    fn a_document_without_credentials_says_why_and_shows_none() {
        let cases: [(&[u8], DocumentError, &str); 5] = [
            (
                br#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role r"}"#,
                DocumentError::Refused {
                    code: "AssumeRoleUnauthorizedAccess".into(),
                    message: "EC2 cannot assume the role r".into(),
                },
                "EC2 cannot assume the role r",
            ),
            (
                br#"{"code":"x"}"#,
                DocumentError::Refused { code: "x".into(), message: String::new() },
                "says x",
            ),
            (
                br#"{"AccessKeyId":"a","SecretAccessKey":" "}"#,
                DocumentError::Missing("SecretAccessKey"),
                "SecretAccessKey",
            ),
            (
                br#"{"AccessKeyId":"a","SecretAccessKey":"planted","Expiration":"soon"}"#,
                DocumentError::Expiration,
                "Expiration",
            ),
            (
                b"{\"SecretAccessKey\":\"planted\",\n\"Token\":5}",
                DocumentError::NotJson { line: 2, column: 9 },
                "line 2",
            ),
        ];
        for (text, expected, words) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(error, expected);
            let told = error.to_string();
            assert!(told.contains(words) && !told.contains("planted"), "{told}");
        }
    }
}
