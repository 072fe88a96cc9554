//! Faults: what a call is told to get wrong, written as `key=value` parts and flags with commas between.
//!
//! A SPEC comes in the request header `x-sim-fault`, or from the queue filled by `POST /sim/script`.
//!
//! | part | what happens |
//! |---|---|
//! | `status=N` | an error answer with this status, in the shape of the dialect |
//! | `code=TEXT` | the `code` of that error, for example `insufficient_quota` |
//! | `retry-after=TEXT` | that header, as written (`2`, `0.5`, `-1`) |
//! | `retry-after-ms=TEXT` | that header, as written |
//! | `retry-after-date=SECONDS` | `retry-after` as an HTTP date this far from now |
//! | `should-retry=TEXT` | `x-should-retry`, as written |
//! | `reset=TEXT` | `x-ratelimit-reset-requests`, as written; `none` for neither it nor what remains |
//! | `echo-key` | 401 whose message repeats the credential received, as real providers do |
//! | `vllm-error` | errors have vLLM's shape; alone it means `error-first` |
//! | `body=garbage` | 200 with a page of HTML |
//! | `body=empty` | 200 with no body |
//! | `body=error` | 200 with an error object as the whole body |
//! | `json-answer` | a streaming request gets a whole JSON answer |
//! | `error-first` | 200, and the first event is an error |
//! | `error-after=N` | an error event after N content events, then the end without an end mark |
//! | `stall-before-head` | silence before the response head |
//! | `stall-after-head` | the head, then silence |
//! | `stall-after=N` | silence after N events (a JSON answer is one event) |
//! | `stall-ms=N` | the silence ends after N ms and the answer goes on; otherwise it lasts 10 minutes |
//! | `cut-before-head` | the connection breaks before any byte of the answer |
//! | `cut-at-byte=N` | it breaks after exactly N bytes of the body |
//! | `cut-after=N` | it breaks after N events |
//! | `cut=abrupt` | how it breaks (the default): closed without the end of the body; alone: right after the head |
//! | `cut=rst` | reset instead of closed |
//! | `cut=fin` | the body ends cleanly, only too early |
//! | `no-done` | no `[DONE]` |
//! | `done-tight`, `done-twice` | `data:[DONE]` without the space; `[DONE]` two times |
//! | `no-usage` | no usage, although asked for |
//! | `usage-with-finish` | usage in the finish chunk instead of a chunk of its own |
//! | `no-finish` | no finish chunk |
//! | `crlf` | lines end with CR LF |
//! | `comments` | `: keep-alive` comments before every event |
//! | `bom` | a byte-order mark at the start of the stream |
//! | `chunk=N` | the body is written N bytes at a time (1 splits characters) |
//! | `event-bytes=N` | the first content event is padded to N bytes |
//! | `unicode` | hard text: many-byte characters, U+2028, `data: [DONE]`; big numbers and doubled keys beside it |
//! | `burst` | no pauses |
//! | `ttft=MS`, `itl=MS`, `tokens=N`, `cached=N` | these values instead of drawn ones |
//! | `slow-start=MS` | an extra delay before the head |
//! | `gzip` | the body is compressed, asked for or not |
//! | `close` | `connection: close` |
//! | `cost=USD` | `usage.cost`, as OpenRouter sends it |
//! | `cache-write=N` | so many prompt tokens were written into a cache |
//! | `blocked` | the prompt is refused by a safety filter, with 200 |
//! | `exception=TEXT` | the exception Bedrock breaks off with; alone it means `error-first` |
//! | `late-split` | Anthropic: the whole prompt in `message_start`, the cache split only in `message_delta` |

use crate::{config::SimModel, rng::Rng};

/// Bytes a SPEC may have.
const SPEC_MAX: usize = 2_000;
/// Bytes one event or one written piece may have.
const BYTES_MAX: u64 = 16 << 20;
/// The longest delay that can be asked for.
const MS_MAX: u64 = 600_000;
/// Tokens one choice may have.
pub(crate) const TOKENS_MAX: u64 = 32_768;

/// Faults that are on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    EchoKey,
    VllmError,
    JsonAnswer,
    NoDone,
    DoneTight,
    DoneTwice,
    NoUsage,
    UsageWithFinish,
    NoFinish,
    Crlf,
    Comments,
    Bom,
    Unicode,
    Burst,
    Gzip,
    Close,
    Blocked,
    LateSplit,
}

const FLAGS: &[(&str, Flag)] = &[
    ("echo-key", Flag::EchoKey),
    ("vllm-error", Flag::VllmError),
    ("json-answer", Flag::JsonAnswer),
    ("no-done", Flag::NoDone),
    ("done-tight", Flag::DoneTight),
    ("done-twice", Flag::DoneTwice),
    ("no-usage", Flag::NoUsage),
    ("usage-with-finish", Flag::UsageWithFinish),
    ("no-finish", Flag::NoFinish),
    ("crlf", Flag::Crlf),
    ("comments", Flag::Comments),
    ("bom", Flag::Bom),
    ("unicode", Flag::Unicode),
    ("burst", Flag::Burst),
    ("gzip", Flag::Gzip),
    ("close", Flag::Close),
    ("blocked", Flag::Blocked),
    ("late-split", Flag::LateSplit),
];

/// A 200 whose body is not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongBody {
    Garbage,
    Empty,
    Error,
}

/// Where in an answer something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    BeforeHead,
    AfterHead,
    AfterEvents(u64),
    AtByte(u64),
}

/// How a connection breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CutMode {
    #[default]
    Abrupt,
    Rst,
    Fin,
}

/// What one call gets wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fault {
    /// As it was asked for, or `drawn:` and what was drawn.
    pub(crate) text: String,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) retry_after_ms: Option<String>,
    pub(crate) retry_after_date: Option<i64>,
    pub(crate) should_retry: Option<String>,
    pub(crate) reset: Option<String>,
    pub(crate) body: Option<WrongBody>,
    /// An error event after this many content events; 0 is before everything else.
    pub(crate) error_after: Option<u64>,
    pub(crate) stall: Option<Point>,
    pub(crate) stall_ms: Option<u64>,
    pub(crate) cut: Option<Point>,
    pub(crate) cut_mode: CutMode,
    pub(crate) chunk: Option<usize>,
    pub(crate) event_bytes: Option<usize>,
    pub(crate) ttft_ms: Option<u64>,
    pub(crate) itl_ms: Option<u64>,
    pub(crate) tokens: Option<usize>,
    pub(crate) cached: Option<u64>,
    pub(crate) cache_write: Option<u64>,
    /// The exception with which binary streams break off.
    pub(crate) exception: Option<String>,
    pub(crate) slow_start_ms: u64,
    pub(crate) cost: Option<f64>,
    flags: Vec<Flag>,
}

impl Fault {
    pub(crate) fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Whether the call must fail with an error status.
    pub(crate) fn error_status(&self) -> Option<u16> {
        self.status.or_else(|| self.has(Flag::EchoKey).then_some(401))
    }

    /// Reads a SPEC; the error is a sentence that names the part not understood.
    pub(crate) fn parse(spec: &str) -> Result<Self, String> {
        if spec.len() > SPEC_MAX {
            return Err(format!("a fault may have {SPEC_MAX} bytes"));
        }
        let mut fault = Self { text: spec.to_owned(), ..Self::default() };
        let mut mode = None;
        for part in spec.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("cut", how)) => mode = Some(cut_mode(how).ok_or_else(|| unknown(part))?),
                Some((key, value)) => fault.set(key, value).ok_or_else(|| unknown(part))?,
                None => fault.flag(part).ok_or_else(|| unknown(part))?,
            }
        }
        if let Some(mode) = mode {
            fault.cut_mode = mode;
            fault.cut.get_or_insert(Point::AfterHead);
        }
        let alone = fault.has(Flag::VllmError) || fault.exception.is_some();
        if alone && fault.error_status().is_none() && fault.body.is_none() {
            fault.error_after.get_or_insert(0);
        }
        Ok(fault)
    }

    fn flag(&mut self, name: &str) -> Option<()> {
        match name {
            "error-first" => self.error_after = Some(0),
            "stall-before-head" => self.stall = Some(Point::BeforeHead),
            "stall-after-head" => self.stall = Some(Point::AfterHead),
            "cut-before-head" => self.cut = Some(Point::BeforeHead),
            _ => self.flags.push(FLAGS.iter().find(|(known, _)| *known == name)?.1),
        }
        Some(())
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "status" => self.status = Some(u16::try_from(number(value, 599)?).ok().filter(|s| *s >= 400)?),
            "code" => self.code = Some(header_text(value)?),
            "retry-after" => self.retry_after = Some(header_text(value)?),
            "retry-after-ms" => self.retry_after_ms = Some(header_text(value)?),
            "should-retry" => self.should_retry = Some(header_text(value)?),
            "reset" => self.reset = Some(header_text(value)?),
            "retry-after-date" => {
                self.retry_after_date = Some(value.parse().ok().filter(|s: &i64| s.abs() < 400_000_000)?);
            }
            "body" => {
                self.body = Some(match value {
                    "garbage" => WrongBody::Garbage,
                    "empty" => WrongBody::Empty,
                    "error" => WrongBody::Error,
                    _ => return None,
                });
            }
            "error-after" => self.error_after = Some(number(value, u64::MAX)?),
            "stall-after" => self.stall = Some(Point::AfterEvents(number(value, u64::MAX)?)),
            "stall-ms" => self.stall_ms = Some(number(value, MS_MAX)?),
            "cut-at-byte" => self.cut = Some(Point::AtByte(number(value, u64::MAX)?)),
            "cut-after" => self.cut = Some(Point::AfterEvents(number(value, u64::MAX)?)),
            "chunk" => self.chunk = Some(number(value, BYTES_MAX).filter(|n| *n > 0)? as usize),
            "event-bytes" => self.event_bytes = Some(number(value, BYTES_MAX)? as usize),
            "ttft" => self.ttft_ms = Some(number(value, MS_MAX)?),
            "itl" => self.itl_ms = Some(number(value, MS_MAX)?),
            "tokens" => self.tokens = Some(number(value, TOKENS_MAX)? as usize),
            "cached" => self.cached = Some(number(value, 1 << 32)?),
            "cache-write" => self.cache_write = Some(number(value, 1 << 32)?),
            "exception" => self.exception = Some(header_text(value).filter(|name| !name.is_empty())?),
            "slow-start" => self.slow_start_ms = number(value, MS_MAX)?,
            "cost" => self.cost = Some(value.parse().ok().filter(|cost: &f64| cost.is_finite())?),
            _ => return None,
        }
        Some(())
    }

    /// What a model's own rates make of a call. Every rate is drawn, so that one does not shift the others.
    pub(crate) fn drawn(model: &SimModel, rng: &mut Rng) -> Self {
        let [error, limit, stall, cut] =
            [model.error_rate, model.rate_limit_rate, model.stall_rate, model.cut_rate]
                .map(|rate| rng.chance(rate));
        let (kind, place) = (rng.below(3), 1 + rng.below(20));
        let spec = if error {
            if kind == 0 { "status=503".to_owned() } else { "status=500".to_owned() }
        } else if limit {
            let wait = model.retry_after_ms;
            format!("status=429,retry-after-ms={wait},retry-after={}", wait.div_ceil(1_000))
        } else if stall {
            match kind {
                0 => "stall-before-head".to_owned(),
                1 => "stall-after-head".to_owned(),
                _ => format!("stall-after={place}"),
            }
        } else if cut {
            format!("cut-after={place},cut={}", if kind == 0 { "rst" } else { "abrupt" })
        } else {
            return Self::default();
        };
        match Self::parse(&spec) {
            Ok(fault) => Self { text: format!("drawn:{spec}"), ..fault },
            Err(_) => Self::default(),
        }
    }
}

fn unknown(part: &str) -> String {
    format!("`{part}` is not a known fault")
}

fn cut_mode(name: &str) -> Option<CutMode> {
    match name {
        "abrupt" => Some(CutMode::Abrupt),
        "rst" => Some(CutMode::Rst),
        "fin" => Some(CutMode::Fin),
        _ => None,
    }
}

fn number(value: &str, max: u64) -> Option<u64> {
    value.parse().ok().filter(|number| *number <= max)
}

fn header_text(value: &str) -> Option<String> {
    value.bytes().all(|byte| (0x20..0x7F).contains(&byte)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_flags_are_read() {
        let fault = Fault::parse("status=429, retry-after=2,code=insufficient_quota,close").unwrap();
        assert_eq!(fault.error_status(), Some(429));
        assert_eq!(fault.retry_after.as_deref(), Some("2"));
        assert_eq!(fault.code.as_deref(), Some("insufficient_quota"));
        assert!(fault.has(Flag::Close) && !fault.has(Flag::Gzip));
        let fault = Fault::parse("cut-at-byte=77,cut=rst,stall-after=3").unwrap();
        assert_eq!((fault.cut, fault.cut_mode), (Some(Point::AtByte(77)), CutMode::Rst));
        assert_eq!(fault.stall, Some(Point::AfterEvents(3)));
    }

    #[test]
    fn what_one_part_means_without_others() {
        assert_eq!(Fault::parse("cut=fin").unwrap().cut, Some(Point::AfterHead));
        assert_eq!(Fault::parse("vllm-error").unwrap().error_after, Some(0));
        assert_eq!(Fault::parse("vllm-error,status=400").unwrap().error_after, None);
        assert_eq!(Fault::parse("echo-key").unwrap().error_status(), Some(401));
        assert_eq!(Fault::parse("").unwrap(), Fault::default());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (spec, part) in [
            ("burst,sttaus=500", "`sttaus=500`"),
            ("status=200", "`status=200`"),
            ("chunk=0", "`chunk=0`"),
            ("retry-after=a\tb", "`retry-after=a\tb`"),
            ("event-bytes=999999999", "`event-bytes=999999999`"),
            ("bursty", "`bursty`"),
        ] {
            assert!(Fault::parse(spec).unwrap_err().contains(part), "{spec}");
        }
    }

    /// The table users read and the one above name the same parts, and every one of them is understood.
    #[test]
    fn the_documented_parts_are_the_known_ones() {
        let parts = |text: &str| {
            let rows = text.lines().filter_map(|line| line.trim_start_matches("//! ").strip_prefix("| `"));
            let cells = rows.filter_map(|row| row.split(" | ").next().map(str::to_owned));
            let parts = cells.flat_map(|cell| {
                cell.split(", ").map(|part| part.trim_matches('`').to_owned()).collect::<Vec<_>>()
            });
            parts.collect::<std::collections::BTreeSet<String>>()
        };
        let guide = include_str!("../../../docs/sim.md");
        let guide =
            guide.split("## Faults").nth(1).and_then(|rest| rest.split("## The ledger").next()).unwrap();
        let known = parts(include_str!("fault.rs").split("use crate").next().unwrap());
        assert_eq!(parts(guide), known);
        for part in &known {
            let spec = ["=N", "=MS", "=SECONDS", "=USD", "=TEXT"]
                .iter()
                .fold(part.clone(), |spec, place| spec.replace(place, "=429"));
            assert!(Fault::parse(&spec).is_ok(), "{part}");
        }
        assert!(FLAGS.iter().all(|(name, _)| known.contains(*name)));
    }

    #[test]
    fn drawn_faults_follow_the_rates() {
        let model = SimModel { error_rate: 0.2, rate_limit_rate: 0.1, ..SimModel::default() };
        let mut rng = Rng::new(3);
        let faults: Vec<Fault> = (0..4_000).map(|_| Fault::drawn(&model, &mut rng)).collect();
        let share = |status: &[u16]| {
            let count = faults.iter().filter(|f| f.status.is_some_and(|s| status.contains(&s))).count();
            count as f64 / faults.len() as f64
        };
        assert!((share(&[500, 503]) - 0.2).abs() < 0.02);
        assert!((share(&[429]) - 0.08).abs() < 0.02, "refused only where it did not already fail");
        assert!(faults.iter().all(|f| f.status != Some(429) || f.text.starts_with("drawn:status=429")));
        assert_eq!(Fault::drawn(&SimModel::default(), &mut rng), Fault::default());
    }
}
