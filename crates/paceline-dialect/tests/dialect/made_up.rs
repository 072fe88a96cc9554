//! Made-up answers: any events in any order, as no provider would send them.

use paceline_dialect::neutral::event::{Event, Finish};
use paceline_dialect::neutral::json::Json;
use paceline_types::tokens::{Usage, UsageSource};
use proptest::prelude::*;

/// What the inside of strings is made of, as written in JSON.
const ATOMS: &[&str] = &[
    "a",
    "Hello ",
    "\u{e9}",
    "\u{1f600}",
    "\u{2028}",
    "\\n",
    "\\\"",
    "\\\\",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "data: [DONE]\\n\\n",
    "event: message_stop\\ndata: {}",
    "null",
];

/// Pieces of what tools are given: some make a whole object, some never will.
const PIECES: &[&str] = &[
    "",
    "{}",
    "{\\\"a\\\":",
    "1}",
    "{\\\"a\\\":\\\"",
    "\\\"}",
    "[",
    "]",
    "}",
    "x",
    "\\n",
    "9223372036854775808",
    "\\ud800",
];

fn string() -> impl Strategy<Value = Json<'static>> {
    let atoms = prop::collection::vec(prop::sample::select(ATOMS), 0..4);
    atoms.prop_map(|atoms| Json::known(format!("\"{}\"", atoms.concat())))
}

fn piece() -> impl Strategy<Value = Json<'static>> {
    prop::sample::select(PIECES).prop_map(|piece| Json::known(format!("\"{piece}\"")))
}

fn maybe() -> impl Strategy<Value = Option<Json<'static>>> {
    prop::option::of(string())
}

fn reason() -> impl Strategy<Value = Finish> {
    use Finish::{ContentFilter, Failed, Length, Pause, Stop, StopText, ToolCalls};
    prop::sample::select(&[Stop, StopText, Length, ToolCalls, ContentFilter, Pause, Failed][..])
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = || prop_oneof![0u64..100, Just(u64::MAX)];
    (count(), count(), count(), count(), count()).prop_map(|(input, output, read, written, reasoning)| {
        Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_tokens: written,
            cache_write_1h_tokens: 0,
            reasoning_tokens: reasoning,
            source: UsageSource::Reported,
        }
    })
}

fn object() -> impl Strategy<Value = Json<'static>> {
    prop::sample::select(&["{}", r#"{"a":1}"#, r#"{"content":[{"token":"a","logprob":-1.5}]}"#][..])
        .prop_map(Json::known)
}

fn event(choices: u32) -> impl Strategy<Value = Event<'static>> {
    let choice = move || 0..choices;
    prop_oneof![
        1 => (maybe(), maybe()).prop_map(|(id, model)| Event::Begin { id, model }),
        6 => (choice(), string()).prop_map(|(choice, text)| Event::Text { choice, text }),
        3 => (choice(), string()).prop_map(|(choice, text)| Event::Reasoning { choice, text }),
        1 => (choice(), string()).prop_map(|(choice, signature)| Event::Signature { choice, signature }),
        1 => (choice(), string()).prop_map(|(choice, data)| Event::Sealed { choice, data }),
        1 => (choice(), string()).prop_map(|(choice, text)| Event::Refusal { choice, text }),
        3 => (choice(), maybe(), string(), maybe())
            .prop_map(|(choice, id, name, signature)| Event::ToolCall { choice, tool: 0, id, name, signature }),
        8 => (choice(), 0u32..4, piece()).prop_map(|(choice, tool, piece)| Event::ToolInput { choice, tool, piece }),
        1 => (choice(), object()).prop_map(|(choice, json)| Event::Citation { choice, json }),
        1 => (choice(), object()).prop_map(|(choice, json)| Event::Logprobs { choice, json }),
        1 => choice().prop_map(|choice| Event::Other { choice, kind: "image" }),
        2 => (choice(), reason(), maybe()).prop_map(|(choice, reason, stop)| Event::Finish { choice, reason, stop }),
        1 => usage().prop_map(Event::Usage),
    ]
}

/// The events of one answer, up to its end. Calls of tools are numbered, as all readers do; nothing else is in order.
pub(crate) fn answer() -> impl Strategy<Value = Vec<Event<'static>>> {
    prop_oneof![3 => Just(1u32), 1 => Just(3)].prop_flat_map(|choices| {
        prop::collection::vec(event(choices), 0..24).prop_map(|mut events| {
            let mut next = [0u32; 3];
            for event in &mut events {
                if let Event::ToolCall { choice, tool, .. } = event {
                    *tool = next[*choice as usize];
                    next[*choice as usize] += 1;
                }
            }
            events.push(Event::End);
            events
        })
    })
}
