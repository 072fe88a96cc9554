//! What is asked of history: pages, single calls, sums. Every question sees one state of the disk, and what is not on
//! disk yet beside it: it is copied first, so that nothing is missed while the writer goes on, and what is then found
//! twice counts once.

use super::blocks::{self, column, column_key, filter_key};
use super::live::Live;
use super::schema;
use crate::column::bloom;
use crate::column::fields;
use crate::column::select::{self, Ids, LateCosts};
use crate::column::table::{Block, Table};
use crate::column::view::View;
use crate::column::zone::{May, Zone};
use crate::error::StoreError;
use crate::filter::Filter;
use crate::store::Page;
use paceline_types::id::CallId;
use paceline_types::money::Cost;
use paceline_types::record::CallRecord;
use rusqlite::{Connection, OptionalExtension, params};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// No block has more records.
const MAX_ROWS: usize = 1 << 20;

/// Where a found record lies.
#[derive(Clone)]
pub(super) enum Place {
    Memory(Arc<CallRecord>),
    /// Row of the tail, row of its block.
    Tail(i64, u32),
    /// Segment, row.
    Segment(i64, u32),
}

/// The newest records found so far, one more than asked for.
struct Found {
    most: usize,
    places: BTreeMap<CallId, Place>,
}

impl Found {
    fn add(&mut self, id: CallId, place: Place) {
        if self.places.len() == self.most
            && self.places.first_key_value().is_some_and(|(last, _)| id <= *last)
        {
            return;
        }
        // What is also in memory needs no disk.
        self.places.entry(id).or_insert(place);
        if self.places.len() > self.most {
            self.places.pop_first();
        }
    }

    /// Whether nothing with an id up to `most` can be among the newest.
    fn beats(&self, most: CallId) -> bool {
        self.places.len() == self.most && self.places.first_key_value().is_some_and(|(last, _)| *last > most)
    }
}

/// A block that may hold what is asked for.
pub(super) struct Candidate {
    pub(super) newest: CallId,
    pub(super) oldest: CallId,
    pub(super) rows: usize,
    pub(super) at: Place,
    zone: Vec<u8>,
}

fn id_of(bytes: &[u8]) -> CallId {
    bytes.try_into().map_or_else(|_| CallId::new(0, 0, 0), CallId::from_bytes)
}

/// A page: see [`crate::store::Store::page`].
pub(super) fn page(
    live: &Live,
    history: Option<&Connection>,
    filter: &Filter,
    limit: usize,
    below: Option<CallId>,
) -> Result<Page, StoreError> {
    let mut found = Found { most: limit + 1, places: BTreeMap::new() };
    for record in live.pending(|record| below.is_none_or(|below| record.id < below) && filter.takes(record)) {
        found.add(record.id, Place::Memory(record));
    }
    let Some(history) = history else { return finish(live, None, found, limit) };
    let snapshot = history.unchecked_transaction()?;
    for candidate in candidates(&snapshot, filter, below)? {
        if found.beats(candidate.newest) {
            break;
        }
        match search(&snapshot, filter, below, &candidate) {
            Ok(rows) => {
                for (id, row) in rows {
                    let place = match candidate.at {
                        Place::Tail(seq, _) => Place::Tail(seq, row),
                        Place::Segment(id, _) => Place::Segment(id, row),
                        Place::Memory(_) => continue,
                    };
                    found.add(id, place);
                }
            }
            Err(error @ StoreError::Damaged(_)) => live.count_damage(&error),
            Err(other) => return Err(other),
        }
    }
    finish(live, Some(&snapshot), found, limit)
}

/// Blocks by their newest call, the newest first.
pub(super) fn candidates(
    history: &Connection,
    filter: &Filter,
    below: Option<CallId>,
) -> Result<impl Iterator<Item = Candidate>, StoreError> {
    let below = below.map_or([0xff; 16], CallId::to_bytes);
    let since = filter.since.map_or(i64::MIN, |since| since.0);
    let until = filter.until.map_or(i64::MAX, |until| until.0);
    let wanted = params![below, since, until];
    let place = "WHERE id_min < ?1 AND t_max >= ?2 AND t_min < ?3";
    let mut all = Vec::new();
    let mut tail = history.prepare_cached(&format!("SELECT seq, n, id_min, id_max FROM tail {place}"))?;
    let mut rows = tail.query(wanted)?;
    while let Some(row) = rows.next()? {
        all.push(candidate(row, Place::Tail(row.get(0)?, 0), Vec::new())?);
    }
    let sql = format!("SELECT id, n, id_min, id_max, zone FROM segment {place}");
    let mut segments = history.prepare_cached(&sql)?;
    let mut rows = segments.query(wanted)?;
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(4)?.as_blob().unwrap_or_default();
        // Most are passed over here; what is kept of the others is small.
        let zone = Zone::parse(bytes).unwrap_or_default();
        if zone.may(filter) != May::Not {
            all.push(candidate(row, Place::Segment(row.get(0)?, 0), bytes.to_vec())?);
        }
    }
    all.sort_by_key(|candidate| std::cmp::Reverse(candidate.newest));
    Ok(all.into_iter())
}

/// Blocks whose records are in no sum on disk.
pub(super) fn unrolled(history: &Connection, rolled: u64) -> Result<Vec<Candidate>, StoreError> {
    let mut all = Vec::new();
    for (table, key) in [("tail", "seq"), ("segment", "id")] {
        let sql = format!("SELECT {key}, n, id_min, id_max FROM {table} WHERE generation > ?1");
        let mut statement = history.prepare(&sql)?;
        let mut rows = statement.query([rolled as i64])?;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(0)?;
            let at = if key == "seq" { Place::Tail(at, 0) } else { Place::Segment(at, 0) };
            all.push(candidate(row, at, Vec::new())?);
        }
    }
    Ok(all)
}

fn candidate(row: &rusqlite::Row<'_>, at: Place, zone: Vec<u8>) -> Result<Candidate, StoreError> {
    let id = |column: usize| row.get_ref(column).map(|value| id_of(value.as_blob().unwrap_or_default()));
    // A number that nothing guards: a wrong one must not become work or memory without end.
    let rows = usize::try_from(row.get::<_, i64>(1)?).ok().filter(|&rows| rows <= MAX_ROWS).unwrap_or(0);
    Ok(Candidate { newest: id(3)?, oldest: id(2)?, rows, at, zone })
}

/// The matching rows of a block.
fn search(
    history: &Connection,
    filter: &Filter,
    below: Option<CallId>,
    candidate: &Candidate,
) -> Result<Vec<(CallId, u32)>, StoreError> {
    let below = below.filter(|below| *below <= candidate.newest);
    let late = if filter.min_cost.is_some() || filter.unpriced {
        late_costs(history, candidate.oldest, candidate.newest)?
    } else {
        LateCosts::new()
    };
    let scored = scored(history, filter, candidate)?;
    if scored.as_ref().is_some_and(HashSet::is_empty) {
        return Ok(Vec::new());
    }
    let mut rows = match candidate.at {
        Place::Memory(_) => Vec::new(),
        Place::Tail(seq, _) => with_tail(history, seq, |table| rows_of(table, filter, below, &late))?,
        Place::Segment(id, _) => {
            let zone = Zone::parse(&candidate.zone).unwrap_or_default();
            let least = filter.min_cost.map_or(0, |cost| cost.0.max(0) as u64 + 1);
            let too_cheap = zone.all_below(fields::COST, least) && late.is_empty();
            let May::Match(probes) = zone.may(filter) else { return Ok(Vec::new()) };
            if too_cheap || !pass(history, id, &probes)? {
                return Ok(Vec::new());
            }
            let load = |at: usize| column(history, column_key(id, at));
            rows_of(&Table::new(candidate.rows, &load), filter, below, &late)?
        }
    };
    if let Some(scored) = scored {
        rows.retain(|(id, _)| scored.contains(id));
    }
    Ok(rows)
}

/// Whether the segment's filters let at least one text of each condition pass.
fn pass(history: &Connection, segment: i64, probes: &[Vec<(usize, Vec<u8>)>]) -> Result<bool, StoreError> {
    for condition in probes {
        let mut any = false;
        for (at, text) in condition {
            any |= bloom::may_have(&column(history, filter_key(segment, *at))?, text);
            if any {
                break;
            }
        }
        if !any {
            return Ok(false);
        }
    }
    Ok(true)
}

fn rows_of(
    table: &Table<'_>,
    filter: &Filter,
    below: Option<CallId>,
    late: &LateCosts,
) -> Result<Vec<(CallId, u32)>, StoreError> {
    let rows = select::rows(table, filter, below, late)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = Ids::of(table)?;
    Ok(rows.into_iter().map(|row| (ids.get(row), row)).collect())
}

/// Reads a candidate's block.
pub(super) fn with_candidate<T>(
    history: &Connection,
    candidate: &Candidate,
    then: impl FnOnce(&Table<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match candidate.at {
        Place::Tail(seq, _) => with_tail(history, seq, then),
        Place::Segment(id, _) => with_segment(history, id, then),
        Place::Memory(_) => then(&Table::new(0, &|_| Ok(Cow::Borrowed(&[])))),
    }
}

/// All records that `filter` takes, block by block, the oldest block first, each block by id. `take` says whether to go on.
pub(super) fn each(
    live: &Live,
    history: &Connection,
    filter: &Filter,
    take: &mut dyn FnMut(Vec<Arc<CallRecord>>) -> bool,
) -> Result<(), StoreError> {
    let snapshot = history.unchecked_transaction()?;
    let mut all: Vec<Candidate> = candidates(&snapshot, filter, None)?.collect();
    all.sort_by_key(|candidate| candidate.oldest);
    for candidate in all {
        let mut rows = match search(&snapshot, filter, None, &candidate) {
            Ok(rows) => rows,
            Err(error @ StoreError::Damaged(_)) => {
                live.count_damage(&error);
                continue;
            }
            Err(other) => return Err(other),
        };
        rows.sort_unstable();
        let rows: Vec<u32> = rows.into_iter().map(|(_, row)| row).collect();
        for piece in rows.chunks(4096) {
            let records = match with_candidate(&snapshot, &candidate, |table| decode(table, piece)) {
                Ok(records) => records,
                Err(error @ StoreError::Damaged(_)) => {
                    live.count_damage(&error);
                    break;
                }
                Err(other) => return Err(other),
            };
            let mut records: BTreeMap<_, _> =
                records.into_iter().map(|record| (record.id, Arc::new(record))).collect();
            patch(&snapshot, &mut records)?;
            if !records.is_empty() && !take(records.into_values().collect()) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads a row of the tail; `Damaged` when it cannot be read.
fn with_tail<T>(
    history: &Connection,
    seq: i64,
    then: impl FnOnce(&Table<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut statement = history.prepare_cached("SELECT crc, data FROM tail WHERE seq = ?1")?;
    let (crc, data): (u32, Vec<u8>) = statement.query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let damaged = || StoreError::Damaged(format!("row {seq} of tail"));
    let block: Block<'_> = blocks::checked(&data, crc).ok_or_else(damaged)?;
    let load = |column: usize| Ok(Cow::Borrowed(block.column(column)));
    then(&Table::new(block.rows, &load))
}

/// Costs learned later for calls between two ids.
pub(super) fn late_costs(history: &Connection, from: CallId, to: CallId) -> Result<LateCosts, StoreError> {
    let mut statement = history
        .prepare_cached("SELECT call, cost FROM patch WHERE call BETWEEN ?1 AND ?2 AND cost IS NOT NULL")?;
    let rows = statement.query_map(params![from.to_bytes(), to.to_bytes()], |row| {
        Ok((id_of(row.get_ref(0)?.as_blob().unwrap_or_default()), row.get::<_, i64>(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The calls of a block whose quality is known; `None` where that is not asked for.
pub(super) fn scored(
    history: &Connection,
    filter: &Filter,
    block: &Candidate,
) -> Result<Option<HashSet<CallId>>, StoreError> {
    if !filter.scored {
        return Ok(None);
    }
    if schema::version(history)? < schema::WITH_QUALITY {
        return Ok(Some(HashSet::new()));
    }
    let sql = "SELECT call FROM patch WHERE call BETWEEN ?1 AND ?2 AND quality IS NOT NULL";
    let mut statement = history.prepare_cached(sql)?;
    let ends = params![block.oldest.to_bytes(), block.newest.to_bytes()];
    let ids =
        statement.query_map(ends, |row| row.get_ref(0).map(|id| id_of(id.as_blob().unwrap_or_default())))?;
    Ok(Some(ids.collect::<Result<_, _>>()?))
}

/// Reads the found records, block by block.
fn finish(
    live: &Live,
    history: Option<&Connection>,
    mut found: Found,
    limit: usize,
) -> Result<Page, StoreError> {
    let more = found.places.len() > limit;
    if more {
        found.places.pop_first();
    }
    let next = if more { found.places.first_key_value().map(|(id, _)| *id) } else { None };
    let mut records: BTreeMap<CallId, Arc<CallRecord>> = BTreeMap::new();
    let mut tails: HashMap<i64, Vec<u32>> = HashMap::new();
    let mut segments: HashMap<i64, Vec<u32>> = HashMap::new();
    for (id, place) in found.places {
        match place {
            Place::Memory(record) => drop(records.insert(id, record)),
            Place::Tail(seq, row) => tails.entry(seq).or_default().push(row),
            Place::Segment(segment, row) => segments.entry(segment).or_default().push(row),
        }
    }
    let Some(history) = history else {
        return Ok(Page { calls: records.into_values().rev().collect(), next });
    };
    let mut keep = |read: Result<Vec<CallRecord>, StoreError>| match read {
        Ok(read) => {
            records.extend(read.into_iter().map(|record| (record.id, Arc::new(record))));
            Ok(())
        }
        Err(error @ StoreError::Damaged(_)) => {
            live.count_damage(&error);
            Ok(())
        }
        Err(other) => Err(other),
    };
    for (seq, rows) in tails {
        keep(with_tail(history, seq, |table| decode(table, &rows)))?;
    }
    for (segment, rows) in segments {
        keep(with_segment(history, segment, |table| decode(table, &rows)))?;
    }
    patch(history, &mut records)?;
    Ok(Page { calls: records.into_values().rev().collect(), next })
}

pub(super) fn with_segment<T>(
    history: &Connection,
    segment: i64,
    then: impl FnOnce(&Table<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut statement = history.prepare_cached("SELECT n FROM segment WHERE id = ?1")?;
    let rows: i64 = statement.query_row([segment], |row| row.get(0))?;
    let load = |at: usize| column(history, column_key(segment, at));
    let rows = usize::try_from(rows).ok().filter(|&rows| rows <= MAX_ROWS);
    let rows = rows.ok_or_else(|| StoreError::Damaged(format!("the number of rows of segment {segment}")))?;
    then(&Table::new(rows, &load))
}

fn decode(table: &Table<'_>, rows: &[u32]) -> Result<Vec<CallRecord>, StoreError> {
    let mut view = View::new(table)?;
    Ok(rows.iter().filter_map(|&row| view.record(row as usize)).collect())
}

/// Puts in what was learned later.
fn patch(history: &Connection, records: &mut BTreeMap<CallId, Arc<CallRecord>>) -> Result<(), StoreError> {
    let ends =
        records.first_key_value().zip(records.last_key_value()).map(|(first, last)| (*first.0, *last.0));
    let Some((first, last)) = ends else { return Ok(()) };
    let any: bool = history.query_row("SELECT EXISTS (SELECT 1 FROM patch)", [], |row| row.get(0))?;
    if !any {
        return Ok(());
    }
    // What only reads, and a disk that refuses to write, meet files that were not brought on.
    let has_quality = schema::version(history)? >= schema::WITH_QUALITY;
    let quality = if has_quality { "quality" } else { "NULL" };
    if records.len() > 64 {
        let sql = format!("SELECT cost, {quality}, call FROM patch WHERE call BETWEEN ?1 AND ?2");
        let mut statement = history.prepare_cached(&sql)?;
        let mut rows = statement.query(params![first.to_bytes(), last.to_bytes()])?;
        while let Some(row) = rows.next()? {
            let id = id_of(row.get_ref(2)?.as_blob().unwrap_or_default());
            if let Some(record) = records.get_mut(&id) {
                set_late(record, row.get(0)?, row.get(1)?);
            }
        }
        return Ok(());
    }
    let sql = format!("SELECT cost, {quality} FROM patch WHERE call = ?1");
    let mut statement = history.prepare_cached(&sql)?;
    for (id, record) in records {
        let late = statement.query_row([id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
        if let Some((cost, quality)) = late.optional()? {
            set_late(record, cost, quality);
        }
    }
    Ok(())
}

fn set_late(record: &mut Arc<CallRecord>, cost: Option<i64>, quality: Option<f64>) {
    let changed = Arc::make_mut(record);
    if let Some(cost) = cost {
        let before = changed.cost.replace(Cost(cost));
        // The cost of the whole call is that of its last try, where that was not known either.
        if let Some(last) = changed.attempts.last_mut()
            && last.cost == before
        {
            last.cost = changed.cost;
        }
    }
    if let Some(quality) = quality {
        changed.quality = Some(quality as f32);
    }
}

/// One call.
pub(super) fn get(
    live: &Live,
    history: Option<&Connection>,
    id: CallId,
) -> Result<Option<Arc<CallRecord>>, StoreError> {
    if let Some(record) = live.pending(|record| record.id == id).into_iter().next() {
        return Ok(Some(record));
    }
    let Some(history) = history else { return Ok(None) };
    let snapshot = history.unchecked_transaction()?;
    for candidate in holders(&snapshot, id)? {
        let find = |table: &Table<'_>| {
            let ids = Ids::of(table)?;
            let row = (0..table.rows() as u32).find(|&row| ids.get(row) == id);
            row.map_or(Ok(Vec::new()), |row| decode(table, &[row]))
        };
        let read = match candidate {
            Place::Tail(seq, _) => with_tail(&snapshot, seq, find),
            Place::Segment(segment, _) => with_segment(&snapshot, segment, find),
            Place::Memory(_) => continue,
        };
        match read {
            Ok(read) => {
                if let Some(record) = read.into_iter().next() {
                    let mut records = BTreeMap::from([(id, Arc::new(record))]);
                    patch(&snapshot, &mut records)?;
                    return Ok(records.into_values().next());
                }
            }
            Err(error @ StoreError::Damaged(_)) => live.count_damage(&error),
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}

/// The blocks whose ids are around one.
fn holders(history: &Connection, id: CallId) -> Result<Vec<Place>, StoreError> {
    let bytes = id.to_bytes();
    let mut all = Vec::new();
    for (table, key) in [("tail", "seq"), ("segment", "id")] {
        let sql = format!("SELECT {key} FROM {table} WHERE id_max >= ?1 AND id_min <= ?1");
        let mut statement = history.prepare_cached(&sql)?;
        let found = statement.query_map([bytes], |row| row.get::<_, i64>(0))?;
        for at in found {
            let at = at?;
            all.push(if key == "seq" { Place::Tail(at, 0) } else { Place::Segment(at, 0) });
        }
    }
    Ok(all)
}
