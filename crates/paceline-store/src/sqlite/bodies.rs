//! Bodies in history: written when they come, read by id, deleted when they are old or too much.

use super::folder::Folder;
use super::writer::wall;
use super::{Settings, schema};
use crate::bodies::{Bodies, Body, DISK_BYTES, oldest};
use crate::error::StoreError;
use paceline_types::id::CallId;
use paceline_types::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many go into one transaction; between two of them records are written.
const TOGETHER: usize = 8;
/// Bodies that a step of retention deletes at most.
const ROWS: i64 = 32;
/// The same where they are too much, so that the bound is passed by little.
const FEW: i64 = 4;

/// Writes bodies; those of a call that has some already are left as they are.
pub(super) fn keep(
    folder: &Folder,
    settings: &Settings,
    pen: &Mutex<()>,
    all: &[Bodies],
) -> Result<(), StoreError> {
    let mut history = folder.well_history(settings.flush)?;
    for piece in all.chunks(TOGETHER) {
        let _pen = pen.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = history.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for bodies in piece {
            put(&transaction, bodies)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

fn put(history: &Connection, bodies: &Bodies) -> Result<(), StoreError> {
    let mut statement = history.prepare_cached(
        "INSERT OR IGNORE INTO body (call, at, bytes, request_type, request_length, request_cut, request,
           answer_type, answer_length, answer_cut, answer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let (request, answer) = (bodies.request.as_ref(), bodies.answer.as_ref());
    let length = |body: Option<&Body>| body.map(|body| body.length as i64);
    statement.execute(params![
        bodies.id.to_bytes(),
        bodies.started_at.0,
        bodies.bytes() as i64,
        request.and_then(|body| body.content_type.as_deref()),
        length(request),
        request.is_some_and(|body| body.cut),
        request.and_then(|body| body.text.as_deref()),
        answer.and_then(|body| body.content_type.as_deref()),
        length(answer),
        answer.is_some_and(|body| body.cut),
        answer.and_then(|body| body.text.as_deref()),
    ])?;
    Ok(())
}

/// The bodies of a call. What is too old is not shown, deleted or not.
pub(super) fn get(
    history: Option<&Connection>,
    keep: Duration,
    id: CallId,
) -> Result<Option<Bodies>, StoreError> {
    let Some(history) = history else { return Ok(None) };
    // A disk that refuses to write also keeps an old file from being brought on.
    if schema::version(history)? < schema::WITH_BODIES {
        return Ok(None);
    }
    let sql = "SELECT at, request_type, request_length, request_cut, request,
                 answer_type, answer_length, answer_cut, answer
               FROM body WHERE call = ?1 AND at >= ?2";
    let from = oldest(wall(), keep).0;
    let mut statement = history.prepare_cached(sql)?;
    let found = statement.query_row(params![id.to_bytes(), from], |row| {
        Ok(Bodies { id, started_at: Timestamp(row.get(0)?), request: body(row, 1)?, answer: body(row, 5)? })
    });
    Ok(found.optional()?)
}

/// The body whose four columns begin at `at`.
fn body(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Body>> {
    let Some(length) = row.get::<_, Option<i64>>(at + 1)? else { return Ok(None) };
    Ok(Some(Body {
        content_type: row.get(at)?,
        length: length.unsigned_abs(),
        cut: row.get(at + 2)?,
        text: row.get(at + 3)?,
    }))
}

/// One step of retention; `true` when something was deleted.
pub(super) fn forget(history: &Connection, settings: &Settings, now: Timestamp) -> Result<bool, StoreError> {
    let from = oldest(now, settings.keep_bodies).0;
    let bound = DISK_BYTES.min(settings.max_bytes / 4) as i64;
    let old = "DELETE FROM body WHERE seq IN (SELECT seq FROM body WHERE at < ?1 ORDER BY at LIMIT ?2)";
    let much = "DELETE FROM body WHERE seq IN (SELECT seq FROM body ORDER BY at LIMIT ?1)";
    let bytes: i64 = history.query_row("SELECT coalesce(sum(bytes), 0) FROM body", [], |row| row.get(0))?;
    if bytes == 0 {
        return Ok(false);
    }
    // What people wrote must not stay readable in pages that are free.
    history.pragma_update(None, "secure_delete", true)?;
    let deleted = history
        .execute(old, params![from, ROWS])
        .and_then(|gone| if bytes > bound && gone == 0 { history.execute(much, [FEW]) } else { Ok(gone) });
    history.pragma_update(None, "secure_delete", false)?;
    Ok(deleted? > 0)
}
