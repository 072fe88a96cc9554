//! The stream of a provider that speaks Anthropic's dialect, and what it has to be for a caller of OpenAI's.

use super::{EVENTS, WORDS};

/// Any byte: what differs from call to call.
pub(crate) const ANY: char = '\0';

/// The provider's events.
pub(crate) fn events() -> Vec<String> {
    let event = |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
    let mut events = vec![
        event(
            "message_start",
            concat!(
                r#","message":{"id":"msg_bench000000000000000000001","type":"message","role":"assistant","#,
                r#""model":"bench-2026-01-01","content":[],"stop_reason":null,"stop_sequence":null,"#,
                r#""usage":{"input_tokens":42,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}"#
            ),
        ),
        event("content_block_start", r#","index":0,"content_block":{"type":"text","text":""}"#),
    ];
    events.extend((1..EVENTS - 1).map(|index| {
        let word = WORDS[index % WORDS.len()];
        let delta = format!(r#","index":0,"delta":{{"type":"text_delta","text":" {word}"}}"#);
        event("content_block_delta", &delta)
    }));
    events.extend([
        event("content_block_stop", r#","index":0"#),
        event(
            "message_delta",
            r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":62}"#,
        ),
        event("message_stop", ""),
    ]);
    events
}

/// What a caller of OpenAI's dialect gets of them: events, and what follows.
pub(crate) fn expected(with_usage: bool) -> (Vec<String>, String) {
    let created: String = std::iter::repeat_n(ANY, 10).collect();
    let chunk = |rest: &str| {
        format!(
            concat!(
                r#"data: {{"id":"msg_bench000000000000000000001","object":"chat.completion.chunk","#,
                r#""created":{},"model":"bench-2026-01-01","choices":[{}}}"#,
                "\n\n"
            ),
            created, rest
        )
    };
    let delta = |delta: &str, finish: &str| {
        chunk(&format!(r#"{{"index":0,"delta":{delta},"finish_reason":{finish}}}]"#))
    };
    let mut events = vec![delta(r#"{"role":"assistant","content":""}"#, "null")];
    events.extend(
        (1..EVENTS - 1)
            .map(|index| delta(&format!(r#"{{"content":" {}"}}"#, WORDS[index % WORDS.len()]), "null")),
    );
    events.push(delta("{}", r#""stop""#));
    let usage = concat!(
        r#"],"usage":{"prompt_tokens":42,"completion_tokens":62,"total_tokens":104,"#,
        r#""prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}"#
    );
    let end = if with_usage { chunk(usage) } else { String::new() };
    (events, end + "data: [DONE]\n\n")
}
