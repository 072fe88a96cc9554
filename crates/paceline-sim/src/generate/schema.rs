//! JSON that fits a JSON schema, for structured output and tool arguments.

use crate::rng::Rng;
use serde_json::{Map, Number, Value, json};

/// How deep a value may become, and how many values it may hold.
const DEPTH_MAX: usize = 12;
const NODES_MAX: usize = 500;

/// A value for this schema; what a schema can say beyond the common words is not looked at.
pub(crate) fn sample(schema: &Value, rng: &mut Rng) -> Value {
    let mut sampler = Sampler { root: schema, rng, nodes: 0 };
    sampler.value(schema, 0)
}

struct Sampler<'a> {
    root: &'a Value,
    rng: &'a mut Rng,
    nodes: usize,
}

impl<'a> Sampler<'a> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return Value::Null;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = target.trim_start_matches('#');
            return self.root.pointer(pointer).map_or(Value::Null, |schema| self.value(schema, depth + 1));
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(choices) = list(schema, "enum") {
            return choices.get(self.rng.below(choices.len())).cloned().unwrap_or_default();
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = list(schema, key).and_then(|choices| choices.first()) {
                return self.value(first, depth + 1);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" => Value::from(self.between(schema).round() as i64),
            "number" => Number::from_f64(self.between(schema)).map_or(Value::Null, Value::Number),
            "boolean" => Value::Bool(self.rng.chance(0.5)),
            "null" => Value::Null,
            _ => self.text(schema),
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let mut properties: Vec<(&String, &Value)> =
            schema.get("properties").and_then(Value::as_object).into_iter().flatten().collect();
        // By name, so that the draws do not depend on how maps are kept.
        properties.sort_unstable_by_key(|(key, _)| *key);
        let mut object = Map::new();
        for (key, schema) in properties {
            object.insert(key.clone(), self.value(schema, depth + 1));
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &'a Value, depth: usize) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(2).min(20);
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(20);
        let Some(items) = schema.get("items") else { return json!([]) };
        (0..least.min(most)).map(|_| self.value(items, depth + 1)).collect()
    }

    fn between(&mut self, schema: &Value) -> f64 {
        let bound = |key| schema.get(key).and_then(Value::as_f64);
        let low = bound("minimum").or(bound("exclusiveMinimum").map(|x| x + 1.0)).unwrap_or(0.0);
        let high = bound("maximum").or(bound("exclusiveMaximum").map(|x| x - 1.0)).unwrap_or(low + 100.0);
        let drawn = (high - low).mul_add(self.rng.unit(), low);
        ((drawn * 100.0).round() / 100.0).clamp(low.min(high), high)
    }

    fn text(&mut self, schema: &Value) -> Value {
        let text = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2026-11-05".to_owned(),
            Some("date-time") => "2026-11-05T10:30:00Z".to_owned(),
            Some("time") => "10:30:00Z".to_owned(),
            Some("email") => "someone@example.com".to_owned(),
            Some("uri" | "url") => "https://example.com/".to_owned(),
            Some("uuid") => format!("{:08x}-0000-4000-8000-{:012x}", self.rng.next_u64() >> 32, 1),
            _ => super::words::answer(self.rng, 2).concat().trim_end_matches('.').to_lowercase(),
        };
        Value::String(text)
    }
}

fn list<'a>(schema: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    schema.get(key).and_then(Value::as_array).filter(|list| !list.is_empty())
}

fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        // Of several types the first that says something.
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"}, "unit": {"enum": ["c", "f"]},
                "days": {"type": "integer", "minimum": 3, "maximum": 5},
                "rates": {"type": "array", "items": {"type": "number", "maximum": 1}, "minItems": 3},
                "where": {"$ref": "#/$defs/place"}, "note": {"type": ["null", "boolean"]},
            },
            "$defs": {"place": {"properties": {"id": {"const": 7}}}},
        });
        let value = sample(&schema, &mut Rng::new(2));
        assert!(!value["city"].as_str().unwrap().is_empty());
        assert!(["c", "f"].contains(&value["unit"].as_str().unwrap()));
        assert!((3..=5).contains(&value["days"].as_i64().unwrap()));
        assert!(value["rates"].as_array().unwrap().iter().all(|x| x.as_f64().unwrap() <= 1.0));
        assert_eq!(value["rates"].as_array().unwrap().len(), 3);
        assert_eq!(value["where"], json!({"id": 7}));
        assert!(value["note"].is_boolean());
    }

    #[test]
    fn endless_schemas_end() {
        let schema = json!({"type": "array", "minItems": 20, "items": {"$ref": "#"}});
        assert!(sample(&schema, &mut Rng::new(2)).is_array());
        assert!(sample(&json!({"$ref": "#"}), &mut Rng::new(2)).is_null());
    }
}
