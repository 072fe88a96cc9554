//! Sums by time and names: how calls are told apart in statistics, and the buckets that hold what they come to.

use crate::bucket::{Kept, Level, Span};
use crate::pack::{self, Reader};
use crate::recent::Recent;
use crate::tally::{Sample, Tally};
use hashbrown::hash_map::EntryRef;
use hashbrown::{Equivalent, HashMap};
use paceline_types::id::Name;
use paceline_types::record::CallRecord;
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// The names under which one call is counted; empty where it has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Names {
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

/// A way to tell calls apart. Each call counts once in each facet it has names for, so the sums of a facet grow with
/// the number of its own names, not with that of all combinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facet {
    /// Provider, model, region: every call.
    Served,
    /// Tenant, model, provider: every call.
    Tenant,
    /// Role: calls that say one.
    Role,
    /// Task: calls that say one.
    Task,
}

impl Facet {
    /// All facets by number.
    pub const ALL: [Facet; 4] = [Self::Served, Self::Tenant, Self::Role, Self::Task];

    fn of(self, names: &Names) -> Option<KeyRef<'_>> {
        let (first, second, third): (&Name, &str, &str) = match self {
            Self::Served => (&names.provider, &names.model, &names.region),
            Self::Tenant => (&names.tenant, &names.model, &names.provider),
            Self::Role => (&names.role, "", ""),
            Self::Task => (&names.task, "", ""),
        };
        let counts = matches!(self, Self::Served | Self::Tenant) || !first.is_empty();
        counts.then_some(KeyRef([first, second, third]))
    }

    /// The key of a call in this facet; `None` when it has no name for it.
    pub fn key(self, names: &Names) -> Option<Key> {
        self.of(names).map(|_| self.shared(names))
    }

    /// A key of these names, which it shares.
    fn shared(self, names: &Names) -> Key {
        let shared = |name: &Name| Name::clone(name);
        Key(match self {
            Self::Served => [shared(&names.provider), shared(&names.model), shared(&names.region)],
            Self::Tenant => [shared(&names.tenant), shared(&names.model), shared(&names.provider)],
            Self::Role => [shared(&names.role), Name::default(), Name::default()],
            Self::Task => [shared(&names.task), Name::default(), Name::default()],
        })
    }

    /// What is left of a key for which there is no room: a tenant keeps its own sums, everything else is put together.
    fn narrowed(self, key: KeyRef<'_>) -> KeyRef<'_> {
        match self {
            Self::Tenant => KeyRef([key.0[0], OTHER, ""]),
            _ => KeyRef([OTHER, OTHER, OTHER]),
        }
    }
}

/// Stands for every name for which there is no room.
const OTHER: &str = "other";

/// A key of a facet: its names in the order of [`Facet`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub [Name; 3]);

/// A key that is only looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyRef<'a>([&'a str; 3]);

impl Key {
    fn by_ref(&self) -> KeyRef<'_> {
        KeyRef([&self.0[0], &self.0[1], &self.0[2]])
    }
}

impl KeyRef<'_> {
    fn owned(self) -> Key {
        Key(self.0.map(|name| if name.is_empty() { Name::default() } else { name.into() }))
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|name| name.hash(state));
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|name| name.hash(state));
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0.iter().zip(&key.0).all(|(one, other)| **one == **other)
    }
}

/// How many keys of one bucket are told apart in a facet; further ones are narrowed, which may need as many again.
pub const MAX_KEYS: usize = 256;

/// All keys that a bucket can come to: those, the narrowed ones, and the one for the rest.
const MOST_KEYS: usize = 2 * MAX_KEYS + 1;

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

/// The sums of one bucket and facet by key.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// Where the sums of each key lie.
    places: HashMap<Key, usize>,
    sums: Vec<Tally>,
}

impl Bucket {
    /// Where the tally of a key lies, made when it is not there and there are fewer than `most`; else that of a wider key.
    ///
    /// New calls leave room for wider keys; what is merged has been through this once and keeps its keys. `own` makes the
    /// key where it is new.
    fn place(&mut self, facet: Facet, key: KeyRef<'_>, most: usize, own: impl FnOnce() -> Key) -> usize {
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        let narrowed = facet.narrowed(key);
        let has_room = self.places.len() < 2 * MAX_KEYS || self.places.contains_key(&narrowed);
        if self.places.len() < most {
            self.sums.push(Tally::default());
            self.places.insert(own(), self.sums.len() - 1);
            return self.sums.len() - 1;
        }
        let key = if has_room { narrowed } else { KeyRef([OTHER; 3]) };
        match self.places.entry_ref(&key) {
            EntryRef::Occupied(entry) => *entry.get(),
            EntryRef::Vacant(entry) => {
                self.sums.push(Tally::default());
                *entry.insert_with_key(key.owned(), self.sums.len() - 1)
            }
        }
    }

    /// Adds the sums of another.
    pub fn merge(&mut self, facet: Facet, other: &Self) {
        for (key, tally) in other.iter() {
            let place = self.place(facet, key.by_ref(), MOST_KEYS, || key.clone());
            if let Some(sums) = self.sums.get_mut(place) {
                sums.merge(tally);
            }
        }
    }

    /// Corrects the cost of one call that is counted here: under its own key, or, where that had no room or another name
    /// then, under a wider one. Nothing is made anew for it.
    pub fn recost(&mut self, facet: Facet, names: &Names, change: impl FnOnce(&mut Tally)) {
        let Some(key) = facet.of(names) else { return };
        for key in [key, facet.narrowed(key), KeyRef([OTHER; 3])] {
            let tally = self.places.get(&key).and_then(|&place| self.sums.get_mut(place));
            if let Some(tally) = tally.filter(|tally| tally.calls > 0) {
                return change(tally);
            }
        }
    }

    /// Keys and tallies in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Tally)> {
        self.places.iter().filter_map(|(key, &place)| Some((key, self.sums.get(place)?)))
    }

    /// Appends the bucket's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        pack::put(out, self.sums.len() as u64);
        for (key, tally) in self.iter() {
            for name in &key.0 {
                pack::put_bytes(out, name.as_bytes());
            }
            pack::put_framed(out, |out| tally.encode(out));
        }
    }

    /// Gives what [`Bucket::encode`] wrote to `take`; `None` when the bytes are no bucket.
    pub fn decode(bytes: &[u8], mut take: impl FnMut([&str; 3], &[u8]) -> Option<()>) -> Option<()> {
        let mut reader = Reader(bytes);
        for _ in 0..reader.count()? {
            let names = [reader.text()?, reader.text()?, reader.text()?];
            take(names, reader.bytes()?)?;
        }
        Some(())
    }

    /// Adds what [`Bucket::encode`] wrote; `None` when the bytes are no bucket (what was read until then stays added).
    pub fn merge_encoded(&mut self, facet: Facet, bytes: &[u8]) -> Option<()> {
        Self::decode(bytes, |names, tally| {
            let key = KeyRef(names);
            let place = self.place(facet, key, MOST_KEYS, || key.owned());
            self.sums.get_mut(place)?.merge_encoded(tally)
        })
    }
}

/// The buckets of one level, in all facets.
#[derive(Clone, Debug)]
pub struct Buckets {
    level: Level,
    /// By start, Unix seconds; of each the facets by number, which are empty where no call has names for them.
    starts: BTreeMap<i64, [Bucket; Facet::ALL.len()]>,
    recent: Recent,
}

impl Buckets {
    /// Without any.
    pub fn new(level: Level) -> Self {
        Self { level, starts: BTreeMap::new(), recent: Recent::default() }
    }

    /// Their level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Adds one call.
    pub fn add(&mut self, record: &CallRecord, names: &Names) {
        self.add_sample(&Sample::of(record), ended(record).seconds(), names);
    }

    /// Adds one call whose measures are known, and which ended at `at` (Unix seconds).
    pub fn add_sample(&mut self, sample: &Sample, at: i64, names: &Names) {
        let start = self.level.floor(at);
        let facets = self.starts.entry(start).or_default();
        for (facet, bucket) in Facet::ALL.into_iter().zip(facets) {
            let Some(key) = facet.of(names) else { continue };
            let place = self
                .recent
                .place(facet, start, names, || bucket.place(facet, key, MAX_KEYS, || facet.shared(names)));
            if let Some(tally) = bucket.sums.get_mut(place) {
                tally.add(sample);
            }
        }
    }

    /// The bucket of a facet and start, made when it is not there.
    pub fn bucket(&mut self, facet: Facet, start: i64) -> &mut Bucket {
        &mut self.starts.entry(start).or_default()[facet as usize]
    }

    /// All that hold something: facet, start (Unix seconds), sums.
    pub fn iter(&self) -> impl Iterator<Item = (Facet, i64, &Bucket)> {
        let facets = |(start, facets): (&i64, _)| {
            let start = *start;
            Facet::ALL.into_iter().zip(facets).map(move |(facet, bucket)| (facet, start, bucket))
        };
        self.starts.iter().flat_map(facets).filter(|(.., bucket)| !bucket.sums.is_empty())
    }

    /// Without any call.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Adds the buckets of the same or a narrower level.
    pub fn widen(&mut self, narrow: &Self) {
        for (facet, start, bucket) in narrow.iter() {
            self.bucket(facet, self.level.floor(start)).merge(facet, bucket);
        }
    }

    /// Those of a facet and span, whose level may be wider.
    pub fn within(&self, facet: Facet, span: Span) -> impl Iterator<Item = (i64, &Bucket)> {
        self.starts.range(span.from..span.until).map(move |(start, facets)| (*start, &facets[facet as usize]))
    }

    /// The end of the last bucket, Unix seconds.
    pub fn end(&self) -> Option<i64> {
        self.starts.last_key_value().map(|(start, _)| *start + self.level.seconds())
    }

    /// Forgets buckets that began before `from` (Unix seconds).
    pub fn forget(&mut self, from: i64) {
        self.starts.retain(|start, _| *start >= from);
        self.recent = Recent::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paceline_types::record::Status;

    fn names(tenant: usize, role: usize) -> Names {
        Names {
            provider: "p".into(),
            model: format!("m{}", tenant % 3).into(),
            tenant: format!("t{tenant}").into(),
            role: format!("r{role}").into(),
            task: "".into(),
            region: "".into(),
        }
    }

    #[test]
    fn what_has_no_room_is_put_together_and_never_lost() {
        let mut buckets = Buckets::new(Level::Hour);
        let one = Sample::none(Status::Refused);
        for n in 0..5000 {
            buckets.add_sample(&one, 7, &names(n % 700, n));
        }
        for (facet, start, bucket) in buckets.iter() {
            assert_eq!(start, 0);
            let keys = bucket.iter().count();
            assert!(keys <= 2 * MAX_KEYS + 1, "{facet:?}: {keys}");
            assert_eq!(bucket.iter().map(|(_, tally)| tally.calls).sum::<u64>(), 5000);
        }
        let tenants = buckets.bucket(Facet::Tenant, 0).clone();
        let mut bytes = Vec::new();
        tenants.encode(&mut bytes);
        let mut read = Bucket::default();
        assert!(read.merge_encoded(Facet::Tenant, &bytes).is_some());
        let sorted = |bucket: &Bucket| {
            let mut all: Vec<_> = bucket.iter().map(|(key, tally)| (key.clone(), tally.clone())).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        assert_eq!(sorted(&read), sorted(&tenants));
        assert!(Bucket::default().merge_encoded(Facet::Tenant, &bytes[..bytes.len() - 1]).is_none());
        // A call without a role is in no sum of roles.
        let mut nameless = Buckets::new(Level::Day);
        nameless.add_sample(&one, 7, &Names { role: "".into(), ..names(1, 1) });
        assert_eq!(
            nameless.iter().map(|(facet, ..)| facet).collect::<Vec<_>>(),
            [Facet::Served, Facet::Tenant]
        );
    }
}
