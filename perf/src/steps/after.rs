//! What is done with a record once its call is over.

use std::hint::black_box;
use std::sync::Arc;

use paceline::config::Level;
use paceline::labels::Bounded;
use paceline::latest::Latest;
use paceline::log::Log;
use paceline::metrics::series::Counts;
use paceline::recorder::{RecordQueue, Recorder};
use paceline_stats::bucket::Level as Width;
use paceline_stats::histogram::{Histogram, SECONDS};
use paceline_stats::rollup::Buckets;
use paceline_stats::sketch::Sketch;
use paceline_stats::tally::{Sample, Tally};
use paceline_store::sqlite::{Settings, SqliteStore};
use paceline_store::store::Store;
use paceline_types::ports::RecordSink;
use paceline_types::record::CallRecord;

use super::Ledger;
use super::fixtures::Names;
use crate::error::{Result, fail};

/// Records at a time, as the recorder finds them in its queue.
const RECORDS: usize = 1_000;

pub(super) fn add(ledger: &mut Ledger) -> Result<()> {
    let names = Names::new();
    let many = |stream| (0..RECORDS as u64).map(|count| names.record(count, stream)).collect::<Vec<_>>();
    let (answers, streams) = (many(false), many(true));
    sums(ledger, &answers, &streams);

    let latest = Latest::default();
    ledger.step("latest: fold", "record", RECORDS, || {
        latest.fold(black_box(&answers).iter().map(AsRef::as_ref));
    });

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
    let folder = std::env::temp_dir().join(format!("paceline-steps-{}", std::process::id()));
    let names = Arc::new(Bounded::default());
    let known = Arc::clone(&names);
    let settings = Settings::new(&folder, Arc::new(move |record| known.of(record)));
    let store = SqliteStore::open(settings, Box::new(|_, _| {}));
    let store: Arc<dyn Store> = Arc::new(store.map_err(|error| error.to_string()).or_else(fail)?);
    let log = Arc::new(Log::new(Level::Error, 0));
    let recorder = Recorder::new(Arc::clone(&queue), Arc::clone(&store), names, log);
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
    let what = ("recorder: drain, fold, give to the store (no line)", "record");
    ledger.prepared(what, RECORDS, prepare, |()| recorder.drain());
    store.stop();
    let state = store.state();
    let _ = std::fs::remove_dir_all(&folder);
    if queue.dropped() > 0 || state.dropped > 0 || state.records < RECORDS as u64 {
        return fail(format!("the recorder was not timed at work: {} records kept", state.records));
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
            tally.add(&Sample::of(record));
        }
    });
    let mut tally = Tally::default();
    ledger.step("tally: add, stream (5 sketches)", "record", RECORDS, || {
        for record in black_box(streams) {
            tally.add(&Sample::of(record));
        }
    });
    let (mut minutes, bounded) = (Buckets::new(Width::Minute), Bounded::default());
    let keyed: Vec<_> = answers.iter().map(|record| (&**record, bounded.of(record))).collect();
    ledger.step("sums: add, answer in one piece", "record", RECORDS, || {
        for (record, key) in black_box(&keyed) {
            minutes.add(record, key);
        }
    });
}
