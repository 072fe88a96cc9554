//! The parts together: upstream, floors and load generator in one process.

use std::fs;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;

use crate::cases::{Case, Pace};
use crate::load::{self, Plan, Target, Window};
use crate::{floor, process, tls, upstream};

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// An upstream, and a floor before it.
async fn chain(
    acceptor: Option<TlsAcceptor>,
    ca: Option<std::path::PathBuf>,
    close: bool,
    metering: bool,
) -> u16 {
    let (behind, upstream_port) = listener().await;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    spawn_local(upstream::accept(behind, acceptor, close));
    let (front, port) = listener().await;
    let uri = format!("{scheme}://localhost:{upstream_port}").parse().unwrap();
    spawn_local(async move { floor::pass(front, &uri, ca.as_deref(), metering).await });
    port
}

async fn calls(port: u16, case: Case, ask_usage: bool, calls: u64) -> load::Tally {
    load::fixed(Plan::new(&Target::local(port), case.exchange(ask_usage)), 2, calls).await.unwrap()
}

#[tokio::test]
async fn both_floors_carry_every_case_and_the_metering_one_counts_its_usage() {
    LocalSet::new()
        .run_until(async {
            for metering in [false, true] {
                let port = chain(None, None, false, metering).await;
                for (case, ask_usage, count) in [
                    (Case::Small, false, 6),
                    (Case::Big, false, 4),
                    (Case::Burst, true, 4),
                    (Case::Paced, false, 2),
                ] {
                    let tally = calls(port, case, ask_usage, count).await;
                    assert_eq!((tally.calls, tally.first_failure), (count, None), "{case:?}");
                }
                if metering {
                    let text = process::get(port, "/metrics").await.unwrap();
                    for line in [
                        "calls_total{model=\"small\"} 6",
                        "input_tokens_total{model=\"big\"} 100000",
                        "output_tokens_total{model=\"burst\"} 248",
                        "call_seconds_count{model=\"paced\"} 2",
                    ] {
                        assert!(text.contains(line), "{line} in {text}");
                    }
                }
            }
        })
        .await;
}

#[tokio::test]
async fn floors_reach_a_tls_upstream_kept_open_and_closing() {
    let dir = std::env::temp_dir().join(format!("paceline-perf-test-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    LocalSet::new()
        .run_until(async {
            for close in [false, true] {
                let ca = dir.join(format!("ca-{close}.pem"));
                let acceptor = TlsAcceptor::from(tls::server(&ca, close).unwrap());
                let port = chain(Some(acceptor), Some(ca), close, true).await;
                let tally = calls(port, Case::TlsSmall, false, 6).await;
                assert_eq!((tally.calls, tally.first_failure), (6, None));
            }
        })
        .await;
    fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn an_open_loop_counts_about_what_was_scheduled() {
    LocalSet::new()
        .run_until(async {
            let (behind, port) = listener().await;
            spawn_local(upstream::accept(behind, None, false));
            let plan = Plan::new(&Target::local(port), Case::SmallOpen.exchange(false));
            let window = Window { warm_up: Duration::from_millis(20), count: Duration::from_millis(300) };
            let outcome = load::drive(plan, Pace::Open { per_second: 200 }, window, || Ok(())).await.unwrap();
            assert_eq!(outcome.tally.first_failure, None);
            let scheduled = outcome.elapsed.as_secs_f64() * 200.0;
            assert!(
                (outcome.tally.calls as f64 - scheduled).abs() < scheduled / 2.0,
                "{}",
                outcome.tally.calls
            );
            assert!(outcome.tally.whole_ms(0.5) > 0.0);
        })
        .await;
}

/// What a client finds wrong with an answer that was changed on its way by `damage`.
async fn verdict(case: Case, damage: fn(String) -> String) -> String {
    let (behind, upstream_port) = listener().await;
    spawn_local(upstream::accept(behind, None, true));
    let (front, port) = listener().await;
    spawn_local(async move {
        loop {
            let (mut client, _) = front.accept().await.unwrap();
            let mut request = vec![0; 16 * 1024];
            let bytes = client.read(&mut request).await.unwrap();
            let mut server = tokio::net::TcpStream::connect(("127.0.0.1", upstream_port)).await.unwrap();
            server.write_all(&request[..bytes]).await.unwrap();
            let mut answer = String::new();
            server.read_to_string(&mut answer).await.unwrap();
            client.write_all(damage(answer).as_bytes()).await.unwrap();
        }
    });
    let tally = calls(port, case, true, 1).await;
    assert_eq!(tally.calls, 0);
    tally.first_failure.unwrap()
}

#[tokio::test]
async fn a_gateway_that_damages_answers_is_found_out() {
    LocalSet::new()
        .run_until(async {
            let found = verdict(Case::Burst, |answer| answer.replace("e\r\ndata: [DONE]\n\n\r\n", "")).await;
            assert!(found.contains("ends after"), "{found}");
            let found =
                verdict(Case::Burst, |answer| answer.replace("\"total_tokens\":104", "\"total_tokens\":105"));
            assert!(found.await.contains("differs"));
            let found = verdict(Case::Burst, |answer| answer[..answer.len() / 2].to_owned()).await;
            assert!(found.contains("cut"), "{found}");
            let found = verdict(Case::Small, |answer| answer.replace("200 OK", "503 No")).await;
            assert!(found.contains("status 503"), "{found}");
            let found = verdict(Case::Small, |_| String::new()).await;
            assert!(found.contains("closed without an answer"), "{found}");
        })
        .await;
}
