//! A stream of any dialect that breaks off at any byte is never a whole one, whatever the caller speaks.

use crate::support::{Ask, Conn, House, Reply};
use paceline_dialect::bedrock::frames::write_event;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connections at once.
const LANES: usize = 24;
/// How a provider's connection ends: reset; closed where the end of the connection is the answer's; with the last chunk.
const WAYS: [&str; 3] = ["rst", "close", "chunks"];

/// What a provider sends.
struct Stream {
    media_type: &'static str,
    bytes: &'static str,
    /// With the last byte of this the answer is whole.
    mark: &'static str,
}

const OPENAI: Stream = Stream {
    media_type: "text/event-stream",
    bytes: concat!(
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"H\u{e9}\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
        "data: [DONE]\n\n"
    ),
    mark: "[DONE]",
};

const ANTHROPIC: Stream = Stream {
    media_type: "text/event-stream",
    bytes: concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":3}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"H\u{e9}\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    ),
    mark: "{\"type\":\"message_stop\"}",
};

const GEMINI: Stream = Stream {
    media_type: "text/event-stream",
    bytes: concat!(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"H\u{e9}\"}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]}}]}\r\n\r\n",
        "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2}}\r\n\r\n"
    ),
    mark: "\"candidatesTokenCount\":2}}",
};

const OLLAMA: Stream = Stream {
    media_type: "application/x-ndjson",
    bytes: concat!(
        "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"H\u{e9}\"},\"done\":false}\n",
        "{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}}}]},\"done\":false}\n",
        "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":3,\"eval_count\":2}\n"
    ),
    mark: "\"eval_count\":2}",
};

const RESPONSES: Stream = Stream {
    media_type: "text/event-stream",
    bytes: concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"output_index\":0,\"content_index\":0,\"delta\":\"H\u{e9}\"}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n"
    ),
    mark: "\"output_tokens\":2}}}",
};

/// Its bytes are frames of these, a line each: the event's name and its payload.
const BEDROCK: Stream = Stream {
    media_type: "application/vnd.amazon.eventstream",
    bytes: concat!(
        "messageStart {\"role\":\"assistant\"}\n",
        "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"H\u{e9}\"}}\n",
        "contentBlockStop {\"contentBlockIndex\":0}\n",
        "messageStop {\"stopReason\":\"end_turn\"}\n",
        "metadata {\"usage\":{\"inputTokens\":3,\"outputTokens\":2,\"totalTokens\":5}}\n"
    ),
    mark: "",
};

impl Stream {
    /// What is sent.
    fn bytes(&self) -> Cow<'static, [u8]> {
        if !self.mark.is_empty() {
            return self.bytes.as_bytes().into();
        }
        let mut frames = Vec::new();
        for (name, payload) in self.bytes.lines().filter_map(|line| line.split_once(' ')) {
            write_event(&mut frames, name, payload.as_bytes()).unwrap();
        }
        frames.into()
    }

    /// The offset behind what makes it whole; the line end that an event needs comes after.
    fn end(&self) -> usize {
        match self.mark {
            "" => self.bytes().len(),
            mark => self.bytes.rfind(mark).unwrap() + mark.len(),
        }
    }

    /// The one that a request's path asks for.
    fn asked(request: &str) -> &'static Self {
        let path = request.split(' ').nth(1).unwrap();
        match path {
            "/v1/chat/completions" => &OPENAI,
            "/v1/messages" => &ANTHROPIC,
            "/v1/responses" => &RESPONSES,
            "/api/chat" => &OLLAMA,
            path if path.ends_with("/converse-stream") => &BEDROCK,
            path if path.ends_with(":streamGenerateContent?alt=sse") => &GEMINI,
            path => panic!("nobody should ask for {path}"),
        }
    }

    /// The answer of a request for the model `cut-OFFSET-WAY`, and whether its connection is reset.
    fn answer(request: &str) -> (Vec<u8>, bool) {
        let this = Self::asked(request);
        let mut words = request.split("cut-").nth(1).expect("the model says where to cut").split('-');
        let offset: usize = words.next().unwrap().parse().unwrap();
        let way: String = words.next().unwrap().chars().take_while(char::is_ascii_alphabetic).collect();
        let bytes = this.bytes();
        let sent = &bytes[..offset];
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\n", this.media_type);
        let answer = match way.as_str() {
            "close" => [head.as_bytes(), b"\r\n", sent].concat(),
            _ => {
                let chunk = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", sent.len());
                let chunk = if sent.is_empty() { "transfer-encoding: chunked\r\n\r\n" } else { &chunk };
                let last: &[u8] = match (way.as_str(), sent.is_empty()) {
                    ("rst", _) => b"",
                    (_, true) => b"0\r\n\r\n",
                    _ => b"\r\n0\r\n\r\n",
                };
                [head.as_bytes(), chunk.as_bytes(), sent, last].concat()
            }
        };
        (answer, way == "rst")
    }
}

/// A provider of every dialect.
async fn provider() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn serve(mut stream: TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        match stream.read_buf(&mut request).await {
            Ok(1..) => {}
            _ => return,
        }
    }
    let (answer, resets) = Stream::answer(&String::from_utf8_lossy(&request));
    let _ = stream.write_all(&answer).await;
    if resets {
        stream.set_zero_linger().unwrap();
        return;
    }
    let _ = stream.shutdown().await;
    // Not to reset what was just written, the other side closes first.
    let _ = stream.read(&mut [0]).await;
}

async fn house() -> Arc<House> {
    let address = provider().await;
    let kinds = [
        ("openai", "compatible", "openai"),
        ("responses", "compatible", "openai\"\nresponses = true #\""),
        ("anthropic", "anthropic", "anthropic"),
        ("gemini", "gemini", "gemini"),
        ("ollama", "ollama", "ollama"),
        ("bedrock", "bedrock", "bedrock"),
    ];
    let providers = kinds.map(|(name, kind, dialect)| {
        format!("[providers.{name}]\nkind = \"{kind}\"\ndialect = \"{dialect}\"\nbase_url = \"http://{address}/v1\"\napi_key_env = \"SIM_KEY\"\n")
    });
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 2\n[log]\nlevel = \"off\"\n[retry]\nattempts = 0\nmax_wait_ms = 0\n\
         [health]\nfailures = 1000\n{}",
        providers.concat()
    );
    Arc::new(House::with(&text, &[]))
}

/// A request for a stream of `provider` that is cut.
fn ask(caller: &str, provider: &str, offset: usize, way: &str) -> Ask {
    let model = format!("{provider}/cut-{offset}-{way}");
    let turns = json!([{"role": "user", "content": "hi"}]);
    let (path, body) = match caller {
        "openai" => {
            ("/v1/chat/completions".to_owned(), json!({"model": model, "stream": true, "messages": turns}))
        }
        "anthropic" => (
            "/v1/messages".to_owned(),
            json!({"model": model, "stream": true, "max_tokens": 9, "messages": turns}),
        ),
        "responses" => ("/v1/responses".to_owned(), json!({"model": model, "stream": true, "input": "hi"})),
        _ => (
            format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ),
    };
    Ask::post(&path, body.to_string()).header("content-type", "application/json")
}

/// The events of a reply: name and data.
fn events(reply: &Reply) -> Vec<(String, String)> {
    let text = reply.text().replace("\r\n", "\n");
    assert!(text.is_empty() || text.ends_with("\n\n"), "whole events only: {text}");
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    text.split("\n\n").filter(|e| !e.is_empty()).map(|e| (field(e, "event:"), field(e, "data:"))).collect()
}

/// Whether a reply ends as its dialect's streams end well.
fn is_success(caller: &str, reply: &Reply) -> bool {
    let events = events(reply);
    match caller {
        "openai" => events.iter().any(|(_, data)| data == "[DONE]"),
        "anthropic" => events.iter().any(|(name, _)| name == "message_stop"),
        "responses" => events.iter().any(|(name, _)| name == "response.completed"),
        _ => events.iter().any(|(_, data)| data.contains("\"finishReason\"")),
    }
}

/// The error that a reply ends with, in its caller's dialect.
fn told_error(caller: &str, reply: &Reply) -> Option<Value> {
    let (name, data) = events(reply).pop()?;
    let error: Value = serde_json::from_str(&data).ok()?;
    let fits = match caller {
        "openai" => error["error"]["code"].is_string() && error["error"]["type"].is_string(),
        "responses" => name == "error" && error["type"] == "error" && error["sequence_number"].is_number(),
        "anthropic" => name == "error" && error["type"] == "error" && error["error"]["type"].is_string(),
        _ => error["error"]["status"].is_string() && error["error"]["code"].is_number(),
    };
    fits.then_some(error)
}

async fn lane(
    house: Arc<House>,
    caller: &str,
    provider: &str,
    cuts: Vec<(usize, &'static str)>,
) -> Vec<(String, String)> {
    let mut conn = Conn::open(house.address).await;
    let mut ids = Vec::new();
    for (offset, way) in cuts {
        let what = format!("{provider} for {caller}, cut at {offset} by {way}");
        conn.send(&ask(caller, provider, offset, way).bytes(house.address)).await;
        let reply = conn.reply().await;
        assert!(reply.whole, "{what}: the answer itself is whole");
        if reply.status == 200 {
            assert!(!is_success(caller, &reply), "{what}: told as a success: {}", reply.text());
            assert!(told_error(caller, &reply).is_some(), "{what}: no error at the end: {}", reply.text());
        } else {
            assert!(reply.status >= 500, "{what}: {} {}", reply.status, reply.text());
        }
        ids.push((reply.id(), what));
    }
    ids
}

/// Every cut for every caller; then the whole stream.
async fn cut_everywhere(provider: &'static str, stream: &Stream, callers: &[&'static str]) {
    let house = house().await;
    let mut lanes = JoinSet::new();
    for caller in callers {
        let cuts = (0..stream.end()).flat_map(|offset| WAYS.map(|way| (offset, way)));
        let cuts: Vec<_> = cuts.filter(|(offset, way)| *way == "rst" || *offset < stream.end()).collect();
        for at in 0..LANES {
            let mine = cuts.iter().copied().skip(at).step_by(LANES).collect();
            lanes.spawn(lane(Arc::clone(&house), caller, provider, mine));
        }
    }
    let cuts: Vec<(String, String)> = lanes.join_all().await.concat();
    let records: BTreeMap<String, Value> =
        house.records().await.into_iter().map(|r| (r["id"].as_str().unwrap().to_owned(), r)).collect();
    assert_eq!(records.len(), cuts.len());
    for (id, what) in &cuts {
        let record = &records[id];
        assert!(matches!(record["status"].as_str(), Some("partial" | "error")), "{what}: {record}");
        assert!(record["error_kind"].is_string(), "{what}: {record}");
        assert_eq!(record["attempts"].as_array().unwrap().len(), 1, "{what}: it was asked, once: {record}");
    }
    for caller in callers {
        for way in ["close", "chunks"] {
            let (reply, record) = house.call(&ask(caller, provider, stream.bytes().len(), way)).await;
            assert!(reply.whole && is_success(caller, &reply), "{provider} for {caller}: {}", reply.text());
            assert_eq!(
                (&record["status"], &record["usage"]["input_tokens"]),
                (&json!("ok"), &json!(3)),
                "{record}"
            );
            assert_eq!((&record["error_kind"], &record["usage"]["output_tokens"]), (&Value::Null, &json!(2)));
        }
    }
}

#[tokio::test]
async fn of_openais() {
    cut_everywhere("openai", &OPENAI, &["openai", "anthropic", "gemini"]).await;
}

#[tokio::test]
async fn of_responses() {
    cut_everywhere("responses", &RESPONSES, &["responses"]).await;
    cut_everywhere("openai", &OPENAI, &["responses"]).await;
}

#[tokio::test]
async fn of_bedrocks() {
    cut_everywhere("bedrock", &BEDROCK, &["openai", "anthropic", "gemini", "responses"]).await;
}

#[tokio::test]
async fn of_anthropics() {
    cut_everywhere("anthropic", &ANTHROPIC, &["anthropic", "openai", "gemini"]).await;
}

#[tokio::test]
async fn of_geminis() {
    cut_everywhere("gemini", &GEMINI, &["gemini", "openai", "anthropic"]).await;
}

#[tokio::test]
async fn of_ollamas() {
    cut_everywhere("ollama", &OLLAMA, &["openai", "anthropic", "gemini"]).await;
}
