//! What a simulated model says: plain sentences in which every word is one token.

use crate::rng::Rng;

const OPENERS: &[&str] =
    &["The", "A", "Each", "This", "Every", "One", "Most", "Another", "Some", "That", "Such", "Any"];
const WORDS: &[&str] = &[
    "answer", "path", "river", "signal", "small", "quiet", "model", "number", "reads", "follows", "carries",
    "shows", "a", "the", "of", "with", "under", "between", "steady", "bright", "measure", "gateway", "token",
    "moves", "slowly", "quickly", "through", "and", "then", "garden", "window", "letter", "keeps", "its",
    "order", "without", "noise", "until", "morning", "record", "holds", "every", "step", "from", "start",
    "to", "end", "clear", "simple", "pattern", "wave", "travels", "over", "open", "water", "light", "turns",
    "into", "sound",
];
const THOUGHTS: &[&str] = &[
    "first", "consider", "the", "question", "again", "so", "we", "need", "a", "plan", "check", "each",
    "case", "wait", "perhaps", "that", "means", "compare", "both", "sides", "now", "it", "follows", "hence",
    "good",
];
const HARD: &[&str] = &[
    "naïve",
    " 世界",
    " 🙂",
    "👩‍👩‍👧‍👦",
    " data: [DONE]",
    "\n\ndata: [DONE]\n\n",
    " line\u{2028}break",
    " \u{2029}",
    " \u{85}",
    " \"quoted\"",
    " back\\slash",
    " e\u{301}",
    " \u{feff}",
    " 🇪🇺",
    " ﷽",
    " \u{c}",
    "\tтекст",
    " ]}{[",
    " \r\nCRLF",
    " \u{1}",
];

/// An answer of this many tokens; the first word of the text stands without a space before it.
pub(crate) fn answer(rng: &mut Rng, tokens: usize) -> Vec<String> {
    let mut pieces = Vec::with_capacity(tokens);
    let mut left_in_sentence = 0;
    for index in 0..tokens {
        let opening = left_in_sentence == 0;
        if opening {
            left_in_sentence = 6 + rng.below(9);
        }
        left_in_sentence -= 1;
        let word = if opening { OPENERS[rng.below(OPENERS.len())] } else { WORDS[rng.below(WORDS.len())] };
        let space = if index == 0 { "" } else { " " };
        let stop = if left_in_sentence == 0 || index + 1 == tokens { "." } else { "" };
        pieces.push(format!("{space}{word}{stop}"));
    }
    pieces
}

/// Reasoning of this many tokens.
pub(crate) fn reasoning(rng: &mut Rng, tokens: usize) -> Vec<String> {
    let piece = |index: usize, word: &str| if index == 0 { word.to_owned() } else { format!(" {word}") };
    (0..tokens).map(|index| piece(index, THOUGHTS[rng.below(THOUGHTS.len())])).collect()
}

/// Text that breaks careless readers: every hard piece comes once before the first comes again.
pub(crate) fn hard(tokens: usize) -> Vec<String> {
    HARD.iter().cycle().take(tokens).map(|piece| (*piece).to_owned()).collect()
}

/// Any text in pieces of a few characters, as a model writes JSON.
pub(crate) fn fragments(text: &str, rng: &mut Rng) -> Vec<String> {
    let mut pieces = Vec::with_capacity(text.len() / 3 + 1);
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let size = 2 + rng.below(4);
        pieces.push(chars.by_ref().take(size).collect());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_tokens() {
        let text = answer(&mut Rng::new(1), 57).concat();
        assert_eq!(text.split_whitespace().count(), 57);
        assert!(text.ends_with('.') && !text.starts_with(' '));
        assert_eq!(reasoning(&mut Rng::new(1), 9).concat().split_whitespace().count(), 9);
    }

    #[test]
    fn fragments_lose_nothing() {
        let text = r#"{"ключ":"значение 🙂"}"#;
        let pieces = fragments(text, &mut Rng::new(1));
        assert_eq!(pieces.concat(), text);
        assert!(pieces.len() > 3);
    }
}
