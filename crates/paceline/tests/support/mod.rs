//! What all system tests share: a house (Paceline and its provider), a bare HTTP client, a canned provider.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of this")]

pub(crate) mod canned;
pub(crate) mod house;
pub(crate) mod http;
pub(crate) mod narrow;
pub(crate) mod page;
pub(crate) mod paused;

pub(crate) use canned::Canned;
pub(crate) use house::House;
pub(crate) use http::{Ask, Conn, Reply};
pub(crate) use narrow::Narrow;

use serde_json::{Value, json};
use std::time::Duration;

/// How long anything may take before a test calls it lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a provider must learn that the caller has gone.
pub(crate) const GONE_WITHIN_MS: f64 = 250.0;

/// A short chat request to the model that answers at once; seeded, so that it always says the same.
pub(crate) fn ask(stream: bool) -> Value {
    json!({"model": "instant", "stream": stream, "seed": 7, "messages": [{"role": "user", "content": "say hi"}]})
}

/// The same with further members.
pub(crate) fn ask_with(stream: bool, more: &Value) -> Value {
    let mut body = ask(stream);
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// `POST /v1/chat/completions` with a fault for the provider.
pub(crate) fn chat(fault: &str, body: &Value) -> Ask {
    chat_raw(fault, body.to_string())
}

/// The same with a body as it is.
pub(crate) fn chat_raw(fault: &str, body: impl Into<Vec<u8>>) -> Ask {
    let ask = Ask::post("/v1/chat/completions", body).header("content-type", "application/json");
    if fault.is_empty() { ask } else { ask.header("x-sim-fault", fault) }
}

/// Bytes with the numbers after `"created":` blotted out: the one thing that two answers to one seed do not share.
pub(crate) fn undated(bytes: &[u8]) -> String {
    const MARK: &str = "\"created\":";
    let text = String::from_utf8(bytes.to_vec()).expect("the answer is UTF-8");
    let mut parts = text.split(MARK);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(MARK);
        out.push('0');
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

/// Seeded random numbers (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
