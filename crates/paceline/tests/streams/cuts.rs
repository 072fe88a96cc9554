//! A stream that breaks off, at every byte: the caller is told, and the record says `partial`.

use crate::support::{Canned, Conn, House, PATIENCE, ask, chat, undated};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Connections at once.
const LANES: usize = 24;

/// What every cut stream must look like: a beginning of the whole one in whole events, then the error.
fn check(whole: &str, body: &[u8], what: &str) {
    let text = undated(body);
    let at = text.rfind("data: ").unwrap_or_else(|| panic!("{what}: nothing came"));
    let (kept, last) = text.split_at(at);
    assert!(whole.starts_with(kept) && (kept.is_empty() || kept.ends_with("\n\n")), "{what}: {kept}");
    let error: Value = serde_json::from_str(last["data: ".len()..].trim_end()).unwrap_or_default();
    assert_eq!(error["error"]["code"], "stream_truncated", "{what}: {last}");
    assert!(last.ends_with("\n\n") && !kept.contains("[DONE]"), "{what}: {text}");
}

async fn lane(house: Arc<House>, whole: Arc<String>, cuts: Vec<(usize, &'static str)>) -> Vec<String> {
    let mut conn = Conn::open(house.address).await;
    let mut ids = Vec::new();
    for (offset, how) in cuts {
        let fault = format!("burst,tokens=1,cut-at-byte={offset},cut={how}");
        conn.send(&chat(&fault, &ask(true)).bytes(house.address)).await;
        let reply = conn.reply().await;
        assert_eq!((reply.status, reply.whole), (200, true), "{fault}");
        check(&whole, &reply.body, &fault);
        ids.push(reply.id());
    }
    ids
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_is_never_a_whole_one() {
    let house = Arc::new(House::new());
    let mut body = ask(true);
    body["stream_options"] = json!({"include_usage": true});
    body["model"] = json!("sim/instant");
    let direct = house.direct(&chat("burst,tokens=1", &body)).await;
    let end = direct.text().find("[DONE]\n\n").unwrap() + "[DONE]\n\n".len();
    let whole = Arc::new(undated(&direct.body));
    // A clean end right after the mark itself only lacks the blank line, which is another test.
    let cuts = (0..end).flat_map(|offset| ["abrupt", "rst", "fin"].map(|how| (offset, how)));
    let cuts: Vec<(usize, &str)> = cuts.filter(|(offset, how)| *how != "fin" || *offset < end - 2).collect();
    let mut lanes = JoinSet::new();
    for at in 0..LANES {
        let mine = cuts.iter().copied().skip(at).step_by(LANES).collect();
        lanes.spawn(lane(Arc::clone(&house), Arc::clone(&whole), mine));
    }
    let ids: Vec<String> = lanes.join_all().await.concat();
    let records: BTreeMap<String, Value> =
        house.records().await.into_iter().map(|r| (r["id"].as_str().unwrap().to_owned(), r)).collect();
    assert_eq!((ids.len(), records.len()), (cuts.len(), cuts.len()));
    for id in &ids {
        let record = &records[id];
        assert_eq!(
            (&record["status"], &record["error_kind"], &record["http_status"]),
            (&json!("partial"), &json!("truncated"), &json!(200)),
            "{record}"
        );
        assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "nothing is tried again: {record}");
        assert!(record["usage"]["input_tokens"].as_u64().unwrap() > 0, "{record}");
    }
    let calls = house.sim.settled(0, cuts.len() + 1, PATIENCE).await;
    assert_eq!(calls.len(), cuts.len() + 1, "every call reached the provider once");
}

#[tokio::test]
async fn what_came_before_the_cut_was_flushed_to_the_caller_event_by_event() {
    let house = House::new();
    let mut conn = house.begin(&chat("burst,tokens=9,stall-after=5", &ask(true))).await;
    let reply = conn.reply_until(|reply| reply.events().len() == 5).await;
    assert!(reply.text().ends_with("\n\n"));
    assert!(conn.is_silent());
}

#[tokio::test]
async fn a_stream_without_its_end_mark_is_not_whole_either() {
    let house = House::new();
    for fault in ["no-done", "no-done,no-usage", "no-done,no-finish"] {
        let (reply, record) = house.call(&chat(fault, &ask(true))).await;
        assert!(!reply.is_done(), "{fault}");
        assert_eq!(reply.error_events().len(), 1, "{fault}: {}", reply.text());
        assert_eq!(
            (&record["status"], &record["error_kind"]),
            (&json!("partial"), &json!("truncated")),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn an_end_mark_without_its_blank_line_is_given_one() {
    let house = House::new();
    let whole = house.send(&chat("burst", &ask(true))).await;
    let mut asked = ask(true);
    asked["model"] = json!("sim/instant");
    asked["stream_options"] = json!({"include_usage": true});
    let end = house.direct(&chat("burst", &asked)).await.body.len();
    for missing in [1, 2] {
        let fault = format!("burst,cut-at-byte={},cut=fin", end - missing);
        let (reply, record) = house.call(&chat(&fault, &ask(true))).await;
        assert_eq!(undated(&reply.body), undated(&whole.body), "{fault}");
        assert_eq!(record["status"], "ok", "{fault}");
    }
}

#[tokio::test]
async fn after_the_end_mark_nothing_can_break_it_any_more() {
    let house = House::new();
    let direct = {
        let mut body = ask(true);
        body["stream_options"] = json!({"include_usage": true});
        body["model"] = json!("sim/instant");
        house.direct(&chat("burst,done-twice", &body)).await
    };
    for how in ["abrupt", "rst", "fin"] {
        let fault = format!("burst,done-twice,cut-at-byte={},cut={how}", direct.body.len() - 3);
        let (reply, record) = house.call(&chat(&fault, &ask(true))).await;
        assert!(reply.is_done() && reply.whole, "{fault}");
        assert_eq!(reply.error_events().len(), 0, "{fault}: {}", reply.text());
        assert_eq!(record["status"], "ok", "{fault}");
    }
}

#[tokio::test]
async fn a_connection_left_open_after_the_end_mark_does_not_keep_the_caller_waiting() {
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let stream = format!("{chunk}data: [DONE]\n\n");
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{stream}");
    let provider = Canned::left_open(&[answer.as_bytes()]).await;
    let house = House::with(&provider.config(""), &[]);
    let (reply, record) = house.call(&chat("", &ask(true))).await;
    assert_eq!((reply.text(), reply.whole, &record["status"]), (stream, true, &json!("ok")));
}
