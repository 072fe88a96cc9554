//! Streams of chat events: the same observations under any cut, and the same as a slow reader's.

use crate::reference::read;
use crate::sse_chat::{Bytes, Observed, check, observe};
use crate::streams::stream;
use paceline_dialect::openai::stream::{ChatStream, Seen};
use paceline_dialect::sse::data;
use proptest::prelude::*;

/// Compares what was observed with what the slow reader read.
fn same_as_the_reference(stream: &Bytes, observed: &Observed) {
    let expected = read(&stream.0);
    let events = observed.events.iter().filter(|(event, _)| data(&event.0).is_some());
    let seen: Vec<Seen> = events.map(|(_, seen)| *seen).collect();
    assert_eq!(seen, expected.seen, "{stream:?}");
    let no_data = observed.events.iter().filter(|(event, _)| data(&event.0).is_none());
    assert!(no_data.clone().all(|(_, seen)| *seen == Seen::default()));
    let garbage = seen.iter().any(|seen| seen.garbage);
    assert_eq!(observed.garbage, garbage);
    // What an event said before it turned out to be garbage may have been learned.
    if !garbage {
        assert_eq!(observed.learned, expected.learned, "{stream:?}");
        if let Some(text) = &observed.text {
            // The slow reader takes line ends inside of strings for spaces.
            let spaced = |text: &[u8]| String::from_utf8_lossy(text).replace('\n', " ");
            assert_eq!(spaced(&text.0), spaced(&expected.text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_observes_what_a_slow_reader_reads(
        stream in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        collect_text in any::<bool>(),
    ) {
        let mut edges: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.0.len() + 1)).collect();
        edges.extend([0, stream.0.len()]);
        edges.sort_unstable();
        let pieces: Vec<&[u8]> = edges.windows(2).map(|pair| &stream.0[pair[0]..pair[1]]).collect();
        same_as_the_reference(&stream, &observe(&pieces, collect_text));
        check(&stream.0);
    }

    #[test]
    fn any_bytes(stream in prop::collection::vec(any::<u8>(), 0..80)) {
        check(&stream);
    }
}

fn whole(stream: &str) -> Observed {
    check(stream.as_bytes());
    observe(&[stream.as_bytes()], false)
}

fn chunk(piece: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{piece}\"}}}}]}}\n\n")
}

#[test]
fn events_that_are_like_the_last_are_counted_the_same() {
    let pieces = ["Hel", "lo", "\u{2028}", "[DONE]", " ", "\\n", "data: [DONE]\\n\\n", ""];
    let observed = whole(&pieces.map(chunk).concat());
    assert_eq!(observed.learned.content_pieces, 7);
    assert_eq!(observed.learned.content_bytes, pieces.concat().len() as u64);
    assert!(observed.events.iter().all(|(_, seen)| !seen.done && !seen.garbage));
}

/// A line end inside the piece makes another event of it than the last was.
#[test]
fn a_line_end_in_the_piece_is_not_like_the_last() {
    let observed = whole(&[chunk("a"), chunk("b\nfoo")].concat());
    assert_eq!(observed.events.len(), 2);
    assert_eq!(observed.events[1].1, Seen { garbage: true, ..Seen::default() });
    let observed = whole(&[chunk("a"), chunk("b\ndata: c")].concat());
    assert_eq!(observed.learned.content_bytes, 1 + 3);
}

/// Events that carry more than a piece of content are read each time: what they say may have changed in between.
#[test]
fn an_event_with_usage_is_never_like_the_last() {
    let with_usage = |piece: &str| chunk(piece).replace("]}\n", "],\"usage\":{\"prompt_tokens\":7}}\n");
    let other = "data: {\"usage\":{\"prompt_tokens\":11}}\n\n".to_owned();
    let observed = whole(&[with_usage("a"), other, with_usage("b")].concat());
    assert_eq!(observed.learned.usage.map(|usage| usage.input_tokens), Some(7));
    assert_eq!(observed.learned.content_pieces, 2);
}

/// The same bytes in a comment are not the data.
#[test]
fn a_comment_that_repeats_the_data_is_not_taken_for_it() {
    let commented = |comment: &str, piece: &str| {
        format!(": {}{}", chunk(comment).trim_end().replace("data: ", "") + "\n", chunk(piece))
    };
    let observed = whole(&[commented("a", "a"), commented("bcd", "a"), commented("a", "xy")].concat());
    assert_eq!(observed.learned.content_bytes, 1 + 1 + 2);
}

/// Callers who did not ask for usage are not sent the chunk with it; an error they must see.
#[test]
fn an_error_beside_usage_is_not_usage_only() {
    let observed =
        whole("data: {\"error\":{\"code\":\"c\"},\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n");
    assert_eq!(observed.events[0].1, Seen { error: true, has_usage: true, ..Seen::default() });
    assert_eq!(observed.learned.usage.map(|usage| usage.input_tokens), Some(1));
}

#[test]
fn a_megabyte_in_one_event_is_observed_in_small_pieces() {
    let long = "x\u{2028}".repeat(1 << 18);
    let stream = chunk(&long) + "data: [DONE]\n\n";
    let pieces: Vec<&[u8]> = stream.as_bytes().chunks(1500).collect();
    let observed = observe(&pieces, false);
    assert_eq!(observed.learned.content_bytes, long.len() as u64);
    assert_eq!(observed.events.len(), 2);
    assert!(observed.events[1].1.done);
}

#[test]
fn an_observer_that_collects_text_unescapes_it() {
    let mut stream = ChatStream::new(true);
    stream.observe(chunk("a\\n\\u00e9").as_bytes());
    stream.observe(chunk("b").as_bytes());
    assert_eq!(stream.take_text(), Some("a\n\u{e9}b".into()));
}
