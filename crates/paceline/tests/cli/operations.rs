//! The operations log of a running Paceline: what happens beside calls stands in it too.

use crate::program::Folder;
use crate::support::http::exchange;
use crate::support::{House, ask_with, chat};
use serde_json::{Value, json};

#[tokio::test]
async fn a_deployment_that_is_left_alone_is_told() {
    let house = House::new();
    let folder = Folder::with(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[retry]\nattempts = 0\nmax_wait_ms = 0\n[health]\nfailures = 1\n\
         [providers.up]\nkind = \"compatible\"\nbase_url = \"http://{}/v1\"\n",
        house.sim_address
    ));
    let serving = folder.serve(&[], &[]);
    let ask = |fault: &str, model: &str| chat(fault, &ask_with(false, &json!({ "model": model })));
    for (fault, model, status, says) in [
        ("status=500", "up/instant", 500, "up/instant failed 1 times in a row and is left alone for"),
        ("status=429,retry-after=7", "up/fast", 429, "up/fast asks for no more calls for 7.0 s"),
    ] {
        let reply = exchange(serving.address, &ask(fault, model)).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        serving.line_with(says);
    }
    assert_eq!(serving.stop().code, 0);
    let logs = folder.0.join("paceline-data/logs");
    let file = std::fs::read_dir(logs).unwrap().next().unwrap().unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = lines.iter().filter(|line| line["event_type"] == "COOLDOWN").collect();
    let [failing, limited] = told[..] else { panic!("{told:#?}") };
    assert_eq!((&failing["agent"], &failing["model"]), (&json!("system"), &json!("instant")));
    let details = &failing["details"];
    assert_eq!((&details["deployment"], &details["reason"]), (&json!("up/instant"), &json!("failing")));
    assert!(details["seconds"].as_f64().unwrap() >= 1.0, "{details}");
    let details = &limited["details"];
    assert_eq!((&details["deployment"], &details["reason"]), (&json!("up/fast"), &json!("rate_limited")));
    assert!((6.9..=7.0).contains(&details["seconds"].as_f64().unwrap()), "{details}");
}
