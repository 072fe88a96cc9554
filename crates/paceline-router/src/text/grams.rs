//! Hashed n-grams: words alone and in pairs, and three to five characters in a row.
//!
//! Letters are lowered, digits are all `0`, white space is one blank. Each n-gram counts once a prompt.

use super::window;

/// Buckets of a group, as a power of two.
const BITS: u32 = 16;
/// Buckets of a group.
pub const GROUP: usize = 1 << BITS;
/// Buckets of both groups: words first, then characters.
pub const BUCKETS: usize = 2 * GROUP;

/// Distinct buckets of one prompt.
#[derive(Debug, Clone, Default)]
pub struct Grams {
    /// Words and pairs of words, `0..GROUP`.
    pub words: Vec<u32>,
    /// Three to five characters, `GROUP..BUCKETS`.
    pub chars: Vec<u32>,
}

/// Room that is used again from prompt to prompt.
#[derive(Debug)]
pub struct Scratch {
    text: Vec<u8>,
    seen: Vec<u64>,
    /// The buckets of the last prompt.
    pub grams: Grams,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { text: Vec::new(), seen: vec![0; BUCKETS / 64], grams: Grams::default() }
    }
}

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

impl Scratch {
    /// Finds the buckets of a prompt.
    pub fn read(&mut self, prompt: &str) {
        for &bucket in self.grams.words.iter().chain(&self.grams.chars) {
            self.seen[bucket as usize / 64] = 0;
        }
        self.grams.words.clear();
        self.grams.chars.clear();
        self.text.clear();
        self.text.push(b' ');
        let (head, tail) = window(prompt);
        normalize(head, &mut self.text);
        normalize(tail, &mut self.text);
        self.words();
        self.chars();
    }

    fn words(&mut self) {
        let mut before = 0u64;
        let mut at = 0;
        while let Some(&byte) = self.text.get(at) {
            if byte == b' ' {
                at += 1;
                continue;
            }
            let start = at;
            at += 1;
            if wordy(byte) {
                while self.text.get(at).is_some_and(|&byte| wordy(byte)) {
                    at += 1;
                }
            }
            let hash = hash(&self.text[start..at]);
            put(&mut self.seen, &mut self.grams.words, bucket(hash));
            if before != 0 {
                let pair = (before.rotate_left(23) ^ hash).wrapping_mul(MIX);
                put(&mut self.seen, &mut self.grams.words, bucket(pair));
            }
            before = hash;
        }
    }

    fn chars(&mut self) {
        let end = self.text.len();
        self.text.extend_from_slice(&[0; 8]);
        for at in 0..end.saturating_sub(2) {
            let Some(Ok(eight)) = self.text.get(at..at + 8).map(<[u8; 8]>::try_from) else { break };
            let eight = u64::from_le_bytes(eight);
            for length in 3..=5usize.min(end - at) {
                let gram = (eight << (64 - 8 * length)).wrapping_mul(MIX) ^ (length as u64);
                let hash = (gram ^ (gram >> 29)).wrapping_mul(MIX);
                put(&mut self.seen, &mut self.grams.chars, GROUP as u32 + bucket(hash));
            }
        }
        self.text.truncate(end);
    }
}

/// Letters, digits and what lies beyond ASCII make words.
fn wordy(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn normalize(from: &[u8], to: &mut Vec<u8>) {
    let mut blank = to.last() == Some(&b' ');
    for &byte in from {
        let byte = match byte {
            b'0'..=b'9' => b'0',
            0..=b' ' => b' ',
            other => other.to_ascii_lowercase(),
        };
        if byte != b' ' || !blank {
            to.push(byte);
        }
        blank = byte == b' ';
    }
}

/// FNV-1a with a last mix; never 0.
fn hash(word: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325u64;
    let hash = word.iter().fold(start, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (hash ^ (hash >> 31)).wrapping_mul(MIX) | 1
}

fn bucket(hash: u64) -> u32 {
    (hash >> (64 - BITS)) as u32
}

fn put(seen: &mut [u64], list: &mut Vec<u32>, bucket: u32) {
    let (word, bit) = (bucket as usize / 64, 1u64 << (bucket % 64));
    if seen[word] & bit == 0 {
        seen[word] |= bit;
        list.push(bucket);
    }
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, GROUP, Scratch};
    use proptest::prelude::*;

    #[test]
    fn case_digits_and_blanks_make_no_difference() {
        let (mut one, mut two) = (Scratch::default(), Scratch::default());
        one.read("Add 12 and\n 34");
        two.read("add  56 AND 78");
        assert_eq!(one.grams.words, two.grams.words);
        assert_eq!(one.grams.chars, two.grams.chars);
        // add, add 00, 00, 00 and, and, and 00.
        assert_eq!(one.grams.words.len(), 6);
    }

    proptest! {
        #[test]
        fn room_used_again_leaves_no_trace(first in ".{0,300}", second in ".{0,300}") {
            let (mut used, mut fresh) = (Scratch::default(), Scratch::default());
            used.read(&first);
            used.read(&second);
            fresh.read(&second);
            prop_assert_eq!(&used.grams.words, &fresh.grams.words);
            prop_assert_eq!(&used.grams.chars, &fresh.grams.chars);
            prop_assert!(used.grams.words.iter().all(|&bucket| (bucket as usize) < GROUP));
            prop_assert!(used.grams.chars.iter().all(|&b| (GROUP..BUCKETS).contains(&(b as usize))));
        }
    }
}
