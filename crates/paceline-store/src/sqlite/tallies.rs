//! Sums of a window: those on disk, and beside them those that are not there yet.

use super::live::Live;
use super::roll;
use crate::error::StoreError;
use crate::store::{TakeTally, Window};
use paceline_stats::bucket::{Span, cover};
use paceline_stats::rollup::{Bucket, Facet, Key, kept};
use paceline_stats::tally::Tally;
use paceline_types::time::Timestamp;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// The sums of a window: see [`crate::store::Store::tallies`].
pub(super) fn tallies(
    live: &Live,
    history: Option<&Connection>,
    window: &Window,
    take: TakeTally<'_>,
) -> Result<(), StoreError> {
    let until = window.until.map_or(i64::MAX / 4, Timestamp::seconds);
    let first = window.from.seconds();
    // The buckets that may hold something end with the present minute; stamps of the future are few and last.
    let end = until.min(first.max(window.now.seconds()) + 2 * 86_400);
    let spans = cover(first, end, window.widest, kept(window.now));
    let from = spans.first().map_or(first, |span| span.from);
    // Copied before the disk is looked at: what is rolled up in between is told apart by its number.
    let open = live.sums(window.facet, from);
    let mut rolled = 0;
    if let Some(history) = history {
        let snapshot = history.unchecked_transaction()?;
        rolled = roll::rolled(&snapshot)?;
        for span in &spans {
            stored(&snapshot, window.facet, *span, take)?;
        }
    }
    for (_, buckets) in open.iter().filter(|(number, _)| *number > rolled) {
        for (level, start, bucket) in buckets.iter().filter(|(_, start, _)| *start < until) {
            bucket.iter().for_each(|(key, tally)| take(*level, *start, key, tally));
        }
    }
    Ok(())
}

fn stored(history: &Connection, facet: Facet, span: Span, take: TakeTally<'_>) -> Result<(), StoreError> {
    let sql =
        "SELECT bucket, data FROM rollup WHERE level = ?1 AND facet = ?2 AND bucket >= ?3 AND bucket < ?4";
    let mut statement = history.prepare_cached(sql)?;
    let mut rows = statement.query(params![span.level as i64, facet as i64, span.from, span.until])?;
    let mut keys: HashMap<[String; 3], Key> = HashMap::new();
    let mut tally = Tally::default();
    while let Some(row) = rows.next()? {
        let start: i64 = row.get(0)?;
        let data = row.get_ref(1)?.as_blob().unwrap_or_default();
        // What cannot be read is left out.
        let _ = Bucket::decode(data, |names, bytes| {
            let owned = names.map(str::to_owned);
            let key = keys.entry(owned).or_insert_with(|| Key(names.map(Into::into)));
            tally.clear();
            tally.merge_encoded(bytes)?;
            take(span.level, start, key, &tally);
            Some(())
        });
    }
    Ok(())
}
