//! What records taught about one deployment: a fold with forgetting.
//!
//! Times follow `a + b · prompt + c · answer`, fitted by weighted least squares on the sums of products, so that a call
//! costs a few additions and long answers do not make a model look slow. Squares are of relative errors. Old calls count
//! less, by calls and by time; the prior is a few calls' worth of evidence that never ages, so what is known fades into it.

use crate::estimate::{Estimate, Expected, Prior};
use paceline_types::time::Timestamp;
use std::collections::BTreeMap;

/// What a call leaves of those before it.
const KEEP: f64 = 0.98;
/// After so long without calls, what is known of times counts half.
const TIMES_HALF_S: f64 = 600.0;
/// The same for reliability: an outage is believed quickly and forgiven quickly.
const RELIABILITY_HALF_S: f64 = 120.0;
/// What a scored answer leaves of those before it.
const KEEP_QUALITY: f64 = 0.997;
/// After so long without scores, what is known of quality counts half.
const QUALITY_HALF_S: f64 = 7.0 * 86_400.0;
/// How many calls the prior of times is worth.
const PRIOR_TIMES: f64 = 2.0;
/// How many attempts the prior of reliability is worth, and its mean.
const PRIOR_RELIABILITY: (f64, f64) = (10.0, 0.98);
/// How many scored answers the prior of quality is worth.
const PRIOR_QUALITY: f64 = 10.0;
/// How many scored answers of a task its model's overall mean is worth.
const PRIOR_TASK: f64 = 5.0;
/// What a thousand prompt tokens add to the first token until it is known, in milliseconds.
const PRIOR_PER_1K_MS: f64 = 15.0;
/// Tokens of an answer until they are known.
const PRIOR_OUTPUT: f64 = 300.0;
/// What is fitted to the times serves so many further calls at most, and so long, in microseconds.
const FITTED_CALLS: u32 = 12;
const FITTED_US: i64 = 1_000_000;
/// Tasks told apart for one deployment.
pub const MAX_TASKS: usize = 32;

/// A mean with weights that fade.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    weight: f64,
    sum: f64,
    squares: f64,
}

impl Mean {
    fn fade(&mut self, keep: f64) {
        self.weight *= keep;
        self.sum *= keep;
        self.squares *= keep;
    }

    fn add(&mut self, value: f64) {
        self.weight += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// Mean and variance with `prior` (mean, variance) counted as so many values.
    fn with(&self, prior: (f64, f64), worth: f64) -> (f64, f64) {
        let weight = self.weight + worth;
        let mean = (self.sum + prior.0 * worth) / weight;
        let squares = (self.squares + (prior.1 + prior.0 * prior.0) * worth) / weight;
        (mean, (squares - mean * mean).max(0.0))
    }
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Belief {
    last: Timestamp,
    /// Sums of products of (1, prompt in thousands, answer): 11, 1p, 1a, pp, pa, aa.
    products: [f64; 6],
    /// Sums of products with the time in milliseconds.
    times: [f64; 3],
    calls: f64,
    /// Logarithm of time by expected time.
    residual: Mean,
    /// Logarithm of the tokens of an answer.
    output: Mean,
    answered: f64,
    failed: f64,
    quality: Mean,
    tasks: BTreeMap<Box<str>, Mean>,
    fitted: Fitted,
}

/// What was last fitted to the times, for calls that are compared with it: solving anew for each costs more than all else.
#[derive(Clone, Copy, Debug, Default)]
struct Fitted {
    times: [f64; 3],
    at: Timestamp,
    /// So many calls more are compared with it.
    left: u32,
}

/// One answered call as it concerns times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Took {
    /// Prompt tokens.
    pub input_tokens: f64,
    /// Tokens of the answer.
    pub output_tokens: f64,
    /// Time to the first token where it is known, in milliseconds.
    pub ttft_ms: Option<f64>,
    /// Time to the end, in milliseconds.
    pub total_ms: f64,
}

impl Belief {
    /// Everything before `at` has aged until then.
    fn age(&mut self, at: Timestamp) {
        let seconds = (at.0 - self.last.0).max(0) as f64 / 1e6;
        if self.last.0 == 0 || seconds < 0.001 {
            self.last = self.last.max(at);
            return;
        }
        self.last = at;
        let times = 0.5f64.powf(seconds / TIMES_HALF_S);
        self.fade_times(times);
        let reliability = 0.5f64.powf(seconds / RELIABILITY_HALF_S);
        self.answered *= reliability;
        self.failed *= reliability;
        let quality = 0.5f64.powf(seconds / QUALITY_HALF_S);
        self.quality.fade(quality);
        self.tasks.values_mut().for_each(|task| task.fade(quality));
    }

    fn fade_times(&mut self, keep: f64) {
        self.products.iter_mut().chain(&mut self.times).for_each(|sum| *sum *= keep);
        self.calls *= keep;
        self.residual.fade(keep);
        self.output.fade(keep);
    }

    fn row(&mut self, x: [f64; 3], y: f64, scale: f64, worth: f64) {
        add(&mut self.products, &mut self.times, (x, y), scale, worth);
    }

    /// Time to the first token, what a thousand prompt tokens add, and time per token of the answer, in milliseconds: what
    /// fits the calls and the prior best.
    fn fit(&self, prior: &Prior) -> [f64; 3] {
        let (mut products, mut times) = (self.products, self.times);
        for (x, y, scale) in [
            ([1.0, 0.0, 0.0], prior.ttft_ms, prior.ttft_ms),
            ([0.0, 1.0, 0.0], PRIOR_PER_1K_MS, prior.ttft_ms),
            ([0.0, 0.0, 1.0], prior.tpot_ms, prior.tpot_ms),
        ] {
            add(&mut products, &mut times, (x, y), scale, PRIOR_TIMES);
        }
        solve(&products, &times)
    }

    /// The same as it was a few calls ago, a second at most: what a call is compared with.
    fn usual(&mut self, prior: &Prior, at: Timestamp) -> [f64; 3] {
        let is_fresh = self.fitted.left > 0 && (at.0 - self.fitted.at.0).abs() < FITTED_US;
        if is_fresh {
            self.fitted.left -= 1;
        } else {
            // Each of the first calls changes much, a later one little.
            let left = (self.calls / 4.0) as u32;
            self.fitted = Fitted { times: self.fit(prior), at, left: left.min(FITTED_CALLS) };
        }
        self.fitted.times
    }

    /// An attempt ended at `at`.
    pub fn attempt(&mut self, answered: bool, at: Timestamp) {
        self.age(at);
        self.answered *= KEEP;
        self.failed *= KEEP;
        if answered { self.answered += 1.0 } else { self.failed += 1.0 }
    }

    /// A call was answered whole at `at`.
    pub fn took(&mut self, took: &Took, prior: &Prior, at: Timestamp) {
        self.age(at);
        let (prompt, answer) = (took.input_tokens / 1000.0, took.output_tokens.max(1.0));
        let [ttft_ms, per_1k_ms, tpot_ms] = self.usual(prior, at);
        let first = ttft_ms + per_1k_ms * prompt;
        let expected = first + tpot_ms * answer;
        // Errors count by the size of what was measured; far below what was expected (an answer that came all at once) by
        // half of that, as a single call of a millisecond would outweigh all others else.
        let scale = |measured: f64, expected: f64| measured.max(expected / 2.0);
        self.fade_times(KEEP);
        match took.ttft_ms {
            Some(ttft) if took.total_ms > ttft && answer >= 2.0 => {
                self.row([1.0, prompt, 0.0], ttft, scale(ttft, first), 1.0);
                let (rest, usual) = (took.total_ms - ttft, tpot_ms * (answer - 1.0));
                self.row([0.0, 0.0, answer - 1.0], rest, scale(rest, usual), 1.0);
            }
            Some(ttft) => self.row([1.0, prompt, 0.0], ttft, scale(ttft, first), 1.0),
            None => {
                let total = took.total_ms;
                self.row([1.0, prompt, answer], total, scale(total, expected), 1.0);
            }
        }
        self.calls += 1.0;
        self.residual.add((took.total_ms.max(1.0) / expected.max(1.0)).ln());
        self.output.add(answer.ln());
    }

    /// An answer was scored, 0 to 1. Beyond [`MAX_TASKS`] tasks a new one counts for the whole only.
    pub fn scored(&mut self, quality: f64, task: Option<&str>, at: Timestamp) {
        self.age(at);
        let quality = quality.clamp(0.0, 1.0);
        self.quality.fade(KEEP_QUALITY);
        self.quality.add(quality);
        let Some(task) = task else { return };
        if let Some(known) = self.tasks.get_mut(task) {
            known.fade(KEEP_QUALITY);
            known.add(quality);
        } else if self.tasks.len() < MAX_TASKS {
            let mut first = Mean::default();
            first.add(quality);
            self.tasks.insert(task.into(), first);
        }
    }

    /// The tasks whose quality is known apart.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.tasks.keys().map(|task| &**task)
    }

    /// What to expect at `at`; quality for each of `tasks`.
    pub fn estimate(&self, prior: &Prior, at: Timestamp, tasks: &[Box<str>]) -> Estimate {
        let mut seen = self.clone();
        seen.age(at);
        let [ttft_ms, ttft_ms_per_1k, tpot_ms] = seen.fit(prior);
        let (_, noise) = seen.residual.with((0.0, 0.16), 3.0);
        let doubt = (noise + 0.09) / (1.0 + seen.calls);
        let (length, lengths) = seen.output.with((PRIOR_OUTPUT.ln(), 0.6), 2.0);
        let (worth, mean) = PRIOR_RELIABILITY;
        let reliability = (seen.answered + worth * mean) / (seen.answered + seen.failed + worth);
        let overall = expected(&seen.quality, prior.quality, PRIOR_QUALITY);
        let by_task = tasks.iter().map(|task| match seen.tasks.get(task) {
            Some(own) => expected(own, overall.mean, PRIOR_TASK),
            None => overall,
        });
        Estimate {
            ttft_ms,
            ttft_ms_per_1k,
            tpot_ms,
            latency_spread: (noise + doubt).sqrt(),
            // The mean of what is spread evenly around a logarithm.
            output_tokens: (length + lengths / 2.0).exp().clamp(1.0, 1e6),
            output_spread: (lengths + lengths / (1.0 + seen.output.weight)).sqrt(),
            reliability,
            by_task: by_task.collect(),
            quality: overall,
            evidence: seen.calls,
            rates: None,
        }
    }
}

/// Adds an equation, counted as so many of which `scale` is the size of an error of 100 %.
fn add(products: &mut [f64; 6], times: &mut [f64; 3], (x, y): ([f64; 3], f64), scale: f64, worth: f64) {
    let weight = worth / (scale * scale).max(1.0);
    let [one, prompt, answer] = x;
    let all = [one * one, one * prompt, one * answer, prompt * prompt, prompt * answer, answer * answer];
    for (sum, product) in products.iter_mut().zip(all) {
        *sum += weight * product;
    }
    for (sum, x) in times.iter_mut().zip(x) {
        *sum += weight * x * y;
    }
}

/// Quality with its prior: an unknown one is a coin with that mean.
fn expected(seen: &Mean, prior: f64, worth: f64) -> Expected {
    let (mean, variance) = seen.with((prior, prior * (1.0 - prior)), worth);
    let doubt = variance / (seen.weight + worth);
    Expected { mean, spread: (variance + doubt).sqrt() }
}

/// The solution of the normal equations that is nowhere negative, by coordinate descent: convex, three unknowns.
fn solve(products: &[f64; 6], times: &[f64; 3]) -> [f64; 3] {
    let [aa, ab, ac, bb, bc, cc] = *products;
    let rows = [[aa, ab, ac], [ab, bb, bc], [ac, bc, cc]];
    let mut x = [0.0; 3];
    for _ in 0..60 {
        for at in 0..3 {
            let others: f64 =
                (0..3).filter(|other| *other != at).map(|other| rows[at][other] * x[other]).sum();
            x[at] = if rows[at][at] > 0.0 { ((times[at] - others) / rows[at][at]).max(0.0) } else { 0.0 };
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::{Belief, Estimate, Prior, Took};
    use paceline_types::time::Timestamp;

    const PRIOR: Prior = Prior { ttft_ms: 600.0, tpot_ms: 12.0, quality: 0.75 };

    fn at(second: i64) -> Timestamp {
        Timestamp(1_800_000_000_000_000 + second * 1_000_000)
    }

    fn taught(streams: bool) -> Belief {
        let mut belief = Belief::default();
        for call in 0..400 {
            let (input, output) = (f64::from(call % 7) * 800.0, 50.0 + f64::from(call * 37 % 400));
            let ttft = 200.0 + 0.05 * input;
            let took = Took {
                input_tokens: input,
                output_tokens: output,
                ttft_ms: streams.then_some(ttft),
                total_ms: ttft + 4.0 * (output - 1.0),
            };
            belief.took(&took, &PRIOR, at(call.into()));
            belief.attempt(true, at(call.into()));
        }
        belief
    }

    #[test]
    fn prefill_and_decode_are_told_apart() {
        for streams in [true, false] {
            let now = taught(streams).estimate(&PRIOR, at(400), &[]);
            for (input, output) in [(0.0, 50.0), (4000.0, 50.0), (0.0, 400.0), (4000.0, 400.0)] {
                let (said, is) =
                    (now.first_token_ms(input) + now.tpot_ms * output, 200.0 + 0.05 * input + 4.0 * output);
                assert!((said / is - 1.0).abs() < 0.35, "{input} {output}: {said} {is} {now:?}");
            }
            assert!(now.latency_spread < 0.35 && now.reliability > 0.97, "{now:?}");
        }
        let now = taught(true).estimate(&PRIOR, at(400), &[]);
        assert!((now.ttft_ms - 200.0).abs() < 40.0, "{now:?}");
        assert!((now.ttft_ms_per_1k - 50.0).abs() < 15.0, "{now:?}");
        assert!((now.tpot_ms - 4.0).abs() < 0.2, "{now:?}");
    }

    #[test]
    fn one_answer_that_comes_at_once_changes_little() {
        for (ttft_ms, total_ms) in [(Some(200.0), 200.001), (Some(0.01), 1200.0), (None, 0.01)] {
            let mut belief = taught(true);
            let before = belief.estimate(&PRIOR, at(400), &[]);
            let took = Took { input_tokens: 0.0, output_tokens: 250.0, ttft_ms, total_ms };
            belief.took(&took, &PRIOR, at(400));
            let after = belief.estimate(&PRIOR, at(400), &[]);
            let of = |now: &Estimate| now.first_token_ms(0.0) + now.tpot_ms * 250.0;
            assert!(of(&after) > 0.75 * of(&before), "{took:?}: {before:?} {after:?}");
        }
    }

    #[test]
    fn what_is_known_fades_into_the_prior() {
        let belief = taught(true);
        let fresh = belief.estimate(&PRIOR, at(400), &[]);
        let stale = belief.estimate(&PRIOR, at(400 + 7200), &[]);
        let prior = Belief::default().estimate(&PRIOR, at(0), &[]);
        assert!(fresh.evidence > 30.0 && stale.evidence < 0.1);
        assert!((stale.ttft_ms - prior.ttft_ms).abs() < 20.0, "{stale:?} {prior:?}");
        assert!(fresh.latency_spread < stale.latency_spread);
    }

    #[test]
    fn an_outage_is_felt_by_a_few_calls_and_forgiven() {
        let mut belief = taught(true);
        for call in 0..20 {
            belief.attempt(false, at(400 + call / 10));
        }
        assert!(belief.estimate(&PRIOR, at(402), &[]).reliability < 0.8);
        assert!(belief.estimate(&PRIOR, at(402 + 600), &[]).reliability > 0.9);
    }

    #[test]
    fn quality_is_learned_by_task_and_shrunk_to_the_whole() {
        let mut belief = Belief::default();
        for call in 0..200 {
            belief.scored(if call % 10 == 0 { 0.0 } else { 1.0 }, Some("code"), at(call));
            belief.scored(0.2, Some("poetry"), at(call));
        }
        let tasks = ["code".into(), "poetry".into(), "new".into()];
        let now = belief.estimate(&PRIOR, at(200), &tasks);
        assert!((now.by_task[0].mean - 0.9).abs() < 0.05, "{now:?}");
        assert!((now.by_task[1].mean - 0.2).abs() < 0.05, "{now:?}");
        assert_eq!(now.by_task[2], now.quality);
        assert!(now.by_task[1].spread < now.by_task[0].spread);
    }
}
