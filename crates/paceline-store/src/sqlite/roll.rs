//! Sums on disk: a generation of minutes is added to its minutes, hours, days and weeks in one transaction.

use super::generation::Generation;
use super::live::Live;
use super::patch::Recost;
use super::{NamesOf, read};
use crate::column::table::Table;
use crate::column::view::View;
use crate::error::StoreError;
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Bucket, Buckets, Facet, ended, kept};
use paceline_types::record::Status;
use paceline_types::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// The last generation that is in the sums on disk.
pub(super) fn rolled(history: &Connection) -> Result<u64, StoreError> {
    let mut statement = history.prepare_cached("SELECT value FROM meta WHERE name = 'rolled'")?;
    let value: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(value.unwrap_or(0).unsigned_abs())
}

/// Adds the sums of a generation.
pub(super) fn roll(
    history: &mut Connection,
    generation: &Generation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if rolled(&transaction)? < generation.number {
        add(&transaction, &generation.sums, now)?;
        let mut statement =
            transaction.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES ('rolled', ?1)")?;
        statement.execute([generation.number as i64])?;
    }
    transaction.commit()?;
    Ok(())
}

fn add(history: &Connection, sums: &[Buckets; 2], now: Timestamp) -> Result<(), StoreError> {
    let from = kept(now);
    for level in Level::ALL {
        // What falls into the same bucket is put together before the disk is asked.
        let mut wider = Buckets::new(level);
        for narrow in sums.iter().filter(|sums| sums.level() <= level) {
            wider.widen(narrow, from[level as usize]);
        }
        for (facet, start, bucket) in wider.iter() {
            change(history, level, facet, start, true, |sums| sums.merge(facet, bucket))?;
        }
    }
    Ok(())
}

/// Changes the sums of one bucket and facet, which are made where they are not there only with `make`.
fn change(
    history: &Connection,
    level: Level,
    facet: Facet,
    start: i64,
    make: bool,
    change: impl FnOnce(&mut Bucket),
) -> Result<(), StoreError> {
    let place = params![level as i64, facet as i64, start];
    let sql = "SELECT data FROM rollup WHERE level = ?1 AND facet = ?2 AND bucket = ?3";
    let known: Option<Vec<u8>> =
        history.prepare_cached(sql)?.query_row(place, |row| row.get(0)).optional()?;
    if known.is_none() && !make {
        return Ok(());
    }
    let mut sums = Bucket::default();
    // Sums that cannot be read are begun anew: their calls are lost to the sums, those that come are not.
    if known.is_some_and(|known| sums.merge_encoded(facet, &known).is_none()) {
        sums = Bucket::default();
    }
    change(&mut sums);
    let mut data = Vec::new();
    sums.encode(&mut data);
    let sql = "INSERT INTO rollup (level, facet, bucket, data) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (level, facet, bucket) DO UPDATE SET data = excluded.data";
    history.prepare_cached(sql)?.execute(params![level as i64, facet as i64, start, data])?;
    Ok(())
}

/// Costs that were learned later: corrects the sums of the buckets of every level and facet, each bucket once.
pub(super) fn recost(history: &Connection, changes: &[Recost]) -> Result<(), StoreError> {
    for level in Level::ALL {
        let mut buckets: BTreeMap<i64, Vec<&Recost>> = BTreeMap::new();
        for one in changes {
            buckets.entry(level.floor(ended(&one.record).seconds())).or_default().push(one);
        }
        for facet in Facet::ALL {
            for (start, changes) in &buckets {
                change(history, level, facet, *start, false, |sums| {
                    for Recost { record, names, cost, .. } in changes {
                        let ok = record.status == Status::Ok;
                        sums.recost(facet, names, |tally| tally.recost(record.cost, *cost, ok));
                    }
                })?;
            }
        }
    }
    Ok(())
}

/// At start: counts what is there, and adds up the records that no sum on disk has yet.
pub(super) fn take_stock(history: &Connection, live: &Live, names: &NamesOf) -> Result<(), StoreError> {
    let rolled = rolled(history)?;
    let sql = "SELECT MAX(COALESCE((SELECT MAX(generation) FROM tail), 0), COALESCE((SELECT MAX(generation) FROM segment), 0))";
    let top: i64 = history.query_row(sql, [], |row| row.get(0))?;
    let mut unrolled = Generation::new(rolled.max(top.unsigned_abs()));
    let minutes_from = kept(super::writer::wall())[Level::Minute as usize];
    let mut add = |table: &Table<'_>| {
        let mut view = View::new(table)?;
        for record in (0..table.rows()).filter_map(|row| view.record(row)) {
            unrolled.add(&record, &names(&record), minutes_from);
        }
        Ok(())
    };
    for candidate in read::unrolled(history, rolled)? {
        match read::with_candidate(history, &candidate, &mut add) {
            Ok(()) => {}
            Err(error @ StoreError::Damaged(_)) => live.count_damage(&error),
            Err(other) => return Err(other),
        }
    }
    let (count, oldest) = counts(history)?;
    live.found(unrolled, count, oldest);
    Ok(())
}

/// How many records there are, and when the oldest started.
pub(super) fn counts(history: &Connection) -> Result<(i64, Option<i64>), StoreError> {
    let sql = "SELECT COALESCE(SUM(n), 0), MIN(t) FROM (
                 SELECT n, t_min AS t FROM tail UNION ALL SELECT n, t_min FROM segment)";
    Ok(history.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
