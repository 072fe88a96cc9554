//! Records to columns.

use super::fields::{self, COLUMNS, code, optional};
use super::texts::TextColumn;
use super::{attempts, bytes, decisions, ints};
use paceline_stats::pack;
use paceline_types::deployment::Deployment;
use paceline_types::record::{CallRecord, Caller, Labels};
use std::sync::Arc;

/// The columns of a block under way; which of the three a column uses is its kind.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) rows: usize,
    pub(crate) ints: Vec<Vec<u64>>,
    pub(crate) texts: Vec<TextColumn>,
    /// Ends and bytes of the tries, each with its call's decision behind them.
    pub(crate) attempts: (Vec<u64>, Vec<u8>),
    /// Callers, deployments and names with their numbers: most records share them with others.
    callers: Known<Caller, 3>,
    targets: Known<Deployment, 4>,
    requested: Known<str, 1>,
    /// The tags of the record at hand.
    tags: Vec<u8>,
}

/// Things that many records share, with the numbers of their texts, by where they lie. A further one takes the room of
/// another, which is then looked up again.
#[derive(Debug)]
struct Known<T: ?Sized, const N: usize>(Vec<Option<(Arc<T>, [u64; N])>>);

/// Things that are remembered.
const SLOTS: usize = 64;

impl<T: ?Sized, const N: usize> Default for Known<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: ?Sized, const N: usize> Known<T, N> {
    /// The numbers of `thing`; `look_up` finds them where they are not remembered, as of what nobody shares. What is
    /// remembered is held, so that nothing else can lie at its address.
    fn codes(&mut self, thing: &Arc<T>, look_up: impl FnOnce() -> [u64; N]) -> [u64; N] {
        if Arc::strong_count(thing) == 1 {
            return look_up();
        }
        // Fibonacci hashing (Knuth, TAOCP 3, 6.4): the upper bits of a product depend on all bits below.
        let hash = (Arc::as_ptr(thing).addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if self.0.is_empty() {
            self.0.resize_with(SLOTS, || None);
        }
        let Some(slot) = self.0.get_mut((hash >> (64 - SLOTS.ilog2())) as usize) else { return look_up() };
        if let Some((known, codes)) = slot
            && Arc::ptr_eq(known, thing)
        {
            return *codes;
        }
        let codes = look_up();
        *slot = Some((Arc::clone(thing), codes));
        codes
    }
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            rows: 0,
            ints: (0..COLUMNS).map(|_| Vec::new()).collect(),
            texts: (0..COLUMNS).map(|_| TextColumn::default()).collect(),
            attempts: (Vec::new(), Vec::new()),
            callers: Known::default(),
            targets: Known::default(),
            requested: Known::default(),
            tags: Vec::new(),
        }
    }
}

impl Columns {
    /// Columns that `rows` records are pushed to.
    pub(crate) fn with_room(rows: usize) -> Self {
        let mut columns = Self::default();
        for (column, kind) in fields::KINDS.iter().enumerate() {
            match kind {
                fields::Kind::Int => columns.ints[column].reserve_exact(rows),
                fields::Kind::Text => columns.texts[column].reserve(rows),
                fields::Kind::Bytes => columns.attempts.0.reserve_exact(rows),
            }
        }
        columns
    }

    /// Columns of `rows` rows that are filled one by one.
    pub(crate) fn of(rows: usize) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Appends a record.
    pub(crate) fn push(&mut self, record: &CallRecord) {
        self.rows += 1;
        self.times(record);
        self.outcome(record);
        self.caller(&record.caller);
        self.labels(record.labels.as_deref());
        self.target(record.target.as_ref());
        for (column, text) in [
            (fields::ERROR_CODE, record.error_code.as_deref()),
            (fields::FINISH, record.finish_reason.as_deref()),
            (fields::ROUTE_NAME, record.decision.as_ref().map(|decision| &*decision.route)),
        ] {
            self.texts[column].push(text.map(str::as_bytes));
        }
        let names = &mut self.texts[fields::REQUESTED];
        let code = record.requested_model.as_ref().map_or([0], |name| {
            let look_up = || [names.code(name.as_bytes())];
            self.requested.codes(name, look_up)
        });
        names.push_code(code[0]);
        attempts::put(&mut self.attempts.1, record);
        decisions::put(&mut self.attempts.1, record);
        self.attempts.0.push(self.attempts.1.len() as u64);
    }

    fn int(&mut self, column: usize, value: u64) {
        self.ints[column].push(value);
    }

    fn times(&mut self, record: &CallRecord) {
        let (ms, count, worker) = record.id.parts();
        let started = record.started_at.0.wrapping_sub((ms as i64).wrapping_mul(1000));
        let later = |at: u64| pack::zigzag(record.duration.0.wrapping_sub(at) as i64).saturating_add(1);
        self.int(fields::ID_MS, ms);
        self.int(fields::ID_COUNT, count);
        self.int(fields::ID_WORKER, u64::from(worker));
        self.int(fields::STARTED, pack::zigzag(started));
        self.int(fields::DURATION, record.duration.0);
        self.int(fields::QUEUE, record.queue.0);
        self.int(fields::ROUTE, record.route.0);
        self.int(fields::WORKED, record.worked.0);
        self.int(fields::FIRST, record.first_token.map_or(0, |at| at.0.saturating_add(1)));
        // The last token comes shortly before the end.
        self.int(fields::LAST, record.last_token.map_or(0, |at| later(at.0)));
        self.int(fields::ITL, record.itl_p99.map_or(0, |at| at.0.saturating_add(1)));
    }

    fn outcome(&mut self, record: &CallRecord) {
        self.int(fields::OPERATION, code(record.operation));
        self.int(fields::DIALECT, code(record.dialect));
        self.int(fields::STREAM, u64::from(record.stream));
        self.int(fields::STATUS, code(record.status));
        self.int(fields::CACHE, code(record.cache));
        self.int(fields::ERROR_KIND, optional(record.error_kind));
        self.int(fields::HTTP_STATUS, u64::from(record.http_status));
        let usage = record.usage.unwrap_or_default();
        self.int(fields::USAGE, optional(record.usage.map(|usage| usage.source)));
        self.int(fields::INPUT, usage.input_tokens);
        self.int(fields::OUTPUT, usage.output_tokens);
        self.int(fields::CACHE_READ, usage.cache_read_tokens);
        self.int(fields::CACHE_WRITE, usage.cache_write_tokens);
        self.int(fields::CACHE_WRITE_1H, usage.cache_write_1h_tokens);
        self.int(fields::REASONING, usage.reasoning_tokens);
        self.int(fields::COST, record.cost.map_or(0, |cost| cost.0.max(0) as u64 + 1));
    }

    fn caller(&mut self, caller: &Arc<Caller>) {
        let texts = &mut self.texts;
        let codes = self.callers.codes(caller, || {
            [
                texts[fields::TENANT].code(caller.tenant.as_bytes()),
                texts[fields::WORKSPACE].code(caller.workspace.as_bytes()),
                caller.key.as_ref().map_or(0, |key| texts[fields::KEY].code(key.as_bytes())),
            ]
        });
        for (column, code) in [fields::TENANT, fields::WORKSPACE, fields::KEY].into_iter().zip(codes) {
            self.texts[column].push_code(code);
        }
    }

    fn labels(&mut self, labels: Option<&Labels>) {
        let none = Labels::default();
        let labels = labels.unwrap_or(&none);
        for (column, text) in [
            (fields::ROLE, &labels.role),
            (fields::TASK, &labels.task),
            (fields::TASK_TYPE, &labels.task_type),
            (fields::OPERATION_LABEL, &labels.operation),
            (fields::SESSION, &labels.session),
            (fields::USER, &labels.user),
            (fields::TRACE, &labels.trace_id),
        ] {
            self.texts[column].push(text.as_deref().map(str::as_bytes));
        }
        if labels.tags.is_empty() {
            self.texts[fields::TAGS].push(None);
        } else {
            self.tags.clear();
            for (name, value) in &labels.tags {
                pack::put_bytes(&mut self.tags, name.as_bytes());
                pack::put_bytes(&mut self.tags, value.as_bytes());
            }
            self.texts[fields::TAGS].push(Some(&self.tags));
        }
    }

    fn target(&mut self, target: Option<&Arc<Deployment>>) {
        let Some(target) = target else {
            return TARGET.into_iter().for_each(|column| self.texts[column].push_code(0));
        };
        let texts = &mut self.texts;
        let codes = self.targets.codes(target, || {
            [
                texts[fields::PROVIDER].code(target.provider.as_bytes()),
                texts[fields::MODEL].code(target.model.as_bytes()),
                texts[fields::UPSTREAM].code(target.upstream_model.as_bytes()),
                target.region.as_ref().map_or(0, |region| texts[fields::REGION].code(region.as_bytes())),
            ]
        });
        for (column, code) in TARGET.into_iter().zip(codes) {
            self.texts[column].push_code(code);
        }
    }

    /// The bytes of one column.
    pub(crate) fn encode(&self, column: usize, out: &mut Vec<u8>) {
        match fields::KINDS[column] {
            fields::Kind::Int => ints::encode(&self.ints[column], out),
            fields::Kind::Text => self.texts[column].encode(out),
            fields::Kind::Bytes => bytes::encode(&self.attempts.0, &self.attempts.1, out),
        }
    }

    /// The whole block in one piece.
    pub(crate) fn block(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.rows * 96);
        pack::put(&mut out, self.rows as u64);
        pack::put(&mut out, COLUMNS as u64);
        let mut bytes = Vec::new();
        for column in 0..COLUMNS {
            bytes.clear();
            self.encode(column, &mut bytes);
            pack::put_bytes(&mut out, &bytes);
        }
        out
    }
}

const TARGET: [usize; 4] = [fields::PROVIDER, fields::MODEL, fields::UPSTREAM, fields::REGION];
