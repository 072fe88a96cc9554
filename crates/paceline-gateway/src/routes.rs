//! What a path asks for, by a look at its bytes.

use crate::step::generate;
use paceline_types::record::{Dialect, Operation};

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// A call.
    Call(Operation, Dialect),
    /// A call of Gemini's dialect, whose path names the model and says whether a stream is asked for.
    Named {
        /// What for.
        operation: Operation,
        /// The model, as it stands in the path.
        model: &'a str,
        /// Whether a stream.
        stream: bool,
    },
    /// `/{provider}/…`: the provider's place and the rest, with its slash.
    Passthrough(usize, &'a str),
    /// The admin side.
    Control,
}

/// Finds the route of `path`; `provider` gives a provider's place by its name.
pub(crate) fn route(path: &str, provider: impl Fn(&str) -> Option<usize>) -> Route<'_> {
    match path {
        "/v1/chat/completions" | "/chat/completions" => return Route::Call(Operation::Chat, Dialect::OpenAi),
        "/v1/embeddings" | "/embeddings" => return Route::Call(Operation::Embeddings, Dialect::OpenAi),
        "/v1/messages" => return Route::Call(Operation::Chat, Dialect::Anthropic),
        "/v1/messages/count_tokens" => return Route::Call(Operation::CountTokens, Dialect::Anthropic),
        generate::PATH => return Route::Call(Operation::Chat, Dialect::OpenAi),
        "/v1/responses" | "/responses" => return Route::Call(Operation::Chat, Dialect::Responses),
        _ => {}
    }
    if let Some(named) = named(path) {
        return named;
    }
    let rest = path.strip_prefix('/').unwrap_or(path);
    match rest.find('/') {
        Some(end) => match provider(&rest[..end]) {
            Some(at) => Route::Passthrough(at, &rest[end..]),
            None => Route::Control,
        },
        None => Route::Control,
    }
}

/// `/v1beta/models/{model}:generateContent` and its sisters; a model's name may hold slashes and colons.
fn named(path: &str) -> Option<Route<'_>> {
    let rest = ["/v1beta/models/", "/v1/models/"].iter().find_map(|start| path.strip_prefix(start))?;
    let (model, method) = rest.rsplit_once(':')?;
    let (operation, stream) = match method {
        "generateContent" => (Operation::Chat, false),
        "streamGenerateContent" => (Operation::Chat, true),
        "countTokens" => (Operation::CountTokens, false),
        _ => return None,
    };
    Some(Route::Named { operation, model, stream })
}

/// The path at the provider for the rest of a raw path; `None` when it tries to leave the provider's own paths.
///
/// `/v1/files` and `/files` mean the same under a base path `/v1`: SDKs write the first, people the second.
pub(crate) fn raw_path(base: &str, rest: &str) -> Option<String> {
    let lower = rest.to_ascii_lowercase();
    let climbs = rest.split('/').any(|part| part == "." || part == "..") || rest.contains("//");
    if climbs
        || lower.contains("%2e")
        || lower.contains("%2f")
        || lower.contains("%5c")
        || rest.contains('\\')
    {
        return None;
    }
    let own = |prefix: &str| {
        let tail = rest.strip_prefix(prefix)?;
        (prefix.is_empty() || tail.is_empty() || tail.starts_with('/')).then(|| format!("{base}{tail}"))
    };
    let version = base.rfind('/').map_or("", |at| &base[at..]);
    own(base).or_else(|| own(version)).or_else(|| own(""))
}

#[cfg(test)]
mod tests {
    use super::{Route, raw_path, route};
    use paceline_types::record::{Dialect, Operation};

    #[test]
    fn paths_find_their_way() {
        let provider = |name: &str| (name == "openai").then_some(3);
        assert_eq!(route("/v1/chat/completions", provider), Route::Call(Operation::Chat, Dialect::OpenAi));
        assert_eq!(route("/v1/embeddings", provider), Route::Call(Operation::Embeddings, Dialect::OpenAi));
        assert_eq!(route("/v1/messages", provider), Route::Call(Operation::Chat, Dialect::Anthropic));
        let named = Route::Named { operation: Operation::Chat, model: "a/b:c", stream: true };
        assert_eq!(route("/v1beta/models/a/b:c:streamGenerateContent", provider), named);
        assert_eq!(route("/openai/v1/files", provider), Route::Passthrough(3, "/v1/files"));
        for control in
            ["/", "/openai", "/v1/models", "/v1/models/a/b", "/metrics", "/evil.example/v1/x", "*", ""]
        {
            assert_eq!(route(control, provider), Route::Control, "{control}");
        }
    }

    #[test]
    fn raw_paths_stay_under_the_base() {
        for (base, rest, at) in [
            ("/v1", "/v1/files", Some("/v1/files")),
            ("/v1", "/files", Some("/v1/files")),
            ("/openai/v1", "/v1/audio/speech", Some("/openai/v1/audio/speech")),
            ("/openai/v1", "/openai/v1/models", Some("/openai/v1/models")),
            ("", "/chat", Some("/chat")),
            ("/v1", "/v1beta/x", Some("/v1/v1beta/x")),
            ("/v1", "/../admin", None),
            ("/v1", "/%2e%2e/admin", None),
            ("/v1", "//evil.example/x", None),
            ("/v1", "/a\\b", None),
        ] {
            assert_eq!(raw_path(base, rest).as_deref(), at, "{base} {rest}");
        }
    }
}
