//! `paceline capture` and `paceline calls ID --body`.

use crate::asking::asked;
use crate::support::house::USUAL;
use crate::support::{Ask, House, PATIENCE, ask, chat};
use std::time::Instant;

const CALLER: &str = "pk-planted-caller-0123456789abcdef";

#[tokio::test]
async fn a_capture_is_started_listed_and_ended() {
    let house = House::with(
        &format!("{USUAL}\n[[keys]]\nname = \"team-a\"\nkey_env = \"TEAM_KEY\""),
        &[("TEAM_KEY", CALLER), ("PACELINE_ADMIN_KEY", "ak-0123456789abcdef")],
    );
    let refused = asked(&house, &["capture"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("PACELINE_ADMIN_KEY"), "{}", refused.err);

    let house = House::new();
    assert_eq!(asked(&house, &["capture", "--list"]).await.out, "no capture is under way\n");
    let started = asked(&house, &["capture", "--calls", "5", "--for", "24h"]).await;
    let words = "The bodies of the next 5 calls without a key are captured, for 24 h at most: redacted, and kept 7 \
                 days.\nWhich they are: paceline calls\nSee one: paceline calls ID --body\n";
    assert_eq!((started.code, started.out.as_str(), started.err.as_str()), (0, words, ""));
    let list = asked(&house, &["capture", "--list"]).await;
    let table = "whose                left  ends in\ncalls without a key     5     24 h\n";
    assert_eq!((list.code, list.out.as_str()), (0, table));
    let ended = asked(&house, &["capture", "--end"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "The capture of calls without a key has ended.\n"));
    let again = asked(&house, &["capture", "--end"]).await;
    let words = "paceline: no capture of calls without a key is under way; there is none at all\n";
    assert_eq!((again.code, again.err.as_str()), (1, words));
    for (args, says) in [
        (&["capture", "--key", "team-b"][..], "there is no key `team-b`; no keys are configured"),
        (&["capture", "--calls", "0"], "`calls` must be 1 to 1000, not 0"),
        (&["capture", "--for", "25h"], "`expires_in_s` must be 1 to 86400 (a day), not 90000"),
    ] {
        let ended = asked(&house, args).await;
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{args:?}");
        assert!(ended.err.contains(says), "{args:?}: {}", ended.err);
    }
}

#[tokio::test]
async fn what_was_captured_is_shown() {
    let house = House::new();
    asked(&house, &["capture"]).await;
    let reply = house.send(&chat("", &ask(false))).await;
    let speech = r#"{"model": "sim/speech", "voice": "a", "input": "mail ann@example.com \u001b[2J"}"#;
    let speech = Ask::post("/sim/v1/audio/speech", speech).header("content-type", "application/json");
    let raw = house.send(&speech.header("x-sim-fault", "burst")).await;
    let began = Instant::now();
    while house.admin(&format!("/v1/calls/{}/body", raw.id())).await.status != 200 {
        assert!(began.elapsed() < PATIENCE);
    }
    let page = asked(&house, &["calls", &reply.id(), "--body"]).await;
    let sent = ask(false).to_string();
    let words = format!(
        "request: application/json, {} bytes\n{sent}\n\nanswer: {}, {} bytes\n{}\n",
        sent.len(),
        reply.header("content-type").unwrap(),
        reply.body.len(),
        reply.text().trim_end()
    );
    assert_eq!((page.code, page.out, page.err), (0, words, String::new()));
    let page = asked(&house, &["calls", &raw.id(), "--body"]).await;
    assert!(page.out.contains("mail [email]") && !page.out.contains('\x1b'), "{}", page.out);
    assert!(page.out.ends_with("bytes\n(no text: only its type and length are kept)\n"), "{}", page.out);
    asked(&house, &["capture", "--end"]).await;
    let id = house.send(&chat("", &ask(false))).await.id();
    let none = asked(&house, &["calls", &id, "--body"]).await;
    assert_eq!(none.code, 1);
    assert!(none.err.contains(&format!("no bodies of call `{id}` are kept")), "{}", none.err);
}
