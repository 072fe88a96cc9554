//! What a window comes to: one pass over the store's sums, added up in every way that an answer needs.

use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Facet, Key};
use paceline_stats::tally::Tally;
use paceline_store::error::StoreError;
use paceline_store::store::{Store, Window};
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;

/// How calls are told apart, and the name of a key in that grouping; `None` when it belongs to no group.
pub(crate) type Group = (Facet, fn(&Key) -> Option<&str>);

/// The names of a key of [`Facet::Served`].
pub(crate) struct Served<'a> {
    /// Who served.
    pub(crate) provider: &'a str,
    /// The model.
    pub(crate) model: &'a str,
}

/// Reads a key of [`Facet::Served`].
pub(crate) fn served(key: &Key) -> Served<'_> {
    Served { provider: &key.0[0], model: &key.0[1] }
}

/// Which sums are wanted.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// The wall clock.
    pub(crate) now: Timestamp,
    /// Seconds before it.
    pub(crate) seconds: i64,
    /// A further grouping.
    pub(crate) group: Option<Group>,
    /// How many whole hours before the present one.
    pub(crate) hours: usize,
}

impl Wanted {
    fn window(&self, facet: Facet) -> Window {
        Window {
            from: Timestamp(self.now.0 - self.seconds * 1_000_000),
            until: None,
            facet,
            widest: step(self.seconds),
            now: self.now,
        }
    }
}

/// A model and who served it.
pub(crate) type ModelName = (String, String);

/// The sums.
#[derive(Default)]
pub(crate) struct Sums {
    /// Of all calls.
    pub(crate) all: Tally,
    /// By model and provider.
    pub(crate) models: BTreeMap<ModelName, Tally>,
    /// Over time, by the start of each step in Unix seconds.
    pub(crate) steps: BTreeMap<i64, Tally>,
    /// By the further grouping.
    pub(crate) groups: BTreeMap<String, Tally>,
    /// The whole hours before the present one, oldest first, where they were wanted.
    pub(crate) hours: Vec<Tally>,
}

/// The step of a trend: minutes up to an hour, hours up to two days, days up to ten weeks, else weeks.
pub(crate) const fn step(seconds: i64) -> Level {
    match seconds {
        ..=3600 => Level::Minute,
        3601..=172_800 => Level::Hour,
        172_801..=6_048_000 => Level::Day,
        _ => Level::Week,
    }
}

/// Collects the sums of the calls that `takes`; the further grouping is of all calls.
pub(crate) fn collect(
    store: &dyn Store,
    wanted: Wanted,
    takes: impl Fn(Served<'_>) -> bool,
) -> Result<Sums, StoreError> {
    let step = step(wanted.seconds);
    let mut sums = Sums::default();
    store.tallies(&wanted.window(Facet::Served), &mut |_, start, key, tally| {
        if !takes(served(key)) {
            return;
        }
        sums.all.merge(tally);
        sums.steps.entry(step.floor(start)).or_default().merge(tally);
        let Served { provider, model } = served(key);
        if !model.is_empty() {
            sums.models.entry((model.to_owned(), provider.to_owned())).or_default().merge(tally);
        }
    })?;
    if wanted.hours > 0 {
        sums.hours = hours(store, wanted)?;
    }
    if let Some((facet, name)) = wanted.group {
        store.tallies(&wanted.window(facet), &mut |_, _, key, tally| {
            if let Some(name) = name(key).filter(|name| !name.is_empty()) {
                sums.groups.entry(name.to_owned()).or_default().merge(tally);
            }
        })?;
    }
    Ok(sums)
}

/// Whole hours of the past, as far as there are calls.
fn hours(store: &dyn Store, wanted: Wanted) -> Result<Vec<Tally>, StoreError> {
    let present = Level::Hour.floor(wanted.now.seconds());
    let window = Window {
        from: Timestamp::from_millis((present - wanted.hours as i64 * 3600) * 1000),
        until: Some(Timestamp::from_millis(present * 1000)),
        facet: Facet::Served,
        widest: Level::Hour,
        now: wanted.now,
    };
    let mut hours: BTreeMap<i64, Tally> = BTreeMap::new();
    store.tallies(&window, &mut |_, start, _, tally| {
        hours.entry(Level::Hour.floor(start)).or_default().merge(tally);
    })?;
    Ok(hours.into_values().collect())
}
