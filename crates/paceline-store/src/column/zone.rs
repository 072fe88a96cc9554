//! What a segment says about its columns before any is read: so most segments are passed over.

use super::bloom;
use super::fields::{self, ASKED, KINDS, Kind};
use super::view::{tag_text, tag_texts};
use super::write::Columns;
use crate::filter::Filter;
use paceline_stats::pack::{self, Reader};
use paceline_types::record::Status;
use std::collections::HashMap;

/// The numbers whose range and values are known beforehand.
const RANGED: [usize; 5] =
    [fields::STATUS, fields::CACHE, fields::ERROR_KIND, fields::COST, fields::DURATION];

/// Dictionaries up to so many texts and bytes stand in the zone; larger ones get a Bloom filter.
const INLINE_TEXTS: usize = 48;
const INLINE_BYTES: usize = 1536;

/// A zone under way: the parts of the columns seen so far.
#[derive(Debug, Default)]
pub(crate) struct ZoneWriter {
    ranges: Vec<(usize, u64, u64, u64)>,
    lists: Vec<(usize, Vec<Vec<u8>>)>,
    /// Columns with a filter of their own.
    pub(crate) blooms: Vec<(usize, Vec<u8>)>,
}

impl ZoneWriter {
    /// Takes in a column that is filled.
    pub(crate) fn add(&mut self, column: usize, columns: &Columns) {
        if RANGED.contains(&column) {
            let values = &columns.ints[column];
            let low = values.iter().copied().min().unwrap_or(0);
            let high = values.iter().copied().max().unwrap_or(0);
            let set = if high < 64 { values.iter().fold(0, |set, value| set | 1_u64 << value) } else { 0 };
            self.ranges.push((column, low, high, set));
        }
        if !ASKED.contains(&column) || KINDS[column] != Kind::Text {
            return;
        }
        let texts = &columns.texts[column];
        let is_small = |count: usize| count <= INLINE_TEXTS && texts.dictionary_len() <= INLINE_BYTES;
        if column != fields::TAGS {
            let distinct = texts.distinct();
            if is_small(distinct.len()) {
                self.lists.push((column, distinct.map(<[u8]>::to_vec).collect()));
            } else {
                self.blooms.push((column, bloom::build(distinct)));
            }
            return;
        }
        // Sets of tags share their pairs.
        let mut pairs: Vec<Vec<u8>> = texts.distinct().flat_map(tag_texts).collect();
        pairs.sort_unstable();
        pairs.dedup();
        if is_small(pairs.len()) {
            self.lists.push((column, pairs));
        } else {
            self.blooms.push((column, bloom::build(pairs.iter().map(Vec::as_slice))));
        }
    }

    /// The zone's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        pack::put(&mut out, self.ranges.len() as u64);
        for (column, low, high, set) in &self.ranges {
            for number in [*column as u64, *low, *high, *set] {
                pack::put(&mut out, number);
            }
        }
        pack::put(&mut out, self.lists.len() as u64);
        for (column, texts) in &self.lists {
            pack::put(&mut out, *column as u64);
            pack::put(&mut out, texts.len() as u64);
            for text in texts {
                pack::put_bytes(&mut out, text);
            }
        }
        pack::put(&mut out, self.blooms.len() as u64);
        for (column, _) in &self.blooms {
            pack::put(&mut out, *column as u64);
        }
        out
    }
}

/// A zone that is read.
#[derive(Debug, Default)]
pub(crate) struct Zone<'a> {
    ranges: HashMap<usize, (u64, u64, u64)>,
    lists: HashMap<usize, Vec<&'a [u8]>>,
    blooms: Vec<usize>,
}

/// Whether a segment may have what is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// Nothing in it can match.
    Not,
    /// It may match if these filters let these texts pass: one list a condition, of which one text must.
    Match(Vec<Vec<(usize, Vec<u8>)>>),
}

impl<'a> Zone<'a> {
    /// Reads a zone; `None` when the bytes are none.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut zone = Self::default();
        for _ in 0..reader.count()? {
            let column = reader.number()? as usize;
            zone.ranges.insert(column, (reader.number()?, reader.number()?, reader.number()?));
        }
        for _ in 0..reader.count()? {
            let column = reader.number()? as usize;
            let count = reader.count()?;
            let texts = (0..count).map(|_| reader.bytes()).collect::<Option<_>>()?;
            zone.lists.insert(column, texts);
        }
        for _ in 0..reader.count()? {
            zone.blooms.push(reader.number()? as usize);
        }
        Some(zone)
    }

    fn has_code(&self, column: usize, code: u64) -> bool {
        self.ranges.get(&column).is_none_or(|&(low, high, set)| {
            (low..=high).contains(&code) && (high >= 64 || set >> code & 1 == 1)
        })
    }

    /// Whether every value of a column is at most `below`.
    pub(crate) fn all_below(&self, column: usize, least: u64) -> bool {
        self.ranges.get(&column).is_some_and(|&(_, high, _)| high < least)
    }

    /// Whether a segment may match; cost is left out, because it may be patched.
    pub(crate) fn may(&self, filter: &Filter) -> May {
        let known = |code: Option<u64>, column| code.is_some_and(|code| self.has_code(column, code));
        if filter.status.is_some_and(|status: Status| !self.has_code(fields::STATUS, fields::code(status))) {
            return May::Not;
        }
        if filter.error_kind.is_some() && !known(filter.error_code_number(), fields::ERROR_KIND) {
            return May::Not;
        }
        if filter.cache.is_some() && !known(filter.cache_number(), fields::CACHE) {
            return May::Not;
        }
        if filter
            .min_duration_ms
            .is_some_and(|ms| self.all_below(fields::DURATION, ms.saturating_mul(1_000_000)))
        {
            return May::Not;
        }
        if filter.unpriced && !self.has_code(fields::COST, 0) {
            return May::Not;
        }
        let mut probes = Vec::new();
        for condition in conditions(filter) {
            let mut asks = Vec::new();
            let mut passes = false;
            for (column, text) in condition {
                match self.lists.get(&column) {
                    Some(list) => passes |= list.contains(&text.as_slice()),
                    None if self.blooms.contains(&column) => asks.push((column, text)),
                    // Written before this column was asked for: nothing is known.
                    None => passes = true,
                }
            }
            if passes {
                continue;
            }
            if asks.is_empty() {
                return May::Not;
            }
            probes.push(asks);
        }
        May::Match(probes)
    }
}

/// The conditions on texts: of each, one of the columns must have its text.
fn conditions(filter: &Filter) -> Vec<Vec<(usize, Vec<u8>)>> {
    let simple = [
        (fields::PROVIDER, &filter.provider),
        (fields::TENANT, &filter.tenant),
        (fields::WORKSPACE, &filter.workspace),
        (fields::KEY, &filter.key),
        (fields::ROLE, &filter.role),
        (fields::TASK, &filter.task),
        (fields::SESSION, &filter.session),
        (fields::USER, &filter.user),
        (fields::ROUTE_NAME, &filter.route),
    ];
    let asked = simple.into_iter().filter_map(|(column, text)| Some((column, text.as_ref()?)));
    let mut all: Vec<_> = asked.map(|(column, text)| vec![(column, text.clone().into_bytes())]).collect();
    if let Some((name, value)) = &filter.tag {
        all.push(vec![(fields::TAGS, tag_text(name, value))]);
    }
    if let Some(model) = &filter.model {
        let mut columns: Vec<_> = [fields::REQUESTED, fields::MODEL, fields::UPSTREAM]
            .map(|column| (column, model.clone().into_bytes()))
            .into();
        if let Some((_, upstream)) = model.split_once('/') {
            columns.push((fields::UPSTREAM, upstream.as_bytes().to_vec()));
        }
        all.push(columns);
    }
    all
}
