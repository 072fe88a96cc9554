//! Closed lists of words, and sets of them: what a model takes, gives and can do.

use std::fmt;
use std::marker::PhantomData;

/// A word of a closed list.
pub trait Word: Copy + PartialEq + 'static {
    /// All words and how they are written; at most 16.
    const ALL: &'static [(Self, &'static str)];

    /// How it is written.
    fn written(self) -> &'static str {
        Self::ALL.iter().find(|(word, _)| *word == self).map_or("", |(_, written)| written)
    }

    /// The word that is written so.
    fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, written)| *written == text).map(|(word, _)| *word)
    }
}

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// Text.
    Text,
    /// Images.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Documents as PDF.
    Pdf,
    /// Vectors that stand for a text.
    Embedding,
}

impl Word for Modality {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Text, "text"),
        (Self::Image, "image"),
        (Self::Audio, "audio"),
        (Self::Video, "video"),
        (Self::Pdf, "pdf"),
        (Self::Embedding, "embedding"),
    ];
}

/// Something a model can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Calls functions that the caller describes.
    Tools,
    /// Answers in JSON of a given schema.
    StructuredOutput,
    /// Thinks before it answers, and can be told how much.
    Reasoning,
    /// Can be asked for program code: made for it, or a general model of tiers 1 to 3.
    Code,
    /// Understands images.
    Vision,
    /// Understands sound.
    Audio,
}

impl Word for Capability {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Tools, "tools"),
        (Self::StructuredOutput, "structured_output"),
        (Self::Reasoning, "reasoning"),
        (Self::Code, "code"),
        (Self::Vision, "vision"),
        (Self::Audio, "audio"),
    ];
}

/// A set of words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Set<W> {
    bits: u16,
    words: PhantomData<W>,
}

impl<W: Word> Set<W> {
    /// Puts a word in.
    pub fn insert(&mut self, word: W) {
        self.bits |= bit(word);
    }

    /// Whether it is in.
    pub fn contains(self, word: W) -> bool {
        self.bits & bit(word) != 0
    }

    /// Whether nothing is in.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The words that are in, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = W> {
        W::ALL.iter().map(|(word, _)| *word).filter(move |word| self.contains(*word))
    }

    /// The words that are in, as they are written.
    pub fn written(self) -> Vec<&'static str> {
        self.iter().map(Word::written).collect()
    }
}

fn bit<W: Word>(word: W) -> u16 {
    W::ALL
        .iter()
        .position(|(known, _)| *known == word)
        .map_or(0, |at| 1u16.checked_shl(at as u32).unwrap_or(0))
}

impl<W> Default for Set<W> {
    fn default() -> Self {
        Self { bits: 0, words: PhantomData }
    }
}

impl<W: Word> FromIterator<W> for Set<W> {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        let mut set = Self::default();
        words.into_iter().for_each(|word| set.insert(word));
        set
    }
}

impl<W: Word> fmt::Debug for Set<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.written()).finish()
    }
}
