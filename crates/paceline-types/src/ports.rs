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
