//! What callers ask in each dialect, as every provider gets it; what providers answer in each dialect, as every caller gets it.

use crate::dialects::{CALLERS, PROVIDERS, TARGETS, about, framed, target};
use crate::golden::{each, shown};
use paceline_dialect::neutral::collect::Collected;
use paceline_dialect::neutral::event::{Event, Failure, Sink};
use paceline_dialect::neutral::json::Json;
use paceline_dialect::neutral::notes::Notes;
use paceline_dialect::openai::write_request::Habits;
use paceline_dialect::sse::{self, Splitter};
use paceline_dialect::translate::{self, Answer, Complaint, Writer};
use paceline_types::error::ErrorKind;
use paceline_types::record::Dialect;
use std::fmt::Write;

#[test]
fn requests() {
    for (name, caller) in CALLERS {
        each(&format!("matrix/requests/{name}"), "json", |_, body| {
            // Those that are asked alike are shown once.
            let mut shown: Vec<(String, String)> = Vec::new();
            for to in TARGETS.iter().filter(|to| to.1 != *caller) {
                let (one, told) = (format!("{} {}", to.1.as_str(), to.0), asked(*caller, body, to));
                match shown.iter_mut().find(|(_, other)| *other == told) {
                    Some((names, _)) => *names += &format!(", {one}"),
                    None => shown.push((one, told)),
                }
            }
            let sections: Vec<String> =
                shown.into_iter().map(|(who, what)| format!("== {who} ==\n{what}")).collect();
            sections.concat()
        });
    }
}

/// What a target is asked; its model is shown as `M`.
fn asked(caller: Dialect, body: &[u8], to: &(&str, Dialect, Habits)) -> String {
    let mut notes = Notes::default();
    let ask = match translate::read_request(caller, body, &mut notes) {
        Ok(ask) => ask,
        Err(wrong) => return format!("{wrong:?}\n"),
    };
    match translate::write_request(&ask, &target(to), &mut notes) {
        Ok(out) => {
            assert_json(&out);
            let out = String::from_utf8(out).unwrap();
            let out = out.replacen(&format!("{{\"model\":\"{}\"", to.0), "{\"model\":\"M\"", 1);
            format!("{out}\nnotes: {}\n", notes.line())
        }
        Err(wrong) => format!("{wrong:?}\n"),
    }
}

/// Strictly JSON, whatever numbers and halves of pairs are in it.
pub(crate) fn assert_json(bytes: &[u8]) {
    let read = serde_json::from_slice::<&serde_json::value::RawValue>(bytes);
    assert!(read.is_ok(), "{}", String::from_utf8_lossy(bytes));
}

/// Nothing but events, each of which holds JSON or the end mark.
pub(crate) fn assert_events(mut stream: &[u8]) {
    let mut splitter = Splitter::default();
    while let Some(len) = splitter.event_len(stream) {
        let (event, rest) = stream.split_at(len);
        stream = rest;
        let data = sse::data(event).expect("every event has data");
        if *data != *b"[DONE]" {
            assert_json(&data);
        }
    }
    assert!(stream.is_empty(), "{}", String::from_utf8_lossy(stream));
}

/// Everybody who hears an answer.
struct Audience {
    events: String,
    callers: Vec<(Dialect, Writer, Vec<u8>)>,
    whole: Collected,
    failed: Option<Failure>,
}

impl Sink for Audience {
    fn event(&mut self, event: &Event<'_>) {
        writeln!(self.events, "{}", shown(event)).unwrap();
        match event {
            Event::Failed(failure) => self.failed = Some(failure.clone()),
            event => self.callers.iter_mut().for_each(|(_, writer, out)| writer.event(event, out)),
        }
        self.whole.event(event);
    }
}

impl Audience {
    fn new(provider: Dialect) -> Self {
        let caller =
            |(_, dialect): &(&str, Dialect)| (*dialect, Writer::new(*dialect, about(provider)), Vec::new());
        let callers = CALLERS.iter().filter(|(_, dialect)| *dialect != provider).map(caller).collect();
        Self { events: String::new(), callers, whole: Collected::default(), failed: None }
    }

    /// As the gateway tells it.
    fn complain(&mut self, kind: ErrorKind, message: &str, code: &str) {
        let complaint = Complaint { status: kind.status(), kind, message, param: None, code };
        self.callers.iter_mut().for_each(|(dialect, writer, out)| {
            out.extend_from_slice(&complaint.event(*dialect, writer.next_number()));
        });
    }
}

#[test]
fn streams() {
    for (name, provider) in PROVIDERS {
        each(&format!("matrix/streams/{name}"), "jsonl", |_, file| stream(*provider, file));
    }
}

/// An answer in a stream, as the gateway reads it for callers of other dialects.
fn stream(provider: Dialect, file: &[u8]) -> String {
    let (mut answer, mut all) = (Answer::new(provider, false), Audience::new(provider));
    let mut done = false;
    for event in framed(provider, file) {
        if done {
            break;
        }
        let seen = answer.read(&event, &mut all);
        done = seen.done || seen.error;
        if let Some(failure) = all.failed.take() {
            let code = failure.code.as_deref().unwrap_or("provider_failed");
            all.complain(failure.kind, failure.message.as_deref().unwrap_or("-"), code);
        }
    }
    if !done && answer.is_complete() {
        all.event(&Event::End);
    } else if !done {
        all.complain(ErrorKind::Truncated, "the answer is incomplete", "stream_truncated");
    }
    let mut told = format!("== events ==\n{}{}", all.events, facts(&answer));
    writeln!(told, "end mark: {done}, whole without one: {}", answer.is_complete()).unwrap();
    for (dialect, _, out) in &all.callers {
        assert_events(out);
        let text = String::from_utf8(out.clone()).unwrap().replace("\r\n", "\n");
        write!(told, "== for {} ==\n{text}", dialect.as_str()).unwrap();
    }
    told
}

fn facts(answer: &Answer) -> String {
    format!("== facts ==\n{:?}\ngarbage: {}\n", answer.learned(), answer.garbage)
}

#[test]
fn documents() {
    for (name, provider) in PROVIDERS {
        each(&format!("matrix/documents/{name}"), "json", |_, body| {
            let (mut answer, mut all) = (Answer::new(*provider, false), Audience::new(*provider));
            let is_one = answer.read_document(body, &mut all);
            let mut told =
                format!("== events ==\n{}{}of its dialect: {is_one}\n", all.events, facts(&answer));
            if is_one && all.failed.is_none() {
                for (dialect, _, stream) in &all.callers {
                    assert_events(stream);
                    let out = translate::document(*dialect, &all.whole, &about(*provider));
                    assert_json(&out);
                    writeln!(told, "== for {} ==\n{}", dialect.as_str(), String::from_utf8(out).unwrap())
                        .unwrap();
                }
            }
            told
        });
    }
}

#[test]
fn what_a_caller_asks_is_asked_the_same_again() {
    for (name, caller) in CALLERS {
        for body in crate::golden::files(&format!("matrix/requests/{name}"), "json") {
            let once = |body: &[u8]| {
                let mut notes = Notes::default();
                let ask = translate::read_request(*caller, body, &mut notes).ok()?;
                let to = TARGETS.iter().find(|(_, dialect, _)| dialect == caller)?;
                translate::write_request(&ask, &target(to), &mut notes).ok()
            };
            let Some(first) = once(&body) else { continue };
            // Turns that say nothing are left out on the first way, and their neighbours are one turn on the second.
            let second = once(&first).unwrap();
            let third = once(&second).unwrap();
            assert_eq!(String::from_utf8_lossy(&third), String::from_utf8_lossy(&second), "{name}");
        }
    }
}

#[test]
fn no_text_is_lost_that_is_no_unicode() {
    let half = Json::known("\"\\ud800\"");
    for (_, caller) in CALLERS {
        let (mut writer, mut out) = (Writer::new(*caller, about(Dialect::OpenAi)), Vec::new());
        writer.event(&Event::Text { choice: 0, text: half.view() }, &mut out);
        assert!(String::from_utf8(out).unwrap().contains("\\ud800"));
    }
}
