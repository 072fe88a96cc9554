//! The exact bytes of every prompt and every answer, known to the upstream and to the load generator.

use std::fmt::Write as _;

pub(crate) mod translated;

/// Content events of one stream.
pub(crate) const EVENTS: usize = 64;
/// From this request size on, the upstream gives the answer to a long prompt, so that a cut prompt is noticed.
pub(crate) const LONG_PROMPT_BYTES: usize = 100_000;

const WORDS: [&str; 16] = [
    "gateway", "between", "answers", "measures", "the", "call", "and", "keeps", "every", "token", "in",
    "order", "while", "streams", "flow", "through",
];

/// The answer that is not streamed, for a prompt of that kind.
pub(crate) fn completion(long_prompt: bool) -> String {
    let prompt = if long_prompt { 25_000 } else { 42 };
    let text = WORDS.join(" ");
    format!(
        concat!(
            r#"{{"id":"chatcmpl-bench000000000000000000001","object":"chat.completion","created":1790000000,"#,
            r#""model":"bench-2026-01-01","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}","#,
            r#""refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{}"#,
            r#","service_tier":"default","system_fingerprint":"fp_bench"}}"#
        ),
        text,
        usage(prompt, 16)
    )
}

fn usage(prompt: u32, output: u32) -> String {
    format!(
        concat!(
            r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"#,
            r#""prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"#,
            r#""completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0}}}}"#
        ),
        prompt,
        output,
        prompt + output
    )
}

fn chunk(choices: &str, usage: &str) -> String {
    format!(
        concat!(
            r#"data: {{"id":"chatcmpl-bench000000000000000000002","object":"chat.completion.chunk","#,
            r#""created":1790000000,"model":"bench-2026-01-01","system_fingerprint":"fp_bench","#,
            r#""choices":{}{}}}"#,
            "\n\n"
        ),
        choices, usage
    )
}

/// The content events of a stream, in order.
pub(crate) fn events() -> Vec<String> {
    (0..EVENTS)
        .map(|index| {
            let (delta, finish) = match index {
                0 => (r#"{"role":"assistant","content":"","refusal":null}"#.to_owned(), "null"),
                last if last == EVENTS - 1 => ("{}".to_owned(), r#""stop""#),
                _ => (format!(r#"{{"content":" {}"}}"#, WORDS[index % WORDS.len()]), "null"),
            };
            chunk(&format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#), "")
        })
        .collect()
}

/// What follows the content events: the usage chunk if it was asked for, and the end mark.
pub(crate) fn stream_end(with_usage: bool) -> String {
    let mut end = String::new();
    if with_usage {
        end.push_str(&chunk("[]", &format!(r#","usage":{}"#, usage(42, 62))));
    }
    end.push_str("data: [DONE]\n\n");
    end
}

/// The body of a request to `model`; `messages` come first, as the official Python client sends them.
pub(crate) fn request(model: &str, long_prompt: bool, stream: bool, ask_usage: bool) -> String {
    let mut body = String::from(r#"{"messages":[{"role":"system","content":"You are a careful assistant."}"#);
    if long_prompt {
        conversation(&mut body);
    }
    body.push_str(r#",{"role":"user","content":"Say in one sentence what a gateway does."}],"#);
    let _ = write!(body, r#""model":"{model}","max_tokens":128,"temperature":0.2"#);
    if stream {
        body.push_str(r#","stream":true"#);
        if ask_usage {
            body.push_str(r#","stream_options":{"include_usage":true}"#);
        }
    }
    body.push('}');
    body
}

/// Twenty earlier turns, 100 KB together, with the escapes that real text has.
fn conversation(body: &mut String) {
    const TURNS: usize = 20;
    for turn in 0..TURNS {
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        let _ = write!(body, r#",{{"role":"{role}","content":""#);
        let start = body.len();
        let mut word = turn;
        while body.len() - start < LONG_PROMPT_BYTES / TURNS {
            body.push_str(WORDS[word % WORDS.len()]);
            body.push_str(match word % 64 {
                15 | 31 | 47 => r"\n",
                63 => r#" \"so\" "#,
                _ => " ",
            });
            word += 1;
        }
        body.push_str(r#""}"#);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_is_valid_json_of_the_size_it_claims() {
        for long in [false, true] {
            let answer: serde_json::Value = serde_json::from_str(&completion(long)).unwrap();
            assert_eq!(answer["usage"]["prompt_tokens"], if long { 25_000 } else { 42 });
        }
        let long = request("big", true, false, false);
        assert!((LONG_PROMPT_BYTES..LONG_PROMPT_BYTES * 11 / 10).contains(&long.len()), "{}", long.len());
        for body in [long, request("paced", false, true, true)] {
            serde_json::from_str::<serde_json::Value>(&body).unwrap();
        }
        for event in events().iter().map(String::as_str) {
            let json = event.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
            serde_json::from_str::<serde_json::Value>(json).unwrap();
        }
        assert_eq!(events().len(), EVENTS);
    }
}
