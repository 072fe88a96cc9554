//! Writing JSON: objects and arrays, member by member, into bytes.

use crate::neutral::json::Json;

/// An object being written.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

/// An array being written.
#[derive(Debug)]
pub struct Array<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

/// Writes an object.
pub fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out, is_empty: true });
    out.push(b'}');
}

/// Writes an array.
pub fn array(out: &mut Vec<u8>, fill: impl FnOnce(&mut Array<'_>)) {
    out.push(b'[');
    fill(&mut Array { out, is_empty: true });
    out.push(b']');
}

fn quote(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(Json::string(text).get().as_bytes());
    }
}

impl Object<'_> {
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        quote(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// A member that is JSON text.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.key(key).extend_from_slice(json.as_bytes());
    }

    /// A member as it came.
    pub fn json(&mut self, key: &str, json: &Json<'_>) {
        self.raw(key, json.get());
    }

    /// A member as it came, where there is one.
    pub fn maybe(&mut self, key: &str, json: Option<&Json<'_>>) {
        if let Some(json) = json {
            self.json(key, json);
        }
    }

    /// A string.
    pub fn text(&mut self, key: &str, text: &str) {
        quote(self.key(key), text);
    }

    /// A whole number.
    pub fn number(&mut self, key: &str, value: u64) {
        let text = value.to_string();
        self.raw(key, &text);
    }

    /// A truth value.
    pub fn truth(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// An object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.key(key), fill);
    }

    /// An array.
    pub fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) {
        array(self.key(key), fill);
    }
}

impl Array<'_> {
    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        self.out
    }

    /// An element as it came.
    pub fn json(&mut self, json: &Json<'_>) {
        self.next().extend_from_slice(json.get().as_bytes());
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        quote(self.next(), text);
    }

    /// An object.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.next(), fill);
    }
}
