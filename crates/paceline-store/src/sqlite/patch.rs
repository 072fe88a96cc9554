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
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// So many patches go into one transaction; between two of them records are written.
const TOGETHER: usize = 64;

/// A cost that was learned later.
pub(super) struct Recost {
    pub(super) record: Arc<CallRecord>,
    pub(super) names: Names,
    pub(super) cost: Cost,
}

/// Applies patches.
pub(super) fn apply(
    history: &mut Connection,
    live: &Live,
    names: &NamesOf,
    pen: &Mutex<()>,
    patches: &[Patch],
) -> Result<usize, StoreError> {
    // What still waits is written first: a patch then finds its record on disk, and its sums where they are corrected.
    live.settle(patches.iter().any(|patch| patch.cost.is_some()))?;
    let mut found = 0;
    let mut rest = patches;
    while !rest.is_empty() {
        let piece;
        (piece, rest) = rest.split_at(together(rest));
        // Nobody else writes between reading what was known and writing what is: no cost is added twice.
        let _pen = pen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<&Patch> = Vec::with_capacity(piece.len());
        let mut changes: Vec<Recost> = Vec::new();
        for patch in piece {
            let Some(record) = read::get(live, Some(history), patch.id)? else { continue };
            known.push(patch);
            if let Some(cost) = patch.cost {
                changes.push(Recost { names: names(&record), record, cost });
            }
        }
        let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for patch in &known {
            put(&transaction, patch)?;
        }
        roll::recost(&transaction, &changes)?;
        transaction.commit()?;
        found += known.len();
    }
    Ok(found)
}

/// How many of the first patches go together: no call is among them twice, so that each finds what the one before left.
fn together(patches: &[Patch]) -> usize {
    let mut seen = HashSet::new();
    patches.iter().take(TOGETHER).take_while(|patch| seen.insert(patch.id)).count()
}

/// Writes one down; what it says nothing of stays.
fn put(history: &Connection, patch: &Patch) -> Result<(), StoreError> {
    let mut put = history.prepare_cached(
        "INSERT INTO patch (call, cost, source, quality, quality_source, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (call) DO UPDATE SET
           source = CASE WHEN excluded.cost IS NULL THEN source ELSE excluded.source END,
           cost = COALESCE(excluded.cost, cost),
           quality = COALESCE(excluded.quality, quality),
           quality_source = COALESCE(excluded.quality_source, quality_source),
           at = excluded.at",
    )?;
    let (of_cost, of_quality) = (patch.cost.map(|_| &*patch.source), patch.quality.map(|_| &*patch.source));
    put.execute(params![
        patch.id.to_bytes(),
        patch.cost.map(|cost| cost.0),
        of_cost.unwrap_or_default(),
        patch.quality.map(f64::from),
        of_quality,
        super::writer::wall().0,
    ])?;
    Ok(())
}
