//! The sockets in the walls: what the call path asks of the rest of the house.

use crate::record::CallRecord;

/// Takes one finished call.
///
/// Called on the path: it must not block, wait or wake another thread. When it has no room it drops the record,
/// counts the drop and says so later.
pub trait RecordSink: Send + Sync {
    /// Accepts one record, or drops and counts it.
    fn accept(&self, record: Box<CallRecord>);
}

/// Counts the tokens of a text whose provider reports none.
///
/// Never called on the path: counting may take milliseconds and load tables.
pub trait TokenCounter: Send + Sync {
    /// How many tokens `text` has, for a model of that name.
    fn count(&self, model: &str, text: &str) -> u64;
}
