//! What must hold for requests of any dialect that are translated.

use super::answers::is_json;
use paceline_dialect::neutral::notes::Notes;
use paceline_dialect::openai::write_request::Habits;
use paceline_dialect::translate::{self, Target};
use paceline_types::record::Dialect;

const TARGETS: [(Dialect, &str); 6] = [
    (Dialect::OpenAi, "gpt-5"),
    (Dialect::Anthropic, "claude-5"),
    (Dialect::Gemini, "gemini-3-pro"),
    (Dialect::Gemini, "gemini-2.5-flash"),
    (Dialect::Ollama, "qwen3"),
    (Dialect::Ollama, "gpt-oss"),
];

/// What is read can be written for every provider, as JSON, or is refused; notes fit into a header; what is written is
/// read again by its own dialect.
pub(crate) fn check(caller: Dialect, body: &[u8]) {
    let mut notes = Notes::default();
    let Ok(ask) = translate::read_request(caller, body, &mut notes) else { return };
    for (dialect, model) in TARGETS {
        let habits = Habits { completion_limit: true, cache_marks: model.len() % 2 == 0 };
        let to = Target { dialect, model, habits, asks_for_usage: true, max_tokens: 8192 };
        let mut notes = notes.clone();
        let Ok(out) = translate::write_request(&ask, &to, &mut notes) else { continue };
        is_json(&out);
        let line = notes.line();
        assert!(line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "no header: {line}");
        if dialect != Dialect::Ollama {
            let again = translate::read_request(dialect, &out, &mut Notes::default());
            assert!(again.is_ok(), "{again:?} of {}", out.escape_ascii());
        }
    }
}
