//! Answers of all framings, cut everywhere: what is read, and whether the connection may be used again.

use crate::peer::{Answer, Peer, ask, ask_head, ask_with, both, long_request, request};
use bytes::Bytes;
use paceline_http::{Client, HttpError, What};
use tokio::io::AsyncReadExt;

/// An answer's bytes, what a caller reads of it, and whether the connection is kept.
struct Case {
    said: &'static str,
    status: u16,
    body: &'static str,
    kept: bool,
}

const CASES: &[Case] = &[
    Case {
        said: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        status: 200,
        body: "hello",
        kept: true,
    },
    Case { said: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200, body: "", kept: true },
    Case {
        said: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 429 Slow\r\ncontent-length: 2\r\n\r\n{}",
        status: 429,
        body: "{}",
        kept: true,
    },
    Case {
        said: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nhe\r\n03\r\nllo\r\n0\r\nx-sum: 1\r\nx: \r\n\r\n",
        status: 200,
        body: "hello",
        kept: true,
    },
    Case { said: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, body: "", kept: true },
    Case {
        said: "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        status: 304,
        body: "",
        kept: true,
    },
    Case {
        said: "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx",
        status: 200,
        body: "x",
        kept: true,
    },
    Case { said: "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", status: 200, body: "x", kept: false },
    Case {
        said: "HTTP/1.1 200 OK\r\nConnection: a, Close\r\ncontent-length: 1\r\n\r\nx",
        status: 200,
        body: "x",
        kept: false,
    },
    Case {
        said: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        status: 200,
        body: "x",
        kept: true,
    },
    // Both lengths: the chunks count, and such a connection is not trusted again.
    Case {
        said: "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        status: 200,
        body: "x",
        kept: false,
    },
    // More than was announced.
    Case {
        said: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n",
        status: 200,
        body: "x",
        kept: false,
    },
    Case { said: "HTTP/1.1 204 No Content\r\n\r\nx", status: 204, body: "", kept: false },
    Case {
        said: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n0\r\n\r\n",
        status: 200,
        body: "",
        kept: false,
    },
];

/// The peer says `said` in `pieces` on a connection of its own, then closes it.
async fn once(pieces: &[&[u8]]) -> (Result<Answer, HttpError>, usize) {
    let (mut peer, client) = (Peer::new().await, Client::new());
    let origin = peer.origin();
    let says = async {
        let mut stream = peer.accept().await;
        assert!(request(&mut stream).await);
        peer.say(&mut stream, pieces).await;
        // Told before the connection ends: whether it is kept is decided by then.
        client.idle_connections()
    };
    let (kept, answer) = both(says, ask(&client, &origin)).await;
    (answer, kept)
}

fn check(case: &Case, answer: Result<Answer, HttpError>, kept: usize, pieces: &[&[u8]]) {
    let told: Vec<String> = pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
    let answer = answer.unwrap_or_else(|error| panic!("{error}: {told:?}"));
    assert_eq!(answer.status.as_u16(), case.status, "{told:?}");
    assert_eq!(answer.body, case.body.as_bytes(), "{told:?}");
    assert_eq!(answer.end, Ok(()), "{told:?}");
    assert_eq!(kept, usize::from(case.kept), "{told:?}");
}

#[tokio::test]
async fn answers_are_read_the_same_in_one_piece_and_byte_by_byte() {
    for case in CASES {
        let whole = [case.said.as_bytes()];
        let (answer, kept) = once(&whole).await;
        check(case, answer, kept, &whole);
        // Bytes that come after the end are not read, so that byte by byte such a connection is kept until it is used.
        if case.kept || case.said.contains("onnection") || case.said.contains("HTTP/1.0") {
            let bytes: Vec<&[u8]> = case.said.as_bytes().chunks(1).collect();
            let (answer, kept) = once(&bytes).await;
            check(case, answer, kept, &bytes);
        }
    }
}

/// All on one connection, which is thereby used again each time.
#[tokio::test]
async fn answers_are_read_the_same_wherever_they_are_cut() {
    for case in CASES.iter().filter(|case| case.kept) {
        let (mut peer, client) = (Peer::new().await, Client::new());
        let origin = peer.origin();
        let said = case.said.as_bytes();
        let says = async {
            let mut stream = peer.accept().await;
            for at in 1..said.len() {
                assert!(request(&mut stream).await);
                peer.say(&mut stream, &[&said[..at], &said[at..]]).await;
            }
            peer.nobody_waits().await
        };
        let asks = async {
            for at in 1..said.len() {
                let answer = ask(&client, &origin).await;
                check(case, answer, client.idle_connections(), &[&said[..at], &said[at..]]);
            }
        };
        assert!(both(says, asks).await.0, "more than one connection was made");
    }
}

#[tokio::test]
async fn an_answer_without_a_length_ends_with_the_connection() {
    let said = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello";
    for at in 1..said.len() {
        let (answer, kept) = once(&[&said[..at], &said[at..]]).await;
        let answer = answer.unwrap();
        assert_eq!((answer.body.as_slice(), answer.end, kept), (&b"hello"[..], Ok(()), 0));
    }
}

#[tokio::test]
async fn the_answer_to_head_has_no_body() {
    let (mut peer, client) = (Peer::new().await, Client::new());
    let origin = peer.origin();
    let says = async {
        let mut stream = peer.accept().await;
        for framing in ["content-length: 7", "transfer-encoding: chunked", "x: y"] {
            assert!(request(&mut stream).await);
            let said = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
            peer.say(&mut stream, &[said.as_bytes()]).await;
        }
    };
    let asks = async {
        for _ in 0..3 {
            let answer = ask_head(&client, &origin).await.unwrap();
            assert_eq!((answer.body.len(), answer.end), (0, Ok(())));
            assert_eq!(client.idle_connections(), 1);
        }
    };
    both(says, asks).await;
}

#[tokio::test]
async fn an_answer_that_is_cut_is_told_as_such() {
    for said in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhell\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\nx: y\r\n",
    ] {
        let (answer, kept) = once(&[said.as_bytes()]).await;
        let answer = answer.unwrap();
        assert_eq!((answer.body.as_slice(), kept), (&b"hell"[..], 0), "{said}");
        assert_eq!(answer.end.unwrap_err().what, What::Cut, "{said}");
    }
}

#[tokio::test]
async fn a_head_that_is_not_there_or_in_doubt_is_no_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(70_000));
    for (said, what) in [
        ("", What::NoAnswer),
        ("H", What::Cut),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n", What::Cut),
        ("HTTP/1.1 100 Continue\r\n\r\n", What::Cut),
        ("SSH-2.0-OpenSSH\r\n", What::BadAnswer),
        ("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n", What::BadAnswer),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", What::BadAnswer),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\n", What::BadAnswer),
        ("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n", What::BadAnswer),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", What::BadAnswer),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            What::BadAnswer,
        ),
        ("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n", What::BadAnswer),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", What::BadAnswer),
        (&long, What::BadAnswer),
    ] {
        let (answer, kept) = once(&[said.as_bytes()]).await;
        let told = said.get(..said.len().min(80));
        assert_eq!(answer.map(|answer| answer.status).map_err(|error| error.what), Err(what), "{told:?}");
        assert_eq!(kept, 0, "{told:?}");
    }
}

/// What a peer says before it has read the request is the answer; the connection is in the middle of a request.
#[tokio::test]
async fn an_answer_that_comes_early_is_read_and_the_connection_not_kept() {
    let (mut peer, client) = (Peer::new().await, Client::new());
    let origin = peer.origin();
    let says = async {
        let mut stream = peer.accept().await;
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        peer.say(&mut stream, &[b"HTTP/1.1 413 Too Large\r\ncontent-", b"length: 2\r\n\r\n{", b"}"]).await;
        stream
    };
    let (head, body) = long_request();
    let (_stream, answer) = both(says, ask_with(&client, &origin, &head, &body)).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_slice(), answer.end), (413, &b"{}"[..], Ok(())));
    assert_eq!(client.idle_connections(), 0);
}

/// An interim answer is none: the rest of the request is still waited for.
#[tokio::test]
async fn an_interim_answer_that_comes_early_does_not_end_the_request() {
    let (mut peer, client) = (Peer::new().await, Client::new());
    let origin = peer.origin();
    let (head, body) = long_request();
    let total = head.len() + body.iter().map(Bytes::len).sum::<usize>();
    let says = async {
        let mut stream = peer.accept().await;
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        peer.say(&mut stream, &[b"HTTP/1.1 102 Processing\r\n", b"\r\n"]).await;
        stream.read_exact(&mut vec![0; total - 1000]).await.unwrap();
        peer.say(&mut stream, &[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"]).await;
    };
    let ((), answer) = both(says, ask_with(&client, &origin, &head, &body)).await;
    assert_eq!(answer.map(|answer| answer.status.as_u16()), Ok(200));
    assert_eq!(client.idle_connections(), 1);
}
