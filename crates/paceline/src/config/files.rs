//! Settings of snapshots and the operations log.

use super::problem::Fault;
use super::resolve::Desk;
use super::typed;
use super::values::Files;
use crate::files::zone::Zone;
use std::time::Duration;

pub(super) fn resolve(written: &typed::Files, desk: &mut Desk<'_>) -> Files {
    let zone = Zone::parse(&written.time_zone).unwrap_or_else(|error| {
        desk.report.error("files.time_zone", Fault::new(error.to_string()));
        Zone::utc()
    });
    let minutes = Duration::from_mins;
    Files {
        zone,
        snapshots: written.snapshots,
        renew: (written.snapshot_minutes > 0).then(|| minutes(written.snapshot_minutes)),
        keep_hourly_days: written.keep_hourly_days as u32,
        keep_daily_days: written.keep_daily_days as u32,
        operations: written.operations_log,
        idle: minutes(written.operations_idle_minutes),
        max_file_bytes: written.operations_file_mb << 20,
        operations_days: written.operations_days as u32,
        max_total_bytes: written.operations_total_mb << 20,
    }
}
