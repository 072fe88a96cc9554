//! Connections that were kept: used again while they are good, given up when not; a request is sent again only if no
//! byte of an answer was seen, and once.

use crate::peer::{Peer, ask, ask_with, both, long_request, request};
use paceline_http::{Client, Origin, What};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// A peer, and a client that keeps one connection to it.
struct Kept {
    peer: Peer,
    stream: TcpStream,
    client: Arc<Client>,
    origin: Arc<Origin>,
}

async fn kept() -> Kept {
    let (mut peer, client) = (Peer::new().await, Client::new());
    let origin = peer.origin();
    let (stream, answer) = both(answers_one(&mut peer), ask(&client, &origin)).await;
    assert!(!answer.unwrap().over_kept);
    assert_eq!(client.idle_connections(), 1);
    Kept { peer, stream, client, origin }
}

/// Takes a new connection and answers one request on it.
async fn answers_one(peer: &mut Peer) -> TcpStream {
    let mut stream = peer.accept().await;
    assert!(request(&mut stream).await);
    peer.say(&mut stream, &[ANSWER]).await;
    stream
}

#[tokio::test]
async fn a_good_connection_is_used_again() {
    let Kept { mut peer, mut stream, client, origin } = kept().await;
    let says = async {
        assert!(request(&mut stream).await);
        peer.say(&mut stream, &[ANSWER]).await;
    };
    let ((), answer) = both(says, ask(&client, &origin)).await;
    assert!(answer.unwrap().over_kept);
    assert!(peer.nobody_waits().await);
}

#[tokio::test]
async fn a_connection_of_another_origin_is_not_used() {
    let Kept { mut peer, mut stream, client, .. } = kept().await;
    let other = peer.origin();
    let (_other_stream, answer) = both(answers_one(&mut peer), ask(&client, &other)).await;
    assert!(!answer.unwrap().over_kept);
    assert_eq!(client.idle_connections(), 2);
    drop(client);
    assert!(!request(&mut stream).await, "a request came over it");
}

#[tokio::test]
async fn a_connection_that_was_closed_is_not_used() {
    let Kept { mut peer, stream, client, origin } = kept().await;
    drop(stream);
    peer.settle().await;
    let (_stream, answer) = both(answers_one(&mut peer), ask(&client, &origin)).await;
    assert!(!answer.unwrap().over_kept);
    assert_eq!(client.idle_connections(), 1);
}

#[tokio::test]
async fn a_connection_on_which_something_came_unasked_is_not_used() {
    let Kept { mut peer, mut stream, client, origin } = kept().await;
    peer.say(&mut stream, &[b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"]).await;
    let (_stream, answer) = both(answers_one(&mut peer), ask(&client, &origin)).await;
    let answer = answer.unwrap();
    assert_eq!((answer.over_kept, answer.body.as_slice()), (false, &b"{}"[..]));
    assert!(!request(&mut stream).await, "a request came over it");
}

#[tokio::test]
async fn a_connection_that_dies_under_the_request_is_replaced_silently() {
    let Kept { mut peer, mut stream, client, origin } = kept().await;
    let says = async {
        assert!(request(&mut stream).await);
        drop(stream);
        answers_one(&mut peer).await
    };
    let (_stream, answer) = both(says, ask(&client, &origin)).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status.as_u16(), answer.end, answer.over_kept), (200, Ok(()), false));
    assert!(peer.nobody_waits().await);
}

#[tokio::test]
async fn a_request_is_sent_twice_at_most() {
    let Kept { mut peer, mut stream, client, origin } = kept().await;
    // A second kept connection: asked while the first is busy.
    let says = async {
        assert!(request(&mut stream).await);
        let second = answers_one(&mut peer).await;
        peer.say(&mut stream, &[ANSWER]).await;
        // The one kept last is used first; it dies, and so does the new one.
        assert!(request(&mut stream).await);
        drop(stream);
        let mut third = peer.accept().await;
        assert!(request(&mut third).await);
        drop(third);
        assert!(peer.nobody_waits().await, "it was sent a third time");
        second
    };
    let asks = async {
        let (first, second) = tokio::join!(ask(&client, &origin), ask(&client, &origin));
        assert!(first.unwrap().over_kept && !second.unwrap().over_kept);
        assert_eq!(client.idle_connections(), 2);
        ask(&client, &origin).await
    };
    let (_second, answer) = both(says, asks).await;
    assert_eq!(answer.map(|answer| answer.status).map_err(|error| error.what), Err(What::NoAnswer));
    assert_eq!(client.idle_connections(), 1);
}

#[tokio::test]
async fn a_request_is_not_sent_again_once_a_byte_of_an_answer_came() {
    for begun in [&b"H"[..], b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"] {
        let Kept { mut peer, mut stream, client, origin } = kept().await;
        let says = async {
            assert!(request(&mut stream).await);
            peer.say(&mut stream, &[begun]).await;
            drop(stream);
            assert!(peer.nobody_waits().await, "it was sent again");
        };
        let ((), answer) = both(says, ask(&client, &origin)).await;
        assert_eq!(answer.map(|answer| answer.status).map_err(|error| error.what), Err(What::Cut));
    }
}

/// Also when the byte was of an interim answer, and came while the request was still being written.
#[tokio::test]
async fn a_long_request_is_not_sent_again_once_an_interim_answer_came() {
    let Kept { mut peer, mut stream, client, origin } = kept().await;
    let (head, body) = long_request();
    let says = async {
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        peer.say(&mut stream, &[b"HTTP/1.1 102 Processing\r\n\r\n"]).await;
        drop(stream);
        assert!(peer.nobody_waits().await, "it was sent again");
    };
    let ((), answer) = both(says, ask_with(&client, &origin, &head, &body)).await;
    answer.map(|answer| answer.status).expect_err("there was no answer");
}

#[tokio::test]
async fn a_request_on_a_new_connection_is_not_sent_again() {
    let (mut peer, client) = (Peer::new().await, Client::new());
    let origin = peer.origin();
    let says = async {
        let mut stream = peer.accept().await;
        assert!(request(&mut stream).await);
        drop(stream);
        assert!(peer.nobody_waits().await, "it was sent again");
    };
    let ((), answer) = both(says, ask(&client, &origin)).await;
    assert_eq!(answer.map(|answer| answer.status).map_err(|error| error.what), Err(What::NoAnswer));
}
