//! `paceline keys` and `paceline audit` against a Paceline that runs.

use crate::program::{Ended, Folder};
use crate::support::house::USUAL;
use crate::support::{Ask, House, ask, chat};
use serde_json::Value;

const ADMIN: &str = "ak-planted-admin-0123456789abcdef";

async fn asked(house: &House, args: &[&str]) -> Ended {
    let url = format!("http://{}", house.address);
    let args: Vec<String> = args.iter().copied().chain(["--url", &url]).map(str::to_owned).collect();
    let run = move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Folder::new().run(&args, &[("PACELINE_ADMIN_KEY", ADMIN)])
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// What was printed, with what differs from run to run blotted out.
fn steady(page: &str) -> String {
    let word = |word: &str| match word {
        _ if word.starts_with("pk-") => "pk-KEY".to_owned(),
        _ if word.starts_with('…') => "…LAST".to_owned(),
        _ if word.starts_with("20") && word.contains('-') => "TIME".to_owned(),
        _ if word.len() == 8 && word.matches(':').count() == 2 => "CLOCK".to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    page.lines().map(|text| line(text) + "\n").collect()
}

#[tokio::test]
async fn keys_are_made_listed_changed_rotated_and_revoked() {
    // Its models have no price, and the key gets a budget.
    let text = format!("{USUAL}\n[budgets]\nunknown_price = \"allow\"");
    let house = House::with(&text, &[("PACELINE_ADMIN_KEY", ADMIN)]);
    let none = asked(&house, &["keys", "list"]).await;
    assert_eq!(none.out, "no keys: calls need none. Make one with `paceline keys create NAME`\n");
    let rights = ["--tenant", "acme", "--workspace", "web", "--models", "instant,sim/*", "--expires", "30d"];
    let limits =
        ["--calls-per-minute", "60", "--concurrent", "4", "--budget-day", "12.50", "--priority", "batch"];
    let made = asked(&house, &[&["keys", "create", "a"], &rights[..], &limits[..]].concat()).await;
    assert_eq!(made.code, 0, "{}", made.err);
    let key = made.out.lines().next().unwrap().to_owned();
    assert_eq!(
        steady(&made.out),
        "pk-KEY\n\nThis is the only time it is shown.\n\n\
         key        a\nstate      active\nworkspace  acme/web\nvalue      …LAST\n\
         may        instant, sim/*; 60 calls/min; 4 at once; $12.5 a day; batch\n\
         ends       TIME\ncreated    TIME\nchanged    TIME\n"
    );
    let call = |key: &str| chat("", &ask(false)).header("authorization", &format!("Bearer {key}"));
    assert_eq!(house.send(&call(&key)).await.status, 200);
    let list = asked(&house, &["keys", "list"]).await;
    assert_eq!(
        steady(&list.out),
        "key  state   workspace  value  ends        may\n\
         a    active  acme/web   …LAST  TIME  instant, sim/*; 60 calls/min; 4 at once; $12.5 a day; batch\n"
    );
    let change = ["keys", "update", "a", "--models", "all", "--concurrent", "none", "--expires", "never"];
    let changed = asked(&house, &[&change[..], &["--budget-month", "100"]].concat()).await;
    assert!(
        changed.out.contains("may        60 calls/min; $12.5 a day; $100 a month; batch\n"),
        "{}",
        changed.out
    );
    assert!(!changed.out.contains("ends "), "{}", changed.out);
    let rotated = asked(&house, &["keys", "rotate", "a", "--overlap", "24h"]).await;
    let second = rotated.out.lines().next().unwrap().to_owned();
    assert!(steady(&rotated.out).contains("old value  works until TIME\n"), "{}", rotated.out);
    for key in [&key, &second] {
        assert_eq!(house.send(&call(key)).await.status, 200);
    }
    let revoked = asked(&house, &["keys", "revoke", "a"]).await;
    assert!(revoked.out.contains("state      revoked\n"), "{}", revoked.out);
    for key in [&key, &second] {
        assert_eq!(house.send(&call(key)).await.status, 401);
    }
    let shown = asked(&house, &["keys", "show", "a", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((&shown["name"], &shown["state"]), (&"a".into(), &"revoked".into()));
    let log = asked(&house, &["audit", "--limit", "3"]).await;
    let rows: Vec<String> =
        log.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows[0], "time (UTC) who what on detail");
    for (row, said) in
        rows[1..].iter().zip(["key.revoke a", "key.rotate a {\"overlap_seconds\":86400}", "key.update a {"])
    {
        assert!(row.contains(&format!("admin key {said}")), "{row}");
    }
    assert!(log.err.contains("older ones: --before "), "{}", log.err);
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let house = House::with(USUAL, &[("PACELINE_ADMIN_KEY", ADMIN)]);
    for (args, code, said) in [
        (&["keys", "create", "a b"][..], 1, "this is no name"),
        (&["keys", "create", "a", "--models", "smrt"], 1, "did you mean `smart`?"),
        (&["keys", "create", "a", "--concurrent", "0"], 1, "out of range: 1 to 1000000"),
        (&["keys", "create", "a", "--concurrent", "four"], 2, "`four` is no number (concurrent)"),
        (&["keys", "show", "nobody"], 1, "there is no key named `nobody`"),
        (&["keys", "revoke", "../audit"], 1, "there is no key named"),
        (&["keys"], 2, "Usage"),
    ] {
        let ended = asked(&house, args).await;
        assert_eq!(ended.code, code, "{args:?}: {}", ended.err);
        assert!(ended.err.contains(said), "{args:?}: {}", ended.err);
    }
    let stranger = house.send(&Ask::get("/v1/keys")).await;
    assert_eq!(stranger.status, 401);
}
