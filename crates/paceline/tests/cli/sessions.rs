//! `paceline sessions`: operations logs read without a running Paceline, and one session put together from its calls.

use crate::program::{Ended, Folder};
use crate::support::{House, ask, chat};
use serde_json::{Value, json};

/// A small log of Paceline's own kind: a session with a task of two calls, a call beside it, and one without a session.
const LOG: [&str; 7] = [
    r#"{"timestamp":"2026-05-01T22:20:00.500+02:00","event_type":"RATE_LIMIT","agent":"analyst","model":"small","details":{"call_id":"c1","attempt":1,"delay":0.25,"error_message":"rate_limited"}}"#,
    r#"{"agent":"analyst","model":"small","operation_type":"MODEL_INVOKE","start_time":"2026-05-01T22:20:00+02:00","end_time":"2026-05-01T22:20:02+02:00","status":"completed","details":{"call_id":"c1","parent":"task-c1","session_id":"session-c1","session":"run 7","task":"forecast"},"result":{"input_tokens":1200,"output_tokens":5,"cost_usd":"0.002"},"error":null}"#,
    r#"{"agent":"analyst","model":"small","operation_type":"MODEL_INVOKE","start_time":"2026-05-01T22:20:01+02:00","end_time":"2026-05-01T22:20:04+02:00","status":"completed","details":{"call_id":"c2","parent":"task-c1","session_id":"session-c1","session":"run 7","task":"forecast"},"result":{"input_tokens":300,"output_tokens":5,"cost_usd":"0.0005"},"error":null}"#,
    r#"{"agent":"analyst","model":"small","operation_type":"TASK_EXECUTION","start_time":"2026-05-01T22:20:00+02:00","end_time":"2026-05-01T22:20:04+02:00","status":"completed","details":{"id":"task-c1","parent":"session-c1","session":"run 7","task":"forecast"},"result":null,"error":null}"#,
    r#"{"agent":"writer","model":"small","operation_type":"MODEL_INVOKE","start_time":"2026-05-01T22:20:06+02:00","end_time":"2026-05-01T22:20:08+02:00","status":"failed","details":{"call_id":"c3","parent":"session-c1","session_id":"session-c1","session":"run 7"},"result":null,"error":"timeout: total_timeout"}"#,
    r#"{"agent":"system","model":"system","operation_type":"SESSION","start_time":"2026-05-01T22:20:00+02:00","end_time":"2026-05-01T22:20:08+02:00","status":"failed","details":{"id":"session-c1","session":"run 7"},"result":null,"error":"its last call failed"}"#,
    r#"{"agent":"system","model":"small","operation_type":"MODEL_INVOKE","start_time":"2026-05-01T22:20:30+02:00","end_time":"2026-05-01T22:20:31+02:00","status":"completed","details":{"call_id":"c4"},"result":{"input_tokens":7,"output_tokens":5,"cost_usd":null},"error":null}"#,
];

fn run(text: &str, args: &[&str]) -> Ended {
    let folder = Folder::new();
    std::fs::create_dir(folder.0.join("logs")).unwrap();
    std::fs::write(folder.0.join("logs/performance_20260501_222000.jsonl"), text).unwrap();
    std::fs::write(folder.0.join("logs/other.txt"), "no log").unwrap();
    folder.run(&[&["sessions"], args].concat(), &[])
}

#[test]
fn a_log_is_listed() {
    let ended = run(&LOG.join("\n"), &["--log", "logs"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        ended.out,
        "UTC                  session    time  calls  tasks  errors     in  out     USD  status  roles\n\
         2026-05-01 20:20:00  run 7    8.00 s      3      1       1  1,500   10  0.0025  failed  analyst, writer\n\
         1 session, 1 call without a session: 4 calls, 1 failed, under way for 7.00 s in all\n"
    );
}

#[test]
fn a_session_is_shown_as_a_tree_with_seconds_counted_once() {
    let file = "logs/performance_20260501_222000.jsonl";
    for name in ["run 7", "session-c1"] {
        let ended = run(&LOG.join("\n"), &[name, "--log", file, "--zone", "Europe/Berlin"]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        assert_eq!(
            ended.out,
            "\
2026-05-01 22:20:00         Europe/Berlin    time     in  out     USD  status
session run 7               22:20:00.000   8.00 s  1,500   10  0.0025  failed: its last call failed
├─ task forecast (analyst)  22:20:00.000   4.00 s  1,500   10  0.0025  ok
│  ├─ small                 22:20:00.000   2.00 s  1,200    5   0.002  ok
│  │  └─ ! RATE_LIMIT       22:20:00.500   250 ms                      attempt 1, rate_limited
│  └─ small                 22:20:01.000   3.00 s    300    5  0.0005  ok
└─ small (writer)           22:20:06.000   2.00 s      -    -       -  failed: timeout: total_timeout
3 calls, 1 failed: under way for 6.00 s of 8.00 s (75 %); side by side they add up to 7.00 s
"
        );
    }
    let ended = run(&LOG.join("\n"), &["run 7", "--log", file, "--json"]);
    let value: Value = serde_json::from_str(&ended.out).unwrap();
    let session = &value["nodes"][0];
    assert_eq!((&session["kind"], &session["busy_seconds"]), (&json!("session"), &json!(6.0)));
    assert_eq!(session["children"][0]["children"][1]["id"], "c2");
}

#[test]
fn a_log_that_a_crash_has_cut_is_read_and_says_what_is_unfinished() {
    let cut = format!("{}\nnonsense\n{}\n{}", LOG[1], LOG[2], &LOG[3][..40]);
    let ended = run(&cut, &["run 7", "--log", "logs"]);
    assert_eq!(ended.code, 0);
    assert!(
        ended.err.ends_with("performance_20260501_222000.jsonl:2: no JSON: expected ident in column 2\n"),
        "{}",
        ended.err
    );
    assert!(
        ended.out.contains("task forecast") && ended.out.matches("unfinished").count() == 2,
        "{}",
        ended.out
    );
}

#[test]
fn wrong_files_and_names_are_told() {
    let text = LOG.join("\n");
    for (args, code, said) in [
        (&["--log", "nowhere.jsonl"][..], 1, "nowhere.jsonl: "),
        (&["--log", "logs/other.txt"], 1, "no operation or event"),
        (&["run 8", "--log", "logs"], 1, "no `run 8` in it"),
        (&["--log", "logs", "--zone", "Europe/Berln"], 2, "did you mean `Europe/Berlin`?"),
        (&["--log", "logs", "--url", "http://127.0.0.1:1"], 2, "--url"),
        (&["--log"], 2, "--log"),
    ] {
        let ended = run(&text, args);
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{args:?} {}", ended.err);
        assert!(ended.err.contains(said), "{args:?}: {}", ended.err);
    }
    let folder = Folder::new();
    let ended = folder.run(&["sessions", "--log", "."], &[]);
    assert_eq!((ended.code, ended.err.contains("performance_")), (1, true), "{}", ended.err);
}

/// The log of another program, where it lies beside the project.
#[test]
fn the_sample_log_is_listed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/logs");
    if !std::path::Path::new(path).exists() {
        println!("skipped: there is no sample log at {path}");
        return;
    }
    let ended = Folder::new().run(&["sessions", "--log", path, "--limit", "3"], &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[1].contains("run 23") && lines[3].contains("run 21"), "{}", ended.out);
    assert_eq!(
        lines[4..],
        ["and 21 before: --limit 24", "24 sessions: 234 calls, 5 failed, under way for 16m 28s in all"]
    );
}

#[tokio::test]
async fn a_session_of_a_running_paceline_is_put_together_from_its_calls() {
    let house = House::new();
    for (task, fault) in [("plan", "cost=0.25"), ("plan", "status=503"), ("write", "")] {
        let call = chat(fault, &ask(true)).header("x-paceline-session", "run 9");
        house.send(&call.header("x-paceline-task", task).header("x-paceline-role", "planner")).await;
    }
    let url = format!("http://{}", house.address);
    let asked = move |args: &'static [&'static str]| {
        let url = url.clone();
        let run = move || Folder::new().run(&[args, &["--url", &url]].concat(), &[]);
        async move { tokio::task::spawn_blocking(run).await.unwrap() }
    };
    let ended = asked(&["sessions", "run 9"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 8, "{}", ended.out);
    for (line, begin, said) in [
        (1, "session run 9", "failed"),
        (2, "├─ task plan (planner)", "failed"),
        (3, "│  ├─ instant", "0.25"),
        (4, "│  └─ instant", "failed: overloaded"),
        (5, "└─ task write (planner)", "ok"),
        (6, "   └─ instant", "ok"),
        (7, "3 calls, 1 failed: under way for", "%"),
    ] {
        assert!(lines[line].starts_with(begin) && lines[line].contains(said), "{line}: {}", ended.out);
    }
    let json: Value = serde_json::from_str(&asked(&["sessions", "run 9", "--json"]).await.out).unwrap();
    assert_eq!((&json["nodes"][0]["calls"], &json["bad_count"]), (&json!(3), &json!(0)));
    let nobody = asked(&["sessions", "run 10"]).await;
    assert_eq!((nobody.code, nobody.err.contains("`run 10`")), (1, true), "{}", nobody.err);
}
