//! What is learned after a call's end is kept beside its record, and corrected in the sums.

use super::NamesOf;
use super::live::Live;
use super::{read, roll};
use crate::error::StoreError;
use crate::store::Patch;
use paceline_stats::rollup::Names;
use paceline_types::money::Cost;
use paceline_types::record::CallRecord;
use rusqlite::{Connection, params};
use std::sync::{Arc, Mutex, PoisonError};

/// So many patches go into one transaction; between two of them records are written.
const TOGETHER: usize = 64;

/// A cost that was learned later.
pub(super) struct Recost<'a> {
    pub(super) record: Arc<CallRecord>,
    pub(super) names: Names,
    pub(super) cost: Cost,
    source: &'a str,
}

/// Applies patches.
pub(super) fn apply(
    history: &mut Connection,
    live: &Live,
    names: &NamesOf,
    pen: &Mutex<()>,
    patches: &[Patch],
) -> Result<usize, StoreError> {
    // What still waits is written first: a patch then finds its record on disk, and its sums too.
    live.settle(true)?;
    let mut found = 0;
    for piece in patches.chunks(TOGETHER) {
        // Nobody else writes between reading what was known and writing what is: no cost is added twice.
        let _pen = pen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes: Vec<Recost<'_>> = Vec::with_capacity(piece.len());
        for patch in piece {
            if changes.iter().any(|change| change.record.id == patch.id) {
                continue;
            }
            let Some(record) = read::get(live, Some(history), patch.id)? else { continue };
            found += 1;
            if let Some(cost) = patch.cost {
                changes.push(Recost { names: names(&record), record, cost, source: &patch.source });
            }
        }
        let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for change in &changes {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO patch (call, cost, source, at) VALUES (?1, ?2, ?3, ?4)",
            )?;
            let at = super::writer::wall().0;
            put.execute(params![change.record.id.to_bytes(), change.cost.0, change.source, at])?;
        }
        roll::recost(&transaction, &changes)?;
        transaction.commit()?;
    }
    Ok(found)
}
