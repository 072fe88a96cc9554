//! `POST /v1/embeddings`: vectors in which texts that share words are close to each other.

use super::error;
use crate::{
    base64,
    call::{Claim, Mark, Planned, Tokens},
    config::{SimKind, SimModel},
    dialect,
    exchange::{Answer, Exchange, Reply},
    generate::ask::words,
    hash::Fnv,
    rng::Rng,
    timing::Timing,
};
use serde::Serialize;
use serde_json::{Value, json};

/// Inputs of one call, and numbers of one vector.
const INPUTS_MAX: usize = 2_048;
const DIMENSIONS_MAX: u64 = 4_096;
/// Words of one input that shape its vector.
const WORDS_MAX: usize = 2_000;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Item>,
    model: &'a str,
    usage: &'a Value,
}

#[derive(Serialize)]
struct Item {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

pub(crate) async fn answer(exchange: Exchange) -> Answer {
    let (model, value) = match read(&exchange) {
        Ok(read) => read,
        Err(reply) => return exchange.refuse(reply).await,
    };
    let seed = Fnv::new().number(exchange.world.config.seed).number(exchange.call.n()).json(&value).value();
    let fault = match exchange.fault(Some(&model), true, &mut Rng::fork(seed, 1)) {
        Ok(fault) => fault,
        Err(reply) => return exchange.refuse(reply).await,
    };
    let slow_ms = exchange.world.slow_start_ms(&model);
    let timing = Timing::draw(&model, &fault, exchange.start, slow_ms, Rng::fork(seed, 2));
    if let Some(reply) = dialect::instead(&exchange, &fault, false) {
        return exchange.whole(&fault, timing.refusal(&fault), reply).await;
    }
    let total_ms = timing.ttft_ms();
    exchange.call.planned(Planned { ttft_ms: total_ms, total_ms, output_tokens: 0 });
    match embed(&model, &value, exchange.world.config.seed) {
        Ok(reply) => exchange.whole(&fault, timing.at(total_ms), reply).await,
        Err(reply) => exchange.refuse(reply).await,
    }
}

fn read(exchange: &Exchange) -> Result<(SimModel, Value), Reply> {
    let (value, name) = error::object_with_model(exchange)?;
    let model = exchange.world.model(&name).ok_or_else(|| error::no_model(&name))?;
    if model.kind != SimKind::Embedding {
        let message = format!("The model `{name}` does not make embeddings.");
        return Err(error::reply(400, &message, Some("model"), None));
    }
    exchange.call.model(&model.name, false);
    Ok((model.clone(), value))
}

fn embed(model: &SimModel, value: &Value, seed: u64) -> Result<Reply, Reply> {
    let wrong = |param, message: &str| Err(error::reply(400, message, Some(param), None));
    let Some(inputs) = value.get("input").and_then(inputs) else {
        return wrong(
            "input",
            "'input' must be a string, a list of strings, or lists of tokens; none empty.",
        );
    };
    let dimensions = match value.get("dimensions") {
        None | Some(Value::Null) => model.dimensions,
        Some(number) => match number.as_u64().filter(|n| (1..=DIMENSIONS_MAX).contains(n)) {
            Some(number) => number as usize,
            None => return wrong("dimensions", "'dimensions' must be between 1 and 4096."),
        },
    };
    let as_base64 = match value.get("encoding_format").and_then(Value::as_str) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return wrong("encoding_format", "'encoding_format' must be float or base64."),
    };
    let item = |(index, input): (usize, &Vec<u64>)| {
        let floats = vector(input, dimensions, seed);
        let embedding = if as_base64 {
            let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
            Vector::Base64(base64::encode(&bytes))
        } else {
            Vector::Floats(floats)
        };
        Item { object: "embedding", index, embedding }
    };
    let tokens: usize = inputs.iter().map(Vec::len).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    let data = inputs.iter().enumerate().map(item).collect();
    let body = error::to_json(&List { object: "list", data, model: &model.name, usage: &usage });
    let tokens = Tokens { input_total: tokens as u64, ..Tokens::default() };
    let mark = Mark { content: true, usage: Some(Claim { raw: usage, tokens }), ..Mark::default() };
    Ok(Reply { mark: mark.into(), ..Reply::json(200, body) })
}

/// Every input as its tokens; `None` when the field is not what it should be.
fn inputs(input: &Value) -> Option<Vec<Vec<u64>>> {
    let word_tokens = |text: &str| {
        let tokens: Vec<u64> =
            text.split_whitespace().map(|word| Fnv::new().text(&word.to_lowercase()).value()).collect();
        (words(text) > 0).then_some(tokens)
    };
    let id_tokens = |ids: &[Value]| {
        let tokens: Option<Vec<u64>> = ids.iter().map(Value::as_u64).collect();
        tokens.filter(|tokens| !tokens.is_empty())
    };
    match input {
        Value::String(text) => Some(vec![word_tokens(text)?]),
        Value::Array(items) if items.first()?.is_u64() => Some(vec![id_tokens(items)?]),
        Value::Array(items) if items.len() <= INPUTS_MAX => items
            .iter()
            .map(|item| match item {
                Value::String(text) => word_tokens(text),
                Value::Array(ids) => id_tokens(ids),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The sum of one random direction per word, of length 1.
fn vector(tokens: &[u64], dimensions: usize, seed: u64) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dimensions];
    for token in tokens.iter().take(WORDS_MAX) {
        let mut rng = Rng::fork(seed, *token);
        for x in &mut sum {
            *x += rng.unit() - 0.5;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    sum.into_iter().map(|x| (x / length) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_share_words_are_closer() {
        let vector = |text: &str| vector(&inputs(&json!(text)).unwrap()[0], 256, 1);
        let dot = |a: &str, b: &str| vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum::<f32>();
        assert!((dot("how are you", "how are you") - 1.0).abs() < 1e-5);
        assert!(dot("how are you today", "how are you now") > 0.5);
        assert!(dot("how are you today", "green turtle soup").abs() < 0.3);
    }

    #[test]
    fn every_form_of_input_is_read() {
        let lengths = |value: Value| inputs(&value).map(|all| all.iter().map(Vec::len).collect::<Vec<_>>());
        assert_eq!(lengths(json!("one two")), Some(vec![2]));
        assert_eq!(lengths(json!(["one", "two three"])), Some(vec![1, 2]));
        assert_eq!(lengths(json!([1, 2, 3])), Some(vec![3]));
        assert_eq!(lengths(json!([[1, 2], [3]])), Some(vec![2, 1]));
        for wrong in
            [json!(""), json!([]), json!([[]]), json!(["a", 1]), json!([1, "a"]), json!(7), json!(null)]
        {
            assert_eq!(lengths(wrong.clone()), None, "{wrong}");
        }
    }
}
