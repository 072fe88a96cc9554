//! `paceline feedback`.

use crate::asking::asked;
use crate::support::{House, ask, chat};
use serde_json::{Value, json};

#[tokio::test]
async fn an_answer_is_judged() {
    let house = House::new();
    let id = house.send(&chat("", &ask(false))).await.id();
    house.record(&id).await;
    for (args, quality) in [
        (&["--score", "0.8"][..], "0.8"),
        (&["--thumbs", "down"], "0.0"),
        (&["--accepted", "true"], "1.0"),
        (&["--edited", "0.25", "--source", "a reviewer"], "0.75"),
    ] {
        let ended = asked(&house, &[&["feedback", &id], args].concat()).await;
        let said = format!("quality {quality} for instant (sim), call {id}\n");
        assert_eq!((ended.code, ended.out, ended.err.as_str()), (0, said, ""), "{args:?}");
        assert_eq!(house.record(&id).await["quality"].to_string(), quality);
    }
    let told = asked(&house, &["feedback", &id, "--thumbs", "up", "--json"]).await;
    let wanted = json!({"call_id": id, "quality": 1.0, "model": "instant", "provider": "sim"});
    assert_eq!(serde_json::from_str::<Value>(&told.out).unwrap(), wanted);
    let shown = asked(&house, &["calls", &id]).await;
    assert!(
        shown.out.lines().any(|line| line.starts_with("quality") && line.ends_with("1.0")),
        "{}",
        shown.out
    );
}

#[tokio::test]
async fn what_cannot_be_judged_is_said() {
    let house = House::new();
    let id = house.send(&chat("status=503", &ask(false))).await.id();
    house.record(&id).await;
    for (args, code, says) in [
        (&["feedback", &id, "--score", "1"][..], 1, "no model answered call"),
        (&["feedback", "nonsense", "--score", "1"], 1, "there is no call `nonsense`"),
        (&["feedback", &id, "--score", "1.5"], 1, "`score` must be 0 to 1, not 1.5"),
        (&["feedback", &id], 2, "<--score <0..1>"),
        (&["feedback", &id, "--score", "1", "--thumbs", "up"], 2, "cannot be used with"),
        (&["feedback", &id, "--thumbs", "sideways"], 2, "possible values: up, down"),
    ] {
        let ended = asked(&house, args).await;
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{args:?}");
        assert!(ended.err.contains(says), "{args:?}: {}", ended.err);
    }
}
