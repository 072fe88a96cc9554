//! What is done with a record once its call is over.

use std::hint::black_box;
use std::sync::Arc;

use paceline::board::Board;
use paceline::config::Level;
use paceline::labels::Bounded;
use paceline::log::Log;
use paceline::metrics::series::Counts;
use paceline::recorder::{RecordQueue, Recorder, now};
use paceline_stats::histogram::{Histogram, SECONDS};
use paceline_stats::ladder::Ladder;
use paceline_stats::sketch::Sketch;
use paceline_stats::tally::Tally;
use paceline_types::ports::RecordSink;
use paceline_types::record::CallRecord;

use super::Ledger;
use super::fixtures::Names;
use crate::error::{Result, fail};

/// Records at a time, as the recorder finds them in its queue.
const RECORDS: usize = 1_000;
/// What Paceline keeps by default.
const KEEP: usize = 10_000;

pub(super) fn add(ledger: &mut Ledger) -> Result<()> {
    let names = Names::new();
    let many = |stream| (0..RECORDS as u64).map(|count| names.record(count, stream)).collect::<Vec<_>>();
    let (answers, streams) = (many(false), many(true));
    sums(ledger, &answers, &streams);

    let (board, bounded) = (Board::default(), Bounded::default());
    let at = now();
    for (step, records) in [("board: fold, answer in one piece", &answers), ("board: fold, stream", &streams)]
    {
        ledger.step(step, "record", RECORDS, || {
            board.fold(black_box(records).iter().map(AsRef::as_ref), at, &bounded);
        });
    }

    for (step, records) in
        [("metrics: add, answer in one piece", &answers), ("metrics: add, stream", &streams)]
    {
        let mut counts = Counts::default();
        // Every name is one of the configuration, as those of real calls are.
        for record in records {
            let target = record.target.iter().map(|target| (&*target.provider, &*target.model));
            let (providers, models) =
                (target.clone().map(|(name, _)| (name, "openai")), target.map(|(_, model)| model));
            counts.space.add(providers, models, std::iter::once(&*record.caller.tenant));
        }
        ledger.step(step, "record", RECORDS, || {
            for record in black_box(records) {
                counts.add(record);
            }
        });
    }

    let queue = Arc::new(RecordQueue::default());
    let recorder = Recorder::new(Arc::clone(&queue), KEEP, Log::new(Level::Error, 0));
    let prepare = || {
        recorder.drain();
        many(false)
    };
    ledger.prepared(("close: a record into the queue", "call"), RECORDS, prepare, |records| {
        for record in records {
            queue.accept(record);
        }
    });
    let prepare = || {
        recorder.drain();
        for record in many(false) {
            queue.accept(record);
        }
    };
    let what = ("recorder: drain, fold, keep, drop the oldest (no line)", "record");
    ledger.prepared(what, RECORDS, prepare, |()| recorder.drain());
    let (kept, came) = recorder.store.counts();
    if queue.dropped() > 0 || kept != KEEP || came < KEEP as u64 {
        return fail(format!("the recorder was not timed at work: {kept} of {came} records kept"));
    }
    Ok(())
}

/// Adding one call to what calls come to.
fn sums(ledger: &mut Ledger, answers: &[Box<CallRecord>], streams: &[Box<CallRecord>]) {
    let durations: Vec<f64> = answers.iter().map(|record| record.duration.ms()).collect();
    let mut sketch = Sketch::default();
    ledger.step("sketch: add", "value", RECORDS, || {
        for value in black_box(&durations) {
            sketch.add(*value);
        }
    });
    let mut histogram = Histogram::new(&SECONDS);
    ledger.step("histogram: add", "value", RECORDS, || {
        for value in black_box(&durations) {
            histogram.add(*value / 1_000.0);
        }
    });
    let mut tally = Tally::default();
    ledger.step("tally: add, answer in one piece (3 sketches)", "record", RECORDS, || {
        for record in black_box(answers) {
            tally.add(record);
        }
    });
    let mut tally = Tally::default();
    ledger.step("tally: add, stream (5 sketches)", "record", RECORDS, || {
        for record in black_box(streams) {
            tally.add(record);
        }
    });
    let (mut ladder, at) = (Ladder::default(), now());
    ledger.step("ladder: add, answer in one piece", "record", RECORDS, || {
        for record in black_box(answers) {
            ladder.add(record, at);
        }
    });
}
