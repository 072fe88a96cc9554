//! What goes wrong below HTTP, on real sockets: what the caller is told, what the record says, and that another target
//! answers where there is one.

use crate::support::canned::is_whole;
use crate::support::house::USUAL;
use crate::support::{House, ask_with, chat};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const BODY: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// What a server does to who comes.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Answers well.
    Well,
    /// Answers, a byte at a time.
    Slowly,
    /// Reads the request and resets the connection.
    Reset,
    /// Reads the request and closes its side.
    Close,
    /// The head and half of the body; then its side is closed, or nothing more comes.
    HalfAndClose,
    HalfAndStall,
    /// Reads and says nothing.
    Stall,
    /// Takes the connection and does not even read.
    Mute,
    /// Closes at once.
    Slam,
    /// Speaks no TLS where TLS is expected.
    Plain,
}

/// A server that does so until the test ends.
async fn server(act: Act, tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(meet(stream, act, tls.clone()));
        }
    });
    address
}

async fn meet(mut stream: TcpStream, act: Act, tls: Option<TlsAcceptor>) {
    match (act, tls) {
        (Act::Slam, _) => drop(stream),
        (Act::Mute, _) => {
            std::future::pending::<()>().await;
        }
        (Act::Plain, _) => {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.read(&mut [0; 1024]).await;
        }
        (Act::Reset, _) => {
            read_request(&mut stream).await;
            stream.set_zero_linger().unwrap();
        }
        (_, Some(tls)) => {
            if let Ok(mut stream) = tls.accept(stream).await {
                serve(&mut stream, act).await;
            }
        }
        (_, None) => serve(&mut stream, act).await,
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
}

async fn serve(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), act: Act) {
    read_request(stream).await;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    let whole = [head.as_bytes(), BODY.as_bytes()].concat();
    let half = head.len() + BODY.len() / 2;
    let sent: &[u8] = match act {
        Act::Well | Act::Slowly => &whole,
        Act::HalfAndClose | Act::HalfAndStall => &whole[..half],
        _ => &[],
    };
    let step = if matches!(act, Act::Slowly) { 1 } else { sent.len().max(1) };
    for piece in sent.chunks(step) {
        let _ = stream.write_all(piece).await;
        let _ = stream.flush().await;
        tokio::task::yield_now().await;
    }
    if matches!(act, Act::Stall | Act::HalfAndStall) {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
    let _ = stream.read(&mut [0]).await;
}

/// An authority, and what a server needs that it vouches for under these names until that year.
fn vouched(names: &[&str], until: i32) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// A file that goes away with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("paceline-sockets-{}-{name}.pem", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// With the provider `bad` there, alone as the model `alone` and before a good one as `two`.
fn house(base_url: &str, more: &str) -> House {
    let text = USUAL.replace(
        "[models]",
        &format!(
            "[providers.bad]\nkind = \"compatible\"\nbase_url = \"{base_url}\"\n{more}\n\
             timeouts = {{ connect_ms = 400, total_ms = 800 }}\n[models]\nalone = \"bad/m\"\n\
             two = {{ targets = [\"bad/m\", \"sim/instant\"] }}"
        ),
    );
    House::with(&text, &[])
}

fn to(model: &str) -> Value {
    ask_with(false, &json!({ "model": model }))
}

/// Status and code for the caller, kind in the record, words that help; and that the next target answers.
async fn goes_wrong(house: &House, what: &str, (status, code, kind): (u16, &str, &str), says: &str) {
    let (reply, record) = house.call(&chat("", &to("alone"))).await;
    assert_eq!(reply.refusal(), (status, code.into()), "{what}");
    let said = reply.error().1;
    assert!(said.contains("provider bad") && said.contains(says), "{what}: {said}");
    assert_eq!(
        (&record["status"], &record["error_kind"]),
        (&json!("error"), &json!(kind)),
        "{what} {record:#}"
    );
    assert_eq!(record["usage"], Value::Null, "{what}");
    let (reply, record) = house.call(&chat("burst", &to("two"))).await;
    // What takes the call's own time leaves none for another target.
    if code == "total_timeout" {
        assert_eq!(reply.status, 504, "{what} {}", reply.text());
        return;
    }
    assert_eq!(
        (reply.status, reply.header("x-paceline-attempts")),
        (200, Some("2")),
        "{what} {}",
        reply.text()
    );
    assert_eq!(record["attempts"][0]["error_kind"], kind, "{what} {record:#}");
    assert_eq!(record["deployment"], "sim/instant", "{what}");
}

#[tokio::test]
async fn connections_that_fail_or_break_are_told_and_answered_elsewhere() {
    let cases = [
        (Act::Reset, (502, "provider_hung_up", "truncated"), "try again"),
        (Act::Close, (502, "provider_hung_up", "truncated"), "try again"),
        (Act::Slam, (502, "provider_hung_up", "truncated"), "try again"),
        (Act::HalfAndClose, (502, "provider_hung_up", "truncated"), "were missing"),
        (Act::HalfAndStall, (504, "total_timeout", "timeout"), "0.8 s"),
        (Act::Stall, (504, "total_timeout", "timeout"), "timeouts.total_ms"),
        (Act::Mute, (504, "total_timeout", "timeout"), "timeouts.total_ms"),
    ];
    for (act, expected, says) in cases {
        let address = server(act, None).await;
        let house = house(&format!("http://{address}/v1"), "");
        goes_wrong(&house, &format!("{act:?}"), expected, says).await;
    }
}

#[tokio::test]
async fn nobody_there_and_no_such_name() {
    let unused = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    for base_url in [format!("http://{address}/v1"), "http://name.invalid/v1".into()] {
        let house = house(&base_url, "");
        goes_wrong(&house, &base_url, (502, "provider_unreachable", "connect"), "base_url").await;
    }
}

#[tokio::test]
async fn a_slow_body_is_waited_for() {
    let address = server(Act::Slowly, None).await;
    let house = house(&format!("http://{address}/v1"), "");
    let (reply, record) = house.call(&chat("", &to("alone"))).await;
    assert_eq!((reply.status, reply.text().as_str(), &record["status"]), (200, BODY, &json!("ok")));
}

#[tokio::test]
async fn a_certificate_that_is_right_is_trusted_and_no_other() {
    let (authority, right) = vouched(&["127.0.0.1"], 2096);
    let (of_another_name, wrong_name) = vouched(&["api.example.com"], 2096);
    let (of_the_past, expired) = vouched(&["127.0.0.1"], 2021);
    let (_, unknown) = vouched(&["127.0.0.1"], 2096);
    let cases = [
        ("another name", wrong_name, of_another_name, "name"),
        ("expired", expired, of_the_past, "xpired"),
        ("an authority nobody knows", unknown, authority.clone(), "ca_file"),
    ];
    for (at, (what, tls, trusted, says)) in cases.into_iter().enumerate() {
        let file = File::new(&at.to_string(), &trusted);
        let address = server(Act::Well, Some(tls)).await;
        let house = house(&format!("https://{address}/v1"), &format!("ca_file = {:?}", file.0));
        goes_wrong(&house, what, (502, "tls_failed", "connect"), says).await;
    }
    let file = File::new("right", &authority);
    let address = server(Act::Well, Some(right)).await;
    let house = house(&format!("https://{address}/v1"), &format!("ca_file = {:?}", file.0));
    let (reply, _) = house.call(&chat("", &to("alone"))).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, BODY));
}

#[tokio::test]
async fn what_is_no_tls_at_all() {
    let cases = [
        (Act::Plain, (502, "tls_failed", "connect"), "TLS"),
        (Act::Slam, (502, "tls_failed", "connect"), "TLS"),
        (Act::Mute, (504, "connect_timeout", "timeout"), "timeouts.connect_ms"),
    ];
    for (act, expected, says) in cases {
        let address = server(act, None).await;
        let house = house(&format!("https://{address}/v1"), "");
        goes_wrong(&house, &format!("{act:?}"), expected, says).await;
    }
}

/// The server's own time passes while a body is slow: the whole call has its limit all the same.
#[tokio::test]
async fn a_body_that_trickles_for_ever_meets_the_time_limit() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                read_request(&mut stream).await;
                let head =
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
                let _ = stream.write_all(head).await;
                while stream.write_all(b" ").await.is_ok() {
                    // sleep: what makes the body slow.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    let house = house(&format!("http://{address}/v1"), "");
    goes_wrong(&house, "trickles", (504, "total_timeout", "timeout"), "0.8 s").await;
}
