//! A configuration that changes while the program serves: taken whole, or refused and the old one goes on.

use crate::program::{Folder, Serving};
use crate::support::http::exchange;
use crate::support::{Ask, Conn, ask_with, chat};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};

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
    assert!(changed.contains(&json!("models.before.name")) && changed.contains(&json!("models.after.name")));
    assert_eq!((status_of(&serving, "after").await, status_of(&serving, "before").await), (200, 404));

    while conn.more(&mut reply).await {}
    assert!(reply.is_done() && reply.whole, "{}", reply.text());
}

#[tokio::test]
async fn a_bad_file_is_refused_with_its_line_and_the_old_one_goes_on() {
    let folder = Folder::with(&format!("{FILE}mine = \"sim/instant\"\n"));
    let serving = folder.serve(&[], &[]);
    write(&folder, &format!("{FILE}mine = \"smi/instant\"\n"));
    let told = exchange(serving.address, &Ask::post("/v1/config/reload", "")).await;
    assert_eq!(told.refusal(), (422, "invalid_configuration".into()), "{}", told.text());
    assert_eq!(told.json()["problems"][0]["line"], 5);
    assert_eq!(status_of(&serving, "mine").await, 200);
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
