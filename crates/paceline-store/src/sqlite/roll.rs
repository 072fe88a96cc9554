//! Sums on disk: a generation of minutes is added to its minutes, hours, days and weeks in one transaction.

use super::generation::Generation;
use super::live::Live;
use super::patch::Recost;
use super::{NamesOf, read};
use crate::column::table::Table;
use crate::column::view::View;
use crate::error::StoreError;
use paceline_stats::bucket::{Kept, Level};
use paceline_stats::rollup::{Bucket, Buckets, Facet, ended, kept};
use paceline_types::record::Status;
use paceline_types::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::borrow::Cow;
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

/// Each level is put together from the one below before the disk is asked: minutes to hours, hours to days and weeks.
fn add(history: &Connection, [minutes, lone_hours]: &[Buckets; 2], now: Timestamp) -> Result<(), StoreError> {
    let from = kept(now);
    put(history, minutes, from)?;
    let mut hours = Cow::Borrowed(lone_hours);
    if !minutes.is_empty() {
        hours.to_mut().widen(minutes);
    }
    put(history, &hours, from)?;
    let mut days = Buckets::new(Level::Day);
    days.widen(&hours);
    put(history, &days, from)?;
    let mut weeks = Buckets::new(Level::Week);
    weeks.widen(&days);
    put(history, &weeks, from)
}

/// Adds buckets to those of their level on disk, but for such as are no longer kept.
fn put(history: &Connection, sums: &Buckets, from: Kept) -> Result<(), StoreError> {
    let level = sums.level();
    let from = level.floor(from[level as usize]);
    for (facet, start, bucket) in sums.iter().filter(|(_, start, _)| *start >= from) {
        let mut data = Vec::new();
        match known(history, level, facet, start)? {
            None => bucket.encode(&mut data),
            Some(mut known) => {
                known.merge(facet, bucket);
                known.encode(&mut data);
            }
        }
        write(history, level, facet, start, &data)?;
    }
    Ok(())
}

/// The sums of a bucket and facet on disk. Such as cannot be read are begun anew: their calls are lost to the sums, those
/// that come are not.
fn known(history: &Connection, level: Level, facet: Facet, start: i64) -> Result<Option<Bucket>, StoreError> {
    let sql = "SELECT data FROM rollup WHERE level = ?1 AND facet = ?2 AND bucket = ?3";
    let read = |row: &Row<'_>| {
        let mut sums = Bucket::default();
        let whole = sums.merge_encoded(facet, row.get_ref(0)?.as_blob()?);
        Ok(whole.map_or_else(Bucket::default, |()| sums))
    };
    let place = params![level as i64, facet as i64, start];
    Ok(history.prepare_cached(sql)?.query_row(place, read).optional()?)
}

fn write(
    history: &Connection,
    level: Level,
    facet: Facet,
    start: i64,
    data: &[u8],
) -> Result<(), StoreError> {
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
                let Some(mut sums) = known(history, level, facet, *start)? else { continue };
                for Recost { record, names, cost, .. } in changes {
                    let ok = record.status == Status::Ok;
                    sums.recost(facet, names, |tally| tally.recost(record.cost, *cost, ok));
                }
                let mut data = Vec::new();
                sums.encode(&mut data);
                write(history, level, facet, *start, &data)?;
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
