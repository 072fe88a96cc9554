//! Gemini's own form of schemas as JSON schema.
//!
//! It is a part of what `OpenAPI` has: names of types are in capitals, `nullable` stands for a further type, and whole numbers may be
//! strings. The text is rewritten member by member, so that order and numbers stay as they are.

use crate::neutral::json::Json;
use crate::neutral::notes::Notes;
use crate::neutral::write::object;
use std::borrow::Cow;

/// Deeper schemas are left as they are: every level is read once more for each level above it.
const MAX_DEPTH: usize = 48;

/// The schema as JSON schema.
pub(super) fn plain<'a>(schema: &Json<'a>, notes: &mut Notes) -> Json<'a> {
    rewrite(schema, MAX_DEPTH, notes)
}

fn rewrite<'a>(schema: &Json<'a>, depth: usize, notes: &mut Notes) -> Json<'a> {
    let (Some(members), Some(depth)) = (super::fields(schema), depth.checked_sub(1)) else {
        return schema.clone();
    };
    let nullable = members.0.iter().any(|(key, value)| key == "nullable" && value.truth() == Some(true));
    let mut out = Vec::with_capacity(schema.get().len());
    object(&mut out, |o| {
        for (key, value) in &members.0 {
            match &**key {
                "type" => {
                    let Some(word) = type_of(value) else { continue };
                    if nullable && word != "null" {
                        o.array("type", |list| [&*word, "null"].iter().for_each(|word| list.text(word)));
                    } else {
                        o.text("type", &word);
                    }
                }
                "nullable" => {}
                // Hints for the order of members and for people.
                "propertyOrdering" | "example" => notes.dropped(&format!("schema.{key}")),
                "items" | "additionalProperties" | "not" => o.json(key, &rewrite(value, depth, notes)),
                "anyOf" | "prefixItems" => match value.split() {
                    Some(list) => o.array(key, |out| {
                        for inner in &list {
                            out.json(&rewrite(inner, depth, notes));
                        }
                    }),
                    None => o.json(key, value),
                },
                "properties" | "defs" | "$defs" => match value.open() {
                    Some(inner) => o.object(key, |o| {
                        for (name, value) in &inner.0 {
                            o.json(name, &rewrite(value, depth, notes));
                        }
                    }),
                    None => o.json(key, value),
                },
                "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                    match value.text().and_then(|text| text.parse::<u64>().ok()) {
                        Some(number) => o.number(key, number),
                        None => o.json(key, value),
                    }
                }
                _ => o.json(key, value),
            }
        }
    });
    // What was written is JSON, and JSON is text.
    String::from_utf8(out).map_or_else(|_| schema.clone(), Json::known)
}

fn type_of<'a>(value: &'a Json<'_>) -> Option<Cow<'a, str>> {
    let word = value.text()?;
    match &*word {
        "TYPE_UNSPECIFIED" => None,
        word if word.bytes().any(|b| b.is_ascii_uppercase()) => Some(word.to_ascii_lowercase().into()),
        _ => Some(word),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::neutral::json::Json;
    use crate::neutral::notes::Notes;

    fn of(text: &str) -> (String, String) {
        let mut notes = Notes::default();
        let schema = plain(&Json::known(text), &mut notes).get().to_owned();
        (schema, notes.line())
    }

    #[test]
    fn types_become_lower_case_where_types_are() {
        let (schema, notes) = of(
            r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"enum":["STRING"]},"n":{"type":"ARRAY","min_items":"2","items":{"anyOf":[{"type":"INTEGER"},{"type":"NULL"}]}}},"propertyOrdering":["type"],"maximum":123456789012345678901234567890}"#,
        );
        assert_eq!(
            schema,
            r#"{"type":"object","properties":{"type":{"type":["string","null"],"enum":["STRING"]},"n":{"type":"array","minItems":2,"items":{"anyOf":[{"type":"integer"},{"type":"null"}]}}},"maximum":123456789012345678901234567890}"#
        );
        assert_eq!(notes, "schema.propertyOrdering not sent");
    }

    #[test]
    fn what_is_deep_or_no_schema_is_left() {
        let deep = "{\"items\":".repeat(5000) + "true" + &"}".repeat(5000);
        assert_eq!(of(&deep).0, deep);
        assert_eq!(of("true").0, "true");
        assert_eq!(of("[1]").0, "[1]");
    }
}
