//! What the system says of this process.

use std::fs;

/// CPU seconds (user and system) and resident bytes; `None` where `/proc` is not.
pub fn usage() -> Option<(f64, u64)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold anything; fields are counted after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = resident.split_whitespace().next()?.parse().ok()?;
    // USER_HZ is 100 on every Linux that is in use (proc(5)).
    Some((ticks / 100.0, kilobytes * 1024))
}
