//! A small stable hash (FNV-1a, 64 bit) of bytes and of JSON by meaning.

use serde_json::Value;

/// FNV-1a over everything fed to it. For naming and seeding, not for security.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        self
    }

    pub(crate) fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// Text with its end marked, so that "ab","c" and "a","bc" differ.
    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).bytes(&[0xFF])
    }

    /// JSON by meaning: the order of keys and the spaces between them do not matter.
    pub(crate) fn json(self, value: &Value) -> Self {
        match value {
            Value::Null => self.bytes(b"n"),
            Value::Bool(flag) => self.bytes(if *flag { b"t" } else { b"f" }),
            Value::Number(number) => self.bytes(b"#").text(&number.to_string()),
            Value::String(text) => self.bytes(b"s").text(text),
            Value::Array(items) => items.iter().fold(self.bytes(b"["), Self::json).bytes(b"]"),
            Value::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort_unstable();
                keys.into_iter()
                    .fold(self.bytes(b"{"), |hash, key| hash.text(key).json(&map[key]))
                    .bytes(b"}")
            }
        }
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// The hash of some bytes as 16 hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    format!("{:016x}", Fnv::new().bytes(bytes).value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_met() {
        assert_eq!(hex(b""), "cbf29ce484222325");
        assert_eq!(hex(b"a"), "af63dc4c8601ec8c");
        assert_eq!(hex(b"foobar"), "85944171f73967e8");
    }

    #[test]
    fn json_is_hashed_by_meaning() {
        let hash = |text: &str| Fnv::new().json(&serde_json::from_str(text).unwrap()).value();
        assert_eq!(hash(r#"{"a":1,"b":[true,null]}"#), hash(r#"{ "b" : [true, null], "a" : 1 }"#));
        assert_ne!(hash(r#"["ab","c"]"#), hash(r#"["a","bc"]"#));
        assert_ne!(hash("[[1],2]"), hash("[[1,2]]"));
    }
}
