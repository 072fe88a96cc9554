//! Answers that break or go silent: at which byte, in which way, and what the ledger says of it.

use crate::client::{End, Sim, eventually};
use paceline_sim::Outcome;
use serde_json::{Value, json};
use std::time::Instant;

#[tokio::test]
async fn streams_break_at_the_byte() {
    let sim = Sim::start().await;
    let whole = sim.chat("", json!({"stream": true, "seed": 1})).await;
    for (mode, end) in
        [("", End::Closed), (",cut=abrupt", End::Closed), (",cut=rst", End::Reset), (",cut=fin", End::Clean)]
    {
        for at in [0, 1, 100, 1_000, whole.body.len() - 1] {
            let answer =
                sim.chat(&format!("cut-at-byte={at}{mode}"), json!({"stream": true, "seed": 1})).await;
            assert_eq!((answer.status, answer.body.len(), answer.end), (200, at, end), "{at}{mode}");
            let call = sim.last().await;
            assert_eq!((call.outcome, call.bytes_sent, call.usage), (Outcome::Cut, at as u64, None));
            let text = whole.said(0, "content");
            assert!(text.starts_with(&call.text) && (at > 1_000 || call.text.len() < text.len()));
        }
    }
    let answer = sim.chat("cut-at-byte=10000000", json!({"stream": true})).await;
    assert_eq!(
        (answer.end, sim.last().await.outcome),
        (End::Clean, Outcome::Completed),
        "too short to break"
    );
}

#[tokio::test]
async fn whole_answers_break_at_the_byte() {
    let sim = Sim::start().await;
    for (mode, end) in [("abrupt", End::Closed), ("rst", End::Reset), ("fin", End::Clean)] {
        for at in [0, 50] {
            let answer = sim.chat(&format!("cut-at-byte={at},cut={mode}"), json!({})).await;
            assert_eq!((answer.status, answer.body.len(), answer.end), (200, at, end), "{at} {mode}");
            assert_eq!(sim.last().await.outcome, Outcome::Cut);
        }
    }
}

#[tokio::test]
async fn streams_break_after_events() {
    let sim = Sim::start().await;
    let answer = sim.chat("cut-after=4", json!({"stream": true})).await;
    assert_eq!((answer.events().len(), answer.end), (4, End::Closed));
    let call = sim.last().await;
    assert_eq!((call.events_sent, call.content_events, call.text), (4, 3, answer.said(0, "content")));
    let head = sim.chat("cut=rst", json!({"stream": true})).await;
    assert_eq!((head.status, head.body.len(), head.end), (200, 0, End::Reset));
}

#[tokio::test]
async fn connections_break_before_any_answer() {
    let sim = Sim::start().await;
    for mode in ["", ",cut=rst"] {
        let mut client = sim.client().await;
        client.begin_chat(&format!("cut-before-head{mode}"), json!({})).await;
        assert!(client.answer().await.is_none());
        let call = sim.last().await;
        assert_eq!((call.outcome, call.status, call.first_byte_sent_ms), (Outcome::Cut, None, None));
    }
}

#[tokio::test]
async fn a_large_answer_is_cut_at_the_byte_for_a_slow_reader() {
    let sim = Sim::start().await;
    let at = 3_000_000;
    let spec = format!("event-bytes=4000000,cut-at-byte={at}");
    let mut client = sim.client().await;
    client.begin_chat(&spec, json!({"stream": true})).await;
    // Nothing is read until the socket is full: what was handed over must still arrive before the end.
    eventually(|| sim.handle.calls(0).first().is_some_and(|call| call.status.is_some())).await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.body.len(), answer.end), (at, End::Closed));
}

#[tokio::test]
async fn silences_end_when_told() {
    let sim = Sim::start().await;
    for spec in ["stall-before-head", "stall-after-head", "stall-after=3"] {
        let answer = sim.chat(&format!("{spec},stall-ms=40"), json!({"stream": true})).await;
        assert_eq!((answer.end, answer.data().last().unwrap().as_str()), (End::Clean, "[DONE]"));
        let call = sim.last().await;
        assert_eq!(call.outcome, Outcome::Completed);
        let head = call.first_byte_sent_ms.unwrap();
        let content = call.first_content_sent_ms.unwrap();
        assert!(call.last_byte_sent_ms.unwrap() >= 40.0);
        assert_eq!(
            (head >= 40.0, content >= 40.0),
            (spec == "stall-before-head", spec != "stall-after=3"),
            "{spec}"
        );
    }
}

#[tokio::test]
async fn what_never_left_is_not_counted_as_sent() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    client.begin_chat("event-bytes=16000000", json!({"stream": true})).await;
    client.read_until(b"xxxx").await.unwrap();
    drop(client);
    let call = sim.last().await;
    assert_eq!((call.outcome, call.events_sent, call.content_events), (Outcome::ClientGone, 1, 0));
    assert!((4..16_000_000).contains(&call.bytes_sent) && call.first_byte_sent_ms.is_some());
    assert_eq!((call.text.as_str(), call.first_content_sent_ms), ("", None));
}

/// Starts a call, waits until the answer has come as far as `mark`, leaves, and says when (ms) that was.
async fn leave(sim: &Sim, spec: &str, extra: Value, mark: Option<&[u8]>, reset: bool) -> f64 {
    let mut client = sim.client().await;
    let begun = Instant::now();
    client.begin_chat(spec, extra).await;
    match mark {
        Some(mark) => drop(client.read_until(mark).await.unwrap()),
        None => eventually(|| sim.handle.calls(0).iter().any(|call| call.body_bytes > 0)).await,
    }
    if reset {
        client.stream.set_zero_linger().unwrap();
    }
    drop(client);
    begun.elapsed().as_secs_f64() * 1_000.0
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_at_once() {
    const HEAD: Option<&[u8]> = Some(b"\r\n\r\n");
    const ROLE: Option<&[u8]> = Some(b"assistant");
    let (stream, whole) = (json!({"stream": true}), json!({}));
    let cases = [
        ("stall-before-head", &stream, None),
        ("slow-start=60000", &stream, None),
        ("ttft=60000", &whole, None),
        ("stall-after-head", &stream, HEAD),
        ("stall-after-head", &whole, HEAD),
        ("ttft=60000", &stream, ROLE),
        ("itl=60000", &stream, ROLE),
        ("stall-after=5", &stream, ROLE),
    ];
    for (spec, extra, mark) in cases {
        for reset in [false, true] {
            let sim = Sim::start().await;
            let left = leave(&sim, spec, extra.clone(), mark, reset).await;
            let call = sim.last().await;
            assert_eq!(call.outcome, Outcome::ClientGone, "{spec}");
            let noticed = call.client_gone_ms.unwrap();
            assert!(noticed < left + 250.0, "{spec}: left at {left} ms, noticed at {noticed} ms");
            assert_eq!(call.first_byte_sent_ms.is_some(), mark.is_some(), "{spec}");
            assert_eq!(sim.handle.totals().client_gone, 1);
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_without_keep_alive_is_noticed_too() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    let body = crate::client::request(json!({"stream": true})).to_string();
    let lines = "Connection: close\r\nx-sim-fault: stall-before-head\r\n";
    client.begin("POST", "/v1/chat/completions", lines, body.as_bytes()).await;
    eventually(|| sim.handle.calls(0).iter().any(|call| call.outcome == Outcome::Stalled)).await;
    drop(client);
    assert_eq!(sim.last().await.outcome, Outcome::ClientGone);
}

#[tokio::test]
async fn a_silent_call_is_open_and_says_so() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    client.begin_chat("stall-after=3", json!({"stream": true})).await;
    client.read_until(b"\"content\":\"\"").await.unwrap();
    eventually(|| sim.handle.calls(0)[0].outcome == Outcome::Stalled).await;
    let call = &sim.handle.calls(0)[0];
    assert_eq!((call.events_sent, call.content_events, sim.handle.totals().open), (3, 2, 1));
    drop(client);
    assert_eq!(sim.last().await.outcome, Outcome::ClientGone);
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end_after_ten_minutes() {
    let sim = Sim::start().await;
    let mut client = sim.client().await;
    client.begin_chat("stall-after-head", json!({"stream": true})).await;
    let calls = sim.handle.settled(0, 1, std::time::Duration::from_mins(30)).await;
    assert_eq!((calls[0].outcome, calls[0].client_gone_ms), (Outcome::Stalled, None));
    assert_eq!(sim.handle.totals().stalled, 1);
}
