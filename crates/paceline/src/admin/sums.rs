//! What a window comes to: one pass over the store's sums, added up in every way that an answer needs.

use paceline_stats::bucket::Level;
use paceline_stats::rollup::Key;
use paceline_stats::tally::Tally;
use paceline_store::error::StoreError;
use paceline_store::store::{Store, Window};
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;

/// The name of a key in a grouping; `None` when it belongs to no group.
pub(crate) type Group = fn(&Key) -> Option<String>;

/// Which sums are wanted.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// The wall clock.
    pub(crate) now: Timestamp,
    /// Seconds before it.
    pub(crate) seconds: i64,
    /// A further grouping.
    pub(crate) group: Option<Group>,
}

/// A model and who served it.
pub(crate) type Served = (String, String);

/// The sums.
#[derive(Default)]
pub(crate) struct Sums {
    /// Of all calls.
    pub(crate) all: Tally,
    /// By model and provider.
    pub(crate) models: BTreeMap<Served, Tally>,
    /// Over time, by the start of each step in Unix seconds.
    pub(crate) steps: BTreeMap<i64, Tally>,
    /// By the further grouping.
    pub(crate) groups: BTreeMap<String, Tally>,
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

/// Collects the sums of the calls that `takes`.
pub(crate) fn collect(
    store: &dyn Store,
    wanted: Wanted,
    takes: impl Fn(&Key) -> bool,
) -> Result<Sums, StoreError> {
    let step = step(wanted.seconds);
    let window = Window {
        from: Timestamp(wanted.now.0 - wanted.seconds * 1_000_000),
        until: None,
        widest: step,
        now: wanted.now,
    };
    let mut sums = Sums::default();
    store.tallies(&window, &mut |_, start, key, tally| {
        if !takes(key) {
            return;
        }
        sums.all.merge(tally);
        sums.steps.entry(step.floor(start)).or_default().merge(tally);
        if !key.model.is_empty() {
            let served = (key.model.to_string(), key.provider.to_string());
            sums.models.entry(served).or_default().merge(tally);
        }
        if let Some(name) = wanted.group.and_then(|group| group(key)) {
            sums.groups.entry(name).or_default().merge(tally);
        }
    })?;
    Ok(sums)
}
