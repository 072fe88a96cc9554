//! What happens to a deployment is told in the log, and a reload forgets nothing of it.

use crate::program::{Folder, Serving};
use crate::support::http::exchange;
use crate::support::{Ask, ask_with, chat};
use serde_json::{Value, json};

const CONFIG: &str = r#"
    [server]
    listen = "127.0.0.1:0"
    [retry]
    attempts = 0
    max_wait_ms = 0
    [health]
    open_ms = 60000
    [providers.sim]
    [models]
    mine = { targets = ["sim/instant"] }
"#;

async fn status(serving: &Serving, fault: &str) -> u16 {
    exchange(serving.address, &chat(fault, &ask_with(false, &json!({"model": "mine"})))).await.status
}

async fn place(serving: &Serving) -> Value {
    let state = exchange(serving.address, &Ask::get("/v1/limits")).await.json();
    let places = state["deployments"].as_array().unwrap();
    places
        .iter()
        .find(|place| place["deployment"] == "sim/instant")
        .unwrap_or_else(|| panic!("{state:#}"))
        .clone()
}

#[tokio::test]
async fn what_happens_to_a_deployment_is_told_and_kept_over_a_reload() {
    let folder = Folder::with(CONFIG);
    let serving = folder.serve(&[], &[]);
    for _ in 0..5 {
        assert_eq!(status(&serving, "status=500").await, 500);
    }
    let line = serving.line_with("failed 5 times in a row");
    assert!(
        line.contains("WARN") && line.contains("sim/instant") && line.contains("is left alone for"),
        "{line}"
    );
    assert_eq!(place(&serving).await["state"], "failing");
    std::fs::write(folder.0.join("paceline.toml"), CONFIG.replace("60000", "60001")).unwrap();
    serving.signal("-HUP");
    serving.line_with("health.open_ms: 60000");
    assert_eq!(place(&serving).await["state"], "failing", "what is known outlives a reload");

    // The last one is asked all the same, and one answer is enough.
    assert_eq!(status(&serving, "burst").await, 200);
    assert!(serving.line_with("answers again").contains("INFO"));
    assert_eq!(status(&serving, "status=429,retry-after-ms=300").await, 429);
    assert!(serving.line_with("asks for no more calls").contains("for 0.3 s (429)"));
    let began = std::time::Instant::now();
    while status(&serving, "status=401").await != 502 {
        assert!(began.elapsed() < crate::support::PATIENCE, "the time it asked for is over soon");
    }
    assert!(serving.line_with("was refused (401, 402 or 403)").contains("WARN"));
    assert_eq!(place(&serving).await["state"], "key_refused");
    assert_eq!(status(&serving, "burst").await, 200);
    serving.line_with("is accepted again");

    // A restart forgets.
    assert_eq!(status(&serving, "status=401").await, 502);
    drop(serving);
    let serving = folder.serve(&[], &[]);
    assert_eq!(status(&serving, "burst").await, 200);
    assert_eq!(place(&serving).await["state"], "ready");
}
