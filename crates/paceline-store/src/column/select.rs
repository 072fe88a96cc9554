//! Which rows of a block a filter takes, touching only the columns it asks for.

use super::fields;
use super::table::Table;
use super::view::has_tag;
use crate::error::StoreError;
use crate::filter::Filter;
use paceline_stats::pack::unzigzag;
use paceline_types::id::CallId;
use std::collections::HashMap;

/// Costs that were learned after the call (pico-dollars), by id.
pub(crate) type LateCosts = HashMap<CallId, i64>;

/// The rows that `filter` takes and whose id is below `below`, in the block's order.
pub(crate) fn rows(
    table: &Table<'_>,
    filter: &Filter,
    below: Option<CallId>,
    late: &LateCosts,
) -> Result<Vec<u32>, StoreError> {
    // Columns of few bytes first; once no row is left, no further column is read.
    let mut rows = outcome(table, filter, None)?;
    for (column, text) in [
        (fields::SESSION, &filter.session),
        (fields::USER, &filter.user),
        (fields::TASK, &filter.task),
        (fields::KEY, &filter.key),
        (fields::TENANT, &filter.tenant),
        (fields::WORKSPACE, &filter.workspace),
        (fields::ROLE, &filter.role),
        (fields::PROVIDER, &filter.provider),
        (fields::ROUTE_NAME, &filter.route),
    ] {
        let Some(text) = text else { continue };
        if is_none_left(rows.as_ref()) {
            return Ok(Vec::new());
        }
        let texts = table.texts(column)?;
        let Some(code) = texts.find(text.as_bytes()) else { return Ok(Vec::new()) };
        rows = Some(texts.codes.keep(rows, |found| found == code));
    }
    rows = numbers(table, filter, rows, late)?;
    rows = tag(table, filter, rows)?;
    rows = model(table, filter, rows)?;
    rows = time(table, filter, below, rows)?;
    Ok(rows.unwrap_or_else(|| (0..table.rows() as u32).collect()))
}

fn is_none_left(rows: Option<&Vec<u32>>) -> bool {
    rows.is_some_and(Vec::is_empty)
}

type Rows = Result<Option<Vec<u32>>, StoreError>;

fn model(table: &Table<'_>, filter: &Filter, rows: Option<Vec<u32>>) -> Rows {
    if is_none_left(rows.as_ref()) {
        return Ok(rows);
    }
    let Some(model) = &filter.model else { return Ok(rows) };
    let columns = [fields::REQUESTED, fields::MODEL, fields::UPSTREAM];
    let [requested, served, upstream] = columns.map(|column| table.texts(column));
    let (requested, served, upstream) = (requested?, served?, upstream?);
    let provider = table.texts(fields::PROVIDER)?;
    let wanted = [requested, served, upstream].map(|texts| texts.find(model.as_bytes()));
    // `provider/upstream` names a deployment.
    let deployment = model
        .split_once('/')
        .and_then(|(first, rest)| Some((provider.find(first.as_bytes())?, upstream.find(rest.as_bytes())?)));
    let takes = |row: u32| {
        let row = row as usize;
        let found = [requested, served, upstream].map(|texts| Some(texts.codes.get(row)));
        found.iter().zip(&wanted).any(|(found, wanted)| wanted.is_some() && found == wanted)
            || deployment == Some((provider.codes.get(row), upstream.codes.get(row)))
    };
    let all = rows.unwrap_or_else(|| (0..table.rows() as u32).collect());
    Ok(Some(all.into_iter().filter(|&row| takes(row)).collect()))
}

fn tag(table: &Table<'_>, filter: &Filter, rows: Option<Vec<u32>>) -> Rows {
    if is_none_left(rows.as_ref()) {
        return Ok(rows);
    }
    let Some((name, value)) = &filter.tag else { return Ok(rows) };
    let texts = table.texts(fields::TAGS)?;
    let have: Vec<bool> = texts.distinct().map(|packed| has_tag(packed, name, value)).collect();
    let takes =
        |code: u64| (code as usize).checked_sub(1).and_then(|at| have.get(at)).is_some_and(|has| *has);
    Ok(Some(texts.codes.keep(rows, takes)))
}

fn outcome(table: &Table<'_>, filter: &Filter, mut rows: Option<Vec<u32>>) -> Rows {
    let status = filter.status.map(|status| Some(fields::code(status)));
    let error = filter.error_kind.is_some().then(|| filter.error_code_number());
    let cache = filter.cache.is_some().then(|| filter.cache_number());
    for (column, wanted) in [(fields::STATUS, status), (fields::ERROR_KIND, error), (fields::CACHE, cache)] {
        let Some(wanted) = wanted else { continue };
        let Some(code) = wanted else { return Ok(Some(Vec::new())) };
        rows = Some(table.ints(column)?.keep(rows, |found| found == code));
    }
    Ok(rows)
}

fn numbers(table: &Table<'_>, filter: &Filter, mut rows: Option<Vec<u32>>, late: &LateCosts) -> Rows {
    if is_none_left(rows.as_ref()) {
        return Ok(rows);
    }
    if let Some(least) = filter.min_duration_ms {
        let least = least.saturating_mul(1_000_000);
        rows = Some(table.ints(fields::DURATION)?.keep(rows, |duration| duration >= least));
    }
    if filter.routed {
        rows = Some(table.texts(fields::ROUTE_NAME)?.codes.keep(rows, |code| code != 0));
    }
    if filter.unpriced {
        let (usage, costs, ids) = (table.ints(fields::USAGE)?, table.ints(fields::COST)?, Ids::of(table)?);
        rows = Some(usage.keep(rows, |source| source != 0));
        rows = Some(costs.keep(rows, |cost| cost == 0));
        if let Some(rows) = rows.as_mut().filter(|_| !late.is_empty()) {
            rows.retain(|&row| !late.contains_key(&ids.get(row)));
        }
    }
    let Some(least) = filter.min_cost.map(|cost| cost.0.max(0)) else { return Ok(rows) };
    let costs = table.ints(fields::COST)?;
    if late.is_empty() {
        return Ok(Some(costs.keep(rows, |cost| cost > least as u64)));
    }
    let ids = Ids::of(table)?;
    let mut all = rows.unwrap_or_else(|| (0..table.rows() as u32).collect());
    all.retain(|&row| {
        let cost = late.get(&ids.get(row)).copied();
        cost.or_else(|| costs.get(row as usize).checked_sub(1).map(|pico| pico as i64))
            .is_some_and(|cost| cost >= least)
    });
    Ok(Some(all))
}

fn time(table: &Table<'_>, filter: &Filter, below: Option<CallId>, mut rows: Option<Vec<u32>>) -> Rows {
    if is_none_left(rows.as_ref()) {
        return Ok(rows);
    }
    if filter.since.is_some() || filter.until.is_some() {
        let (ms, micros) = (table.ints(fields::ID_MS)?, table.ints(fields::STARTED)?);
        let mut all = rows.unwrap_or_else(|| (0..table.rows() as u32).collect());
        all.retain(|&row| {
            let row = row as usize;
            let at = (ms.get(row) as i64).wrapping_mul(1000).wrapping_add(unzigzag(micros.get(row)));
            filter.since.is_none_or(|since| at >= since.0) && filter.until.is_none_or(|until| at < until.0)
        });
        rows = Some(all);
    }
    let Some(below) = below else { return Ok(rows) };
    let ids = Ids::of(table)?;
    let mut all = rows.unwrap_or_else(|| (0..table.rows() as u32).collect());
    all.retain(|&row| ids.get(row) < below);
    Ok(Some(all))
}

/// The ids of a block.
pub(crate) struct Ids<'t>([super::ints::Ints<'t>; 3]);

impl<'t> Ids<'t> {
    pub(crate) fn of(table: &'t Table<'_>) -> Result<Self, StoreError> {
        Ok(Self([table.ints(fields::ID_MS)?, table.ints(fields::ID_COUNT)?, table.ints(fields::ID_WORKER)?]))
    }

    pub(crate) fn get(&self, row: u32) -> CallId {
        let [ms, count, worker] = self.0.map(|ints| ints.get(row as usize));
        super::view::id(ms, count, worker)
    }
}
