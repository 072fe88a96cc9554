//! What the calls of one session come to.

use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// Sessions that are told apart in one question; of more, those with the oldest last call are left out.
pub const MAX_SESSIONS: usize = 10_000;
/// Roles and tasks of a session that are told apart.
const MAX_NAMES: usize = 32;

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// When its first call started.
    pub started_at: Timestamp,
    /// When its last call ended.
    pub ended_at: Timestamp,
    /// Calls.
    pub calls: u64,
    /// Of them: without a whole answer.
    pub errors: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Generated tokens.
    pub output_tokens: u64,
    /// Known cost in pico-dollars.
    pub cost_pico: i128,
    /// Calls that used tokens and whose cost is not known.
    pub cost_unknown: u64,
    /// Roles that called, at most 32.
    pub roles: BTreeSet<String>,
    /// What was worked on, at most 32.
    pub tasks: BTreeSet<String>,
}

/// What one call adds to its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) started_at: Timestamp,
    pub(crate) duration_ns: u64,
    pub(crate) status: Status,
    pub(crate) used: bool,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost: Option<i64>,
    pub(crate) role: Option<&'a str>,
    pub(crate) task: Option<&'a str>,
}

/// Sessions under way.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<String, Session>);

impl Sessions {
    /// Adds a call; one of a new session, where there is no more room, is left out.
    pub(crate) fn add(&mut self, name: &str, part: &Part<'_>) {
        if !self.0.contains_key(name) {
            if self.0.len() >= MAX_SESSIONS {
                return;
            }
            let session = Session {
                name: name.to_owned(),
                started_at: part.started_at,
                ended_at: part.started_at,
                calls: 0,
                errors: 0,
                input_tokens: 0,
                output_tokens: 0,
                cost_pico: 0,
                cost_unknown: 0,
                roles: BTreeSet::new(),
                tasks: BTreeSet::new(),
            };
            self.0.insert(name.to_owned(), session);
        }
        let Some(session) = self.0.get_mut(name) else { return };
        let ended = Timestamp(part.started_at.0.saturating_add((part.duration_ns / 1000) as i64));
        session.started_at = session.started_at.min(part.started_at);
        session.ended_at = session.ended_at.max(ended);
        session.calls += 1;
        session.errors += u64::from(matches!(part.status, Status::Error | Status::Partial));
        session.input_tokens += part.input_tokens;
        session.output_tokens += part.output_tokens;
        session.cost_pico += part.cost.map_or(0, i128::from);
        session.cost_unknown += u64::from(part.used && part.cost.is_none());
        for (names, name) in [(&mut session.roles, part.role), (&mut session.tasks, part.task)] {
            if let Some(name) = name
                && names.len() < MAX_NAMES
                && !names.contains(name)
            {
                names.insert(name.to_owned());
            }
        }
    }

    /// Adds a call by its record, where it has a session.
    pub(crate) fn add_record(&mut self, record: &CallRecord) {
        let Some(labels) = record.labels.as_deref() else { return };
        let Some(name) = labels.session.as_deref() else { return };
        let usage = record.usage.unwrap_or_default();
        self.add(
            name,
            &Part {
                started_at: record.started_at,
                duration_ns: record.duration.0,
                status: record.status,
                used: record.usage.is_some(),
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
                cost: record.cost.map(|cost| cost.0),
                role: labels.role.as_deref(),
                task: labels.task.as_deref(),
            },
        );
    }

    /// The newest `limit`, by the end of their last call.
    pub(crate) fn newest(self, limit: usize) -> Vec<Session> {
        let mut all: Vec<Session> = self.0.into_values().collect();
        all.sort_by(|a, b| b.ended_at.cmp(&a.ended_at).then_with(|| a.name.cmp(&b.name)));
        all.truncate(limit);
        all
    }
}
