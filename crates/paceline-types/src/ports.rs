//! The sockets in the walls: what the call path asks of the rest of the house.

use crate::capture::Captured;
use crate::price::Price;
use crate::record::CallRecord;
use crate::time::Timestamp;
use std::pin::Pin;
use std::sync::Arc;

/// Takes one finished call.
///
/// Called on the path: it must not block, wait or wake another thread. When it has no room it drops the record,
/// counts the drop and says so later.
pub trait RecordSink: Send + Sync {
    /// Accepts one record, or drops and counts it.
    fn accept(&self, record: Box<CallRecord>);

    /// Ready when all that was accepted before is kept; the end of an answer waits for it. `None` where no answer waits,
    /// which is usual. Ready also when the record cannot be kept: calls go on whatever happens to disks.
    fn settled(&self) -> Option<Settled> {
        None
    }

    /// Accepts the bodies of one call, where somebody asked to see them, or drops and counts them.
    fn capture(&self, captured: Box<Captured>) {
        drop(captured);
    }
}

/// See [`RecordSink::settled`].
pub type Settled = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Counts the tokens of a text whose provider reports none.
///
/// Never called on the path: counting may take milliseconds and load tables.
pub trait TokenCounter: Send + Sync {
    /// How many tokens `text` has, for a model of that name.
    fn count(&self, model: &str, text: &str) -> u64;
}

/// Knows when days and months begin and end where budgets are counted.
///
/// Asked on the path: it must not block.
pub trait Calendar: Send + Sync + std::fmt::Debug {
    /// Start and end of the day in which `at` lies.
    fn day(&self, at: Timestamp) -> (Timestamp, Timestamp);

    /// The same for its month.
    fn month(&self, at: Timestamp) -> (Timestamp, Timestamp);
}

/// Knows what tokens cost.
///
/// Asked on the path: it must not block. What it hands out is shared, so that a call keeps the price it began with.
pub trait PriceBook: std::fmt::Debug + Send + Sync {
    /// The price of the model that is called `model` at the provider, which is called `provider` in the configuration.
    /// `None` where no price is known: then the cost is unknown too, and never zero.
    fn price(&self, provider: &str, model: &str) -> Option<Arc<Price>>;
}
