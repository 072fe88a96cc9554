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

/// Lets this thread come after those that carry calls, where there is too little time for all.
pub fn background() {
    // Without the right to it the thread works as before.
    let _ = rustix::process::setpriority_process(None, BACKGROUND);
}

/// Nice values of threads on Linux are their own, not their process' (setpriority(2), "C library/kernel differences").
const BACKGROUND: i32 = 10;

/// CPU seconds of this thread.
pub fn thread_cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds of the threads of that name, as far as they still run; to a hundredth.
pub fn cpu_seconds_of(name: &str) -> f64 {
    // The kernel keeps 15 bytes of a thread's name.
    let kept = &name[..name.floor_char_boundary(15)];
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ticks = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let (begin, fields) = stat.rsplit_once(')')?;
        let (_, own) = begin.split_once('(')?;
        let mut fields = fields.split_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
        (own == kept).then_some(fields.next()? + fields.next()?)
    });
    ticks.sum::<f64>() / 100.0
}
