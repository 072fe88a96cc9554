//! What of a file may be shown in a message: lines and values without anything that may be a secret.

const PUT_INSTEAD: char = '…';
const SHOWN_AT_MOST: usize = 160;

/// A value for a message: without secrets and control characters, cut when long.
pub(super) fn shown(value: &str) -> String {
    cut(&without_secrets(value))
}

/// A dotted path for a message.
pub(super) fn path(path: &str) -> String {
    let names: Vec<String> = path.split('.').map(without_secrets).collect();
    cut(&names.join("."))
}

/// A line of the file for a message. Values of keys whose name speaks of a secret are left out, and so is
/// whatever looks like one.
pub(super) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut key = String::new();
    let mut rest = text.trim_end();
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' => {
                let (literal, after) = literal(rest, first);
                let value = is_value(&out, after);
                if value && names_a_secret(&key) {
                    out.extend([first, PUT_INSTEAD, first]);
                } else {
                    out.push_str(&without_secrets(literal));
                }
                rest = after;
            }
            '=' => {
                key = last_name(&out);
                out.push('=');
                rest = &rest[1..];
                let value = rest.trim_start();
                if names_a_secret(&key) && !value.starts_with(['"', '\'', '[', '{']) {
                    out.extend([' ', PUT_INSTEAD]);
                    return cut(&without_secrets(&out));
                }
            }
            '#' => {
                out.push_str(rest);
                break;
            }
            other => {
                out.push(other);
                rest = &rest[other.len_utf8()..];
            }
        }
    }
    cut(&without_secrets(&out))
}

/// Whether the name of a setting, header or variable says that its value is a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    const WORDS: &[&str] =
        &["key", "token", "secret", "password", "passwd", "auth", "credential", "cookie", "bearer"];
    let name = name.to_ascii_lowercase().replace('-', "_");
    let harmless = name == "auth"
        || ["_env", "_file", "_ms", "_per_minute", "_required"].iter().any(|end| name.ends_with(end));
    !harmless && WORDS.iter().any(|word| name.contains(word))
}

/// Whether a text looks like a key: a usual beginning, a UUID, or a long run of letters and digits.
pub(super) fn looks_secret(text: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "sk-",
        "sk_",
        "pk-",
        "rk-",
        "gsk_",
        "xai-",
        "pplx-",
        "aiza",
        "hf_",
        "nvapi-",
        "fw_",
        "csk-",
        "ghp_",
        "bearer ",
        "basic ",
        "tgp_",
        "r8_",
        "eyj",
        "ya29",
        "-----begin",
    ];
    let lower = text.to_ascii_lowercase();
    let begins = |part: &str| {
        BEGINNINGS.iter().any(|start| part.strip_prefix(start).is_some_and(|rest| rest.len() >= 4))
    };
    lower.split(['/', ':', '@', '?', '&']).any(begins)
        || is_uuid(text)
        || (text.contains("://") && text.contains('@'))
        || {
            text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
                run.len() >= 16
                    && run.bytes().any(|byte| byte.is_ascii_digit())
                    && run.bytes().any(|byte| byte.is_ascii_alphabetic())
            })
        }
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// The text with every word that looks like a secret left out.
pub(super) fn without_secrets(text: &str) -> String {
    if looks_secret(text) && !text.contains(char::is_whitespace) && !text.contains(['"', '\'', '=', '#']) {
        return PUT_INSTEAD.to_string();
    }
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_whitespace() || "\"'=,;[]{}()#".contains(c) {
            if looks_secret(&word) {
                out.push(PUT_INSTEAD);
            } else {
                out.push_str(&word);
            }
            word.clear();
            out.push(c);
        } else {
            word.push(c);
        }
    }
    out.pop();
    out
}

/// A string literal at the start of `text` with its quotes, and what follows it.
fn literal(text: &str, quote: char) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            return text.split_at(at + 1);
        }
    }
    (text, "")
}

/// Whether the literal between is a value, not a key: keys stand before `=`, `.` or `]` of a header.
fn is_value(before: &str, after: &str) -> bool {
    before.contains('=') && !after.trim_start().starts_with(['=', '.'])
}

/// The bare or quoted name at the end of what stands before `=`, the last segment of a dotted one.
fn last_name(before: &str) -> String {
    let before = before.trim_end();
    let name = before.rsplit(|c: char| c.is_whitespace() || "{,.".contains(c)).next();
    name.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
}

fn cut(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if let Some((at, _)) = out.char_indices().nth(SHOWN_AT_MOST) {
        out.truncate(at);
        out.push(PUT_INSTEAD);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{line, looks_secret, shown};

    #[test]
    fn lines_keep_what_helps_and_lose_secrets() {
        for (given, kept) in [
            (r#"listen = "0.0.0.0:8420"  # all"#, r#"listen = "0.0.0.0:8420"  # all"#),
            (r#"api_key = "planted""#, r#"api_key = "…""#),
            (r"api_key = planted", r"api_key = …"),
            (r#"api-key = "planted"#, r#"api-key = "…""#),
            (
                r#"openai = { api_key = "planted", auth = "kay" }"#,
                r#"openai = { api_key = "…", auth = "kay" }"#,
            ),
            (r#"headers = { "Authorization" = "Bearer planted" }"#, r#"headers = { "Authorization" = "…" }"#),
            (r#"api_key_env = "sk-planted-1234""#, r#"api_key_env = "…""#),
            (r#"base_url = "https://a:planted@host/v1""#, r#"base_url = "…""#),
            ("x = 1 # sk-planted-1234 was it", "x = 1 # … was it"),
            (r#"first_token_ms = "5s""#, r#"first_token_ms = "5s""#),
            (r#"[providers."a.b"]"#, r#"[providers."a.b"]"#),
            (r#"tokens = ["planted", "planted"]"#, r#"tokens = ["…", "…"]"#),
        ] {
            assert_eq!(line(given), kept);
        }
    }

    #[test]
    fn names_of_models_are_not_taken_for_secrets() {
        for name in [
            "openai/gpt-4o-2024-08-06",
            "bedrock/anthropic.claude-3-haiku-20240307-v1:0",
            "OPENAI_API_KEY",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "accounts/fireworks/models/llama-v3p1-405b-instruct",
            "https://integrate.api.nvidia.com/v1",
        ] {
            assert!(!looks_secret(name), "{name}");
        }
        assert_eq!(shown("a\u{1b}[31mb"), "a\u{fffd}[31mb");
        assert!(shown(&"x ".repeat(500)).chars().count() < 170);
    }
}
