//! A trained router: what it holds, and what it says of a prompt.

use crate::learn::examples::{Examples, HAND_SCALE, Scales, known};
use crate::learn::heads::{Heads, Inputs};
use crate::learn::stage::{OUTPUTS, Seen, Stage, shares};
use crate::metrics::Forecast;
use crate::set::Set;
use crate::text::grams::{BUCKETS, GROUP, Scratch};
use crate::text::hand;

/// Numbers of a bucket that lie together, for few models and for many: its weight, then the outputs.
const LANES: [usize; 2] = [4, 8];

/// How many numbers of a bucket lie together for so many outputs.
pub fn lanes(outputs: usize) -> usize {
    if outputs < LANES[0] { LANES[0] } else { LANES[1] }
}

/// A trained router.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// The set it was trained on.
    pub set: String,
    /// How many rows that had.
    pub rows: u32,
    /// The models, in the order of forecasts.
    pub models: Vec<String>,
    /// The tasks it tells apart.
    pub tasks: Vec<String>,
    /// How text becomes numbers; the buckets' weights are in `table`.
    pub scales: Scales,
    /// `bucket * lanes`: the bucket's weight, its outputs, perhaps nothing.
    pub table: Vec<f32>,
    /// `bucket * tasks`: each word bucket's weight for each task, in steps of `task_steps`.
    pub task_table: Vec<i8>,
    /// The size of a step of each word bucket.
    pub task_steps: Vec<f32>,
    /// The first stage; of its weights only those of hand-made features.
    pub stage: Stage,
    /// The heads.
    pub heads: Heads,
}

/// Room that is used again from prompt to prompt.
#[derive(Debug, Default)]
pub struct Room {
    scratch: Scratch,
    /// The shares of tasks of the last prompt.
    pub shares: Vec<f32>,
}

impl Model {
    /// Packs what was learned.
    pub(crate) fn new(set: &Set, examples: &Examples, mut stage: Stage, mut heads: Heads) -> Self {
        heads.settle(&mut stage);
        let mut scales = examples.scales.clone();
        let lanes = lanes(stage.outputs);
        let mut table = vec![0.0; BUCKETS * lanes];
        let rows = table.chunks_exact_mut(lanes).zip(stage.weights.chunks_exact(stage.outputs));
        for ((row, outputs), &idf) in rows.zip(&scales.idf) {
            row[0] = idf;
            row[1..=outputs.len()].copy_from_slice(outputs);
        }
        let tasks = stage.task_start.len();
        let (mut task_table, mut task_steps) = (Vec::new(), Vec::new());
        if tasks > 1 {
            for weights in stage.task_weights.chunks_exact(tasks).take(GROUP) {
                let step = weights.iter().fold(0.0f32, |most, weight| most.max(weight.abs())) / 127.0;
                let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
                task_table.extend(weights.iter().map(|weight| (weight * inverse).round() as i8));
                task_steps.push(step);
            }
            stage.task_weights.drain(..GROUP * tasks);
        }
        stage.weights.drain(..BUCKETS * stage.outputs);
        scales.idf = Vec::new();
        Self {
            set: set.name.clone(),
            rows: set.rows.len() as u32,
            models: set.models.clone(),
            tasks: examples.tasks.clone(),
            scales,
            table,
            task_table,
            task_steps,
            stage,
            heads,
        }
    }

    /// What is expected of a prompt at each model. `task` is the caller's word; without it, or where it is not
    /// known, the task is predicted.
    pub fn predict(&self, prompt: &str, task: Option<&str>, room: &mut Room, out: &mut Forecast) {
        let hand = self.scales.hand(&hand::features(prompt));
        room.scratch.read(prompt);
        let mut outputs = self.stage.start;
        let (words_norm, used) = self.add(&room.scratch.grams.words, &mut outputs);
        self.add(&room.scratch.grams.chars, &mut outputs);
        for (weights, value) in self.stage.weights.chunks_exact(self.stage.outputs.max(1)).zip(hand) {
            outputs.iter_mut().zip(weights).for_each(|(out, weight)| *out += value * HAND_SCALE * weight);
        }
        let known_task = task.and_then(|task| self.tasks.iter().position(|name| name == task));
        let mut tasks = std::mem::take(&mut room.shares);
        self.share(&room.scratch.grams.words, words_norm, &hand, known_task, &mut tasks);
        let trust = self.scales.trust(known(room.scratch.grams.words.len(), used), &hand);
        let mut inputs = Inputs::new(&self.stage, Seen { tasks, outputs }, hand, prompt.len(), trust);
        inputs.told = known_task.is_some();
        self.heads.say(&inputs, out);
        room.shares = inputs.seen.tasks;
    }

    /// Adds the outputs of buckets, in their common length; returns one over that length, and how many are known.
    fn add(&self, buckets: &[u32], outputs: &mut [f32; OUTPUTS]) -> (f32, usize) {
        if lanes(self.stage.outputs) == LANES[0] {
            add::<{ LANES[0] }>(&self.table, buckets, outputs)
        } else {
            add::<{ LANES[1] }>(&self.table, buckets, outputs)
        }
    }

    fn share(&self, words: &[u32], norm: f32, hand: &[f32], known: Option<usize>, tasks: &mut Vec<f32>) {
        tasks.clear();
        tasks.extend_from_slice(&self.stage.task_start);
        let count = tasks.len();
        if let Some(known) = known.filter(|&known| known < count) {
            tasks.fill(0.0);
            tasks[known] = 1.0;
            return;
        }
        let lanes = lanes(self.stage.outputs);
        if count > 1 {
            for &bucket in words {
                let at = bucket as usize;
                let (Some(row), Some(step)) =
                    (self.task_table.get(at * count..(at + 1) * count), self.task_steps.get(at))
                else {
                    continue;
                };
                let weight = norm * self.table[at * lanes] * step;
                tasks.iter_mut().zip(row).for_each(|(task, value)| *task += weight * f32::from(*value));
            }
            for (weights, value) in self.stage.task_weights.chunks_exact(count).zip(hand) {
                tasks.iter_mut().zip(weights).for_each(|(task, weight)| *task += value * HAND_SCALE * weight);
            }
        }
        shares(tasks);
    }
}

fn add<const L: usize>(table: &[f32], buckets: &[u32], outputs: &mut [f32; OUTPUTS]) -> (f32, usize) {
    let (rows, _) = table.as_chunks::<L>();
    let mut sums = [0.0f32; L];
    let mut known = 0;
    for &bucket in buckets {
        let Some(row) = rows.get(bucket as usize) else { continue };
        let weight = row[0];
        known += usize::from(weight > 0.0);
        for lane in 0..L {
            sums[lane] += weight * row[lane];
        }
    }
    let norm = if sums[0] > 0.0 { 1.0 / sums[0].sqrt() } else { 0.0 };
    outputs.iter_mut().zip(&sums[1..]).for_each(|(out, sum)| *out += norm * sum);
    (norm, known)
}
