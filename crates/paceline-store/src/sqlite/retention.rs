//! What is too old, or too much, goes: whole segments, in small steps, in constant memory.

use super::Settings;
use super::live::Live;
use super::roll;
use super::{blocks, bodies};
use crate::error::StoreError;
use paceline_stats::bucket::Level;
use paceline_stats::rollup::{Facet, kept};
use paceline_types::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// Segments a step deletes at most: a few milliseconds.
const SEGMENTS: usize = 4;
/// Rows of other tables a step deletes at most.
const ROWS: i64 = 500;
/// Pages a step gives back to the file system at most.
const PAGES: i64 = 512;

/// One step; `true` when there is more to do.
pub(super) fn step(
    history: &mut Connection,
    settings: &Settings,
    live: &Live,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let oldest = now.0 - settings.keep.as_micros() as i64;
    // First: what goes here makes room for records.
    let mut more = bodies::forget(history, settings, now)?;
    for _ in 0..SEGMENTS {
        let gone = segment(history, oldest, settings.max_bytes)?;
        more |= gone;
        if !gone {
            break;
        }
    }
    more |= tail(history, oldest)?;
    more |= patches(history)?;
    more |= rollups(history, now)?;
    let sql = "DELETE FROM gap WHERE at IN (SELECT at FROM gap WHERE at < ?1 LIMIT ?2)";
    more |= history.execute(sql, params![oldest, ROWS])? > 0;
    if more {
        let (records, oldest) = roll::counts(history)?;
        let known = live.state();
        live.forgot(known.records as i64 - known.pending as i64 - records, oldest);
    }
    Ok(more | give_back(history)?)
}

/// Deletes the oldest segment where it is too old or the file too large.
fn segment(history: &mut Connection, oldest: i64, max_bytes: u64) -> Result<bool, StoreError> {
    let sql = "SELECT id, t_max FROM segment ORDER BY id_max LIMIT 1";
    let first: Option<(i64, i64)> =
        history.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((id, newest)) = first else { return Ok(false) };
    if newest >= oldest && used_bytes(history)? <= max_bytes {
        return Ok(false);
    }
    let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let (first, last) = blocks::keys(id);
    transaction.execute("DELETE FROM segment_column WHERE key BETWEEN ?1 AND ?2", [first, last])?;
    transaction.execute("DELETE FROM segment WHERE id = ?1", [id])?;
    transaction.commit()?;
    Ok(true)
}

/// Bytes that hold something.
pub(super) fn used_bytes(history: &Connection) -> Result<u64, StoreError> {
    let number =
        |pragma: &str| history.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let used = number("page_count")? - number("freelist_count")?;
    Ok((used.max(0) * number("page_size")?) as u64)
}

fn tail(history: &Connection, oldest: i64) -> Result<bool, StoreError> {
    let rolled = roll::rolled(history)?;
    let sql =
        "DELETE FROM tail WHERE seq IN (SELECT seq FROM tail WHERE t_max < ?1 AND generation <= ?2 LIMIT 64)";
    Ok(history.execute(sql, params![oldest, rolled as i64])? > 0)
}

/// Deletes what was learned of calls that are older than every record.
fn patches(history: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT MIN(id_min) FROM (SELECT id_min FROM segment UNION ALL SELECT id_min FROM tail)";
    let first: Option<Vec<u8>> = history.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    // Without any record all go: no id is longer.
    let first = first.unwrap_or_else(|| vec![u8::MAX; 32]);
    let sql = "DELETE FROM patch WHERE call IN (SELECT call FROM patch WHERE call < ?1 LIMIT ?2)";
    Ok(history.prepare_cached(sql)?.execute(params![first, ROWS])? > 0)
}

fn rollups(history: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    let mut more = false;
    for (level, from) in Level::ALL.into_iter().zip(kept(now)) {
        let from = level.floor(from);
        let sql = "DELETE FROM rollup WHERE rowid IN (
                     SELECT rowid FROM rollup WHERE level = ?1 AND facet = ?2 AND bucket < ?3 LIMIT ?4)";
        for facet in Facet::ALL {
            more |=
                history.prepare_cached(sql)?.execute(params![level as i64, facet as i64, from, ROWS])? > 0;
        }
    }
    Ok(more)
}

fn give_back(history: &Connection) -> Result<bool, StoreError> {
    let free =
        |history: &Connection| history.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
    // Some free pages are kept: the next segments need them.
    if free(history)? <= 2 * PAGES {
        return Ok(false);
    }
    let mut statement = history.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(true)
}
