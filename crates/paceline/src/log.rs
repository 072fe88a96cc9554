//! Lines for people: one per call, rendered from its record, at most so many a second.

use crate::config::Level;
use arc_swap::ArcSwap;
use paceline_types::error::ErrorKind;
use paceline_types::measure;
use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Writes lines to standard error.
pub struct Log {
    settings: ArcSwap<(Level, u32)>,
    writer: Writer,
    budget: Mutex<Budget>,
}

#[derive(Default)]
struct Budget {
    second: i64,
    written: u32,
    left_out: u64,
    /// Total tokens of all calls so far (`Total:` of the line).
    total_tokens: u64,
}

impl Log {
    /// From `level` on; at most `per_second` lines of calls a second.
    pub fn new(level: Level, per_second: u32) -> Self {
        Self {
            settings: ArcSwap::from_pointee((level, per_second)),
            writer: Writer::start(),
            budget: Mutex::default(),
        }
    }

    /// From now on, from `level` on and at most `per_second` lines of calls a second.
    pub fn set(&self, level: Level, per_second: u32) {
        self.settings.store(Arc::new((level, per_second)));
    }

    fn level(&self) -> Level {
        self.settings.load().0
    }

    /// A line that something needs attention.
    pub fn warn(&self, text: &str) {
        if self.level() >= Level::Warn {
            self.writer.line("WARN", text);
        }
    }

    /// A line that something happened.
    pub fn info(&self, text: &str) {
        if self.level() >= Level::Info {
            self.writer.line("INFO", text);
        }
    }

    /// Waits until what was said is written; half a second at most.
    pub fn flush(&self) {
        self.writer.flush();
    }

    /// The lines of finished calls.
    pub fn calls(&self, records: &[Arc<CallRecord>]) {
        let (shown, per_second) = **self.settings.load();
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let second = crate::recorder::now().seconds();
        if budget.second != second {
            if budget.left_out > 0 {
                self.info(&format!(
                    "… and {} more calls (log.calls_per_second = {})",
                    budget.left_out, per_second
                ));
            }
            *budget = Budget { second, total_tokens: budget.total_tokens, ..Budget::default() };
        }
        for record in records {
            let tokens = record.usage.map_or(0, |usage| usage.input_tokens + usage.output_tokens);
            budget.total_tokens += tokens;
            let level = level_of(record);
            if level > shown || per_second == 0 {
                continue;
            }
            if budget.written >= per_second {
                budget.left_out += 1;
                continue;
            }
            budget.written += 1;
            if shown >= Level::Debug
                && let Some(ttft) = measure::ttft_ms(record)
            {
                self.writer.line("DEBUG", &format!("{} TTFT: {:.2}s", provider(record), ttft / 1000.0));
            }
            self.writer.line(name(level), &line(record, budget.total_tokens));
        }
    }
}

fn level_of(record: &CallRecord) -> Level {
    match (record.status, record.error_kind) {
        (Status::Ok | Status::Canceled, _) => Level::Info,
        (_, Some(ErrorKind::Timeout)) => Level::Error,
        _ => Level::Warn,
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Debug => "DEBUG",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
        _ => "INFO",
    }
}

fn provider(record: &CallRecord) -> &str {
    record.target.as_deref().map_or("paceline", |target| &target.provider)
}

/// The line of one call: the fixed forms of the specification for good ones, the reason and advice for others.
fn line(record: &CallRecord, total: u64) -> String {
    let provider = provider(record);
    let seconds = record.duration.ms() / 1000.0;
    let tokens = record.usage.map_or(0, |usage| usage.output_tokens);
    let rate = measure::tokens_per_second(record).unwrap_or(0.0);
    let kind = record.error_kind.map_or("", ErrorKind::as_str);
    let code = record.error_code.as_deref().unwrap_or(kind);
    let model = record.requested_model.as_deref().unwrap_or("?");
    match (record.status, record.error_kind) {
        (Status::Ok, _) if record.stream => {
            let ttft =
                measure::ttft_ms(record).map_or_else(|| "-".to_owned(), |ms| format!("{:.2}s", ms / 1000.0));
            format!("{provider} stream: {seconds:.2}s | ~{tokens} tokens | TPS: {rate:.1} | TTFT: {ttft}")
        }
        (Status::Ok, _) => {
            format!("{provider} response: {seconds:.2}s | Tokens: {tokens} | TPS: {rate:.1} | Total: {total}")
        }
        (_, Some(ErrorKind::Timeout)) => {
            format!(
                "{provider} timeout after {seconds:.1}s ({code}) - try a shorter message or another model"
            )
        }
        (Status::Canceled, _) => {
            format!("{provider} canceled by the caller after {seconds:.2}s | ~{tokens} tokens")
        }
        (status, _) => format!("{provider} {}: {code} after {seconds:.2}s | model {model}", status.as_str()),
    }
}

/// How many lines wait for a slow reader; further ones are left out and counted.
const LINES: usize = 1024;

/// How long the end waits for a slow reader.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What the writing thread is given.
enum Entry {
    Line(String),
    /// Everything before has been written when this is answered.
    Mark(SyncSender<()>),
}

/// Writes lines on a thread of its own: nobody waits for whoever reads standard error.
struct Writer {
    entries: SyncSender<Entry>,
    left_out: AtomicU64,
}

impl Writer {
    fn start() -> Self {
        let (entries, waiting) = sync_channel(LINES);
        let write = move || {
            for entry in waiting {
                match entry {
                    // Standard error may be closed: nothing to be done about it, and no call depends on it.
                    Entry::Line(line) => drop(std::io::stderr().lock().write_all(line.as_bytes())),
                    Entry::Mark(reached) => drop(reached.send(())),
                }
            }
        };
        let _ = std::thread::Builder::new().name("paceline-log".into()).spawn(write);
        Self { entries, left_out: AtomicU64::new(0) }
    }

    /// Waits until what was said is written, or for half a second.
    fn flush(&self) {
        let (reached, mark) = sync_channel(1);
        if self.entries.try_send(Entry::Mark(reached)).is_ok() {
            let _ = mark.recv_timeout(LAST_WORDS);
        }
    }

    fn line(&self, level: &str, text: &str) {
        let left_out = self.left_out.load(Ordering::Relaxed);
        let note =
            if left_out > 0 { format!(" ({left_out} lines before were left out)") } else { String::new() };
        let line = format!("{} {level:<5} {}{note}\n", stamp(crate::recorder::now()), clean(text));
        if self.entries.try_send(Entry::Line(line)).is_ok() {
            self.left_out.fetch_sub(left_out, Ordering::Relaxed);
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn stamp(now: Timestamp) -> String {
    now.rfc3339()
}

/// Names come from callers: no control character of theirs reaches a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
