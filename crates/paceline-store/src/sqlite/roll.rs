//! Sums on disk: a generation of minutes is added to its minutes, hours, days and weeks in one transaction.

use super::live::{Generation, Live};
use super::{Names, blocks};
use crate::column::table::Table;
use crate::column::view::View;
use crate::error::StoreError;
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Buckets, Key, MAX_KEYS, fitting, kept};
use paceline_stats::tally::Tally;
use paceline_types::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

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
        add(&transaction, &generation.minutes, now)?;
        let mut statement =
            transaction.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES ('rolled', ?1)")?;
        statement.execute([generation.number as i64])?;
    }
    transaction.commit()?;
    Ok(())
}

fn add(history: &Connection, minutes: &Buckets, now: Timestamp) -> Result<(), StoreError> {
    let from = kept(now);
    for level in Level::ALL {
        // Minutes of the same hour are put together before the disk is asked.
        let mut wider = Buckets::new(level);
        for (start, key, tally) in minutes.iter() {
            let start = level.floor(start);
            if start >= level.floor(from[level as usize]) {
                wider.at(start, key).merge(tally);
            }
        }
        for (start, key, tally) in wider.iter() {
            merge(history, level, start, key, tally)?;
        }
    }
    Ok(())
}

/// Adds sums to one row.
fn merge(history: &Connection, level: Level, start: i64, key: &Key, tally: &Tally) -> Result<(), StoreError> {
    let place = params![level as i64, start, key.encode()];
    let mut find =
        history.prepare_cached("SELECT data FROM rollup WHERE level = ?1 AND bucket = ?2 AND names = ?3")?;
    let known: Option<Vec<u8>> = find.query_row(place, |row| row.get(0)).optional()?;
    let (names, known) = match known {
        Some(known) => (key.encode(), Some(known)),
        // A name that is new in this bucket: is there room?
        None => {
            let count = count(history, level, start)?;
            let has = |key: &Key| {
                let place = params![level as i64, start, key.encode()];
                find.exists(place).unwrap_or(false)
            };
            let names = if count < MAX_KEYS { key.encode() } else { room(key, count, has).encode() };
            let known: Option<Vec<u8>> =
                find.query_row(params![level as i64, start, names], |row| row.get(0)).optional()?;
            (names, known)
        }
    };
    let mut sum = tally.clone();
    if let Some(known) = known {
        // A row that cannot be read is replaced: its calls are lost to the sums, the new ones are not.
        let mut whole = tally.clone();
        if whole.merge_encoded(&known).is_some() {
            sum = whole;
        }
    }
    let mut data = Vec::new();
    sum.encode(&mut data);
    let mut put = history.prepare_cached(
        "INSERT OR REPLACE INTO rollup (level, bucket, names, data) VALUES (?1, ?2, ?3, ?4)",
    )?;
    put.execute(params![level as i64, start, names, data])?;
    Ok(())
}

fn room(key: &Key, count: usize, has: impl FnMut(&Key) -> bool) -> Key {
    let has = std::cell::RefCell::new(has);
    fitting(key, count, |key| (has.borrow_mut())(key))
}

fn count(history: &Connection, level: Level, start: i64) -> Result<usize, StoreError> {
    let mut statement =
        history.prepare_cached("SELECT COUNT(*) FROM rollup WHERE level = ?1 AND bucket = ?2")?;
    let count: i64 = statement.query_row(params![level as i64, start], |row| row.get(0))?;
    Ok(count as usize)
}

/// A cost that was learned later: corrects the sums of the bucket of every level.
pub(super) fn recost(
    history: &Connection,
    key: &Key,
    at: i64,
    before: Option<paceline_types::money::Cost>,
    cost: paceline_types::money::Cost,
) -> Result<(), StoreError> {
    for level in Level::ALL {
        let start = level.floor(at);
        for key in [key.clone(), key.without_labels(), Key::other()] {
            let names = key.encode();
            let mut find = history
                .prepare_cached("SELECT data FROM rollup WHERE level = ?1 AND bucket = ?2 AND names = ?3")?;
            let known: Option<Vec<u8>> =
                find.query_row(params![level as i64, start, names], |row| row.get(0)).optional()?;
            let mut tally = Tally::default();
            if known.and_then(|known| tally.merge_encoded(&known)).is_none() {
                continue;
            }
            tally.recost(before, cost);
            let mut data = Vec::new();
            tally.encode(&mut data);
            let mut put = history.prepare_cached(
                "UPDATE rollup SET data = ?4 WHERE level = ?1 AND bucket = ?2 AND names = ?3",
            )?;
            put.execute(params![level as i64, start, names, data])?;
            break;
        }
    }
    Ok(())
}

/// At start: counts what is there, and adds up the records that no sum on disk has yet.
pub(super) fn take_stock(history: &mut Connection, live: &Live, names: &Names) -> Result<(), StoreError> {
    let rolled = rolled(history)?;
    let top: i64 =
        history.query_row("SELECT COALESCE(MAX(generation), 0) FROM tail", [], |row| row.get(0))?;
    let mut unrolled = Generation::new(rolled.max(top.unsigned_abs()));
    let mut keys: HashMap<Key, std::sync::Arc<Key>> = HashMap::new();
    let mut statement = history.prepare("SELECT seq, n, crc, data FROM tail WHERE generation > ?1")?;
    let mut rows = statement.query([rolled as i64])?;
    while let Some(row) = rows.next()? {
        let data: Vec<u8> = row.get(3)?;
        let Some(block) = blocks::checked(&data, row.get(2)?) else {
            live.count_damage();
            continue;
        };
        let load = |column: usize| Ok(block.column(column).to_vec());
        let table = Table::new(block.rows, &load);
        let Ok(mut view) = View::new(&table) else { continue };
        for record in (0..block.rows).filter_map(|row| view.record(row)) {
            let key = names(&record);
            let key = keys.entry(key.clone()).or_insert_with(|| std::sync::Arc::new(key));
            unrolled.minutes.add(&record, key);
            unrolled.records += 1;
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
