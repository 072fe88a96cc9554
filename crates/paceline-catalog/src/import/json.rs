//! JSON one level at a time, with every number as the text it was written in.

use super::offset;
use crate::document::{Problem, line_ends};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Names and values of one object, in order.
pub(super) type Fields<'a> = Vec<(String, &'a RawValue)>;

struct Object<'a>(Fields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// The fields of an object that is a part of `whole`.
pub(super) fn object<'a>(whole: &str, part: &'a str) -> Result<Fields<'a>, Problem> {
    serde_json::from_str::<Object<'a>>(part)
        .map(|object| object.0)
        .map_err(|error| problem(whole, part, &error))
}

/// The items of an array that is a part of `whole`.
pub(super) fn array<'a>(whole: &str, part: &'a str) -> Result<Vec<&'a RawValue>, Problem> {
    serde_json::from_str(part).map_err(|error| problem(whole, part, &error))
}

fn problem(whole: &str, part: &str, error: &serde_json::Error) -> Problem {
    let before = whole.as_bytes().get(..offset(whole, part)).unwrap_or_default();
    let line = line_ends(before) + error.line().max(1);
    Problem { line, what: format!("this is no JSON that can be read: {error}") }
}

/// A field's value as it is written; `None` where it is absent or `null`.
pub(super) fn field<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a str> {
    let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.get());
    value.filter(|value| *value != "null")
}

/// A number's digits, also of a number in quotes.
pub(super) fn number<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a str> {
    field(fields, name).map(|value| value.trim_matches('"').trim())
}

/// A number of tokens; absent where it is zero or no whole number.
pub(super) fn tokens(fields: &Fields<'_>, name: &str) -> Option<u64> {
    let text = number(fields, name)?;
    text.strip_suffix(".0").unwrap_or(text).parse().ok().filter(|tokens| *tokens > 0)
}

/// A string.
pub(super) fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    serde_json::from_str(field(fields, name)?).ok()
}

/// Whether a field is `true`.
pub(super) fn is_true(fields: &Fields<'_>, name: &str) -> bool {
    field(fields, name) == Some("true")
}

/// The strings of a list of strings.
pub(super) fn texts(fields: &Fields<'_>, name: &str) -> Vec<String> {
    field(fields, name).and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default()
}

/// The fields of an object in a field; empty where it is none.
pub(super) fn inner<'a>(fields: &Fields<'a>, name: &str) -> Fields<'a> {
    field(fields, name).and_then(|value| object(value, value).ok()).unwrap_or_default()
}
