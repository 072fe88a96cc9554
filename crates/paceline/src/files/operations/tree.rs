//! The tree of what happened: sessions, their tasks, their calls, with each second counted once.
//!
//! A task contains its calls in time. What a node *took* is from its begin to its end; how much of that models worked
//! is the union of its calls' times (two calls at once count once); the sum of all calls is told beside it. Nothing is
//! added up over levels.

use super::read::{Entries, LoggedEvent, Operation, OperationKind, Outcome};
use paceline_types::money::Cost;
use paceline_types::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A session, a task or a call, and what is in it.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// What it is.
    pub kind: OperationKind,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// Its label; of a call, the model.
    pub name: String,
    /// Who acted.
    pub agent: String,
    /// Which model.
    pub model: String,
    /// When it began.
    pub start_time: Timestamp,
    /// When it ended, as far as is known.
    pub end_time: Timestamp,
    /// From its begin to its end.
    pub duration_seconds: f64,
    /// Of that, in which at least one of its calls was under way.
    pub busy_seconds: f64,
    /// The durations of all its calls, added up.
    pub call_seconds: f64,
    /// How it ended.
    pub status: Outcome,
    /// Calls in it; 1 for a call.
    pub calls: u64,
    /// Of these, those that failed.
    pub failed_calls: u64,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Known cost, US dollars.
    pub cost_usd: Option<Cost>,
    /// Calls that used tokens at an unknown cost.
    pub cost_unknown: u64,
    /// What went wrong.
    pub error: Option<String>,
    /// What happened in it, not in a child of it.
    pub events: Vec<LoggedEvent>,
    /// What is in it, by begin.
    pub children: Vec<Node>,
}

/// What a log tells.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Forest {
    /// Sessions, tasks without one, and calls without either, by begin.
    pub nodes: Vec<Node>,
    /// Events that belong to none of them.
    pub events: Vec<LoggedEvent>,
    /// Seconds in which at least one call was under way.
    pub busy_seconds: f64,
    /// The durations of all calls, added up.
    pub call_seconds: f64,
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

impl Node {
    /// A node of an operation, without children.
    pub fn of(operation: &Operation) -> Self {
        let is_call = operation.kind == OperationKind::Call;
        let name = match operation.kind {
            OperationKind::Session => operation.session.clone(),
            OperationKind::Task => operation.task.clone(),
            OperationKind::Call => Some(operation.model.clone()),
        };
        let has_cost = operation.cost.is_some() || !operation.has_tokens;
        Self {
            kind: operation.kind,
            id: operation.id.clone(),
            name: name.unwrap_or_else(|| "-".into()),
            agent: operation.agent.clone(),
            model: operation.model.clone(),
            start_time: operation.start,
            end_time: operation.end,
            duration_seconds: 0.0,
            busy_seconds: 0.0,
            call_seconds: 0.0,
            status: operation.outcome,
            calls: u64::from(is_call),
            failed_calls: u64::from(is_call && operation.outcome == Outcome::Failed),
            input_tokens: if is_call { operation.tokens.0 } else { 0 },
            output_tokens: if is_call { operation.tokens.1 } else { 0 },
            cost_usd: if is_call { operation.cost } else { None },
            cost_unknown: u64::from(is_call && !has_cost),
            error: operation.error.clone(),
            events: Vec::new(),
            children: Vec::new(),
        }
    }

    /// A session or task of which no line tells, only what is in it.
    fn guessed(
        kind: OperationKind,
        id: Option<String>,
        name: String,
        status: Outcome,
        start: Timestamp,
    ) -> Self {
        Self {
            kind,
            id,
            name,
            agent: "system".into(),
            model: "system".into(),
            start_time: start,
            end_time: start,
            duration_seconds: 0.0,
            busy_seconds: 0.0,
            call_seconds: 0.0,
            status,
            calls: 0,
            failed_calls: 0,
            input_tokens: 0,
            output_tokens: 0,
            cost_usd: None,
            cost_unknown: 0,
            error: None,
            events: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Adds up what is in it; the times of its calls go to `times`.
    fn sum(&mut self, times: &mut Vec<(i64, i64)>) {
        let mut own = Vec::new();
        self.children.sort_by_key(|child| (child.start_time, child.id.clone()));
        for child in &mut self.children {
            child.sum(&mut own);
            self.calls += child.calls;
            self.failed_calls += child.failed_calls;
            self.input_tokens += child.input_tokens;
            self.output_tokens += child.output_tokens;
            self.cost_unknown += child.cost_unknown;
            self.cost_usd = match (self.cost_usd, child.cost_usd) {
                (Some(a), Some(b)) => Some(Cost(a.0.saturating_add(b.0))),
                (a, b) => a.or(b),
            };
            // A parent of which no line tells lasts as long as what is in it; one that ended does not end before.
            self.start_time = self.start_time.min(child.start_time);
            self.end_time = self.end_time.max(child.end_time);
        }
        if let (OperationKind::Task, Some(first)) = (self.kind, self.children.first())
            && self.children.iter().all(|child| child.agent == first.agent)
        {
            self.agent.clone_from(&first.agent);
        }
        if self.kind == OperationKind::Call {
            own.push((self.start_time.0, self.end_time.0));
        }
        self.duration_seconds = seconds(self.end_time.0 - self.start_time.0);
        self.call_seconds = seconds(own.iter().map(|(from, until)| until - from).sum());
        self.busy_seconds = seconds(union(&mut own));
        times.append(&mut own);
    }
}

/// How long at least one of the times was, microseconds. Sorts and joins them.
fn union(times: &mut [(i64, i64)]) -> i64 {
    times.sort_unstable();
    let (mut sum, mut reached) = (0, i64::MIN);
    for (from, until) in times.iter() {
        sum += (until - (*from).max(reached)).max(0);
        reached = reached.max(*until);
    }
    sum
}

/// Builds the tree of all that was read.
pub fn forest(entries: &Entries) -> Forest {
    let mut builder = Builder::default();
    builder.named(entries);
    builder.by_time(entries);
    builder.events(entries);
    builder.grow()
}

/// Puts a tree together from nodes that know their parents' places.
#[derive(Default)]
pub(crate) struct Builder {
    nodes: Vec<Node>,
    parents: Vec<Option<usize>>,
    by_id: HashMap<String, usize>,
    /// Tasks that name nothing, by agent, in the order of their begins.
    tasks: HashMap<String, Vec<usize>>,
    loose: Vec<LoggedEvent>,
}

impl Builder {
    pub(crate) fn add(&mut self, node: Node, parent: Option<usize>) -> usize {
        let at = self.nodes.len();
        if let Some(id) = &node.id {
            self.by_id.insert(id.clone(), at);
        }
        self.nodes.push(node);
        self.parents.push(parent);
        at
    }

    /// Entries that name their parents: Paceline's own.
    fn named(&mut self, entries: &Entries) {
        for event in &entries.events {
            if let (Some(id), Some(session)) = (detail(event, "id"), detail(event, "session"))
                && event.event_type == "CREW_INIT"
                && !self.by_id.contains_key(id)
            {
                let (kind, at) = (OperationKind::Session, event.timestamp);
                let node = Node::guessed(kind, Some(id.into()), session.into(), Outcome::Unfinished, at);
                self.add(node, None);
            }
        }
        for kind in [OperationKind::Session, OperationKind::Task, OperationKind::Call] {
            for operation in entries.operations.iter().filter(|o| o.kind == kind && o.id.is_some()) {
                let parent = self.parent_of(operation);
                let known = operation.id.as_ref().and_then(|id| self.by_id.get(id)).copied();
                match known {
                    // Only announced so far.
                    Some(at) if self.nodes[at].status == Outcome::Unfinished => {
                        self.nodes[at] = Node::of(operation);
                        self.parents[at] = parent;
                    }
                    // The same line twice.
                    Some(_) => {}
                    None => drop(self.add(Node::of(operation), parent)),
                }
            }
        }
    }

    /// Where the parent of an operation stands; a parent of which no line tells is made.
    fn parent_of(&mut self, operation: &Operation) -> Option<usize> {
        let parent = operation.parent.as_ref()?;
        if let Some(at) = self.by_id.get(parent) {
            return Some(*at);
        }
        let start = operation.start;
        let make = |builder: &mut Self, kind, id: &String, name: &Option<String>, above| {
            let name = name.clone().unwrap_or_else(|| "-".into());
            builder.add(Node::guessed(kind, Some(id.clone()), name, Outcome::Unfinished, start), above)
        };
        let session_id = operation.session_id.as_ref().or(match operation.kind {
            OperationKind::Task => Some(parent),
            _ => None,
        });
        let session = session_id.map(|id| match self.by_id.get(id) {
            Some(at) => *at,
            None => make(self, OperationKind::Session, id, &operation.session, None),
        });
        if session_id == Some(parent) {
            return session;
        }
        Some(make(self, OperationKind::Task, parent, &operation.task, session))
    }

    /// Entries of other programs: a task holds the calls of its agent that lie in its time, a session (`CREW_INIT`) all
    /// until the next one begins.
    fn by_time(&mut self, entries: &Entries) {
        let mut sessions = BTreeMap::new();
        for event in
            entries.events.iter().filter(|e| e.event_type == "CREW_INIT" && detail(e, "id").is_none())
        {
            let run = event.details.get("run").map_or_else(|| "crew".to_owned(), |run| format!("run {run}"));
            let name = detail(event, "session").map_or(run, str::to_owned);
            let (kind, at) = (OperationKind::Session, event.timestamp);
            let at_node = self.add(Node::guessed(kind, None, name, Outcome::Completed, at), None);
            sessions.insert(at, at_node);
        }
        let session_at = |at: Timestamp| sessions.range(..=at).next_back().map(|(_, node)| *node);
        for kind in [OperationKind::Session, OperationKind::Task, OperationKind::Call] {
            let mut ones: Vec<&Operation> =
                entries.operations.iter().filter(|o| o.kind == kind && o.id.is_none()).collect();
            ones.sort_by_key(|operation| operation.start);
            for operation in ones {
                let task = self.holding(&operation.agent, operation.start, operation.end);
                let parent = match kind {
                    OperationKind::Session => None,
                    OperationKind::Task => session_at(operation.start),
                    OperationKind::Call => task.or_else(|| session_at(operation.start)),
                };
                let at = self.add(Node::of(operation), parent);
                if kind == OperationKind::Task {
                    self.tasks.entry(operation.agent.clone()).or_default().push(at);
                }
                let failed = operation.outcome == Outcome::Failed;
                if let Some(session) = parent.filter(|_| failed && kind == OperationKind::Task) {
                    self.nodes[session].status = Outcome::Failed;
                }
            }
        }
    }

    /// The latest of an agent's tasks that holds a time.
    fn holding(&self, agent: &str, from: Timestamp, until: Timestamp) -> Option<usize> {
        let tasks = self.tasks.get(agent)?;
        let begun = tasks.partition_point(|task| self.nodes[*task].start_time <= from);
        // Tasks of one agent hardly overlap; a few are enough to look at.
        tasks[..begun].iter().rev().take(16).find(|task| self.nodes[**task].end_time >= until).copied()
    }

    fn events(&mut self, entries: &Entries) {
        let mut by_begin: Vec<usize> =
            (0..self.nodes.len()).filter(|at| self.parents[*at].is_none()).collect();
        by_begin.sort_by_key(|at| self.nodes[*at].start_time);
        for event in &entries.events {
            let named =
                ["call_id", "parent", "id"].iter().find_map(|name| self.by_id.get(detail(event, name)?));
            let place = named.copied();
            let place = place.or_else(|| self.holding(&event.agent, event.timestamp, event.timestamp));
            let place = place.or_else(|| {
                let begun = by_begin.partition_point(|at| self.nodes[*at].start_time <= event.timestamp);
                let last = begun.checked_sub(1).and_then(|last| by_begin.get(last)).copied();
                // Of entries that name nothing, a session lasts until the next one.
                last.filter(|at| self.nodes[*at].id.is_none())
            });
            match place {
                Some(at) => self.nodes[at].events.push(event.clone()),
                None => self.loose.push(event.clone()),
            }
        }
    }

    /// The tree. Parents stand before or after their children; a node that would be its own parent is a root.
    pub(crate) fn grow(mut self) -> Forest {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut roots = Vec::new();
        for (at, parent) in self.parents.iter().enumerate() {
            match parent {
                // Levels only go down: no circle can close.
                Some(parent) if depth(self.nodes[*parent].kind) < depth(self.nodes[at].kind) => {
                    children[*parent].push(at);
                }
                _ => roots.push(at),
            }
        }
        let mut nodes: Vec<Option<Node>> = self.nodes.drain(..).map(Some).collect();
        let mut forest = Forest { events: self.loose, ..Forest::default() };
        for root in roots {
            forest.nodes.extend(take(root, &mut nodes, &children));
        }
        let mut times = Vec::new();
        for node in &mut forest.nodes {
            node.sum(&mut times);
        }
        forest.nodes.sort_by_key(|node| (node.start_time, node.id.clone()));
        forest.call_seconds = seconds(times.iter().map(|(from, until)| until - from).sum());
        forest.busy_seconds = seconds(union(&mut times));
        forest
    }
}

fn depth(kind: OperationKind) -> u8 {
    match kind {
        OperationKind::Session => 0,
        OperationKind::Task => 1,
        OperationKind::Call => 2,
    }
}

fn take(at: usize, nodes: &mut [Option<Node>], children: &[Vec<usize>]) -> Option<Node> {
    let mut node = nodes[at].take()?;
    for child in &children[at] {
        node.children.extend(take(*child, nodes, children));
    }
    Some(node)
}

fn detail<'a>(event: &'a LoggedEvent, name: &str) -> Option<&'a str> {
    event.details.get(name).and_then(serde_json::Value::as_str)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
