//! The steps of the path as functions of the binary, and what each of them comes to per call.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::callgrind::{Cost, Profile};
use crate::cases::Case;
use crate::payload::EVENTS;
use crate::subject::Subject;

/// The content events of a stream, its usage chunk and its end mark.
const ALL_EVENTS: f64 = (EVENTS + 2) as f64;
/// How many functions are listed by their own instructions.
const TOP: usize = 16;

/// A step of the path.
struct Step {
    /// How deep it stands below the steps before it.
    depth: usize,
    /// What it is.
    what: &'static str,
    /// The functions that do it; a `*` ends a name that may go on.
    functions: &'static [&'static str],
    /// Only their own instructions: they call each other.
    own: bool,
}

/// A step whose functions do not call each other.
const fn step(depth: usize, what: &'static str, functions: &'static [&'static str]) -> Step {
    Step { depth, what, functions, own: false }
}

const STEPS: &[Step] = &[
    step(
        0,
        "read from the caller's socket",
        &["<paceline_gateway::door::Door as tokio::io::async_read::AsyncRead>::poll_read"],
    ),
    step(1, "framing guard", &["paceline_gateway::framing::Framing::feed"]),
    step(
        0,
        "hyper: parse the request's head",
        &["<hyper::proto::h1::role::Server as hyper::proto::h1::Http1Transaction>::parse"],
    ),
    step(
        0,
        "the call, from parsed head to answer's head",
        &["paceline_gateway::pipeline::guarded::{{closure}}"],
    ),
    step(1, "collect the body", &["paceline_gateway::step::read::collect::{{closure}}"]),
    step(1, "labels of the headers", &["paceline_gateway::headers::labels"]),
    step(1, "request scan", &["paceline_dialect::openai::request::read"]),
    step(1, "plan: find the model", &["paceline_gateway::step::plan::plan"]),
    step(2, "directory", &["paceline_routing::directory::Directory::find"]),
    step(1, "attempts", &["paceline_gateway::step::attempt::run::{{closure}}"]),
    step(2, "begin the attempt's record", &["paceline_gateway::step::attempt::begin"]),
    step(2, "edits of the body", &["paceline_dialect::openai::request::Asked::edits"]),
    step(2, "splice", &["paceline_gateway::upstream::splice"]),
    step(2, "write the request's head", &["paceline_gateway::upstream::Upstream::head"]),
    step(2, "limits of time", &["paceline_gateway::step::limits::Limits::new"]),
    step(2, "send, and read the answer's head", &["paceline_http::client::Client::send::{{closure}}"]),
    step(3, "take a kept connection", &["paceline_http::client::Client::take"]),
    step(3, "write head and body", &["paceline_http::exchange::Exchange::write_parts::{{closure}}"]),
    step(3, "read and parse the head", &["paceline_http::exchange::Exchange::read_head::{{closure}}"]),
    step(4, "parse it, take the body bytes behind it", &["paceline_http::exchange::Exchange::take_head"]),
    step(5, "of that: decode the body", &["paceline_http::exchange::Exchange::take_body"]),
    step(2, "answer scan", &["paceline_gateway::step::observe::DocumentWatch::feed"]),
    step(2, "headers that name the answer", &["paceline_gateway::step::attempt::name_answer"]),
    step(2, "commit: the answer's head goes out", &["paceline_gateway::step::attempt::commit"]),
    step(1, "call id into the headers", &["paceline_gateway::pipeline::name_call"]),
    step(0, "browser check", &["paceline_gateway::step::admit::browser"]),
    step(0, "credential", &["paceline_gateway::headers::credential"]),
    step(0, "identify the key", &["paceline_gateway::gateway::Snapshot::identify"]),
    step(0, "open the call: id, clocks, record", &["paceline_gateway::call::Call::open"]),
    step(0, "relay: all polls of a stream's body", &["<paceline_gateway::body::AnswerBody as *"]),
    step(1, "read more of the answer", &["paceline_http::exchange::Exchange::poll_more"]),
    step(1, "take whole events", &["paceline_gateway::step::observe::EventWatch::take"]),
    step(1, "take and observe what came", &["paceline_gateway::step::relay::Parts::take"]),
    step(2, "observe events", &["paceline_gateway::step::observe::EventWatch::observe"]),
    step(3, "of that: the dialect", &["paceline_dialect::openai::stream::ChatStream::observe"]),
    step(4, "of that: find the data of an event", &["paceline_dialect::sse::data"]),
    step(1, "end well: fill the record", &["paceline_gateway::step::relay::Parts::end_well"]),
    step(0, "close the call: record into the queue, sums", &["paceline_gateway::call::Call::close"]),
    step(0, "hyper: write the answer's head", &["hyper::proto::h1::conn::Conn<I,B,T>::write_head"]),
    step(0, "hyper: hand the answer to the socket", &["hyper::proto::h1::io::Buffered<T,B>::poll_flush"]),
    step(0, "tokio: wait for the next event", &["tokio::runtime::scheduler::current_thread::Context::park"]),
    step(0, "recorder, on its own thread", &["paceline::recorder::Recorder::drain"]),
    step(1, "names of the statistics", &["paceline::labels::Bounded::key"]),
    step(1, "tallies over time", &["paceline_stats::ladder::Ladder::add"]),
    step(1, "line for people", &["paceline::log::Log::calls"]),
    step(0, "anywhere: clock reads", &["<std::sys::pal::unix::time::Timespec>::now"]),
    step(
        0,
        "anywhere: get memory",
        &[
            "malloc",
            "calloc",
            "realloc",
            "aligned_alloc",
            "memalign",
            "posix_memalign",
            "mi_malloc_aligned",
            "mi_zalloc_aligned",
            "mi_realloc_aligned",
        ],
    ),
    step(0, "anywhere: give memory back", &["free", "cfree", "mi_free"]),
    step(
        0,
        "anywhere: copy, fill, compare memory",
        &["__memcpy*", "__memmove*", "__memset*", "__memcmp*", "__bcmp*"],
    ),
    Step { depth: 0, what: "anywhere: search bytes", functions: &["memchr::*"], own: true },
];

impl Step {
    /// What the functions of this step come to together; `None` when the profile has none of them.
    fn cost(&self, profile: &Profile) -> Option<Cost> {
        let is_one = |name: &str| {
            self.functions.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == *wanted,
            })
        };
        let found = profile.functions.iter().filter(|(name, cost)| is_one(name) && cost.inclusive > 0.5);
        found.map(|(_, cost)| cost).fold(None, |sum, cost| {
            let Cost { calls, own, inclusive } = sum.unwrap_or_default();
            let inclusive = inclusive + if self.own { cost.own } else { cost.inclusive };
            Some(Cost { calls: calls + cost.calls, own: own + cost.own, inclusive })
        })
    }
}

/// The tables for one subject and case.
pub(super) fn report(subject: Subject, case: Case, profile: &Profile) -> String {
    let mut out =
        format!("\n### {}, {}: {:.0} instructions per call\n", subject.name(), case.name(), profile.total);
    out += &steps(case, profile);
    out += &rooms(profile);
    out + &top(profile)
}

fn steps(case: Case, profile: &Profile) -> String {
    let per_event = case.streams();
    let mut out = String::from("\n| step, callees included | times | instructions | of all |");
    out += if per_event { " per event |\n|---|---|---|---|---|\n" } else { "\n|---|---|---|---|\n" };
    let mut absent = Vec::new();
    for step in STEPS {
        let Some(cost) = step.cost(profile) else {
            absent.push(step.what);
            continue;
        };
        let share = cost.inclusive / profile.total * 100.0;
        let indent = "· ".repeat(step.depth);
        let _ = write!(
            out,
            "| {indent}{} | {:.1} | {:.0} | {share:.1} % |",
            step.what, cost.calls, cost.inclusive
        );
        if per_event {
            let _ = write!(out, " {:.0} |", cost.inclusive / ALL_EVENTS);
        }
        out.push('\n');
    }
    if !absent.is_empty() {
        let _ = writeln!(
            out,
            "\nNot counted, as not on this way, inlined into their callers, or renamed: {}.",
            absent.join(", ")
        );
    }
    out
}

/// Whose code it is: own instructions by crate.
fn rooms(profile: &Profile) -> String {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for (name, cost) in &profile.functions {
        *sums.entry(room(name)).or_default() += cost.own;
    }
    let mut sums: Vec<_> = sums.into_iter().filter(|(_, own)| *own / profile.total >= 0.005).collect();
    sums.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut out =
        String::from("\n| crate (with what is inlined into it) | instructions | of all |\n|---|---|---|\n");
    for (room, own) in sums {
        let _ = writeln!(out, "| {room} | {own:.0} | {:.1} % |", own / profile.total * 100.0);
    }
    out
}

/// The crate a function's name begins with.
fn room(name: &str) -> &str {
    let name = name.strip_prefix("core::ptr::drop_in_place<").unwrap_or(name);
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let Some((first, _)) = name.split_once("::") else {
        let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
        return match () {
            () if is(&["malloc", "free", "calloc", "realloc", "memalign", "unlink_chunk", "mi_"]) => {
                "allocator"
            }
            () if is(&["memcpy", "memmove", "memset", "memcmp", "bcmp"]) => "libc, copying and comparing",
            () => "libc and the loader",
        };
    };
    // `<&str as http::…>`: a type without a crate, then the trait.
    match first.rsplit(' ').next().unwrap_or(first) {
        "std" | "core" | "alloc" | "hashbrown" => "standard library",
        other => other,
    }
}

/// Our own functions with the most instructions of their own.
fn top(profile: &Profile) -> String {
    let ours = profile.functions.iter().filter(|(name, _)| room(name).starts_with("paceline"));
    let mut ours: Vec<_> = ours.collect();
    ours.sort_by(|a, b| b.1.own.total_cmp(&a.1.own));
    let mut out = String::from(
        "\n| own functions with the most instructions of their own | times | instructions |\n|---|---|---|\n",
    );
    for (name, cost) in ours.into_iter().take(TOP) {
        let _ = writeln!(out, "| `{name}` | {:.1} | {:.0} |", cost.calls, cost.own);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(functions: &[(&str, f64, f64)]) -> Profile {
        let cost = |own, inclusive| Cost { calls: 2.0, own, inclusive };
        let functions =
            functions.iter().map(|(name, own, inclusive)| ((*name).to_owned(), cost(*own, *inclusive)));
        Profile { total: 1000.0, functions: functions.collect() }
    }

    #[test]
    fn a_step_is_the_sum_of_its_functions_and_an_absent_one_is_named() {
        let profile = profile(&[
            ("malloc", 20.0, 100.0),
            ("realloc", 5.0, 11.0),
            ("paceline_dialect::openai::request::read", 70.0, 90.0),
            ("memchr::a", 1.0, 3.0),
            ("memchr::b", 2.0, 2.0),
        ]);
        let text = report(Subject::Paceline, Case::Burst, &profile);
        assert!(text.contains("| anywhere: get memory | 4.0 | 111 | 11.1 % | 2 |"), "{text}");
        assert!(text.contains("| · request scan | 2.0 | 90 | 9.0 % | 1 |"), "{text}");
        assert!(text.contains("| anywhere: search bytes | 4.0 | 3 | 0.3 % | 0 |"), "{text}");
        assert!(text.contains("renamed: read from the caller's socket, framing guard,"), "{text}");
        assert!(text.contains("| `paceline_dialect::openai::request::read` | 2.0 | 70 |"), "{text}");
        let small = report(Subject::Paceline, Case::Small, &profile);
        assert!(small.contains("| · request scan | 2.0 | 90 | 9.0 % |\n"), "{small}");
    }

    #[test]
    fn functions_belong_to_the_crate_their_name_begins_with() {
        for (name, crate_) in [
            ("<hyper::proto::h1::role::Server as hyper::proto::h1::Http1Transaction>::parse", "hyper"),
            ("core::ptr::drop_in_place<http::header::map::HeaderMap>", "http"),
            ("<&str as http::header::map::as_header_name::Sealed>::find", "http"),
            ("<core::pin::Pin<P> as core::future::future::Future>::poll", "standard library"),
            ("paceline_gateway::pipeline::guarded::{{closure}}", "paceline_gateway"),
            ("_int_free", "allocator"),
            ("_mi_page_free_collect_partly", "allocator"),
            ("__memcpy_avx_unaligned_erms", "libc, copying and comparing"),
            ("epoll_wait", "libc and the loader"),
        ] {
            assert_eq!(room(name), crate_, "{name}");
        }
    }
}
