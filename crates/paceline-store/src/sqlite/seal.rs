//! Rows of the tail become segments: sorted by id, column by column, each with what it says of itself.

use super::blocks::{self, Packer, column_key, filter_key};
use super::live::Live;
use super::roll::rolled;
use crate::column::fields::{COLUMNS, KINDS, Kind};
use crate::column::ints::Ints;
use crate::column::merge::{Filled, Merged, OneByOne};
use crate::column::table::{Block, Table};
use crate::column::zone::ZoneWriter;
use crate::error::StoreError;
use paceline_types::id::CallId;
use rusqlite::{Connection, params};
use std::borrow::Cow;

/// So many small rows of the tail are put together into one.
const SMALL_ROWS: usize = 64;
/// A row of the tail with so many records is not small.
const SMALL: usize = 4096;

/// A row of the tail.
struct Row {
    seq: i64,
    n: usize,
    generation: i64,
}

/// One step; `true` when there is more to do.
pub(super) fn step(history: &mut Connection, live: &Live, segment: usize) -> Result<bool, StoreError> {
    let rolled = rolled(history)?;
    let rows = rows(history, rolled)?;
    if rows.iter().map(|row| row.n).sum::<usize>() >= segment {
        let mut sum = 0;
        let first: Vec<&Row> = rows
            .iter()
            .take_while(|row| {
                let fits = sum < segment;
                sum += row.n;
                fits
            })
            .collect();
        seal(history, live, &first)?;
        return Ok(true);
    }
    let small: Vec<&Row> = rows.iter().filter(|row| row.n < SMALL).collect();
    if small.len() >= SMALL_ROWS {
        compact(history, live, &small)?;
    }
    Ok(false)
}

/// The rows whose records are in the sums on disk.
fn rows(history: &Connection, rolled: u64) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT seq, n, generation FROM tail WHERE generation <= ?1 ORDER BY seq";
    let mut statement = history.prepare_cached(sql)?;
    let rows = statement.query_map([rolled as i64], |row| {
        Ok(Row { seq: row.get(0)?, n: row.get::<_, i64>(1)? as usize, generation: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The bytes of rows; those that are damaged are left out, and so end here.
fn read(history: &Connection, live: &Live, rows: &[&Row]) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut all = Vec::with_capacity(rows.len());
    let mut statement = history.prepare_cached("SELECT crc, data FROM tail WHERE seq = ?1")?;
    for row in rows {
        let (crc, data): (u32, Vec<u8>) =
            statement.query_row([row.seq], |found| Ok((found.get(0)?, found.get(1)?)))?;
        if blocks::checked(&data, crc).is_some() {
            all.push(data);
        } else {
            live.count_damage(&StoreError::Damaged(format!("row {} of tail", row.seq)));
        }
    }
    Ok(all)
}

fn delete(history: &Connection, rows: &[&Row]) -> Result<(), StoreError> {
    let mut statement = history.prepare_cached("DELETE FROM tail WHERE seq = ?1")?;
    for row in rows {
        statement.execute([row.seq])?;
    }
    Ok(())
}

/// Puts small rows together.
fn compact(history: &mut Connection, live: &Live, rows: &[&Row]) -> Result<(), StoreError> {
    let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let data = read(&transaction, live, rows)?;
    with_tables(&data, |tables| {
        let merged = Merged::new(tables)?;
        let Some((low, high)) = merged.ids else { return Ok(()) };
        let rows_in = merged.rows();
        let block = merged.block(tables)?;
        let times = times(&transaction, rows)?;
        let generation = rows.iter().map(|row| row.generation).max().unwrap_or(0);
        transaction.execute(
            "INSERT INTO tail (generation, n, id_min, id_max, t_min, t_max, crc, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                generation,
                rows_in as i64,
                low.to_bytes(),
                high.to_bytes(),
                times.0,
                times.1,
                crc32fast::hash(&block),
                block
            ],
        )?;
        Ok(())
    })?;
    delete(&transaction, rows)?;
    transaction.commit()?;
    Ok(())
}

/// The earliest and latest start in rows of the tail.
fn times(history: &Connection, rows: &[&Row]) -> Result<(i64, i64), StoreError> {
    let mut statement = history.prepare_cached("SELECT t_min, t_max FROM tail WHERE seq = ?1")?;
    let mut all = (i64::MAX, i64::MIN);
    for row in rows {
        let (low, high): (i64, i64) = statement.query_row([row.seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
        all = (all.0.min(low), all.1.max(high));
    }
    Ok(all)
}

fn with_tables<T>(
    data: &[Vec<u8>],
    then: impl FnOnce(&[Table<'_>]) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let blocks: Vec<Block<'_>> = data.iter().filter_map(|data| Block::parse(data)).collect();
    let loads: Vec<_> =
        blocks.iter().map(|block| move |column: usize| Ok(Cow::Borrowed(block.column(column)))).collect();
    let tables: Vec<Table<'_>> =
        blocks.iter().zip(&loads).map(|(block, load)| Table::new(block.rows, load)).collect();
    then(&tables)
}

/// Makes a segment of rows, in one transaction.
fn seal(history: &mut Connection, live: &Live, rows: &[&Row]) -> Result<(), StoreError> {
    let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let data = read(&transaction, live, rows)?;
    let times = times(&transaction, rows)?;
    with_tables(&data, |tables| {
        let merged = Merged::new(tables)?;
        let Some(ids) = merged.ids else { return Ok(()) };
        let place = Place { rows: merged.rows(), ids, times, generation: 0 };
        put(&transaction, &place, &mut OneByOne { merged, tables })
    })?;
    delete(&transaction, rows)?;
    transaction.commit()?;
    Ok(())
}

/// To how many of 8 parts a column must shrink. Times and counts in many bytes a row hardly do, and take the most time to
/// try; a status that is nearly always the same does.
fn worth(column: usize, raw: &[u8]) -> usize {
    let is_wide = KINDS[column] == Kind::Int && Ints::width_of(raw).is_some_and(|width| width >= 2);
    if is_wide { 2 } else { 6 }
}

/// What a segment's row says of it.
pub(super) struct Place {
    pub(super) rows: usize,
    pub(super) ids: (CallId, CallId),
    pub(super) times: (i64, i64),
    /// The sums it is counted in; 0 where they are on disk.
    pub(super) generation: u64,
}

/// Writes a segment.
pub(super) fn put(history: &Connection, place: &Place, source: &mut dyn Filled) -> Result<(), StoreError> {
    let id: i64 = history.query_row("SELECT COALESCE(MAX(id), 0) + 1 FROM segment", [], |row| row.get(0))?;
    let mut packer = Packer::new()?;
    let mut zone = ZoneWriter::default();
    let mut insert =
        history.prepare_cached("INSERT INTO segment_column (key, crc, data) VALUES (?1, ?2, ?3)")?;
    let mut raw = Vec::new();
    let mut bytes = 0;
    for column in 0..COLUMNS {
        let columns = source.filled(column)?;
        zone.add(column, columns);
        raw.clear();
        columns.encode(column, &mut raw);
        let stored = packer.pack(&raw, worth(column, &raw));
        bytes += stored.len();
        insert.execute(params![column_key(id, column), crc32fast::hash(&stored), stored])?;
    }
    for (column, filter) in &zone.blooms {
        // Half of its bits are set, by chance: it does not shrink.
        let stored = Packer::plain(filter);
        bytes += stored.len();
        insert.execute(params![filter_key(id, *column), crc32fast::hash(&stored), stored])?;
    }
    let zone = zone.encode();
    history.execute(
        "INSERT INTO segment (id, n, generation, id_min, id_max, t_min, t_max, bytes, zone) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id,
            place.rows as i64,
            place.generation as i64,
            place.ids.0.to_bytes(),
            place.ids.1.to_bytes(),
            place.times.0,
            place.times.1,
            (bytes + zone.len()) as i64,
            zone
        ],
    )?;
    Ok(())
}
