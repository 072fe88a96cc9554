//! OpenTelemetry's names for generative AI, in the spelling of Prometheus: which of them are true of a gateway, and how
//! they are filled.
//!
//! Convention: the semantic conventions of the repository `open-telemetry/semantic-conventions-genai`, status
//! **Development**, as they stood in November 2026. They have no numbered release of their own; the general conventions
//! (1.43) only say that the names moved there. Names may change; `paceline_*` beside them will not.
//!
//! A gateway is a client of providers and a server to applications, so both halves of the convention apply, each to its
//! own side:
//!
//! | name | what it is here |
//! |---|---|
//! | `gen_ai.client.operation.duration` | one attempt at a provider, from its start to its end, also a failed one |
//! | `gen_ai.client.token.usage` | tokens of one attempt, as the provider reported them or a tokenizer counted them. Estimates from bytes are left out: the convention wants no guess |
//! | `gen_ai.server.request.duration` | one call as the application saw it, from head read to last byte, also a failed one |
//! | `gen_ai.server.time_to_first_token` | from head read to the first content handed on; whole streams only |
//! | `gen_ai.server.time_per_output_token` | from first to last token over the tokens after the first; whole streams only |
//!
//! Not exported, because it would not be true:
//!
//! * `gen_ai.client.operation.time_to_first_chunk` and `…time_per_output_chunk` are about every chunk of a stream. The
//!   record keeps the first *content*, and of the gaps one percentile a call.
//! * `gen_ai.workflow.*`, `gen_ai.invoke_agent.*`, `gen_ai.execute_tool.*` happen in the application.
//! * Anything of `/{provider}/…`: those bodies are not read, so the operation is not known.
//! * Calls that had no target (no key, unknown model): there is no provider and no model to name.
//!
//! Labels: `gen_ai.operation.name`, `gen_ai.provider.name`, `gen_ai.request.model`, `gen_ai.token.type` and, only where
//! something went wrong, `error.type`. The tenant is not in the convention and left out. `gen_ai.response.model` and
//! `server.address` are left out too: the one is free text of a provider, the other is the provider's name again.

use super::names::Family;
use super::prometheus::Page;
use super::series::MAX_HISTOGRAMS;
use super::space::{ERRORS, Key, Space, error_place, error_word};
use super::table::{Room, Table};
use paceline_stats::histogram::{FIRST_TOKEN_SECONDS, Histogram, PER_TOKEN_SECONDS, SECONDS, TOKENS};
use paceline_types::measure;
use paceline_types::record::{Attempt, CallRecord, Operation, Status};
use paceline_types::tokens::UsageSource;

macro_rules! family {
    ($name:literal, $help:literal) => {
        Family {
            name: $name,
            kind: "histogram",
            help: concat!($help, " OpenTelemetry GenAI, Development, 2026-11."),
        }
    };
}

/// `gen_ai.client.token.usage`.
pub const TOKEN_USAGE: Family =
    family!("gen_ai_client_token_usage", "Tokens of one attempt by type, where they are known.");
/// `gen_ai.client.operation.duration`.
pub const OPERATION_DURATION: Family =
    family!("gen_ai_client_operation_duration_seconds", "Time of one attempt at a provider.");
/// `gen_ai.server.request.duration`.
pub const REQUEST_DURATION: Family =
    family!("gen_ai_server_request_duration_seconds", "Time of one call, from head read to last byte.");
/// `gen_ai.server.time_to_first_token`.
pub const TIME_TO_FIRST_TOKEN: Family = family!(
    "gen_ai_server_time_to_first_token_seconds",
    "Time from head read to the first content of a whole stream."
);
/// `gen_ai.server.time_per_output_token`.
pub const TIME_PER_OUTPUT_TOKEN: Family = family!(
    "gen_ai_server_time_per_output_token_seconds",
    "Time per output token after the first of a whole stream."
);

/// Values of `gen_ai.token.type`.
const TOKEN_TYPES: [&str; 2] = ["input", "output"];

/// Histograms by what went wrong, made when first needed.
type ByError = [Option<Box<Histogram>>; ERRORS];

/// What one operation, provider and model came to.
#[derive(Clone, Debug)]
pub struct Cell {
    /// As in [`TOKEN_TYPES`].
    tokens: [Histogram; 2],
    operation: ByError,
    request: ByError,
    first_token: Histogram,
    per_token: Histogram,
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            tokens: [Histogram::new(&TOKENS), Histogram::new(&TOKENS)],
            operation: ByError::default(),
            request: ByError::default(),
            first_token: Histogram::new(&FIRST_TOKEN_SECONDS),
            per_token: Histogram::new(&PER_TOKEN_SECONDS),
        }
    }
}

/// Everything counted under these names.
#[derive(Clone, Debug)]
pub struct Counts {
    table: Table<Cell>,
    tokens: Room,
    operation: Room,
    request: Room,
    first_token: Room,
    per_token: Room,
}

impl Default for Counts {
    fn default() -> Self {
        let room = |family: Family| Room::new(family.name, MAX_HISTOGRAMS);
        Self {
            table: Table::new("gen_ai"),
            tokens: room(TOKEN_USAGE),
            operation: room(OPERATION_DURATION),
            request: room(REQUEST_DURATION),
            first_token: room(TIME_TO_FIRST_TOKEN),
            per_token: room(TIME_PER_OUTPUT_TOKEN),
        }
    }
}

fn made(slot: &mut Option<Box<Histogram>>) -> &mut Histogram {
    slot.get_or_insert_with(|| Box::new(Histogram::new(&SECONDS)))
}

impl Counts {
    /// Where the series of a key that [`Space::otel`] made stand; `None` where the operation is not known.
    pub fn place(&mut self, key: Key, operation: Operation) -> Option<usize> {
        (operation != Operation::Passthrough).then(|| self.table.place(key))
    }

    /// Adds one attempt at a provider, at a place that [`Counts::place`] gave.
    pub fn add_attempt(&mut self, at: usize, operation: Operation, attempt: &Attempt) {
        let (error, seconds) =
            (error_place(attempt.error_kind), attempt.ended.since(attempt.started).ms() / 1000.0);
        made(self.table.slot(at, &mut self.operation, |cell| &mut cell.operation[error])).add(seconds);
        let Some(usage) = attempt.usage.filter(|usage| usage.source != UsageSource::Estimated) else {
            return;
        };
        self.table.slot(at, &mut self.tokens, |cell| &mut cell.tokens[0]).add(usage.input_tokens as f64);
        // Embeddings generate nothing.
        if operation != Operation::Embeddings {
            self.table.slot(at, &mut self.tokens, |cell| &mut cell.tokens[1]).add(usage.output_tokens as f64);
        }
    }

    /// Adds one call that had a target, at a place that [`Counts::place`] gave.
    pub fn add_call(&mut self, at: usize, record: &CallRecord) {
        let error = error_place(record.error_kind);
        let seconds = record.duration.ms() / 1000.0;
        made(self.table.slot(at, &mut self.request, |cell| &mut cell.request[error])).add(seconds);
        // The convention counts tokens of successful responses only.
        if record.status != Status::Ok {
            return;
        }
        if let Some(ms) = measure::ttft_ms(record) {
            self.table.slot(at, &mut self.first_token, |cell| &mut cell.first_token).add(ms / 1000.0);
        }
        if let Some(ms) = measure::tpot_ms(record) {
            self.table.slot(at, &mut self.per_token, |cell| &mut cell.per_token).add(ms / 1000.0);
        }
    }

    /// The bounds of these families.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        let Self { table, tokens, operation, request, first_token, per_token } = self;
        [table.room(), tokens, operation, request, first_token, per_token].into_iter()
    }

    /// Writes all families.
    pub fn render(&self, page: &mut Page, space: &Space) {
        let cells = self.table.sorted();
        page.head(TOKEN_USAGE);
        for (key, cell) in &cells {
            for (kind, histogram) in TOKEN_TYPES.iter().zip(&cell.tokens) {
                page.histogram(
                    TOKEN_USAGE,
                    &labels(space, *key, Some(("gen_ai_token_type", *kind))),
                    histogram,
                );
            }
        }
        by_error(page, space, &cells, OPERATION_DURATION, |cell| &cell.operation);
        by_error(page, space, &cells, REQUEST_DURATION, |cell| &cell.request);
        plain(page, space, &cells, TIME_TO_FIRST_TOKEN, |cell| &cell.first_token);
        plain(page, space, &cells, TIME_PER_OUTPUT_TOKEN, |cell| &cell.per_token);
    }
}

type Cells<'a> = [(Key, &'a Cell)];

fn by_error(
    page: &mut Page,
    space: &Space,
    cells: &Cells<'_>,
    family: Family,
    part: impl Fn(&Cell) -> &ByError,
) {
    page.head(family);
    for (key, cell) in cells {
        for (error, histogram) in part(cell).iter().enumerate() {
            let Some(histogram) = histogram else { continue };
            let error = (error > 0).then(|| ("error_type", error_word(error)));
            page.histogram(family, &labels(space, *key, error), histogram);
        }
    }
}

fn plain(
    page: &mut Page,
    space: &Space,
    cells: &Cells<'_>,
    family: Family,
    part: impl Fn(&Cell) -> &Histogram,
) {
    page.head(family);
    for (key, cell) in cells {
        page.histogram(family, &labels(space, *key, None), part(cell));
    }
}

fn labels<'a>(space: &'a Space, key: Key, more: Option<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    let [provider, model, operation] = space.otel_names(key);
    let names = [
        ("gen_ai_operation_name", operation),
        ("gen_ai_provider_name", provider),
        ("gen_ai_request_model", model),
    ];
    names.into_iter().chain(more).collect()
}
