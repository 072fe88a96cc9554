//! What is learned after a call's end is kept beside its record, and corrected in the sums.

use super::NamesOf;
use super::live::Live;
use super::{read, roll};
use crate::error::StoreError;
use crate::store::Patch;
use rusqlite::{Connection, params};

/// Applies patches, each in a transaction of its own: between two of them records are written.
pub(super) fn apply(
    history: &mut Connection,
    live: &Live,
    names: &NamesOf,
    patches: &[Patch],
) -> Result<usize, StoreError> {
    // What still waits is written first: a patch then finds its record on disk, and its sums too.
    live.settle(true)?;
    let mut found = 0;
    for patch in patches {
        let Some(record) = read::get(live, Some(history), patch.id)? else { continue };
        found += 1;
        let Some(cost) = patch.cost else { continue };
        let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT OR REPLACE INTO patch (call, cost, source, at) VALUES (?1, ?2, ?3, ?4)",
            params![patch.id.to_bytes(), cost.0, patch.source, super::writer::wall().0],
        )?;
        roll::recost(&transaction, &names(&record), &record, cost)?;
        transaction.commit()?;
    }
    Ok(found)
}
