//! Calls of the history as a set to learn from: of each the prompt that was captured, and how good its one answer was.

use super::super::export::{filter_of, moment};
use super::super::out::{count, tell};
use crate::config::{self, Flags};
use clap::Args;
use paceline_dialect::asks::Asks;
use paceline_router::learn::train::{MIN_JUDGING, MIN_ROWS};
use paceline_router::set::{MAX_MODELS, Row, Set};
use paceline_store::bodies::Bodies;
use paceline_store::filter::Filter;
use paceline_store::sqlite::History;
use paceline_types::record::{CallRecord, Operation};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Which calls of which history.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// With --from-store: calls that began at this time or later: how long ago (24h, 7d), or a time like
    /// 2026-11-23T02:17:00Z [default: all whose bodies are kept].
    #[arg(long, value_name = "TIME", requires = "from_store", conflicts_with = "data")]
    since: Option<String>,
    /// With --from-store: which calls, as name=value, e.g. route=auto tenant=acme: the filters of `paceline calls`.
    #[arg(value_name = "NAME=VALUE", requires = "from_store", conflicts_with = "data")]
    filters: Vec<String>,
    /// With --from-store: the data folder [default: what the configuration says].
    #[arg(long, value_name = "DIR", requires = "from_store", conflicts_with = "data")]
    data_dir: Option<PathBuf>,
    /// With --from-store: the configuration file that says how long bodies may be used, and names the data folder.
    #[arg(long, value_name = "FILE", requires = "from_store", conflicts_with = "data")]
    config: Option<PathBuf>,
}

/// A call that teaches.
struct Lesson {
    row: Row,
    model: Arc<str>,
    quality: f32,
    usd: f32,
}

/// Calls, and what some of them lack.
#[derive(Default)]
struct Gathered {
    lessons: Vec<Lesson>,
    scored: u64,
    no_body: u64,
    no_prompt: u64,
    no_cost: u64,
}

/// The set that the calls make, or what is missing to make one.
pub(super) fn set(which: &Which) -> Result<Set, String> {
    let config =
        config::load(Flags::default(), which.config.as_deref()).map_err(|error| error.to_string())?;
    let config = config.config;
    let (data, keep) = (which.data_dir.clone().unwrap_or(config.data), config.storage.keep_bodies);
    let mut filter = Filter { scored: true, ..filter_of(&which.filters)? };
    if let Some(since) = &which.since {
        filter.since = Some(moment(since, crate::recorder::now())?);
    }
    let history = History::open(&data).map_err(|error| error.to_string())?;
    let mut gathered = Gathered::default();
    let mut failed = None;
    let read = history.each(&filter, &mut |records| {
        for record in records {
            if let Err(error) = gathered.take(&record, &history, keep) {
                failed = Some(error);
                return false;
            }
        }
        true
    });
    read.map_err(|error| error.to_string())?;
    if let Some(error) = failed {
        return Err(error);
    }
    if history.damaged() > 0 {
        tell(format_args!("{} blocks of history could not be read and are missing\n", history.damaged()));
    }
    gathered.made(keep)
}

impl Gathered {
    fn take(&mut self, record: &CallRecord, history: &History, keep: Duration) -> Result<(), String> {
        let (Some(quality), Some(target)) = (record.quality, record.target.as_deref()) else { return Ok(()) };
        if record.operation != Operation::Chat {
            return Ok(());
        }
        self.scored += 1;
        let bodies = history.bodies(record.id, keep).map_err(|error| error.to_string())?;
        let Some(body) = bodies.and_then(|bodies: Bodies| bodies.request) else {
            self.no_body += 1;
            return Ok(());
        };
        // The last message stands at the end: of a body that is cut it is not known.
        let prompt = body.text.filter(|_| !body.cut).map(|text| prompt(&text)).unwrap_or_default();
        if prompt.is_empty() {
            self.no_prompt += 1;
            return Ok(());
        }
        let Some(cost) = record.cost else {
            self.no_cost += 1;
            return Ok(());
        };
        let task = record.labels.as_deref().and_then(|labels| labels.task_type.as_deref());
        let row = Row {
            id: record.id.to_string(),
            task: task.map(str::to_owned),
            prompt,
            chance: chance(record),
            ..Row::default()
        };
        let usd = cost.0 as f64 / 1e12;
        self.lessons.push(Lesson { row, model: Arc::clone(&target.model), quality, usd: usd as f32 });
        Ok(())
    }

    fn made(self, keep: Duration) -> Result<Set, String> {
        let lacks = self.lacks();
        if self.scored == 0 {
            return Err("no call that was looked at has a quality: say how good answers were, by POST /v1/feedback or \
                        `paceline feedback CALL_ID --thumbs up`, then train"
                .to_owned());
        }
        if self.no_body == self.scored {
            return Err(format!(
                "{} calls have a quality, but no body of theirs is kept, and a call without its prompt teaches nothing: \
                 `paceline capture` keeps the bodies of the next calls, for storage.bodies_days ({} days)",
                count(self.scored),
                keep.as_secs() / 86_400
            ));
        }
        let mut models: BTreeMap<Arc<str>, (usize, usize)> = BTreeMap::new();
        for lesson in &self.lessons {
            let seen = models.entry(Arc::clone(&lesson.model)).or_default();
            *seen = (seen.0 + 1, seen.1 + usize::from(lesson.row.chance.is_some()));
        }
        let seen = models.iter().fold(String::new(), |mut words, (model, (calls, drawn))| {
            let comma = if words.is_empty() { "" } else { ", " };
            let _ =
                write!(words, "{comma}{model} {} ({} by chance)", count(*calls as u64), count(*drawn as u64));
            words
        });
        let rows = self.lessons.len();
        if rows < MIN_ROWS {
            return Err(format!(
                "{rows} calls have a quality, a prompt and a cost, {MIN_ROWS} are needed{}{lacks}",
                if seen.is_empty() { String::new() } else { format!("; by model: {seen}") },
            ));
        }
        let mut taken: Vec<(Arc<str>, usize)> = models
            .into_iter()
            .filter(|(_, seen)| seen.1 >= MIN_JUDGING)
            .map(|(model, seen)| (model, seen.0))
            .collect();
        taken.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        taken.truncate(MAX_MODELS);
        if taken.len() < 2 {
            return Err(format!(
                "at least two models need {MIN_JUDGING} calls each that a route sent there by chance (its `explore`): only \
                 they prove what another choice would have brought; by model: {seen}{lacks}"
            ));
        }
        tell(format_args!("paceline: calls with a quality, a prompt and a cost, by model: {seen}{lacks}\n"));
        let names: Vec<String> = taken.iter().map(|(model, _)| model.to_string()).collect();
        let rows: Vec<Row> = self.lessons.into_iter().filter_map(|lesson| lesson.row(&names)).collect();
        Ok(Set { name: "store".to_owned(), models: names, rows, moved: 0 })
    }

    /// What calls with a quality were left out for.
    fn lacks(&self) -> String {
        let reasons = [
            (self.no_body, "without a captured body"),
            (self.no_prompt, "without a prompt in it, or cut"),
            (self.no_cost, "without a known cost (a price of 0 where it is free, in [prices])"),
        ];
        let told = reasons.iter().filter(|(calls, _)| *calls > 0);
        let words: Vec<String> = told.map(|(calls, why)| format!("{} {why}", count(*calls))).collect();
        if words.is_empty() { String::new() } else { format!("; left out: {}", words.join(", ")) }
    }
}

impl Lesson {
    /// The row, of which the model that answered is known; `None` where that is none of these.
    fn row(self, models: &[String]) -> Option<Row> {
        let place = models.iter().position(|model| **model == *self.model)?;
        let mut row = Row { q: vec![0.0; models.len()], c: vec![0.0; models.len()], ..self.row };
        (row.q[place], row.c[place]) = (self.quality.clamp(0.0, 1.0), self.usd.max(0.0));
        row.unknown = (u64::MAX >> (MAX_MODELS - models.len())) & !(1 << place);
        Some(row)
    }
}

/// How likely the model that answered was, where its route drew it by chance: not where another one took over.
fn chance(record: &CallRecord) -> Option<f32> {
    let decision = record.decision.as_deref().filter(|decision| !decision.escalated)?;
    let is_taken = decision.taken()?.deployment.name == record.target.as_deref()?.name;
    Some(decision.propensity).filter(|chance| is_taken && *chance > 0.0 && *chance < 1.0)
}

/// The prompt as a route reads it; `/v1/models/generate` has it at the top.
fn prompt(body: &str) -> String {
    let asked = Asks::of(body.as_bytes(), true).prompt;
    if !asked.is_empty() {
        return asked;
    }
    let body: Option<Value> = serde_json::from_str(body).ok();
    body.and_then(|body| Some(body.get("prompt")?.as_str()?.to_owned())).unwrap_or_default()
}
