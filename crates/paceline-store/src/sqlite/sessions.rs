//! Sessions of a span of time: the columns they need, block by block, the newest first.

use super::live::Live;
use super::read::{candidates, late_costs, scored, with_candidate};
use crate::column::fields::{self, Coded};
use crate::column::select::{self, Ids, LateCosts};
use crate::column::table::Table;
use crate::error::StoreError;
use crate::filter::Filter;
use crate::session::{Part, Session, Sessions};
use paceline_stats::pack::unzigzag;
use paceline_types::record::Status;
use paceline_types::time::Timestamp;
use rusqlite::Connection;
use std::collections::HashSet;

/// Calls looked at in one question: about a second's work. The oldest are left out.
const MAX_ROWS: usize = 5_000_000;

/// See [`crate::store::Store::sessions`].
pub(super) fn sessions(
    live: &Live,
    history: Option<&Connection>,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Session>, StoreError> {
    let mut sessions = Sessions::default();
    let mut seen = HashSet::new();
    for record in live.pending(|record| filter.takes(record)) {
        sessions.add_record(&record);
        seen.insert(record.id);
    }
    let Some(history) = history else { return Ok(sessions.newest(limit)) };
    let snapshot = history.unchecked_transaction()?;
    let mut rows = 0;
    for candidate in candidates(&snapshot, filter, None)? {
        rows += candidate.rows;
        if rows > MAX_ROWS {
            break;
        }
        let late = late_costs(&snapshot, candidate.oldest, candidate.newest)?;
        let scored = scored(&snapshot, filter, &candidate)?;
        let skip = |id| seen.contains(&id) || scored.as_ref().is_some_and(|scored| !scored.contains(&id));
        let add = |table: &Table<'_>| add(&mut sessions, table, filter, &late, skip);
        match with_candidate(&snapshot, &candidate, add) {
            Ok(()) => {}
            Err(error @ StoreError::Damaged(_)) => live.count_damage(&error),
            Err(other) => return Err(other),
        }
    }
    Ok(sessions.newest(limit))
}

fn add(
    sessions: &mut Sessions,
    table: &Table<'_>,
    filter: &Filter,
    late: &LateCosts,
    skip: impl Fn(paceline_types::id::CallId) -> bool,
) -> Result<(), StoreError> {
    let names = table.texts(fields::SESSION)?;
    let list = names.list();
    if list.is_empty() {
        return Ok(());
    }
    let (roles, tasks) = (table.texts(fields::ROLE)?, table.texts(fields::TASK)?);
    let (role_list, task_list) = (roles.list(), tasks.list());
    let int = |column| table.ints(column);
    let (ms, micros, duration) = (int(fields::ID_MS)?, int(fields::STARTED)?, int(fields::DURATION)?);
    let (status, usage, cost) = (int(fields::STATUS)?, int(fields::USAGE)?, int(fields::COST)?);
    let (input, output) = (int(fields::INPUT)?, int(fields::OUTPUT)?);
    let ids = Ids::of(table)?;
    let text = |list: &[&'_ [u8]], code: u64| -> Option<String> {
        let bytes = list.get((code as usize).checked_sub(1)?)?;
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    };
    for row in select::rows(table, filter, None, late)? {
        let at = row as usize;
        let Some(name) = text(&list, names.codes.get(at)) else { continue };
        let id = ids.get(row);
        if skip(id) {
            continue;
        }
        let started = (ms.get(at) as i64).wrapping_mul(1000).wrapping_add(unzigzag(micros.get(at)));
        let known = cost.get(at).checked_sub(1).map(|pico| pico as i64);
        let (role, task) = (text(&role_list, roles.codes.get(at)), text(&task_list, tasks.codes.get(at)));
        sessions.add(
            &name,
            &Part {
                started_at: Timestamp(started),
                duration_ns: duration.get(at),
                status: Status::of(status.get(at)).unwrap_or(Status::Error),
                used: usage.get(at) != 0,
                input_tokens: input.get(at),
                output_tokens: output.get(at),
                cost: late.get(&id).copied().or(known),
                role: role.as_deref(),
                task: task.as_deref(),
            },
        );
    }
    Ok(())
}
