//! `paceline top` without a terminal: one look, as text or JSON, from the admin API of a running Paceline.

use crate::asking::asked;
use crate::program::Folder;
use crate::support::{House, ask, chat};
use serde_json::Value;

const LIMITS: &str = "[budgets]\nunknown_price = \"allow\"\n[tenants.default]\nbudget.day_usd = 2\nlimits.calls_per_minute = 4";

#[tokio::test]
async fn one_look_shows_calls_limits_and_what_failed() {
    let house = House::and(LIMITS);
    house.send(&chat("cost=1.75", &ask(true))).await;
    house.send(&chat("status=503,code=on_fire", &ask(false))).await;
    for args in [&["top"][..], &["top", "--once"]] {
        let look = asked(&house, args).await;
        assert_eq!((look.code, look.err.as_str()), (0, ""));
        assert!(!look.out.contains('\x1b'), "{}", look.out);
        for said in [
            &format!("http://{}", house.address),
            "● serving",
            "Last minute",
            "✖ error rate           50.0 %",
            "tenant default today",
            "87.5 %  $1.75 of $2.00  nearly used",
            "✖ on_fire",
            "a second target helps",
            "calls a minute",
            "2 of 4",
            "sim/sim/instant",
        ] {
            assert!(look.out.contains(said), "{said}: {}", look.out);
        }
        assert!(look.out.lines().all(|line| line.chars().count() <= 100), "{}", look.out);
    }
}

#[tokio::test]
async fn the_same_as_json() {
    let house = House::and(LIMITS);
    house.send(&chat("", &ask(true))).await;
    let look = asked(&house, &["top", "--json"]).await;
    assert_eq!((look.code, look.err.as_str()), (0, ""));
    let value: Value = serde_json::from_str(&look.out).unwrap();
    assert_eq!(value["live"]["totals"]["calls"], 1, "{value:#}");
    assert_eq!(value["summary"]["overview"]["calls"], 1);
    assert_eq!(value["calls"][0], house.records().await[0]);
    assert_eq!(value["limits"]["scopes"][0]["calls_per_minute"]["limit"], 4);
    for part in ["ready", "series", "costs", "metrics"] {
        assert!(value[part].is_object(), "{part}: {value:#}");
    }
}

#[tokio::test]
async fn where_nothing_answers_or_a_key_is_missing_it_is_told_what_to_do() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let house = House::with(crate::support::house::USUAL, &[("PACELINE_ADMIN_KEY", "ak-0123456789abcdef")]);
    let refused = asked(&house, &["top"]).await;
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("PACELINE_ADMIN_KEY"), "{}", refused.err);
    let url = format!("http://{unused}");
    let run = move || Folder::new().run(&["top", "--url", &url], &[]);
    let gone = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!((gone.code, gone.out.as_str()), (1, ""));
    assert!(gone.err.contains("paceline serve") && gone.err.contains("--url"), "{}", gone.err);
}

#[test]
fn refresh_is_a_number_of_seconds() {
    for wrong in ["0", "61", "soon"] {
        let ended = Folder::new().run(&["top", "--refresh", wrong], &[]);
        assert!(ended.code == 2 && ended.err.contains("--refresh"), "{}", ended.err);
    }
}
