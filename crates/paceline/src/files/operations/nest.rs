//! Sessions and tasks that are open: which call belongs to which, when they begin and when they are over.
//!
//! Nobody tells Paceline that a session ends. It begins with its first call and is over when nothing was heard of it for
//! a while, when Paceline stops, or when there is no room for more. The same label after that is a new session.

use super::event::{Event, EventKind, moment, of_call};
use super::line::{Lines, SYSTEM, SpanEnd, Sums};
use crate::files::zone::Zone;
use paceline_types::id::Name;
use paceline_types::record::{CallRecord, Status};
use paceline_types::time::Timestamp;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Sessions open at once; for one more the one that was silent longest is closed.
pub(super) const MAX_SESSIONS: usize = 1000;
/// Tasks open at once; likewise.
pub(super) const MAX_TASKS: usize = 4000;
/// Agents that a session or task names.
const MAX_AGENTS: usize = 32;

/// Why something is over, as `details.ended` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing was heard for a while.
    Idle,
    /// Paceline stops.
    Shutdown,
    /// There was no room for more.
    Room,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Shutdown => "shutdown",
            Self::Room => "room",
        }
    }
}

/// Labels that mean the same session or task: those of one tenant's workspace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    tenant: Name,
    workspace: Name,
    session: Option<Box<str>>,
    /// `None`: the session itself.
    task: Option<Box<str>>,
}

impl Key {
    /// The keys of a call's session and task.
    fn of(record: &CallRecord) -> (Option<Self>, Option<Self>) {
        let Some(labels) = record.labels.as_deref() else { return (None, None) };
        let key = |task: Option<Box<str>>| Self {
            tenant: Arc::clone(&record.caller.tenant),
            workspace: Arc::clone(&record.caller.workspace),
            session: labels.session.clone(),
            task,
        };
        let session = labels.session.is_some().then(|| key(None));
        (session, labels.task.clone().map(|task| key(Some(task))))
    }

    fn is_in(&self, session: &Self) -> bool {
        self.session == session.session
            && self.tenant == session.tenant
            && self.workspace == session.workspace
    }
}

/// An open session or task.
#[derive(Debug)]
struct Open {
    id: Arc<str>,
    parent: Option<Arc<str>>,
    start: Timestamp,
    end: Timestamp,
    /// By the clock of whoever calls.
    heard: Timestamp,
    agents: BTreeSet<Box<str>>,
    model: Option<Name>,
    many_models: bool,
    sums: Sums,
    last_failed: bool,
    failed_tasks: u64,
}

impl Open {
    fn begin(record: &CallRecord, kind: &str, parent: Option<Arc<str>>) -> Self {
        Self {
            id: format!("{kind}-{}", record.id).into(),
            parent,
            start: record.started_at,
            end: record.started_at,
            heard: Timestamp(i64::MIN),
            agents: BTreeSet::new(),
            model: None,
            many_models: false,
            sums: Sums::default(),
            last_failed: false,
            failed_tasks: 0,
        }
    }

    fn add(&mut self, record: &CallRecord, now: Timestamp) {
        self.heard = now;
        self.start = self.start.min(record.started_at);
        let end = moment(record, record.duration);
        if end >= self.end {
            self.last_failed = record.status != Status::Ok;
            self.end = end;
        }
        if let Some(role) = record.labels.as_deref().and_then(|labels| labels.role.as_deref())
            && self.agents.len() < MAX_AGENTS
            && !self.agents.contains(role)
        {
            self.agents.insert(role.into());
        }
        if let Some(target) = record.target.as_deref() {
            match &self.model {
                None => self.model = Some(Arc::clone(&target.model)),
                Some(model) => self.many_models |= *model != target.model,
            }
        }
        self.sums.add(record);
    }

    /// Whether a call that began at `start` came too late to belong here.
    fn is_before(&self, start: Timestamp, idle: i64) -> bool {
        start.0 > self.end.0.saturating_add(idle)
    }
}

/// All that is open.
#[derive(Debug)]
pub(super) struct Nest {
    zone: Zone,
    idle: i64,
    sessions: HashMap<Key, Open>,
    tasks: HashMap<Key, Open>,
}

impl Nest {
    /// Nothing open; what is silent for `idle` is over.
    pub(super) fn new(zone: Zone, idle: Duration) -> Self {
        Self { zone, idle: idle.as_micros() as i64, sessions: HashMap::new(), tasks: HashMap::new() }
    }

    /// Other settings, from now on.
    pub(super) fn set(&mut self, zone: Zone, idle: Duration) {
        (self.zone, self.idle) = (zone, idle.as_micros() as i64);
    }

    /// How many sessions and tasks are open.
    #[cfg(test)]
    pub(super) fn open(&self) -> (usize, usize) {
        (self.sessions.len(), self.tasks.len())
    }

    /// A call that is over.
    pub(super) fn call(&mut self, record: &CallRecord, now: Timestamp, out: &mut Lines) {
        let (session_key, task_key) = Key::of(record);
        let session = session_key.map(|key| self.join_session(&key, record, now, out));
        let task = task_key.map(|key| self.join_task(key, session.as_ref(), record, now, out));
        let parent = task.as_deref().or(session.as_deref());
        for mut event in of_call(record) {
            event.details.insert("call_id".into(), json!(record.id.to_string()));
            event.details.insert("parent".into(), json!(parent));
            out.event(&event, &self.zone);
        }
        out.call(record, session.as_deref(), parent, &self.zone);
    }

    /// Closes what was silent too long.
    pub(super) fn tick(&mut self, now: Timestamp, out: &mut Lines) {
        let silent = |open: &mut Open| {
            // A clock that was set back begins anew.
            open.heard = open.heard.min(now);
            now.0.saturating_sub(open.heard.0) >= self.idle
        };
        let over = self.sessions.iter_mut().filter_map(|(key, open)| silent(open).then(|| key.clone()));
        let sessions: Vec<Key> = over.collect();
        let over = self.tasks.iter_mut().filter_map(|(key, open)| silent(open).then(|| key.clone()));
        let tasks: Vec<Key> = over.collect();
        for key in sorted(tasks) {
            self.close_task(&key, Ended::Idle, out);
        }
        for key in sorted(sessions) {
            self.close_session(&key, Ended::Idle, out);
        }
    }

    /// Closes everything.
    pub(super) fn close(&mut self, ended: Ended, out: &mut Lines) {
        for key in sorted(self.sessions.keys().cloned().collect()) {
            self.close_session(&key, ended, out);
        }
        for key in sorted(self.tasks.keys().cloned().collect()) {
            self.close_task(&key, ended, out);
        }
    }

    fn join_session(&mut self, key: &Key, record: &CallRecord, now: Timestamp, out: &mut Lines) -> Arc<str> {
        if self.sessions.get(key).is_some_and(|open| open.is_before(record.started_at, self.idle)) {
            self.close_session(key, Ended::Idle, out);
        }
        if !self.sessions.contains_key(key)
            && self.sessions.len() >= MAX_SESSIONS
            && let Some(silent) = longest_silent(&self.sessions)
        {
            self.close_session(&silent, Ended::Room, out);
        }
        let zone = &self.zone;
        let open = self.sessions.entry(key.clone()).or_insert_with(|| {
            let open = Open::begin(record, "session", None);
            out.event(&crew_init(key, &open, record), zone);
            open
        });
        open.add(record, now);
        Arc::clone(&open.id)
    }

    fn join_task(
        &mut self,
        key: Key,
        session: Option<&Arc<str>>,
        record: &CallRecord,
        now: Timestamp,
        out: &mut Lines,
    ) -> Arc<str> {
        if self.tasks.get(&key).is_some_and(|open| open.is_before(record.started_at, self.idle)) {
            self.close_task(&key, Ended::Idle, out);
        }
        if !self.tasks.contains_key(&key)
            && self.tasks.len() >= MAX_TASKS
            && let Some(silent) = longest_silent(&self.tasks)
        {
            self.close_task(&silent, Ended::Room, out);
        }
        let open = self.tasks.entry(key).or_insert_with(|| Open::begin(record, "task", session.cloned()));
        open.add(record, now);
        Arc::clone(&open.id)
    }

    fn close_session(&mut self, key: &Key, ended: Ended, out: &mut Lines) {
        let inner: Vec<Key> = self.tasks.keys().filter(|task| task.is_in(key)).cloned().collect();
        for task in sorted(inner) {
            self.close_task(&task, ended, out);
        }
        if let Some(open) = self.sessions.remove(key) {
            out.span(&end(key, &open, ended), &self.zone);
        }
    }

    fn close_task(&mut self, key: &Key, ended: Ended, out: &mut Lines) {
        let Some(open) = self.tasks.remove(key) else { return };
        out.span(&end(key, &open, ended), &self.zone);
        let session = Key { task: None, ..key.clone() };
        if open.last_failed
            && let Some(session) = self.sessions.get_mut(&session)
        {
            session.failed_tasks += 1;
        }
    }
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort_unstable();
    keys
}

fn longest_silent(open: &HashMap<Key, Open>) -> Option<Key> {
    open.iter().min_by_key(|(key, open)| (open.heard, *key)).map(|(key, _)| key.clone())
}

fn end<'a>(key: &'a Key, open: &'a Open, ended: Ended) -> SpanEnd<'a> {
    let is_session = key.task.is_none();
    let mut agents = open.agents.iter();
    let agent = match (agents.next(), agents.next()) {
        (Some(only), None) if !is_session => only,
        _ => SYSTEM,
    };
    let model = open.model.as_deref().filter(|_| !is_session && !open.many_models);
    SpanEnd {
        is_session,
        id: &open.id,
        parent: open.parent.as_deref(),
        session: key.session.as_deref(),
        task: key.task.as_deref(),
        tenant: &key.tenant,
        workspace: &key.workspace,
        agent,
        model: model.unwrap_or(SYSTEM),
        agents: &open.agents,
        start: open.start,
        end: open.end,
        sums: open.sums,
        last_failed: open.last_failed,
        failed_tasks: open.failed_tasks,
        ended: ended.as_str(),
    }
}

fn crew_init(key: &Key, open: &Open, record: &CallRecord) -> Event {
    let role = record.labels.as_deref().and_then(|labels| labels.role.as_deref());
    let details = json!({
        "id": &*open.id,
        "session": key.session,
        "tenant": &*key.tenant,
        "workspace": &*key.workspace,
        "agents": role.into_iter().collect::<Vec<_>>(),
    });
    Event::new(record.started_at, EventKind::CrewInit, details)
}
