//! JSON values as text: as they came, or made here. Translation moves them without looking into them, so that escapes,
//! large numbers and strange characters arrive as they were sent.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The most tokens that one answer may tell of.
pub const MOST_COUNTED: u64 = 1 << 50;

/// A JSON value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<'a>(Cow<'a, str>);

impl<'a> Json<'a> {
    /// As it stands in a document.
    pub fn of(raw: &'a RawValue) -> Self {
        Self(Cow::Borrowed(raw.get()))
    }

    /// Text that is known to be one JSON value: a literal of the program, or what a writer of ours made.
    pub fn known(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// The JSON string of `text`.
    pub fn string(text: &str) -> Json<'static> {
        Json(Cow::Owned(serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())))
    }

    /// The text, of strings with their quotes.
    pub fn get(&self) -> &str {
        &self.0
    }

    /// The same, borrowed.
    pub fn view(&self) -> Json<'_> {
        Json(Cow::Borrowed(&self.0))
    }

    /// Whether it is a string.
    pub fn is_string(&self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is an object without members.
    pub fn is_empty_object(&self) -> bool {
        self.open().is_some_and(|members| members.0.is_empty())
    }

    /// What stands between a string's quotes, escapes as they are; empty for all else.
    pub fn inner(&self) -> &str {
        self.0.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or("")
    }

    /// A string's value; `None` where it is none, or one that is no Unicode (half a surrogate pair).
    pub fn text(&self) -> Option<Cow<'_, str>> {
        if !self.is_string() {
            return None;
        }
        let inner = self.inner();
        if inner.contains('\\') {
            serde_json::from_str(&self.0).ok().map(Cow::Owned)
        } else {
            Some(inner.into())
        }
    }

    /// Whether it is the string `text`.
    pub fn is(&self, text: &str) -> bool {
        self.text().as_deref() == Some(text)
    }

    /// A whole number from 0.
    pub fn unsigned(&self) -> Option<u64> {
        let text = self.0.as_ref();
        text.parse().ok().or_else(|| {
            let value: f64 = text.parse().ok()?;
            (value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value)).then_some(value as u64)
        })
    }

    /// A count of tokens; `None` where there are more than anybody counts, so that sums of them hold.
    pub fn count(&self) -> Option<u64> {
        self.unsigned().filter(|&count| count <= MOST_COUNTED)
    }

    /// A truth value.
    pub fn truth(&self) -> Option<bool> {
        self.0.parse().ok()
    }

    /// The elements of an array; `None` where it is none.
    pub fn split(&self) -> Option<Vec<Self>> {
        match &self.0 {
            Cow::Borrowed(text) => serde_json::from_str(text).ok(),
            Cow::Owned(text) => {
                let elements: Vec<Json<'_>> = serde_json::from_str(text).ok()?;
                Some(elements.into_iter().map(Json::into_owned).collect())
            }
        }
    }

    /// The members of an object in their order; `None` where it is none.
    pub fn open(&self) -> Option<Members<'a>> {
        match &self.0 {
            Cow::Borrowed(text) => serde_json::from_str(text).ok(),
            Cow::Owned(text) => {
                let members: Members<'_> = serde_json::from_str(text).ok()?;
                let owned = |(key, value): (Cow<'_, str>, Json<'_>)| {
                    (Cow::Owned(key.into_owned()), value.into_owned())
                };
                Some(Members(members.0.into_iter().map(owned).collect()))
            }
        }
    }

    /// One member of an object; `null` counts as absent.
    pub fn member(&self, key: &str) -> Option<Self> {
        self.open()?.take(key)
    }

    /// The value without ties to the document it came from.
    pub fn into_owned(self) -> Json<'static> {
        Json(Cow::Owned(self.0.into_owned()))
    }

    /// A string of JSON text (as OpenAI and Anthropic send tool arguments) as the value it holds; an empty one is an empty
    /// object.
    pub fn unquoted(&self) -> Option<Json<'static>> {
        let text = self.text()?;
        let text = text.trim();
        if text.is_empty() {
            return Some(Json::known("{}"));
        }
        serde_json::from_str::<&RawValue>(text).ok().map(|raw| Json::of(raw).into_owned())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(Json::of)
    }
}

/// The members of an object, in order. Of one that is given twice the last counts, as for most parsers.
#[derive(Debug, Default)]
pub struct Members<'a>(pub Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Members<'a> {
    /// The members of a whole document.
    ///
    /// # Errors
    /// Where it is no JSON object.
    pub fn read(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Takes a member out; `null` counts as absent.
    pub fn take(&mut self, key: &str) -> Option<Json<'a>> {
        let mut found = None;
        self.0.retain(|(name, value)| {
            let is = name == key;
            if is {
                found = Some(value.clone());
            }
            !is
        });
        found.filter(|value| value.get() != "null")
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Joins JSON strings to one.
pub fn join<'a, 'b: 'a>(pieces: impl IntoIterator<Item = &'a Json<'b>>, between: &str) -> Json<'static> {
    let mut text = String::from('"');
    for (number, piece) in pieces.into_iter().enumerate() {
        if number > 0 {
            text.push_str(between);
        }
        text.push_str(piece.inner());
    }
    text.push('"');
    Json(Cow::Owned(text))
}

/// A document in which a key stands twice, with the last of each only; `None` where no key does, or it is no JSON.
pub fn single(text: &str) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    let mut out = String::with_capacity(text.len());
    let changed = write_single(&Json::of(raw), &mut out, 0);
    changed.then_some(out)
}

/// How deep doubled keys are looked for.
const MAX_DEPTH: usize = 64;

fn write_single(json: &Json<'_>, out: &mut String, depth: usize) -> bool {
    let mut changed = false;
    let between = |out: &mut String, at: usize| {
        if at > 0 {
            out.push(',');
        }
    };
    if depth < MAX_DEPTH
        && let Some(Members(members)) = json.is_object().then(|| json.open()).flatten()
    {
        out.push('{');
        let last = |at: usize| !members[at + 1..].iter().any(|(key, _)| *key == members[at].0);
        let kept = (0..members.len()).filter(|at| last(*at));
        for (number, at) in kept.enumerate() {
            between(out, number);
            out.push_str(Json::string(&members[at].0).get());
            out.push(':');
            changed |= write_single(&members[at].1, out, depth + 1);
        }
        changed |= (0..members.len()).any(|at| !last(at));
        out.push('}');
    } else if depth < MAX_DEPTH
        && let Some(elements) = json.get().starts_with('[').then(|| json.split()).flatten()
    {
        out.push('[');
        for (number, element) in elements.iter().enumerate() {
            between(out, number);
            changed |= write_single(element, out, depth + 1);
        }
        out.push(']');
    } else {
        out.push_str(json.get());
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::single;

    #[test]
    fn of_doubled_keys_the_last_counts() {
        let twice = r#"{"a":1,"b":[{"c":"\ud800","c":9007199254740993}],"a":2}"#;
        assert_eq!(single(twice).as_deref(), Some(r#"{"b":[{"c":9007199254740993}],"a":2}"#));
        assert_eq!(single(r#"{"a":{"b":1},"c":{"b":1}}"#), None);
        assert_eq!(single("{"), None);
    }
}
