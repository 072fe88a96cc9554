//! Made-up chat streams: what providers send, and what nearly looks like it.

use crate::sse_chat::Bytes;
use proptest::prelude::*;

/// A line of an event, without its end.
type Line = String;

/// What texts are made of, as written inside JSON strings.
const ATOMS: &[&str] = &[
    "a",
    "Hello",
    " ",
    ", ",
    "\u{e9}",
    "\u{6f22}\u{5b57}",
    "\u{1f600}",
    "\u{2028}",
    "\u{2029}",
    "\u{85}",
    "\\n",
    "\\\"",
    "\\\\",
    "\\u00e9",
    "\\ud83d\\ude00",
    "[DONE]",
    "data: [DONE]\\n\\n",
    "data:",
    "{\\\"a\\\":",
    "null",
    "}]}",
];

/// What would end a string early, or go on in another line: it only nearly fits where a text belongs.
const BREAKS: &[&str] = &[
    "x\"},\"finish_reason\":\"length\",\"z\":{\"y\":\"x",
    "x\",\"reasoning\":\"y",
    "x\"}}],\"error\":{\"code\":\"c\",\"message\":\"x\"},\"z\":[{\"z\":{\"y\":\"x",
    "x\"}}],\"usage\":{\"prompt_tokens\":3},\"z\":[{\"z\":{\"y\":\"x",
    "x\\",
    "\\",
    "\"",
    "x\ndata: y",
    "x\ndata:",
    "x\n: y",
    "x\n\ndata: y",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(ATOMS), 0..4).prop_map(|atoms| atoms.concat())
}

/// Where in a chunk a text stands: `@` is its place.
const SHAPES: &[&str] = &[
    r#"{"id":"c","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"@"},"logprobs":null,"finish_reason":null}]}"#,
    r#"{"choices":[{"delta":{"content":"@"}}]}"#,
    r#"{"choices":[{"delta":{"role":"assistant","content":"@","refusal":null}}],"usage":null,"obfuscation":"@"}"#,
    r#"{"choices":[{"delta":{"reasoning_content":"@","content":null}}]}"#,
    r#"{"choices":[{"delta":{"reasoning":"@"}},{"index":1,"delta":{"content":"@"}}]}"#,
    r#"{"choices":[{"delta":{"refusal":"@","content":"","tool_calls":[]}}]}"#,
    r#"{"choices":[{"delta":{"content":[{"type":"text","text":"@"}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"i","type":"function","function":{"name":"@","arguments":""}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"@"}},{"index":1,"function":{"arguments":"@"}}]}}]}"#,
    r#"{"choices":[{"delta":{"function_call":{"name":"f","arguments":"@"}}}]}"#,
    r#"{"choices":[{"text":"@","index":0,"finish_reason":null}]}"#,
    r#"{"choices":[{"delta":{"content":"@"},"finish_reason":"stop"}]}"#,
    r#"{"choices":[{"delta":{"content":"@"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#,
    r#"{"choices":[{"delta":{"content":"@"},"logprobs":{"content":[{"token":"@","logprob":-0.1}]}}]}"#,
    r#"{"choices":[{"delta":{"content":"@"}}],"error":null,"x_groq":{"id":"@"}}"#,
];

/// Chunks without a text.
const OTHERS: &[&str] = &[
    r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    r#"{"choices":[{"index":1,"delta":{},"finish_reason":"tool_calls"}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"model":"m-2"}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":3}}}"#,
    r#"{"choices":[],"usage":null}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":6,"cost":0.00125}}"#,
    r#"{"choices":[{"delta":{}}],"usage":{}}"#,
    r#"{"choices":[{"delta":{}}],"usage":{"prompt_tokens":null,"prompt_tokens_details":{}}}"#,
    r#"{"choices":[{"delta":{}}],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}}"#,
    r#"{"choices":[],"error":{"message":"x","code":503},"usage":{"prompt_tokens":1,"completion_tokens":0}}"#,
    r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
    r#"{"error":{"message":"x","type":"server_error","code":null}}"#,
    r#"{"error":{"type":"a b","code":""},"model":"a model of m"}"#,
    r#"{"error":"overloaded"}"#,
    r#"{"error":false,"choices":[]}"#,
    r#"{"object":"error","message":"x"}"#,
    r#"{"type":"ping"}"#,
    "[DONE]",
    "",
    "   ",
    "<html>Bad Gateway</html>",
    "{\"choices\":[",
    "[DONE] ",
    "[DONE]x",
];

/// Events of one shape, one after the other, some of them nearly of that shape.
fn burst() -> impl Strategy<Value = Vec<Vec<Line>>> {
    let piece = prop_oneof![12 => text(), 1 => prop::sample::select(BREAKS).prop_map(str::to_owned)];
    let field =
        prop::sample::select(&["data: ", "data:", "event: m\ndata: ", "id: 1\ndata:", ": @\ndata: "][..]);
    (prop::sample::select(SHAPES), prop::collection::vec(piece, 1..7), field, any::<bool>()).prop_map(
        |(shape, pieces, field, same_comment)| {
            let event = |piece: &String| {
                // A comment that repeats the data, so that the same bytes stand in the event twice.
                let comment = if same_comment { shape.replace('@', piece) } else { shape.replace('@', "x") };
                let field = field.replace('@', &comment.replace('\n', " "));
                let text = format!("{field}{}", shape.replace('@', piece));
                text.split('\n').map(str::to_owned).collect()
            };
            pieces.iter().map(event).collect()
        },
    )
}

/// The text of a chunk broken into several `data:` lines, between words or anywhere.
fn broken_up() -> impl Strategy<Value = Vec<Vec<Line>>> {
    let at = prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    (prop::sample::select(OTHERS), at, any::<bool>()).prop_map(|(chunk, places, anywhere)| {
        let mut cuts: Vec<usize> = places.iter().map(|place| place.index(chunk.len() + 1)).collect();
        cuts.retain(|cut| anywhere || chunk.as_bytes().get(*cut).is_some_and(|byte| b"{,:[".contains(byte)));
        cuts.extend([0, chunk.len()]);
        cuts.sort_unstable();
        vec![cuts.windows(2).map(|pair| format!("data: {}", &chunk[pair[0]..pair[1]])).collect()]
    })
}

fn single(lines: Vec<Line>) -> Vec<Vec<Line>> {
    vec![lines]
}

fn events() -> impl Strategy<Value = Vec<Vec<Line>>> {
    let noise = &[
        ": OPENROUTER PROCESSING",
        ":",
        "retry: 5",
        "event: ping",
        "data",
        "database: x",
        ": data: [DONE]",
        "",
    ];
    prop_oneof![
        6 => burst(),
        4 => prop::sample::select(OTHERS).prop_map(|chunk| single(vec![format!("data: {chunk}")])),
        2 => broken_up(),
        2 => prop::sample::select(&noise[..]).prop_map(|line| single(vec![line.to_owned()])),
    ]
}

/// A stream's bytes.
pub(crate) fn stream() -> impl Strategy<Value = Bytes> {
    let end = prop::sample::select(&["\n", "\r\n", "\r"][..]);
    let ends = prop_oneof![
        3 => end.clone().prop_map(|end| vec![end]),
        1 => prop::collection::vec(end, 2..6),
    ];
    let rest = prop::sample::select(
        &["", "", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}", "\r", ":"][..],
    );
    (prop::collection::vec(events(), 0..8), ends, any::<bool>(), rest).prop_map(
        |(events, ends, mark, rest)| {
            let mut ends = ends.iter().cycle();
            let mut text = String::from(if mark { "\u{feff}" } else { "" });
            for line in events.iter().flatten().flat_map(|event| event.iter().map(String::as_str).chain([""]))
            {
                text.push_str(line);
                text.push_str(ends.next().copied().unwrap_or("\n"));
            }
            text.push_str(rest);
            Bytes(text.into_bytes())
        },
    )
}
