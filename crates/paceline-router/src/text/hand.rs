//! Features made by hand: what a person would look at first.

use super::window;

/// How many there are.
pub const HAND: usize = 32;

/// Counts that one pass over the bytes makes.
#[derive(Default)]
struct Counts {
    upper: f32,
    lower: f32,
    digits: f32,
    numbers: f32,
    spaces: f32,
    lines: f32,
    words: f32,
    long_words: f32,
    sentences: f32,
    questions: f32,
    commas: f32,
    operators: f32,
    brackets: f32,
    quotes: f32,
    dollars: f32,
    percents: f32,
    backslashes: f32,
    underscores: f32,
    code: f32,
    foreign: f32,
    decimals: f32,
    longest_number: f32,
    colons: f32,
}

impl Counts {
    fn add(&mut self, bytes: &[u8]) {
        let (mut word, mut number) = (0u32, 0u32);
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'A'..=b'Z' => self.upper += 1.0,
                b'a'..=b'z' => self.lower += 1.0,
                b'0'..=b'9' => self.digits += 1.0,
                b'\n' => self.lines += 1.0,
                b' ' => self.spaces += 1.0,
                b'.' => {
                    let next = bytes.get(at + 1).copied().unwrap_or(b' ');
                    let decimal = number > 0 && next.is_ascii_digit();
                    *(if decimal { &mut self.decimals } else { &mut self.sentences }) += 1.0;
                }
                b'?' => self.questions += 1.0,
                b',' => self.commas += 1.0,
                b'+' | b'*' | b'/' | b'=' | b'<' | b'>' | b'^' => self.operators += 1.0,
                b'(' | b')' | b'[' | b']' => self.brackets += 1.0,
                b'"' | b'\'' => self.quotes += 1.0,
                b'$' => self.dollars += 1.0,
                b'%' => self.percents += 1.0,
                b'\\' => self.backslashes += 1.0,
                b'_' => self.underscores += 1.0,
                b'{' | b'}' | b';' | b'`' => self.code += 1.0,
                b':' => self.colons += 1.0,
                0x80.. => self.foreign += 1.0,
                _ => {}
            }
            number = if byte.is_ascii_digit() { number + 1 } else { 0 };
            self.numbers += f32::from(u8::from(number == 1));
            self.longest_number = self.longest_number.max(number as f32);
            word = if byte.is_ascii_alphabetic() { word + 1 } else { 0 };
            self.words += f32::from(u8::from(word == 1));
            self.long_words += f32::from(u8::from(word == 8));
        }
    }
}

/// The features of a prompt, about between 0 and 10 each.
pub fn features(prompt: &str) -> [f32; HAND] {
    let (head, tail) = window(prompt);
    let mut counts = Counts::default();
    counts.add(head);
    counts.add(tail);
    let length = (head.len() + tail.len()).max(1) as f32;
    let end = if tail.is_empty() { head } else { tail }.trim_ascii_end();
    let last = end.windows(2).rposition(|pair| pair == b"\n\n").map_or(end.len(), |at| end.len() - at - 2);
    let contains =
        |mark: &[u8]| [head, tail].iter().any(|part| part.windows(mark.len()).any(|one| one == mark));
    let bytes = prompt.len() as f32;
    let letters = (counts.upper + counts.lower).max(1.0);
    let log = |count: f32| (1.0 + count).ln();
    let choices = [b"\nA".as_slice(), b"(A)", b"A."].into_iter().any(contains);
    [
        log(bytes),
        bytes / 1000.0,
        (log(bytes) - 5.5).powi(2),
        log(last as f32),
        log(counts.words),
        log(counts.numbers),
        counts.numbers / counts.words.max(1.0),
        log(counts.digits),
        log(counts.longest_number),
        log(counts.decimals),
        log(counts.sentences),
        counts.words / (counts.sentences + counts.questions + 1.0) / 10.0,
        log(counts.questions),
        log(counts.lines),
        log(counts.commas),
        log(counts.operators),
        log(counts.brackets),
        log(counts.quotes),
        log(counts.dollars),
        log(counts.percents),
        log(counts.backslashes),
        log(counts.underscores),
        log(counts.code),
        log(counts.foreign),
        log(counts.colons),
        10.0 * counts.upper / letters,
        letters / counts.words.max(1.0),
        10.0 * counts.long_words / counts.words.max(1.0),
        counts.spaces / length * 10.0,
        f32::from(u8::from(choices)),
        f32::from(u8::from(end.ends_with(b"?"))),
        f32::from(u8::from(contains(b"def ") || contains(b"function"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::{HAND, features};
    use proptest::prelude::*;

    #[test]
    fn counts_are_what_stands_there() {
        let seen = features("Add 12 and 3.5?");
        assert!((seen[5] - 4f32.ln()).abs() < 1e-6, "three runs of digits: {}", seen[5]);
        assert!((seen[9] - 2f32.ln()).abs() < 1e-6, "one decimal point");
        assert!((seen[30] - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn any_text_has_finite_features(text in ".{0,200}") {
            let seen = features(&text.repeat(20));
            prop_assert_eq!(seen.len(), HAND);
            prop_assert!(seen.iter().all(|value| value.is_finite()));
        }
    }
}
