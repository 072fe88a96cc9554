//! Prompt caching as a caller marks it: what a prompt shares with an earlier one is read, the rest written.

use crate::{fault::Fault, hash::Fnv, seen::Seen};
use serde_json::Value;

/// The end of a prefix that the caller wants kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CachePoint {
    /// Names the model and everything up to here.
    pub(crate) hash: u64,
    /// Tokens up to here.
    pub(crate) tokens: u64,
    /// Whether it is kept for an hour instead of five minutes.
    pub(crate) hour: bool,
}

/// A walk through a prompt that finds the ends of its prefixes.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    hash: Fnv,
    tokens: u64,
    points: Vec<CachePoint>,
}

impl Walk {
    pub(crate) fn new(model: &str) -> Self {
        Self { hash: Fnv::new().text(model), tokens: 0, points: Vec::new() }
    }

    /// A block of the prompt under its role; marks on it do not change what it says.
    pub(crate) fn step(&mut self, role: &str, block: &Value, tokens: u64) {
        let mut block = block.clone();
        if let Some(object) = block.as_object_mut() {
            object.remove("cache_control");
        }
        self.hash = self.hash.text(role).json(&block);
        self.tokens += tokens;
    }

    /// The caller wants everything up to here kept.
    pub(crate) fn mark(&mut self, hour: bool) {
        self.points.push(CachePoint { hash: self.hash.value(), tokens: self.tokens, hour });
    }

    pub(crate) fn caching(self) -> Caching {
        Caching::Points(self.points)
    }
}

/// How a dialect caches prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caching {
    /// By itself, for long prompts.
    Automatic,
    /// Where the caller says so, in the order of the prompt.
    Points(Vec<CachePoint>),
}

/// Prompt tokens that came from a cache, and that went into one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) read: u64,
    pub(crate) write_5m: u64,
    pub(crate) write_1h: u64,
}

impl Hit {
    /// Reads from the longest prefix seen before and writes what comes after it, up to the last mark.
    pub(crate) fn of(points: &[CachePoint], seen: &Seen) -> Self {
        let known = points.iter().rposition(|point| seen.holds(point.hash));
        let mut hit = Self { read: known.map_or(0, |index| points[index].tokens), ..Self::default() };
        let mut from = hit.read;
        for point in &points[known.map_or(0, |index| index + 1)..] {
            let new = point.tokens.saturating_sub(from);
            *(if point.hour { &mut hit.write_1h } else { &mut hit.write_5m }) += new;
            from += new;
            seen.insert(point.hash);
        }
        hit
    }

    /// As a fault wants it, and never more than the prompt.
    pub(crate) fn told(self, fault: &Fault, prompt: u64) -> Self {
        if fault.cached.is_none() && fault.cache_write.is_none() {
            return self;
        }
        let read = fault.cached.unwrap_or(0).min(prompt);
        Self { read, write_5m: fault.cache_write.unwrap_or(0).min(prompt - read), write_1h: 0 }
    }

    pub(crate) fn write(self) -> u64 {
        self.write_5m + self.write_1h
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_the_next_time() {
        let point = |hash, tokens, hour| CachePoint { hash, tokens, hour };
        let seen = Seen::default();
        let points = [point(1, 10, true), point(2, 25, false)];
        assert_eq!(Hit::of(&points, &seen), Hit { read: 0, write_5m: 15, write_1h: 10 });
        assert_eq!(Hit::of(&points, &seen), Hit { read: 25, write_5m: 0, write_1h: 0 });
        let longer = [points[0], point(3, 40, false)];
        assert_eq!(Hit::of(&longer, &seen), Hit { read: 10, write_5m: 30, write_1h: 0 });
        assert_eq!(Hit::of(&[], &seen), Hit::default());
    }

    #[test]
    fn faults_fix_what_is_cached() {
        let told = |spec: &str| Hit { read: 8, ..Hit::default() }.told(&Fault::parse(spec).unwrap(), 10);
        assert_eq!(told("burst").read, 8);
        assert_eq!(told("cached=3,cache-write=4"), Hit { read: 3, write_5m: 4, write_1h: 0 });
        assert_eq!(told("cached=30,cache-write=4"), Hit { read: 10, write_5m: 0, write_1h: 0 });
    }
}
