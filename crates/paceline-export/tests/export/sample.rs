//! Plain records to look at single cells with.

use super::records;
use paceline_types::record::{CallRecord, Labels};
use std::sync::Arc;

/// A record whose only label is the role, and without foreign text elsewhere.
pub(crate) fn with_role(role: Option<&str>) -> Arc<CallRecord> {
    let mut record = CallRecord::clone(&records::many(1)[0]);
    record.labels = Some(Box::new(Labels { role: role.map(Box::from), ..Labels::default() }));
    let caller = Arc::make_mut(&mut record.caller);
    (caller.tenant, caller.workspace, caller.key) = ("default".into(), "default".into(), None);
    Arc::new(CallRecord {
        requested_model: None,
        decision: None,
        target: None,
        error_code: None,
        finish_reason: None,
        attempts: Vec::new(),
        quality: None,
        ..record
    })
}
