//! What a person looks for: words, and filters of `GET /v1/calls` as name=value.

use super::read::number;
use crate::admin::CALLS_PARAMETERS;
use crate::cli::client::encoded;
use serde_json::Value;

/// Parameters that choose a page or a time and not calls.
const PAGING: [&str; 4] = ["limit", "window", "since", "until"];

/// Words that must all be found, and name=value pairs that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// As it was written.
    pub(super) text: String,
    words: Vec<String>,
    pairs: Vec<(String, String)>,
}

impl Filter {
    /// Reads what was written.
    ///
    /// # Errors
    /// In words, when a name is no filter.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut filter = Self { text: text.trim().to_owned(), ..Self::default() };
        for part in text.split_whitespace() {
            match part.split_once('=') {
                None => filter.words.push(part.to_lowercase()),
                Some((name, value)) if is_filter(name) => {
                    filter.pairs.push((name.to_owned(), value.to_owned()));
                }
                Some((name, _)) => {
                    let names: Vec<&str> =
                        CALLS_PARAMETERS.iter().copied().filter(|name| is_filter(name)).collect();
                    return Err(format!("`{name}` is no filter; there are {}", names.join(", ")));
                }
            }
        }
        Ok(filter)
    }

    /// What the admin API is asked, to find older calls too.
    pub(super) fn query(&self) -> String {
        let add =
            |query: String, (name, value): &(String, String)| format!("{query}&{name}={}", encoded(value));
        self.pairs.iter().fold(String::new(), add)
    }

    /// Whether all words are in a text.
    pub(super) fn takes(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }

    /// Whether a call record is meant.
    pub(super) fn takes_call(&self, call: &Value) -> bool {
        self.pairs.iter().all(|(name, value)| holds(call, name, value))
            && (self.words.is_empty() || self.takes(&shown(call)))
    }
}

fn is_filter(name: &str) -> bool {
    CALLS_PARAMETERS.contains(&name) && !PAGING.contains(&name)
}

/// As `GET /v1/calls` means it.
fn holds(call: &Value, name: &str, value: &str) -> bool {
    let is = |field: &str| call[field].as_str() == Some(value);
    let at_least = |field: &str| {
        let least: Option<f64> = value.parse().ok();
        number(call, field).zip(least).is_some_and(|(is, least)| is >= least)
    };
    match name {
        "model" => is("requested_model") || is("model") || is("deployment"),
        "min_cost_usd" => at_least("/cost_usd"),
        "min_duration_ms" => at_least("/duration_ms"),
        "tag" => value.split_once(':').is_some_and(|(tag, value)| call["tags"][tag].as_str() == Some(value)),
        other => is(other),
    }
}

/// What words are looked for in.
fn shown(call: &Value) -> String {
    const FIELDS: [&str; 15] = [
        "id",
        "requested_model",
        "model",
        "deployment",
        "provider",
        "status",
        "error_kind",
        "error_code",
        "key",
        "tenant",
        "workspace",
        "role",
        "task",
        "session",
        "user",
    ];
    FIELDS.iter().filter_map(|field| call[*field].as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use serde_json::json;

    #[test]
    fn words_and_pairs_must_all_hold() {
        let call = json!({
            "model": "gpt-4o", "deployment": "openai/gpt-4o", "status": "error", "error_code": "provider_failed",
            "duration_ms": 1500.0, "cost_usd": "0.25", "tags": {"team": "red"}, "key": "team-a",
        });
        let takes = |text: &str| Filter::read(text).unwrap().takes_call(&call);
        for text in [
            "",
            "GPT failed",
            "status=error",
            "model=openai/gpt-4o team-a",
            "tag=team:red min_cost_usd=0.25 min_duration_ms=1000",
        ] {
            assert!(takes(text), "{text}");
        }
        for text in [
            "claude",
            "gpt claude",
            "status=ok",
            "status=error nobody",
            "min_duration_ms=1501",
            "tag=team:blue",
        ] {
            assert!(!takes(text), "{text}");
        }
        assert_eq!(Filter::read("a status=error tag=a:b&c").unwrap().query(), "&status=error&tag=a:b%26c");
        let told = Filter::read("stauts=error").unwrap_err();
        assert!(told.contains("stauts") && told.contains("status") && !told.contains("limit"), "{told}");
    }
}
