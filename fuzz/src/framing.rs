//! What must hold for the watch over where requests begin and end on a connection.

use super::cuts;
use super::frames::request_ends;
use paceline_gateway::framing::{Framing, Violation};

/// The bound of heads here: short, so that it is met.
const MAX_HEAD: usize = 300;

/// What the watch says of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Where requests ended.
    pub(crate) ends: Vec<usize>,
    /// The state at the end, as text; or why the connection is closed.
    pub(crate) outcome: Result<String, Violation>,
}

/// Watches a connection whose bytes come in `pieces`.
pub(crate) fn watch(pieces: &[&[u8]], max_head: usize) -> Watched {
    let (mut framing, mut ends, mut at, mut head) = (Framing::new(max_head), Vec::new(), 0, 0);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let (taken, over) = match framing.feed(rest) {
                Ok(fed) => fed,
                Err(violation) => return Watched { ends, outcome: Err(violation) },
            };
            assert!(over || taken == rest.len(), "bytes are left of no request");
            rest = &rest[taken..];
            at += taken;
            head = if framing.is_in_head() { head + taken } else { 0 };
            assert!(head <= max_head, "more is kept than a head may be long");
            assert!(!(framing.is_in_head() && framing.is_in_body()));
            if over {
                assert!(!framing.is_in_head() && !framing.is_in_body());
                ends.push(at);
            }
        }
    }
    Watched { ends, outcome: Ok(format!("{framing:?}")) }
}

/// Any cut gives the same; no more is kept than a head may be long; where the watch and a parser of heads both take a
/// request, it ends at the same byte for both.
pub(crate) fn check(text: &[u8]) {
    let whole = watch(&[text], MAX_HEAD);
    for way in cuts::some(text) {
        assert_eq!(watch(&way, MAX_HEAD), whole, "in pieces");
    }
    let Watched { ends, outcome } = whole;
    let (expected, stops) = request_ends(text);
    let both = ends.len().min(expected.len());
    assert_eq!(ends[..both], expected[..both], "a request ends elsewhere");
    // Fewer ends are fine only for who refuses what comes next.
    assert!(ends.len() >= expected.len() || outcome.is_err(), "the watch waits where the parser does not");
    assert!(ends.len() <= expected.len() || stops, "the parser waits where the watch does not");
}
