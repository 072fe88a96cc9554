//! Thought signatures: a call that was sent with one must come back with it.

use crate::{base64, dialect::Problem, hash::Fnv, world::World};
use serde_json::Value;

/// Signs a call and remembers that it did.
pub(crate) fn sign(world: &World, name: &str, args: &Value) -> String {
    let call = Fnv::new().text(name).json(args).value();
    world.signed.insert(call);
    of(world, call)
}

/// Refuses a call that comes back without the signature it was sent with.
pub(crate) fn check(world: &World, part: &Value, place: &str) -> Result<(), Problem> {
    let Some(call) = part.get("functionCall") else { return Ok(()) };
    let name = call["name"].as_str().unwrap_or_default();
    let empty = Value::Object(serde_json::Map::default());
    let args = call.get("args").filter(|args| !args.is_null()).unwrap_or(&empty);
    let hash = Fnv::new().text(name).json(args).value();
    if !world.signed.holds(hash) {
        return Ok(());
    }
    match part.get("thoughtSignature").or_else(|| part.get("thought_signature")).and_then(Value::as_str) {
        Some(signature) if same(signature, &of(world, hash)) => Ok(()),
        Some(_) => Err(Problem::new(400, format!("Thought signature is not valid at {place}."))),
        None => Err(Problem::new(
            400,
            format!(
                "MISSING_THOUGHT_SIGNATURE: Function call is missing a thought_signature in functionCall parts. \
                 Function call `{name}`, {place}."
            ),
        )),
    }
}

/// Clients may send the bytes back in the alphabet for addresses.
fn same(given: &str, made: &str) -> bool {
    given.replace('-', "+").replace('_', "/").trim_end_matches('=') == made.trim_end_matches('=')
}

fn of(world: &World, call: u64) -> String {
    let words = (0_u64..6).flat_map(|part| {
        Fnv::new().number(world.config.seed).number(part).text("call").number(call).value().to_le_bytes()
    });
    base64::encode(&words.collect::<Vec<u8>>())
}
