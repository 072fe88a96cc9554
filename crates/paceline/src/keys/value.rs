//! The value of a key: `pk-` and 256 bits from the system.

use std::io::{self, Read};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// 32 bytes nobody can guess.
pub(crate) fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A new key.
pub(crate) fn new() -> io::Result<String> {
    Ok(format!("pk-{}", text(&random()?)))
}

/// Its last characters, by which people know it again.
pub(crate) fn ending(value: &str) -> String {
    value.chars().skip(value.chars().count().saturating_sub(4)).collect()
}

/// Base64 for addresses and headers, without padding (RFC 4648 §5): 43 characters.
fn text(bytes: &[u8; 32]) -> String {
    let groups = bytes.chunks(3).flat_map(|group| {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        [18, 12, 6, 0].into_iter().take(group.len() + 1).map(move |shift| bits >> shift & 63)
    });
    groups.map(|six| ALPHABET[six as usize] as char).collect()
}

#[cfg(test)]
mod tests {
    use super::{ending, new, text};

    #[test]
    fn keys_are_43_characters_of_their_own() {
        let (one, two) = (new().unwrap(), new().unwrap());
        assert_ne!(one, two);
        for key in [&one, &two] {
            assert_eq!(key.len(), 46, "{key}");
            assert!(key[3..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{key}");
        }
        // As Python's base64.urlsafe_b64encode writes them.
        assert_eq!(text(&[0; 32]), "A".repeat(43));
        assert_eq!(text(&std::array::from_fn(|at| at as u8)), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!(text(&[255; 32]), format!("{}8", "_".repeat(42)));
        assert_eq!(ending("pk-abcdef"), "cdef");
    }
}
