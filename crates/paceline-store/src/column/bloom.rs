//! Whether a block may have a text at all (Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM
//! 1970): ten bits a text and seven probes let about one text in a hundred pass that is not there.

const BITS_PER_TEXT: usize = 10;
const PROBES: u64 = 7;

/// FNV-1a with the finaliser of `SplitMix64`: written to disk, so it must never change.
fn hash(text: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The bits of a text (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
fn probes(text: &[u8], bits: u64) -> impl Iterator<Item = u64> {
    let hash = hash(text);
    let step = (hash >> 32) | 1;
    (0..PROBES).map(move |at| hash.wrapping_add(step.wrapping_mul(at)) % bits)
}

/// The filter of all `texts`.
pub(crate) fn build<'a>(texts: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut filter = vec![0_u8; (texts.len() * BITS_PER_TEXT).div_ceil(8).max(8)];
    let bits = filter.len() as u64 * 8;
    for text in texts {
        for bit in probes(text, bits) {
            filter[(bit / 8) as usize] |= 1 << (bit % 8);
        }
    }
    filter
}

/// Whether `text` may be among them; an empty filter lets everything pass.
pub(crate) fn may_have(filter: &[u8], text: &[u8]) -> bool {
    let bits = filter.len() as u64 * 8;
    bits == 0 || probes(text, bits).all(|bit| filter[(bit / 8) as usize] >> (bit % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_passes_and_little_else() {
        let texts: Vec<String> = (0..5000).map(|n| format!("session-{n}")).collect();
        let filter = build(texts.iter().map(String::as_bytes));
        assert!(texts.iter().all(|text| may_have(&filter, text.as_bytes())));
        let wrong = (0..10_000).filter(|n| may_have(&filter, format!("other-{n}").as_bytes())).count();
        assert!(wrong < 200, "{wrong} of 10,000 pass that are not there");
        assert!(may_have(&[], b"anything"));
        // The hash is on disk: a change would hide what is there.
        assert_eq!(hash(b"paceline"), 0x14c2_af64_9754_4899);
    }
}
