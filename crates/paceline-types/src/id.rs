//! Ids: names that do not mix.

use std::fmt;
use std::sync::Arc;

/// A name that configuration knows (model, provider, tenant …): shared, so that a record costs no copy.
pub type Name = Arc<str>;

/// The id of one call: 128 bits, ordered by time, unique in one instance and, by 32 random bits a worker,
/// very likely between instances.
///
/// Layout: 48 bits milliseconds since 1970, 48 bits counter of the worker, 32 bits chosen at random per worker.
/// Written as 26 characters of Crockford's base 32 in lower case, which sort as the ids do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u128);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl CallId {
    /// Puts an id together. `wall_ms`: Unix milliseconds; `counter`: the worker's own, increasing; `worker`: its random part.
    pub fn new(wall_ms: u64, counter: u64, worker: u32) -> Self {
        let ms = u128::from(wall_ms & 0xffff_ffff_ffff) << 80;
        let count = u128::from(counter & 0xffff_ffff_ffff) << 32;
        Self(ms | count | u128::from(worker))
    }

    /// The milliseconds since 1970 at which the call began.
    pub fn unix_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// Its three parts: milliseconds since 1970, counter of the worker, the worker's random number.
    pub fn parts(self) -> (u64, u64, u32) {
        (self.unix_ms(), (self.0 >> 32) as u64 & 0xffff_ffff_ffff, self.0 as u32)
    }

    /// The id as 16 bytes that sort as the ids do.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Undoes [`CallId::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The 26 characters, without an allocation.
    pub fn encode(self) -> [u8; 26] {
        let mut out = [0; 26];
        let mut rest = self.0;
        for slot in out.iter_mut().rev() {
            *slot = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        out
    }

    /// Reads what [`CallId::encode`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 26 {
            return None;
        }
        let mut value: u128 = 0;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|&c| c == byte)?;
            value = value.checked_mul(32)?.checked_add(digit as u128)?;
        }
        Some(Self(value))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.encode();
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::CallId;

    #[test]
    fn text_sorts_as_ids_do_and_reads_back() {
        let ids = [(1, 9, 7), (2, 0, 0), (2, 1, 0), (1_790_000_000_000, 3, u32::MAX)];
        let ids: Vec<_> = ids.iter().map(|&(ms, n, w)| CallId::new(ms, n, w)).collect();
        let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        assert!(ids.is_sorted() && texts.is_sorted());
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!(CallId::parse(text), Some(*id));
        }
        assert_eq!(ids[3].unix_ms(), 1_790_000_000_000);
        assert_eq!(ids[3].parts(), (1_790_000_000_000, 3, u32::MAX));
        assert_eq!(CallId::from_bytes(ids[3].to_bytes()), ids[3]);
        assert_eq!(CallId::parse("not an id"), None);
        assert_eq!(CallId::parse(&"z".repeat(26)), None);
    }
}
