//! A trained router as bytes: a mark, a version, the numbers, and a checksum over all before it.
//!
//! All numbers are little-endian. Buckets that no prompt of the training had are left out.

use crate::learn::heads::{COST, Heads, QUALITY};
use crate::learn::stage::{OUTPUTS, Stage};
use crate::learn::tasks::Means;
use crate::model::{Model, lanes};
use crate::set::MAX_MODELS;
use crate::text::grams::{BUCKETS, GROUP};
use crate::text::hand::HAND;

const MARK: &[u8; 8] = b"PLROUTER";
/// Version of the format; others are refused.
pub const VERSION: u32 = 2;
/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// Writes a router.
pub fn write(model: &Model) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MARK);
    whole(&mut out, VERSION);
    text(&mut out, &model.set);
    whole(&mut out, model.rows);
    for names in [&model.models, &model.tasks] {
        whole(&mut out, names.len() as u32);
        for name in names {
            text(&mut out, name);
        }
    }
    floats(&mut out, &model.scales.mean);
    floats(&mut out, &model.scales.inverse);
    floats(&mut out, &[model.scales.familiar, model.scales.strange]);
    let outputs = model.stage.outputs;
    let lanes = lanes(outputs);
    let used: Vec<usize> = (0..BUCKETS).filter(|bucket| model.table[bucket * lanes] > 0.0).collect();
    whole(&mut out, used.len() as u32);
    let tasks = model.stage.task_start.len();
    for &bucket in &used {
        whole(&mut out, bucket as u32);
        floats(&mut out, &model.table[bucket * lanes..=bucket * lanes + outputs]);
        if bucket < GROUP && tasks > 1 {
            floats(&mut out, &[model.task_steps[bucket]]);
            out.extend(model.task_table[bucket * tasks..(bucket + 1) * tasks].iter().map(|&step| step as u8));
        }
    }
    let stage = &model.stage;
    let parts = [&stage.task_start, &stage.task_weights, &stage.weights, &stage.directions];
    for part in parts {
        floats(&mut out, part);
    }
    floats(&mut out, &stage.start);
    floats(&mut out, &stage.means.q);
    floats(&mut out, &stage.means.c);
    let heads = &model.heads;
    for head in heads.quality.iter().chain(&heads.cost) {
        doubles(&mut out, head);
    }
    let pairs = heads.mean.iter().chain(heads.reach.iter().flatten());
    pairs.for_each(|pair| doubles(&mut out, &[pair.0, pair.1]));
    doubles(&mut out, &[model.heads.blend]);
    let sum = crc32fast::hash(&out);
    whole(&mut out, sum);
    out
}

/// Reads a router; anything that is not whole, not ours or not of this version is refused.
pub fn read(bytes: &[u8]) -> Result<Model, String> {
    if bytes.get(..8) != Some(MARK.as_slice()) {
        return Err("this is no trained router".to_owned());
    }
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return Err(CUT.to_owned()) };
    let mut from = Reader(body.get(8..).unwrap_or_default());
    let version = from.whole()?;
    if version != VERSION {
        return Err(format!(
            "a trained router of version {version}, this program reads {VERSION}: train it again"
        ));
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return Err("the trained router is damaged (its checksum differs)".to_owned());
    }
    model(&mut from)
}

const CUT: &str = "the trained router is cut short or holds what it must not";

fn model(from: &mut Reader<'_>) -> Result<Model, String> {
    let mut model = Model { set: from.text()?, rows: from.whole()?, ..Model::default() };
    model.models = from.texts(MAX_MODELS)?;
    model.tasks = from.texts(crate::learn::examples::MAX_TASKS)?;
    let (width, tasks) = (model.models.len(), model.tasks.len().max(1));
    model.scales.mean = from.floats(HAND)?.try_into().map_err(|_| CUT)?;
    model.scales.inverse = from.floats(HAND)?.try_into().map_err(|_| CUT)?;
    model.scales.familiar = from.floats(1)?[0];
    model.scales.strange = from.floats(1)?[0];
    let outputs = OUTPUTS.min(1 + width);
    let lanes = lanes(outputs);
    model.table = vec![0.0; BUCKETS * lanes];
    if tasks > 1 {
        model.task_table = vec![0; GROUP * tasks];
        model.task_steps = vec![0.0; GROUP];
    }
    for _ in 0..from.whole()? {
        let bucket = from.whole()? as usize;
        let row = from.floats(1 + outputs)?;
        let at = bucket * lanes;
        model.table.get_mut(at..=at + outputs).ok_or(CUT)?.copy_from_slice(&row);
        if bucket < GROUP && tasks > 1 {
            model.task_steps[bucket] = from.floats(1)?[0];
            let steps = from.take(tasks)?.iter().map(|&step| step as i8);
            model.task_table[bucket * tasks..(bucket + 1) * tasks]
                .iter_mut()
                .zip(steps)
                .for_each(|(a, b)| *a = b);
        }
    }
    let task_start = from.floats(tasks)?;
    let task_weights = from.floats(if tasks > 1 { HAND * tasks } else { 0 })?;
    let weights = from.floats(HAND * outputs)?;
    let directions = from.floats((outputs - 1) * width)?;
    let start = from.floats(OUTPUTS)?.try_into().map_err(|_| CUT)?;
    let means = Means { q: from.floats(tasks * width)?, c: from.floats(tasks * width)?, width };
    model.stage = Stage { task_weights, task_start, outputs, weights, start, directions, means };
    let mut heads = |inputs: usize| (0..width).map(|_| from.doubles(inputs)).collect::<Result<Vec<_>, _>>();
    let (quality, cost) = (heads(QUALITY)?, heads(COST)?);
    let mut pairs =
        || Ok::<_, String>(from.doubles(2 * width)?.chunks_exact(2).map(|two| (two[0], two[1])).collect());
    let (mean, reach): (Vec<_>, Vec<_>) = (pairs()?, [pairs()?, pairs()?].concat());
    let reach: Vec<[(f64, f64); 2]> = reach.chunks_exact(2).map(|two| [two[0], two[1]]).collect();
    if reach.iter().flatten().any(|(low, high)| low > high) {
        return Err(CUT.to_owned());
    }
    model.heads = Heads { belief: Vec::new(), quality, cost, mean, reach, blend: from.doubles(1)?[0] };
    if width == 0 || !from.0.is_empty() {
        return Err(CUT.to_owned());
    }
    Ok(model)
}

fn whole(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    whole(out, text.len() as u32);
    out.extend_from_slice(text.as_bytes());
}

fn floats(out: &mut Vec<u8>, values: &[f32]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn doubles(out: &mut Vec<u8>, values: &[f64]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn whole(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?.try_into().map_err(|_| CUT)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.whole()? as usize;
        Ok(std::str::from_utf8(self.take(length)?).map_err(|_| CUT)?.to_owned())
    }

    fn texts(&mut self, most: usize) -> Result<Vec<String>, String> {
        let count = self.whole()? as usize;
        if count > most {
            return Err(CUT.to_owned());
        }
        (0..count).map(|_| self.text()).collect()
    }

    /// Numbers of which each must be one.
    fn floats(&mut self, count: usize) -> Result<Vec<f32>, String> {
        let (chunks, _) = self.take(count * 4)?.as_chunks::<4>();
        let values: Vec<f32> = chunks.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect();
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(CUT.to_owned()) }
    }

    fn doubles(&mut self, count: usize) -> Result<Vec<f64>, String> {
        let (chunks, _) = self.take(count * 8)?.as_chunks::<8>();
        let values: Vec<f64> = chunks.iter().map(|&chunk| f64::from_le_bytes(chunk)).collect();
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(CUT.to_owned()) }
    }
}
