//! Where requests end on a connection: what is valid is followed, what is in doubt refused, however the bytes are cut.

#![expect(clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "../../../fuzz/src/cuts.rs"]
mod cuts;
#[path = "../../../fuzz/src/frames.rs"]
mod frames;
#[path = "../../../fuzz/src/framing.rs"]
mod properties;
#[path = "../../../fuzz/src/smoke.rs"]
mod smoke;

use paceline_gateway::framing::{Framing, Violation};
use properties::{Watched, check, watch};
use proptest::prelude::*;

/// Enough for every head that is made up here.
const MAX_HEAD: usize = 4096;

/// How the body of a made-up request is announced.
#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>, &'static str),
    Chunks(Vec<(Vec<u8>, &'static str)>, &'static str, &'static str),
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let any = prop::collection::vec(any::<u8>(), 0..most);
    // What looks like framing is data too.
    prop_oneof![3 => any, 1 => Just(b"0\r\n\r\nGET / HTTP/1.1\r\ncontent-length: 7\r\n\r\n".to_vec())]
}

fn body() -> impl Strategy<Value = Body> {
    let length = prop::sample::select(
        &["Content-Length: ", "content-length:", "CONTENT-LENGTH: \t", "Content-length: 000"][..],
    );
    let extension = prop::sample::select(&["", "", ";a", "; a=b;c=\"d e\"", " ;x", "\t"][..]);
    let chunk = (bytes(40).prop_filter("the last chunk is added", |data| !data.is_empty()), extension);
    let coding = prop::sample::select(
        &["Transfer-Encoding: chunked", "transfer-encoding:Chunked \t", "TRANSFER-ENCODING: CHUNKED"][..],
    );
    let trailers = prop::sample::select(&["", "x-sum: 1\r\n", "a: b\r\nContent-Length: 9\r\n"][..]);
    prop_oneof![
        2 => Just(Body::None),
        2 => (bytes(60), length).prop_map(|(data, name)| Body::Length(data, name)),
        3 => (prop::collection::vec(chunk, 0..4), coding, trailers).prop_map(|(c, t, e)| Body::Chunks(c, t, e)),
    ]
}

/// A valid request.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(
        &["GET /v1/models", "POST /v1/chat/completions", "\r\nPOST /", "DELETE /a?b=c"][..],
    );
    let header = prop::sample::select(
        &[
            "Host: localhost",
            "x: ",
            "Connection: keep-alive",
            "te: trailers",
            "Content-Type: application/json",
            "c: content-length: 4",
        ][..],
    );
    (start, prop::collection::vec(header, 0..4), any::<prop::sample::Index>(), body(), any::<bool>())
        .prop_map(|(start, headers, place, body, bare_line_feeds)| {
            let mut lines: Vec<String> = headers.iter().map(ToString::to_string).collect();
            let announced = match &body {
                Body::None => None,
                Body::Length(data, name) => Some(format!("{name}{}", data.len())),
                Body::Chunks(_, coding, _) => Some((*coding).to_owned()),
            };
            let at = place.index(lines.len() + 1);
            lines.splice(at..at, announced);
            lines.insert(0, format!("{start} HTTP/1.1"));
            let end = if bare_line_feeds { "\n" } else { "\r\n" };
            let mut text = (lines.join(end) + end + end).into_bytes();
            write_body(&body, &mut text);
            text
        })
}

fn write_body(body: &Body, text: &mut Vec<u8>) {
    match body {
        Body::None => {}
        Body::Length(data, _) => text.extend_from_slice(data),
        Body::Chunks(chunks, _, trailers) => {
            for (data, extension) in chunks {
                text.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
                text.extend_from_slice(data);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_requests_end_where_they_end(requests in prop::collection::vec(request(), 0..5)) {
        let text = requests.concat();
        let ends: Vec<usize> = requests
            .iter()
            .scan(0, |at, request| {
                *at += request.len();
                Some(*at)
            })
            .collect();
        let at_start = format!("{:?}", Framing::new(MAX_HEAD));
        let mut ways = cuts::some(&text);
        ways.push(vec![&text]);
        for way in ways {
            prop_assert_eq!(watch(&way, MAX_HEAD), Watched { ends: ends.clone(), outcome: Ok(at_start.clone()) });
        }
    }

    #[test]
    fn damaged_requests_end_where_a_parser_says_or_are_refused(
        requests in prop::collection::vec(request(), 1..3),
        damages in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..3, prop::sample::select(&["\r", "\n", "\r\n", ":", " ", "\0", "c", "0"][..])),
            1..3,
        ),
    ) {
        let mut text = requests.concat();
        for (place, len, bytes) in damages {
            let at = place.index(text.len());
            let until = (at + len).min(text.len());
            text.splice(at..until, bytes.bytes());
        }
        check(&text);
    }

    #[test]
    fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&text);
    }
}

/// The violation of a head with these lines, which is the same in all pieces.
fn violation(lines: &str) -> Violation {
    let text = format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n\r\n");
    // After a good request, too.
    for before in ["", "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"] {
        let text = format!("{before}{text}");
        let whole = watch(&[text.as_bytes()], MAX_HEAD);
        for way in cuts::some(text.as_bytes()) {
            assert_eq!(watch(&way, MAX_HEAD), whole, "{text:?}");
        }
        assert_eq!(whole.ends.len(), usize::from(!before.is_empty()), "{text:?}");
        assert!(whole.outcome.is_err(), "{text:?} is accepted");
    }
    watch(&[text.as_bytes()], MAX_HEAD).outcome.expect_err("it was refused")
}

#[test]
fn what_is_in_doubt_is_refused() {
    for (said, heads) in [
        (
            "both content-length and transfer-encoding are given",
            &[
                "Content-Length: 5\r\nTransfer-Encoding: chunked",
                "transfer-encoding: chunked\r\nx: y\r\ncontent-length: 0",
            ][..],
        ),
        (
            "content-length is given twice",
            &["Content-Length: 2\r\nContent-Length: 2", "content-length: 2\r\nx: y\r\nCONTENT-LENGTH: 3"],
        ),
        (
            "content-length is no number",
            &[
                "Content-Length: ",
                "Content-Length: +5",
                "Content-Length: -1",
                "Content-Length: 5, 5",
                "Content-Length: 0x5",
                "Content-Length: 5 5",
                "Content-Length: \u{665}",
                "Content-Length: 18446744073709551616",
            ],
        ),
        (
            "transfer-encoding is other than `chunked`, once",
            &[
                "Transfer-Encoding: gzip, chunked",
                "Transfer-Encoding: identity",
                "Transfer-Encoding: ",
                "Transfer-Encoding: chunked, chunked",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                "Transfer-Encoding: \u{b}chunked",
                "transfer-encoding: chunked;q=1",
            ],
        ),
        (
            "a carriage return stands alone in the head",
            &["x: a\rb", "x: a\r\r", "\rx: a", "x: a\rContent-Length: 5", "Transfer-Encoding: chunked\r\r"],
        ),
        (
            "a header line is continued on the next line",
            &["x: a\r\n b", "x: a\r\n\tContent-Length: 5", " x: a"],
        ),
    ] {
        for head in heads {
            assert_eq!(violation(head), Violation::Ambiguous(said), "{head:?}");
        }
    }
    // A name with white space before the colon is seen, not passed over; the parser after us refuses it.
    assert_eq!(
        violation("Content-Length : 5\r\nContent-Length\t: 6"),
        Violation::Ambiguous("content-length is given twice")
    );
}

#[test]
fn broken_chunks_are_refused() {
    for chunks in [
        "g\r\n",
        "\r\n",
        "-1\r\n",
        "1\n",
        "1\r\nab",
        "1\r\na\n",
        "0\r\nx\n",
        "0\r\n\n",
        "1;\n",
        "1\rx",
        " 1\r\n",
        "0\r\n\rx",
        "10000000000000000\r\n",
    ] {
        let text = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        check(text.as_bytes());
        let Watched { ends, outcome } = watch(&[text.as_bytes()], MAX_HEAD);
        assert!(ends.is_empty() && outcome.is_err(), "{chunks:?} is accepted");
    }
}

/// A head may be as long as the bound, however long its lines are; one more byte is refused, when it comes.
#[test]
fn a_head_over_the_bound_is_refused() {
    let (start, end) = ("GET / HTTP/1.1\r\n", "\r\n\r\n");
    let long = |len: usize, line: usize| {
        let lines = "x".repeat(len - start.len() - end.len()).into_bytes();
        let lines: Vec<u8> =
            lines.chunks(line).flat_map(|line| [&line[..line.len() - 1], b"\n"].concat()).collect();
        [start.as_bytes(), &lines[..lines.len() - 1], b"x", end.as_bytes()].concat()
    };
    for line in [7, 100, MAX_HEAD] {
        let (fits, is_over) = (long(MAX_HEAD, line), long(MAX_HEAD + 1, line));
        for piece in [1, 64, MAX_HEAD * 2] {
            let fed = |text: &[u8]| watch(&text.chunks(piece).collect::<Vec<_>>(), MAX_HEAD);
            assert_eq!(fed(&fits).ends, [MAX_HEAD], "lines of {line} in pieces of {piece}");
            assert_eq!(
                fed(&is_over).outcome,
                Err(Violation::HeadTooLong),
                "lines of {line} in pieces of {piece}"
            );
        }
    }
    // Nothing waits for the end of a line, or of the blank lines before a request.
    for endless in [&b"x"[..], b"\r\n", b"\r"] {
        let text = endless.repeat(MAX_HEAD + 1);
        assert!(watch(&[&text[..=MAX_HEAD]], MAX_HEAD).outcome.is_err());
        assert!(watch(&text[..=MAX_HEAD].chunks(1).collect::<Vec<_>>(), MAX_HEAD).outcome.is_err());
    }
}

#[test]
fn a_body_is_not_held_to_the_bound_of_heads() {
    let mut text = b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n".to_vec();
    text.resize(text.len() + 100_000, b'\r');
    let end = text.len();
    text.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
    for piece in [1000, 1 << 20] {
        let watched = watch(&text.chunks(piece).collect::<Vec<_>>(), MAX_HEAD);
        assert_eq!(watched.ends, [end, text.len()]);
    }
}

#[test]
fn corpus_and_mutations() {
    smoke::run("framing", 3000, check);
}
