//! Columns to records, a row at a time.

use super::bytes::Strings;
use super::fields::{self, COLUMNS, Coded, KINDS, Kind, read_optional};
use super::ints::Ints;
use super::table::Table;
use super::texts::Texts;
use super::{attempts, decisions};
use crate::error::StoreError;
use paceline_stats::pack::{Reader, unzigzag};
use paceline_types::deployment::Deployment;
use paceline_types::id::{CallId, Name};
use paceline_types::money::Cost;
use paceline_types::record::{CacheState, CallRecord, Caller, Dialect, Labels, Operation, Status};
use paceline_types::time::{Offset, Timestamp};
use paceline_types::tokens::Usage;
use std::collections::HashMap;
use std::sync::Arc;

/// All columns of a block, ready to give records.
pub(crate) struct View<'t> {
    ints: [Ints<'t>; COLUMNS],
    codes: [Ints<'t>; COLUMNS],
    /// The distinct texts of each column.
    lists: Vec<Vec<&'t [u8]>>,
    attempts: Strings<'t>,
    callers: HashMap<[u64; 3], Arc<Caller>>,
    targets: HashMap<[u64; 4], Arc<Deployment>>,
}

/// The id of a row.
pub(crate) fn id(ms: u64, count: u64, worker: u64) -> CallId {
    CallId::new(ms, count, worker as u32)
}

impl<'t> View<'t> {
    /// Fetches all columns of `table`.
    pub(crate) fn new(table: &'t Table<'_>) -> Result<Self, StoreError> {
        let none = Ints::constant(0, table.rows());
        let (mut ints, mut codes) = ([none; COLUMNS], [none; COLUMNS]);
        let mut lists = vec![Vec::new(); COLUMNS];
        for (column, kind) in KINDS.iter().enumerate() {
            match kind {
                Kind::Int => ints[column] = table.ints(column)?,
                Kind::Text => {
                    let texts: Texts<'t> = table.texts(column)?;
                    codes[column] = texts.codes;
                    lists[column] = texts.list();
                }
                Kind::Bytes => {}
            }
        }
        let attempts = table.strings(fields::ATTEMPTS)?;
        Ok(Self { ints, codes, lists, attempts, callers: HashMap::new(), targets: HashMap::new() })
    }

    fn text(&self, column: usize, code: u64) -> Option<&'t str> {
        let bytes = self.lists[column].get((code as usize).checked_sub(1)?)?;
        std::str::from_utf8(bytes).ok()
    }

    fn at(&self, column: usize, row: usize) -> Option<&'t str> {
        self.text(column, self.codes[column].get(row))
    }

    fn int(&self, column: usize, row: usize) -> u64 {
        self.ints[column].get(row)
    }

    fn offset(&self, column: usize, row: usize) -> Offset {
        Offset(self.int(column, row))
    }

    fn optional_offset(&self, column: usize, row: usize) -> Option<Offset> {
        self.int(column, row).checked_sub(1).map(Offset)
    }

    /// The record of a row; `None` when it is damaged.
    pub(crate) fn record(&mut self, row: usize) -> Option<CallRecord> {
        let ms = self.int(fields::ID_MS, row);
        let duration = self.offset(fields::DURATION, row);
        let started = (ms as i64).wrapping_mul(1000).wrapping_add(unzigzag(self.int(fields::STARTED, row)));
        let last = self.int(fields::LAST, row).checked_sub(1);
        let mut record = CallRecord {
            id: id(ms, self.int(fields::ID_COUNT, row), self.int(fields::ID_WORKER, row)),
            started_at: Timestamp(started),
            caller: self.caller(row),
            labels: self.labels(row),
            operation: Operation::of(self.int(fields::OPERATION, row)).unwrap_or(Operation::Passthrough),
            dialect: Dialect::of(self.int(fields::DIALECT, row)).unwrap_or(Dialect::Raw),
            stream: self.int(fields::STREAM, row) != 0,
            decision: None,
            requested_model: self.at(fields::REQUESTED, row).map(Into::into),
            target: self.target(row),
            status: Status::of(self.int(fields::STATUS, row)).unwrap_or(Status::Error),
            error_kind: read_optional(self.int(fields::ERROR_KIND, row)),
            error_code: self.at(fields::ERROR_CODE, row).map(Into::into),
            http_status: self.int(fields::HTTP_STATUS, row) as u16,
            finish_reason: self.at(fields::FINISH, row).map(Into::into),
            cache: CacheState::of(self.int(fields::CACHE, row)).unwrap_or_default(),
            usage: self.usage(row),
            cost: self.int(fields::COST, row).checked_sub(1).map(|pico| Cost(pico as i64)),
            duration,
            queue: self.offset(fields::QUEUE, row),
            route: self.offset(fields::ROUTE, row),
            worked: self.offset(fields::WORKED, row),
            first_token: self.optional_offset(fields::FIRST, row),
            last_token: last.map(|before| Offset(duration.0.wrapping_sub(unzigzag(before) as u64))),
            itl_p99: self.optional_offset(fields::ITL, row),
            attempts: Vec::new(),
            quality: None,
        };
        let mut reader = Reader(self.attempts.get(row));
        record.attempts = attempts::read(&mut reader, &record)?;
        if let Some(route) = self.at(fields::ROUTE_NAME, row) {
            record.decision = decisions::read(&mut reader, route).map(Box::new);
        }
        Some(record)
    }

    fn usage(&self, row: usize) -> Option<Usage> {
        let source = self.int(fields::USAGE, row);
        (source != 0).then(|| Usage {
            input_tokens: self.int(fields::INPUT, row),
            output_tokens: self.int(fields::OUTPUT, row),
            cache_read_tokens: self.int(fields::CACHE_READ, row),
            cache_write_tokens: self.int(fields::CACHE_WRITE, row),
            cache_write_1h_tokens: self.int(fields::CACHE_WRITE_1H, row),
            reasoning_tokens: self.int(fields::REASONING, row),
            source: read_optional(source).unwrap_or_default(),
        })
    }

    fn caller(&mut self, row: usize) -> Arc<Caller> {
        let codes =
            [fields::TENANT, fields::WORKSPACE, fields::KEY].map(|column| self.codes[column].get(row));
        if let Some(caller) = self.callers.get(&codes) {
            return Arc::clone(caller);
        }
        let name = |column, code| self.text(column, code).map(Name::from);
        let caller = Arc::new(Caller {
            tenant: name(fields::TENANT, codes[0]).unwrap_or_else(|| "".into()),
            workspace: name(fields::WORKSPACE, codes[1]).unwrap_or_else(|| "".into()),
            key: name(fields::KEY, codes[2]),
        });
        self.callers.insert(codes, Arc::clone(&caller));
        caller
    }

    fn target(&mut self, row: usize) -> Option<Arc<Deployment>> {
        let columns = [fields::PROVIDER, fields::MODEL, fields::UPSTREAM, fields::REGION];
        let codes = columns.map(|column| self.codes[column].get(row));
        let provider = self.text(fields::PROVIDER, codes[0])?;
        if let Some(target) = self.targets.get(&codes) {
            return Some(Arc::clone(target));
        }
        let upstream = self.text(fields::UPSTREAM, codes[2]).unwrap_or_default();
        let target = Arc::new(Deployment {
            name: format!("{provider}/{upstream}").into(),
            provider: provider.into(),
            model: self.text(fields::MODEL, codes[1]).unwrap_or_default().into(),
            upstream_model: upstream.into(),
            region: self.text(fields::REGION, codes[3]).map(Into::into),
        });
        self.targets.insert(codes, Arc::clone(&target));
        Some(target)
    }

    fn labels(&self, row: usize) -> Option<Box<Labels>> {
        let label = |column: usize| self.at(column, row).map(Box::<str>::from);
        let tags = self.codes[fields::TAGS].get(row) as usize;
        let packed = tags.checked_sub(1).and_then(|place| self.lists[fields::TAGS].get(place));
        let labels = Labels {
            role: label(fields::ROLE),
            task: label(fields::TASK),
            task_type: label(fields::TASK_TYPE),
            operation: label(fields::OPERATION_LABEL),
            session: label(fields::SESSION),
            user: label(fields::USER),
            trace_id: label(fields::TRACE),
            tags: packed.map(|packed| tag_pairs(packed)).unwrap_or_default(),
        };
        (labels != Labels::default()).then(|| Box::new(labels))
    }
}

/// The pairs of packed tags.
fn tag_pairs(packed: &[u8]) -> Vec<(Box<str>, Box<str>)> {
    let mut reader = Reader(packed);
    std::iter::from_fn(|| Some((reader.text()?.into(), reader.text()?.into()))).collect()
}

/// Whether packed tags have a pair.
pub(crate) fn has_tag(packed: &[u8], name: &str, value: &str) -> bool {
    let mut reader = Reader(packed);
    std::iter::from_fn(|| Some((reader.text()?, reader.text()?))).any(|pair| pair == (name, value))
}

/// The pairs of packed tags as the texts that a Bloom filter holds.
pub(crate) fn tag_texts(packed: &[u8]) -> Vec<Vec<u8>> {
    let text = |(name, value): (Box<str>, Box<str>)| tag_text(&name, &value);
    tag_pairs(packed).into_iter().map(text).collect()
}

/// A pair as one text.
pub(crate) fn tag_text(name: &str, value: &str) -> Vec<u8> {
    [name.as_bytes(), &[0], value.as_bytes()].concat()
}
