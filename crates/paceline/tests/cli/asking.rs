//! `paceline calls` and `paceline stats`: tables for people, JSON for machines.

use crate::program::{Ended, Folder};
use crate::support::{House, ask, chat};
use serde_json::Value;

async fn run(args: Vec<String>, env: &'static [(&'static str, &'static str)]) -> Ended {
    let run = move || Folder::new().run(&args.iter().map(String::as_str).collect::<Vec<_>>(), env);
    tokio::task::spawn_blocking(run).await.unwrap()
}

pub(crate) async fn asked(house: &House, args: &[&str]) -> Ended {
    let url = format!("http://{}", house.address);
    let args = args.iter().copied().chain(["--url", &url]).map(str::to_owned).collect();
    run(args, &[]).await
}

/// The table's cells, column by column.
fn columns(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[tokio::test]
async fn calls_are_listed_found_and_shown_whole() {
    let house = House::new();
    assert_eq!(asked(&house, &["calls"]).await.out, "no calls yet\n");
    let good = house.send(&chat("cost=0.25", &ask(true)).header("x-paceline-tags", "team=red")).await.id();
    let bad = house.send(&chat("status=503", &ask(false))).await.id();
    let list = asked(&house, &["calls"]).await;
    let lines: Vec<&str> = list.out.lines().collect();
    assert_eq!((list.code, lines.len(), list.err.as_str()), (0, 3, ""));
    assert_eq!(
        columns(lines[0]),
        ["UTC", "model", "provider", "time", "TTFT", "in", "out", "tok/s", "USD", "status", "id"]
    );
    assert!(lines[1].contains("error (overloaded)") && lines[1].ends_with(&bad), "{}", list.out);
    assert!(
        lines[2].contains("instant") && lines[2].contains("0.25") && lines[2].ends_with(&good),
        "{}",
        list.out
    );
    let page = asked(&house, &["calls", "--limit", "1"]).await;
    let cursor = page.out.lines().last().unwrap().strip_prefix("more: --cursor ").unwrap().to_owned();
    let next = asked(&house, &["calls", "--limit", "1", "--cursor", &cursor]).await;
    assert!(next.out.contains(&good) && !next.out.contains("more:"), "{}", next.out);
    assert_eq!(asked(&house, &["calls", "user=nobody"]).await.out, "no such calls\n");
    let today = house.record(&good).await["started_at"].as_str().unwrap().replace('T', " ");
    assert!(lines[2].starts_with(today.trim_end_matches('Z')), "{today}: {}", list.out);
    for (filter, id) in [("status=error", &bad), ("tag=team:red", &good), ("model=instant", &good)] {
        let found = asked(&house, &["calls", filter, "--window", "1h", "--json"]).await;
        let calls: Value = serde_json::from_str(&found.out).unwrap();
        assert!(calls["calls"].to_string().contains(id.as_str()), "{filter}");
    }
    let json = asked(&house, &["calls", &good, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap(), house.record(&good).await);
    let whole = asked(&house, &["calls", &bad]).await;
    for said in [&bad[..], "error_kind", "provider_failed", "attempt ", "http_status=503"] {
        assert!(whole.out.contains(said), "{said}: {}", whole.out);
    }
    assert!(!whole.out.contains("excellent"), "no answer is graded where there is none: {}", whole.out);
    let whole = asked(&house, &["calls", &good]).await;
    let graded = |name: &str| {
        let line = whole.out.lines().find(|line| line.starts_with(name)).unwrap();
        ["excellent", "good", "fair", "slow"].iter().any(|word| line.contains(word))
    };
    assert!(graded("duration_ms") && graded("ttft_ms"), "{}", whole.out);
}

#[tokio::test]
async fn stats_tell_what_was_measured() {
    let house = House::new();
    assert_eq!(asked(&house, &["stats", "--window", "1h"]).await.out, "no calls in the last 1h\n");
    for fault in ["", "", "status=500"] {
        house.send(&chat(fault, &ask(true)).header("x-paceline-role", "planner")).await;
    }
    let page = asked(&house, &["stats"]).await;
    assert_eq!((page.code, page.err.as_str()), (0, ""));
    for said in [
        "Last 24h: 3 calls, 33.3 % errors",
        "Median: response time",
        "first token",
        "instant (sim)",
        "Percentiles are within",
    ] {
        assert!(page.out.contains(said), "{said}: {}", page.out);
    }
    let line = |name: &str| {
        let found = page.out.lines().find(|line| line.starts_with(name));
        columns(found.unwrap_or_else(|| panic!("{name}: {}", page.out))).join("|")
    };
    assert_eq!(line("indicator"), "indicator|now|state|target|warning|critical|why");
    let errors = "error rate|33.3 %|critical|2.0 %|5.0 %|10.0 %|1 of 3 calls got no whole answer; critical from 10.0 % on";
    assert_eq!(line("error rate"), errors);
    assert_eq!(
        line("cache hit rate"),
        "cache hit rate|-|unknown|90.0 %|80.0 %|70.0 %|no response cache is in use"
    );
    assert!(!page.out.contains('\x1b'), "no colours where nobody looks: {}", page.out);
    let grouped = asked(&house, &["stats", "--by", "role"]).await;
    assert!(grouped.out.contains("\nrole ") && grouped.out.contains("\nplanner "), "{}", grouped.out);
    let one = asked(&house, &["stats", "inst", "--json"]).await;
    let value: Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!((&value["family"], &value["overview"]["calls"]), (&true.into(), &3.into()));
    let nobody = asked(&house, &["stats", "instent"]).await;
    assert_eq!(nobody.code, 1);
    assert!(nobody.err.contains("`instant`"), "{}", nobody.err);
}

#[tokio::test]
async fn where_nothing_answers_it_is_told_what_to_do() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for command in ["calls", "stats"] {
        let ended = run(vec![command.into(), "--url".into(), format!("http://{unused}")], &[]).await;
        assert_eq!((ended.code, ended.out.as_str()), (1, ""));
        assert!(
            ended.err.contains("paceline serve") && ended.err.contains(&unused.to_string()),
            "{}",
            ended.err
        );
    }
    let ended = run(vec!["calls".into(), "--url".into(), "ftp://x".into()], &[]).await;
    assert_eq!((ended.code, ended.err.contains("ftp")), (1, true), "{ended:?}");
}

#[tokio::test]
async fn the_admin_key_is_read_from_the_environment() {
    let house = House::with(crate::support::house::USUAL, &[("PACELINE_ADMIN_KEY", "ak-0123456789abcdef")]);
    let url = format!("http://{}", house.address);
    let args = vec!["calls".to_owned(), "--url".into(), url];
    let ended = run(args.clone(), &[]).await;
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("PACELINE_ADMIN_KEY"), "{}", ended.err);
    let ended = run(args, &[("PACELINE_ADMIN_KEY", "ak-0123456789abcdef")]).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "no calls yet\n"), "{}", ended.err);
}

#[tokio::test]
async fn without_an_address_the_configuration_says_where_it_runs() {
    let house = House::new();
    house.send(&chat("", &ask(false))).await;
    let config = format!("[server]\nlisten = \"{}\"\n", house.address);
    let run = move || Folder::with(&config).run(&["calls", "--json"], &[]);
    let ended = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(serde_json::from_str::<Value>(&ended.out).unwrap()["calls"].as_array().unwrap().len(), 1);
}
