//! Reads operations logs: Paceline's lines, and the same entries as one JSON array, as other programs write them.
//!
//! What cannot be read is counted with its place and left out; a last line that a crash has torn is no fault.

use crate::files::zone::Zone;
use paceline_types::money::Cost;
use paceline_types::time::Timestamp;
use serde::Serialize;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A longer line is not ours.
const MAX_LINE: u64 = 4 << 20;
/// An array that is larger is not read: it has to be held whole.
const MAX_ARRAY: u64 = 512 << 20;
/// Entries of all files together.
const MAX_ENTRIES: usize = 4_000_000;
/// Bad entries whose places are told.
const MAX_BAD: usize = 20;

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// A session, also called a crew.
    Session,
    /// A task.
    Task,
    /// A call of a model or an API.
    Call,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Well.
    Completed,
    /// Not well.
    Failed,
    /// The log does not tell: it ends before, or the process ended.
    Unfinished,
}

/// One operation of a log.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What it is.
    pub kind: OperationKind,
    /// Its own id, where it has one.
    pub id: Option<String>,
    /// The id of the task or session it belongs to.
    pub parent: Option<String>,
    /// The id of its session.
    pub session_id: Option<String>,
    /// The session's label.
    pub session: Option<String>,
    /// The task's label.
    pub task: Option<String>,
    /// Who acted.
    pub agent: String,
    /// Which model.
    pub model: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// Tokens of the prompt and of the answer.
    pub tokens: (u64, u64),
    /// Whether tokens were told at all.
    pub has_tokens: bool,
    /// What it cost, where that is known.
    pub cost: Option<Cost>,
    /// What went wrong.
    pub error: Option<String>,
}

/// One event of a log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedEvent {
    /// When.
    pub timestamp: Timestamp,
    /// Its type.
    pub event_type: String,
    /// Who was concerned.
    pub agent: String,
    /// Which model.
    pub model: String,
    /// The rest.
    pub details: Map<String, Value>,
}

/// An entry that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// The file.
    pub file: String,
    /// The line, or in an array the number of the entry; from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// The entries of some logs, in the order in which they stand.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The operations.
    pub operations: Vec<Operation>,
    /// The events.
    pub events: Vec<LoggedEvent>,
    /// The first entries that could not be read.
    pub bad: Vec<Bad>,
    /// How many could not be read.
    pub bad_count: u64,
    /// Last lines that were torn.
    pub torn: u64,
    /// Entries for which there was no room.
    pub left_out: u64,
}

impl Entries {
    /// Adds the entries of a file; times without an offset are local times of `zone`.
    ///
    /// # Errors
    /// When the file cannot be opened or read.
    pub fn read_file(&mut self, path: &Path, zone: &Zone) -> io::Result<()> {
        let file = BufReader::new(File::open(path)?);
        self.read(&path.display().to_string(), file, zone)
    }

    /// Adds the entries of a text named `name`.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(&mut self, name: &str, mut text: impl BufRead, zone: &Zone) -> io::Result<()> {
        let (first, line) = first_byte(&mut text)?;
        let mut source = Source { entries: self, name, zone, line };
        if first == Some(b'[') { source.array(text) } else { source.lines(text) }
    }

    fn is_full(&self) -> bool {
        self.operations.len() + self.events.len() >= MAX_ENTRIES
    }
}

/// The first byte that is no space, left in place, and the lines before it.
fn first_byte(text: &mut impl BufRead) -> io::Result<(Option<u8>, u64)> {
    let mut lines = 0;
    loop {
        let buffer = text.fill_buf()?;
        let spaces = buffer.iter().take_while(|b| b.is_ascii_whitespace());
        let (count, ends) =
            spaces.fold((0, 0), |(count, ends), b| (count + 1, ends + u64::from(*b == b'\n')));
        lines += ends;
        let byte = buffer.get(count).copied();
        let is_over = byte.is_some() || buffer.is_empty();
        text.consume(count);
        if is_over {
            return Ok((byte, lines));
        }
    }
}

/// One text on its way into the entries.
struct Source<'a> {
    entries: &'a mut Entries,
    name: &'a str,
    zone: &'a Zone,
    line: u64,
}

impl Source<'_> {
    fn lines(&mut self, mut text: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            self.line += 1;
            if text.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let is_whole = line.ends_with(b"\n");
            if !is_whole && line.len() as u64 >= MAX_LINE {
                self.bad(format!("longer than {} MB", MAX_LINE >> 20));
                skip_line(&mut text)?;
                continue;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(value) => self.entry(value),
                Err(error) if !is_whole && error.is_eof() => self.entries.torn += 1,
                Err(error) => self.bad(format!("no JSON: {}", place_free(&error))),
            }
        }
    }

    fn array(&mut self, text: impl BufRead) -> io::Result<()> {
        self.line = 0;
        let mut parser = serde_json::Deserializer::from_reader(text.take(MAX_ARRAY));
        let read = Elements(self).deserialize(&mut parser).and_then(|()| parser.end());
        match read {
            Err(error) if error.is_io() => Err(error.into()),
            Err(error) => {
                self.line += 1;
                self.bad(format!("the array ends here: {error}"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn bad(&mut self, why: String) {
        self.entries.bad_count += 1;
        if self.entries.bad.len() < MAX_BAD {
            self.entries.bad.push(Bad { file: self.name.to_owned(), line: self.line, why });
        }
    }

    fn entry(&mut self, value: Value) {
        if self.entries.is_full() {
            self.entries.left_out += 1;
            return;
        }
        let Value::Object(mut fields) = value else { return self.bad("no JSON object".into()) };
        let read = if fields.contains_key("operation_type") {
            operation(&fields, self.zone).map(|operation| self.entries.operations.push(operation))
        } else if fields.contains_key("event_type") {
            event(&mut fields, self.zone).map(|event| self.entries.events.push(event))
        } else {
            Err("neither `operation_type` nor `event_type` is there".into())
        };
        if let Err(why) = read {
            self.bad(why);
        }
    }
}

/// The rest of a line that is too long.
fn skip_line(text: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = text.fill_buf()?;
        let end = buffer.iter().position(|b| *b == b'\n');
        let (used, is_over) = (end.map_or(buffer.len(), |at| at + 1), end.is_some() || buffer.is_empty());
        text.consume(used);
        if is_over {
            return Ok(());
        }
    }
}

/// What is wrong, without the parser's own line number, which is always 1.
fn place_free(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line")
        .map_or(text.clone(), |(what, _)| format!("{what} in column {}", error.column()))
}

/// The elements of an array, taken one by one, so that those before a fault are kept.
struct Elements<'a, 'b>(&'a mut Source<'b>);

impl<'de> DeserializeSeed<'de> for Elements<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of operations and events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<Value>()? {
            self.0.line += 1;
            self.0.entry(value);
        }
        Ok(())
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn time(fields: &Map<String, Value>, name: &str, zone: &Zone) -> Result<Option<Timestamp>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(|text| zone.read(text)) {
            Some(at) => Ok(Some(at)),
            None => Err(format!("`{name}` is no time")),
        },
    }
}

fn operation(fields: &Map<String, Value>, zone: &Zone) -> Result<Operation, String> {
    let kind = match fields.get("operation_type").and_then(Value::as_str) {
        Some("SESSION" | "CREW_EXECUTION") => OperationKind::Session,
        Some("TASK_EXECUTION") => OperationKind::Task,
        // Further kinds of other programs are things that were called.
        Some(_) => OperationKind::Call,
        None => return Err("`operation_type` is no text".into()),
    };
    let Some(start) = time(fields, "start_time", zone)? else { return Err("`start_time` is missing".into()) };
    let lasted = fields.get("duration_seconds").and_then(Value::as_f64).filter(|s| (0.0..1e9).contains(s));
    let lasted = lasted.map(|seconds| Timestamp(start.0.saturating_add((seconds * 1e6).round() as i64)));
    let end = time(fields, "end_time", zone)?.or(lasted);
    let outcome = match (fields.get("status").and_then(Value::as_str), end) {
        (_, None) => Outcome::Unfinished,
        (Some("completed"), _) => Outcome::Completed,
        (Some("failed"), _) => Outcome::Failed,
        _ => Outcome::Unfinished,
    };
    let none = Map::new();
    let inner = |name: &str| fields.get(name).and_then(Value::as_object).unwrap_or(&none);
    let (details, result) = (inner("details"), inner("result"));
    let task = text(details.get("task")).or_else(|| {
        text(details.get("task").and_then(|task| task.get("name").or_else(|| task.get("description"))))
    });
    let tokens = |name: &str| {
        let value = result.get(name).or_else(|| result.get(&format!("estimated_{name}")));
        value.and_then(Value::as_u64)
    };
    let (input, output) = (tokens("input_tokens"), tokens("output_tokens"));
    Ok(Operation {
        kind,
        id: text(details.get("call_id")).or_else(|| text(details.get("id"))),
        parent: text(details.get("parent")),
        session_id: text(details.get("session_id")),
        session: text(details.get("session")),
        task,
        agent: text(fields.get("agent")).unwrap_or_else(|| "system".into()),
        model: text(fields.get("model")).unwrap_or_else(|| "system".into()),
        start,
        end: end.unwrap_or(start).max(start),
        outcome,
        tokens: (input.unwrap_or(0), output.unwrap_or(0)),
        has_tokens: input.is_some() || output.is_some(),
        cost: result.get("cost_usd").and_then(Value::as_str).and_then(Cost::parse_usd),
        error: fields.get("error").and_then(|error| text(Some(error)).or_else(|| told(error))),
    })
}

/// An error that is told in more than words.
fn told(error: &Value) -> Option<String> {
    match error {
        Value::Object(_) => text(error.get("message")).or_else(|| Some(error.to_string())),
        _ => None,
    }
}

fn event(fields: &mut Map<String, Value>, zone: &Zone) -> Result<LoggedEvent, String> {
    let Some(timestamp) = time(fields, "timestamp", zone)? else {
        return Err("`timestamp` is missing".into());
    };
    let Some(event_type) = text(fields.get("event_type")) else {
        return Err("`event_type` is no text".into());
    };
    let details = match fields.remove("details") {
        Some(Value::Object(details)) => details,
        _ => Map::new(),
    };
    let name = |name: &str| text(fields.get(name)).unwrap_or_else(|| "system".into());
    Ok(LoggedEvent { timestamp, event_type, agent: name("agent"), model: name("model"), details })
}
