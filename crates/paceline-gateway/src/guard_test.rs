//! A step that panics: the caller gets an answer, the record is closed once, the connection goes on.

use crate::config::{GatewayConfig, HashKey, KeyRule};
use crate::{Asker, Control, ControlBody, Gateway, Patience, Server};
use bytes::Bytes;
use http::{Request, Response};
use paceline_types::error::ErrorKind;
use paceline_types::ports::{Calendar, PriceBook, RecordSink, TokenCounter};
use paceline_types::price::Price;
use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Default)]
struct Kept(Mutex<Vec<CallRecord>>);

impl RecordSink for Kept {
    fn accept(&self, record: Box<CallRecord>) {
        self.0.lock().unwrap().push(*record);
    }
}

#[derive(Debug)]
struct Nobody;

impl Control for Nobody {
    fn handle(
        &self,
        _: Request<Bytes>,
        _: Asker,
    ) -> Pin<Box<dyn Future<Output = Response<ControlBody>> + Send>> {
        unreachable!("the test asks for calls only")
    }
}

impl PriceBook for Nobody {
    fn price(&self, _: &str, _: &str) -> Option<Arc<Price>> {
        None
    }
}

impl Calendar for Nobody {
    fn day(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        (at, at)
    }

    fn month(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        (at, at)
    }
}

impl TokenCounter for Nobody {
    fn count(&self, _: &str, _: &str) -> u64 {
        0
    }
}

fn config() -> GatewayConfig {
    GatewayConfig {
        providers: Vec::new(),
        models: Vec::new(),
        tiers: Vec::new(),
        roles: Vec::new(),
        routes: Vec::new(),
        prices: Arc::new(Nobody),
        keys: Vec::new(),
        hash_key: HashKey([9; 32]),
        key_rule: KeyRule::Unused,
        tenants: Vec::new(),
        workspaces: Vec::new(),
        calendar: Arc::new(Nobody),
        refuse_unknown_price: true,
        admin_key: None,
        open: true,
        max_body: 1 << 20,
        max_head: 1 << 16,
        head_timeout: Duration::from_secs(10),
        max_connections: 10,
        cors_origins: Vec::new(),
        allowed_hosts: Vec::new(),
        answer_headers: true,
        policy: paceline_routing::place::Policy::default(),
        anonymous: "default".into(),
    }
}

#[tokio::test]
async fn a_panic_in_a_step_ends_its_call_and_nothing_else() {
    let kept = Arc::new(Kept::default());
    let sink: Arc<dyn RecordSink> = Arc::clone(&kept) as _;
    let runtime = tokio::runtime::Handle::current();
    let gateway = Gateway::new(config(), [7; 32], sink, Arc::new(Nobody), Arc::new(Nobody), runtime);
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), 1, Arc::clone(&gateway)).await.unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let patience = Patience { ready: Duration::ZERO, limit: Duration::from_secs(1) };
    let shutdown = async move {
        drop(stopped.await);
        patience
    };
    let serving = tokio::spawn(server.run(shutdown, std::future::pending()));

    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    for (header, status) in [("x-test-panic: 1\r\n", "500"), ("", "404")] {
        let body = r#"{"model": "m"}"#;
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{header}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(2).any(|end| end == b"}}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the connection must go on");
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    drop((stream, stop));
    serving.await.unwrap();

    let records = kept.0.lock().unwrap();
    let ends: Vec<_> = records.iter().map(|record| (record.status, record.error_kind)).collect();
    let expected = [(Status::Error, Some(ErrorKind::Internal)), (Status::Refused, Some(ErrorKind::NotFound))];
    assert_eq!(ends, expected);
    assert_eq!(gateway.gauges.calls_in_flight.load(std::sync::atomic::Ordering::Relaxed), 0);
}
