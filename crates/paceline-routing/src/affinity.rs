//! Which target last saw a prompt's beginning: its provider may still have it in its cache.

use std::sync::atomic::{AtomicU64, Ordering};

/// Beginnings that are remembered; a new one takes the place of another that falls on the same slot.
const SLOTS: usize = 4096;
/// How long a provider is believed to keep a prompt after its last use, in seconds.
const KEPT_S: u32 = 300;
/// What of a prompt is believed to be cached where its beginning was seen.
const CACHED_SHARE: f64 = 0.8;
/// Prompts below so many tokens are cached by no provider.
const LEAST_TOKENS: u64 = 1024;

/// The last target of each beginning: 24 bits of its hash, 8 of the target, 32 of the time in seconds, in one word, so that
/// calls read and write without a lock.
#[derive(Debug)]
pub struct Affinity {
    slots: Vec<AtomicU64>,
}

impl Default for Affinity {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Affinity {
    fn slot(&self, prefix: u64) -> Option<&AtomicU64> {
        self.slots.get(prefix as usize % SLOTS)
    }

    /// Which target saw that beginning lately.
    pub fn last(&self, prefix: u64, now_s: u32) -> Option<usize> {
        let word = self.slot(prefix)?.load(Ordering::Relaxed);
        let fresh = now_s.wrapping_sub(word as u32) <= KEPT_S;
        (word != 0 && fresh && word >> 40 == prefix >> 40).then_some((word >> 32 & 0xff) as usize)
    }

    /// A target sees it now. Targets beyond 255 are not remembered.
    pub fn note(&self, prefix: u64, target: usize, now_s: u32) {
        if let (Some(slot), Ok(target)) = (self.slot(prefix), u8::try_from(target)) {
            slot.store(prefix >> 40 << 40 | u64::from(target) << 32 | u64::from(now_s), Ordering::Relaxed);
        }
    }
}

/// How many of a prompt's tokens a provider that saw its beginning is expected to have.
pub fn cached_tokens(input: u64) -> u64 {
    if input < LEAST_TOKENS { 0 } else { (input as f64 * CACHED_SHARE) as u64 }
}

#[cfg(test)]
mod tests {
    use super::{Affinity, KEPT_S, cached_tokens};

    #[test]
    fn a_beginning_is_remembered_for_a_while() {
        let affinity = Affinity::default();
        let prefix = 0xdead_beef_0000_0001;
        assert_eq!(affinity.last(prefix, 1000), None);
        affinity.note(prefix, 3, 1000);
        assert_eq!(affinity.last(prefix, 1000 + KEPT_S), Some(3));
        assert_eq!(affinity.last(prefix, 1001 + KEPT_S), None);
        // Another one on the same slot is not taken for it.
        assert_eq!(affinity.last(prefix ^ 1 << 63, 1000), None);
        affinity.note(prefix, 4096, 1001);
        assert_eq!(affinity.last(prefix, 1001), Some(3));
        assert_eq!((cached_tokens(1000), cached_tokens(2000)), (0, 1600));
    }
}
