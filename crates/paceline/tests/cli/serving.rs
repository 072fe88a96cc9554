//! `paceline serve`: what it says at its start, its lines of calls, and its stop.

use crate::program::Folder;
use crate::support::http::exchange;
use crate::support::{Ask, Conn, House, ask_with, chat};
use serde_json::json;

const LISTEN: &str = "[server]\nlisten = \"127.0.0.1:0\"\n";

#[tokio::test]
async fn with_nothing_configured_it_serves_simulated_models_and_says_so() {
    let serving = Folder::new().serve(&["--listen", "127.0.0.1:0"], &[]);
    let banner = &serving.banner;
    for said in [
        &format!("listens on {}", serving.url())[..],
        "SIMULATED",
        "OPENAI_API_KEY",
        &format!("curl {}/v1/chat/completions", serving.url()),
        &format!("OpenAI(base_url=\"{}/v1\", api_key=\"none\")", serving.url()),
        "paceline stats, paceline calls",
    ] {
        assert!(banner.contains(said), "{said}: {banner}");
    }
    // The command that it gives to paste is a call that works.
    let body = banner.split("-d '").nth(1).unwrap().split('\'').next().unwrap();
    let reply = exchange(serving.address, &Ask::post("/v1/chat/completions", body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["object"], "chat.completion");
}

#[test]
fn it_says_which_keys_it_found_and_never_their_values() {
    let env = [
        ("OPENAI_API_KEY", "sk-planted-one-0123456789"),
        ("GROQ_API_KEY", "gsk-planted-two-0123456789"),
        ("OLLAMA_HOST", "127.0.0.1:9"),
    ];
    let serving = Folder::new().serve(&["serve", "--listen", "127.0.0.1:0"], &env);
    for said in [
        "provider openai",
        "key from OPENAI_API_KEY",
        "https://api.openai.com/v1",
        "provider groq",
        "found by OLLAMA_HOST",
        "http://127.0.0.1:9/v1",
    ] {
        assert!(serving.banner.contains(said), "{said}: {}", serving.banner);
    }
    assert!(
        !serving.banner.contains("SIMULATED") && !serving.banner.contains("planted"),
        "{}",
        serving.banner
    );
    let ended = serving.stop();
    assert!(ended.code == 0 && ended.err.trim().ends_with("INFO  stopped"), "{}", ended.err);
}

#[tokio::test]
async fn each_call_is_a_line_and_no_line_has_a_key_or_a_prompt() {
    let house = House::new();
    let config = format!(
        "{LISTEN}[log]\nlevel = \"debug\"\ncalls_per_second = 1000\n[providers.up]\nkind = \"compatible\"\n\
         base_url = \"http://{}/v1\"\napi_key_env = \"UP_KEY\"\n[[keys]]\nname = \"a\"\nkey_env = \"TEAM_KEY\"\n",
        house.sim_address
    );
    let keys = [
        ("UP_KEY", "sk-planted-up-0123456789"),
        ("TEAM_KEY", "pk-planted-team-0123456789"),
        ("PACELINE_ADMIN_KEY", "ak-planted-admin-0123456789"),
    ];
    let folder = Folder::with(&config);
    let serving = folder.serve(&[], &keys);
    assert!(serving.banner.contains("YOUR_KEY"), "{}", serving.banner);
    let call = async |fault: &str, stream: bool, model: &str, key: &str| {
        let body = ask_with(
            stream,
            &json!({"model": model, "messages": [{"role": "user", "content": "planted-prompt"}]}),
        );
        let ask = chat(fault, &body).header("authorization", &format!("Bearer {key}"));
        exchange(serving.address, &ask).await
    };
    for key in [keys[1].1, keys[2].1] {
        for fault in ["", "echo-key", "status=500", "no-done"] {
            for stream in [true, false] {
                call(fault, stream, "up/instant", key).await;
            }
        }
    }
    call("", false, "up/in\u{1b}[31mred\nWARN forged", keys[1].1).await;
    call("", false, "up/instant", "sk-planted-unknown").await;
    let ended = serving.stop();
    let lines: Vec<&str> = ended.err.lines().collect();
    for said in [
        "INFO  up response: ",
        "INFO  up stream: ",
        "| TTFT: ",
        "DEBUG up TTFT: ",
        "up error: invalid_api_key after ",
        "up partial: stream_truncated after ",
        "| Tokens: ",
        "| TPS: ",
        "| Total: ",
    ] {
        assert!(ended.err.contains(said), "{said}: {}", ended.err);
    }
    assert!(lines.iter().filter(|line| line.contains("INFO  up response")).count() >= 2);
    assert!(!ended.err.contains("planted") && ended.out.is_empty(), "{}", ended.err);
    assert!(
        !ended.err.contains('\u{1b}') && !lines.iter().any(|line| line.starts_with("WARN")),
        "{}",
        ended.err
    );
    assert_eq!(ended.code, 0);
}

#[tokio::test]
async fn a_stop_lets_calls_under_way_end() {
    let serving = Folder::new().serve(&["--listen", "127.0.0.1:0"], &[]);
    let address = serving.address;
    let body = ask_with(true, &json!({"model": "sim/instant"}));
    let mut conn = Conn::open(address).await;
    conn.send(&chat("burst,tokens=30,stall-after=9,stall-ms=400", &body).bytes(address)).await;
    let mut reply = conn.reply_until(|reply| reply.events().len() == 9).await;
    let stopping = std::thread::spawn(move || serving.stop());
    while conn.more(&mut reply).await {}
    assert!(reply.is_done() && reply.whole, "{}", reply.text());
    let ended = stopping.join().unwrap();
    assert!(ended.code == 0 && ended.err.trim().ends_with("INFO  stopped"), "{}", ended.err);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[test]
fn what_cannot_start_says_why_and_fails() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Folder::new().run(&["serve", "--listen", &address], &[]);
    assert_eq!(ended.code, 1);
    let next = format!("--listen 127.0.0.1:{}", taken.local_addr().unwrap().port().wrapping_add(1));
    for said in [&address[..], "in use", &next] {
        assert!(ended.err.contains(said), "{said}: {}", ended.err);
    }
    let ended = Folder::new().run(&["--listen", "0.0.0.0:0"], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("admin key") && ended.err.contains("PACELINE_ADMIN_KEY"), "{}", ended.err);
    let ended = Folder::with("[server]\nlisten = \"127.0.0.1:0\"\nworkrs = 2\n").run(&["serve"], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("paceline.toml:3") && ended.err.contains("`workers`"), "{}", ended.err);
    let ended = Folder::new().run(&["serve", "--config", "missing.toml"], &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("missing.toml"), "{}", ended.err);
}

#[tokio::test]
async fn the_simulated_provider_is_a_command_of_its_own() {
    let folder = Folder::new();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = folder.run(&["sim", "--listen", &busy.local_addr().unwrap().to_string()], &[]);
    assert_eq!((ended.code, ended.err.contains("cannot listen")), (1, true), "{ended:?}");
    std::fs::write(folder.0.join("bad.toml"), "sede = 1").unwrap();
    let ended = folder.run(&["sim", "--listen", "127.0.0.1:0", "--config", "bad.toml"], &[]);
    assert_eq!(
        (ended.code, ended.err.contains("bad.toml") && ended.err.contains("sede")),
        (1, true),
        "{ended:?}"
    );
}
