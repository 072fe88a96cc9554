//! Sums by time and names: the open minutes of a stream of calls, kept apart by who served whom.

use crate::bucket::{Kept, Level, Span};
use crate::tally::Tally;
use paceline_types::id::Name;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// The names by which sums are told apart; empty where a call has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Who served.
    pub provider: Name,
    /// The model asked for, as the configuration knows it.
    pub model: Name,
    /// Who pays.
    pub tenant: Name,
    /// The agent that called.
    pub role: Name,
    /// What it worked on.
    pub task: Name,
    /// Where it was computed.
    pub region: Name,
}

/// Stands between the names of a written key; no name holds it.
const BETWEEN: char = '\u{1f}';

impl Key {
    /// The key in one text.
    pub fn encode(&self) -> String {
        let names = [&self.provider, &self.model, &self.tenant, &self.role, &self.task, &self.region];
        names.map(|name| name.replace(BETWEEN, " ")).join("\u{1f}")
    }

    /// Reads [`Key::encode`]; names that are missing are empty.
    pub fn decode(text: &str) -> Self {
        let mut names = text.split(BETWEEN).map(Name::from);
        let mut next = || names.next().unwrap_or_else(|| "".into());
        Self { provider: next(), model: next(), tenant: next(), role: next(), task: next(), region: next() }
    }

    /// The key without what callers write freely.
    #[must_use]
    pub fn without_labels(&self) -> Self {
        Self { role: "".into(), task: "".into(), ..self.clone() }
    }

    /// The key of everything for which there is no room.
    #[must_use]
    pub fn other() -> Self {
        Self::decode(&["other"; 6].join("\u{1f}"))
    }
}

/// How many keys of one bucket are told apart; further ones count without role and task, then as `other`.
pub const MAX_KEYS: usize = 256;

/// How long buckets of each level are kept, in seconds: two days of minutes, 92 days of hours, two years of days,
/// ten years of weeks.
pub const KEEP_SECONDS: [i64; 4] = [2 * 86_400, 92 * 86_400, 2 * 366 * 86_400, 10 * 366 * 86_400];

/// From when on each level is kept.
pub fn kept(now: Timestamp) -> Kept {
    KEEP_SECONDS.map(|seconds| now.seconds() - seconds)
}

/// When a call ended, by the wall clock: the moment under which it is counted.
pub fn ended(record: &CallRecord) -> Timestamp {
    Timestamp(record.started_at.0.saturating_add((record.duration.0 / 1000) as i64))
}

/// The present key of a bucket for `key`: itself, without labels, or `other`, by what still has room.
pub fn fitting(key: &Key, len: usize, has: impl Fn(&Key) -> bool) -> Key {
    if len < MAX_KEYS || has(key) {
        return key.clone();
    }
    let bare = key.without_labels();
    // Bare keys are bounded by the configuration; they have as much room again before they too are put together.
    if len < 2 * MAX_KEYS || has(&bare) { bare } else { Key::other() }
}

/// Tallies by bucket of one level and key.
#[derive(Clone, Debug)]
pub struct Buckets {
    level: Level,
    buckets: BTreeMap<i64, HashMap<Key, Tally>>,
}

impl Buckets {
    /// Without any.
    pub fn new(level: Level) -> Self {
        Self { level, buckets: BTreeMap::new() }
    }

    /// Their level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Adds one call.
    pub fn add(&mut self, record: &CallRecord, key: &Key) {
        let start = self.level.floor(ended(record).seconds());
        self.at(start, key).add(record);
    }

    /// The tally of a bucket and key, made when it is not there.
    pub fn at(&mut self, start: i64, key: &Key) -> &mut Tally {
        let bucket = self.buckets.entry(start).or_default();
        // One look-up where the key is known, which is nearly always.
        if !bucket.contains_key(key) {
            let key = fitting(key, bucket.len(), |key| bucket.contains_key(key));
            return bucket.entry(key).or_default();
        }
        bucket.entry(key.clone()).or_default()
    }

    /// All of them: start (Unix seconds), key, tally.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Key, &Tally)> {
        self.buckets.iter().flat_map(|(start, keys)| keys.iter().map(|(key, tally)| (*start, key, tally)))
    }

    /// Those of a span, whose level may be wider.
    pub fn within(&self, span: Span) -> impl Iterator<Item = (i64, &Key, &Tally)> {
        let keys = self.buckets.range(span.from..span.until);
        keys.flat_map(|(start, keys)| keys.iter().map(|(key, tally)| (*start, key, tally)))
    }

    /// Forgets buckets that began before `from` (Unix seconds).
    pub fn forget(&mut self, from: i64) {
        self.buckets = self.buckets.split_off(&from);
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}
