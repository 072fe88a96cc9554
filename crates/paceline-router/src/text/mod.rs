//! What is seen of a prompt: hashed n-grams and features made by hand, in one pass each.

pub mod grams;
pub mod hand;

/// The most bytes of a prompt that are looked at; of a longer one its first third and its last two thirds.
pub const WINDOW: usize = 3072;

/// The bytes that are looked at: beginning and end (empty where the prompt is short).
pub fn window(prompt: &str) -> (&[u8], &[u8]) {
    let bytes = prompt.as_bytes();
    if bytes.len() <= WINDOW {
        return (bytes, &[]);
    }
    let head = WINDOW / 3;
    (&bytes[..head], &bytes[bytes.len() - (WINDOW - head)..])
}
