//! A configuration that changes while the program serves: taken whole, or refused and the old one goes on.

use crate::program::{Folder, Serving};
use crate::support::http::exchange;
use crate::support::{Ask, Conn, PATIENCE, ask_with, chat};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const FILE: &str = "[server]\nlisten = \"127.0.0.1:0\"\n[providers.sim]\n[models]\n";

fn write(folder: &Folder, text: &str) {
    std::fs::write(folder.0.join("paceline.toml"), text).unwrap();
}

async fn status_of(serving: &Serving, model: &str) -> u16 {
    let body = ask_with(false, &json!({"model": model}));
    exchange(serving.address, &chat("", &body)).await.status
}

#[tokio::test]
async fn a_reload_counts_from_the_next_call_and_breaks_none_under_way() {
    let folder = Folder::with(&format!("{FILE}before = \"sim/instant\"\n"));
    let serving = folder.serve(&[], &[]);
    let mut conn = Conn::open(serving.address).await;
    let body = ask_with(true, &json!({"model": "before"}));
    conn.send(&chat("burst,tokens=30,stall-after=9,stall-ms=400", &body).bytes(serving.address)).await;
    let mut reply = conn.reply_until(|reply| reply.events().len() == 9).await;

    write(&folder, &format!("{FILE}after = \"sim/instant\"\n"));
    let told = exchange(serving.address, &Ask::post("/v1/config/reload", "")).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let changed: Vec<_> =
        told.json()["changes"].as_array().unwrap().iter().map(|c| c["setting"].clone()).collect();
    for setting in ["models.before.targets.0", "models.after.targets.0"] {
        assert!(changed.contains(&json!(setting)), "{changed:?}");
    }
    assert_eq!((status_of(&serving, "after").await, status_of(&serving, "before").await), (200, 404));

    while conn.more(&mut reply).await {}
    assert!(reply.is_done() && reply.whole, "{}", reply.text());
}

#[tokio::test]
async fn a_bad_file_is_refused_in_every_way_with_its_place_and_a_suggestion_and_the_old_one_goes_on() {
    let folder = Folder::with(&format!("{FILE}mine = \"sim/instant\"\n"));
    let serving = folder.serve(&[], &[]);
    // What is right in the file does not count either.
    write(&folder, &format!("{FILE}other = \"sim/instant\"\nmine = \"smi/instant\"\n"));
    let told = exchange(serving.address, &Ask::post("/v1/config/reload", "")).await;
    assert_eq!(told.refusal(), (422, "invalid_configuration".into()), "{}", told.text());
    let problem = &told.json()["problems"][0];
    let place = (&problem["file"], &problem["line"], &problem["key"]);
    assert_eq!(place, (&json!("paceline.toml"), &json!(6), &json!("models.mine")));
    assert!(problem["help"].as_str().unwrap().contains("`sim"), "{problem:#}");
    serving.signal("-HUP");
    let mut told = Vec::new();
    for _ in ["by the signal", "by the watch over the file, in any order"] {
        told.push(serving.line_with("; the one before goes on"));
        let line = serving.line_with("paceline.toml:6: error: models.mine: ");
        assert!(line.contains("help:") && line.contains("`sim"), "{line}");
    }
    for why in ["(SIGHUP)", "(the file changed)"] {
        let refused = format!("WARN  configuration not reloaded {why}");
        assert!(told.iter().any(|line| line.contains(&refused)), "{why}: {told:?}");
    }
    assert_eq!((status_of(&serving, "mine").await, status_of(&serving, "other").await), (200, 404));
}

#[tokio::test]
async fn a_file_that_is_away_is_not_an_empty_one() {
    let folder = Folder::with(&format!("{FILE}mine = \"sim/instant\"\n"));
    let serving = folder.serve(&[], &[]);
    std::fs::remove_file(folder.0.join("paceline.toml")).unwrap();
    let told = exchange(serving.address, &Ask::post("/v1/config/reload", "")).await;
    assert_eq!((told.status, &told.json()["problems"][0]["file"]), (422, &json!("paceline.toml")));
    serving.signal("-HUP");
    serving.line_with("paceline.toml: error: the file is not there any more");
    assert_eq!(status_of(&serving, "mine").await, 200);
}

#[tokio::test]
async fn what_changed_is_told_in_every_way() {
    let folder = Folder::with(&format!("{FILE}mine = \"sim/instant\"\n"));
    let serving = folder.serve(&[], &[]);
    let price = "[prices.\"sim/instant\"]\ninput_usd_per_million = 1\noutput_usd_per_million = 2\n";
    let cheaper = "cache_read_usd_per_million = 0.5\n";
    write(&folder, &format!("{FILE}mine = \"sim/instant\"\n{price}{cheaper}"));
    let told = exchange(serving.address, &Ask::post("/v1/config/reload", "")).await;
    let change = |setting: &str, after: &str| json!({"setting": format!("prices.\"sim/instant\".{setting}_usd_per_million"), "before": null, "after": after});
    let changes = [change("cache_read", "0.5"), change("input", "1"), change("output", "2")];
    assert_eq!(told.json()["changes"], json!(changes), "{}", told.text());
    serving.line_with("configuration reloaded (asked by HTTP): prices.\"sim/instant\".cache_read");
    // A setting whose name has to do with places, and one that waits.
    write(
        &folder,
        &format!(
            "# moved down\n{}",
            FILE.replace("[providers", "workers = 3\ncors_origins = [\"https://a.example\"]\n[providers")
        ),
    );
    serving.signal("-HUP");
    let line = serving.line_with("server.cors_origins.0: ");
    for said in [
        "configuration reloaded (SIGHUP): ",
        "server.cors_origins.0: null → \"https://a.example\"",
        "(at the next start: server.workers)",
    ] {
        assert!(line.contains(said), "{line}");
    }
    write(&folder, &format!("{FILE}[log]\ncalls_per_second = 7\n"));
    let line = serving.line_with("log.calls_per_second: 20 → 7");
    assert!(line.contains("configuration reloaded (the file changed): "), "{line}");
}

/// Streams one after the other on one connection, until told to stop; how many, and what was wrong with any.
async fn streams(address: SocketAddr, stop: Arc<AtomicBool>) -> (u32, Vec<String>) {
    let mut conn = Conn::open(address).await;
    let (mut count, mut broken) = (0, Vec::new());
    let ask = chat("itl=2,tokens=40", &ask_with(true, &json!({"model": "mine"}))).bytes(address);
    while !stop.load(Ordering::Relaxed) && broken.is_empty() {
        conn.send(&ask).await;
        let reply = conn.reply().await;
        count += 1;
        if !(reply.status == 200 && reply.whole && reply.is_done()) {
            broken.push(format!("{} {}", reply.status, reply.text()));
        }
    }
    (count, broken)
}

#[tokio::test]
async fn reloads_under_load_break_no_stream_and_no_connection() {
    let with = |other: usize| format!("{FILE}mine = \"sim/instant\"\nother-{other} = \"sim/instant\"\n");
    let folder = Folder::with(&with(0));
    let serving = folder.serve(&[], &[]);
    let stop = Arc::new(AtomicBool::new(false));
    let running: Vec<_> = (0..8).map(|_| tokio::spawn(streams(serving.address, Arc::clone(&stop)))).collect();
    for other in 1..=40 {
        // As a program that writes configurations would: whole, at once. The watch over the file reloads besides.
        std::fs::write(folder.0.join("new"), with(other)).unwrap();
        std::fs::rename(folder.0.join("new"), folder.0.join("paceline.toml")).unwrap();
        if other % 2 == 0 {
            let told = exchange(serving.address, &Ask::post("/v1/config/reload", "")).await;
            assert_eq!(told.status, 200, "{}", told.text());
        } else {
            serving.signal("-HUP");
        }
        let began = Instant::now();
        while status_of(&serving, &format!("other-{other}")).await != 200 {
            assert!(began.elapsed() < PATIENCE, "reload {other}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in running {
        let (count, broken) = task.await.unwrap();
        assert!(count > 0 && broken.is_empty(), "{broken:?}");
    }
}

#[tokio::test]
async fn an_address_that_others_reach_is_never_opened_by_a_reload() {
    let key = ("PACELINE_TEST_ADMIN", "ak-0123456789abcdef");
    let public =
        "[server]\nlisten = \"0.0.0.0:0\"\nadmin_key_env = \"PACELINE_TEST_ADMIN\"\n[providers.sim]\n";
    let folder = Folder::with(public);
    let serving = folder.serve(&[], &[key]);
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, serving.address.port()));
    let bearer = format!("Bearer {}", key.1);
    let reload = Ask::post("/v1/config/reload", "").header("authorization", &bearer);
    for opened in [FILE, ""] {
        write(&folder, opened);
        assert_eq!(exchange(here, &reload).await.status, 422, "{opened}");
        assert_eq!(exchange(here, &Ask::get("/v1/calls")).await.status, 401, "{opened}");
        let call = chat("", &ask_with(false, &json!({"model": "sim/instant"})));
        assert_eq!(exchange(here, &call).await.status, 401, "{opened}");
    }
}
