//! What `paceline_dialect::bedrock` makes of a question: JSON lines in, JSON lines out.
//!
//! `tests/clients/test_bedrock_parts.py` asks it and holds the answers against AWS's own library. Bytes are written in
//! hexadecimal. Questions: `{"sign": …}`, `{"encode": …}`, `{"decode": …}`.

#![expect(clippy::print_stdout, reason = "its answers")]

use paceline_dialect::bedrock::frames::{self, Frame, Splitter};
use paceline_dialect::bedrock::headers::Value as Header;
use paceline_dialect::bedrock::sign::{Credentials, Request, Signer, body_hash};
use paceline_types::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::error::Error;
use std::io;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Question {
    Sign(Sign),
    Encode(Encode),
    Decode(Decode),
}

#[derive(Deserialize)]
struct Sign {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
    region: String,
    service: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    unix_s: i64,
}

#[derive(Deserialize)]
struct Encode {
    headers: Vec<(String, Written)>,
    payload: String,
}

#[derive(Deserialize)]
struct Decode {
    /// The pieces that the stream comes in.
    pieces: Vec<String>,
}

/// A header's value, by the name of its type.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Bool(bool),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Bytes(String),
    Text(String),
    Timestamp(i64),
    Uuid(String),
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Question::Sign(question) => sign(&question)?,
            Question::Encode(question) => encode(&question)?,
            Question::Decode(question) => decode(&question)?,
        };
        println!("{answer}");
    }
    Ok(())
}

fn sign(question: &Sign) -> Result<Value, Box<dyn Error>> {
    let credentials = Credentials {
        access_key: question.access_key.clone(),
        secret_key: Secret::new(&question.secret_key),
        session_token: question.session_token.as_deref().map(Secret::new),
    };
    let signer = Signer::new(credentials, &question.region, &question.service, question.unix_s);
    let headers: Vec<(&str, &str)> =
        question.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = from_hex(&question.body)?;
    let request = Request {
        method: &question.method,
        path: &question.path,
        query: &question.query,
        headers: &headers,
        body: &body_hash(body.chunks(7)),
    };
    let mut lines = Vec::new();
    signer.sign(&request, question.unix_s, &mut lines);
    let lines = String::from_utf8(lines)?;
    let pairs: Vec<(&str, &str)> =
        lines.split_terminator("\r\n").filter_map(|line| line.split_once(": ")).collect();
    Ok(json!({ "headers": pairs }))
}

fn encode(question: &Encode) -> Result<Value, Box<dyn Error>> {
    // The bytes of values, which the headers borrow.
    let bytes: Vec<Vec<u8>> = question
        .headers
        .iter()
        .map(|(_, value)| match value {
            Written::Bytes(text) | Written::Uuid(text) => from_hex(text),
            _ => Ok(Vec::new()),
        })
        .collect::<Result<_, _>>()?;
    let mut headers = Vec::new();
    for ((name, value), bytes) in question.headers.iter().zip(&bytes) {
        let value = match value {
            Written::Bool(value) => Header::Bool(*value),
            Written::Byte(value) => Header::Byte(*value),
            Written::Short(value) => Header::Short(*value),
            Written::Int(value) => Header::Int(*value),
            Written::Long(value) => Header::Long(*value),
            Written::Bytes(_) => Header::Bytes(bytes),
            Written::Text(text) => Header::Text(text),
            Written::Timestamp(value) => Header::Timestamp(*value),
            Written::Uuid(_) => Header::Uuid(bytes.as_slice().try_into()?),
        };
        headers.push((name.as_str(), value));
    }
    let mut out = Vec::new();
    frames::write(&mut out, &headers, &from_hex(&question.payload)?)?;
    Ok(json!({ "frame": to_hex(&out) }))
}

fn decode(question: &Decode) -> Result<Value, Box<dyn Error>> {
    let (mut buffer, mut splitter, mut found) = (Vec::new(), Splitter::default(), Vec::new());
    for piece in &question.pieces {
        buffer.extend(from_hex(piece)?);
        loop {
            match next(&mut splitter, &mut buffer) {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return Ok(json!({ "frames": found, "error": error.to_string() })),
            }
        }
    }
    Ok(json!({ "frames": found, "left": buffer.len() }))
}

fn next(splitter: &mut Splitter, buffer: &mut Vec<u8>) -> Result<Option<Value>, frames::FrameError> {
    let Some(len) = splitter.frame_len(buffer)? else { return Ok(None) };
    let whole: Vec<u8> = buffer.drain(..len).collect();
    let frame = Frame::parse(&whole)?;
    let headers: Vec<(&str, Written)> = frame.headers().map(|(name, value)| (name, written(value))).collect();
    Ok(Some(json!({ "headers": headers, "payload": to_hex(frame.payload()) })))
}

fn written(value: Header<'_>) -> Written {
    match value {
        Header::Bool(value) => Written::Bool(value),
        Header::Byte(value) => Written::Byte(value),
        Header::Short(value) => Written::Short(value),
        Header::Int(value) => Written::Int(value),
        Header::Long(value) => Written::Long(value),
        Header::Bytes(bytes) => Written::Bytes(to_hex(bytes)),
        Header::Text(text) => Written::Text(text.to_owned()),
        Header::Timestamp(value) => Written::Timestamp(value),
        Header::Uuid(bytes) => Written::Uuid(to_hex(bytes)),
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.concat()
}

fn from_hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    (0..text.len())
        .step_by(2)
        .map(|at| {
            let pair = text.get(at..at + 2).ok_or("half a byte")?;
            Ok(u8::from_str_radix(pair, 16)?)
        })
        .collect()
}
