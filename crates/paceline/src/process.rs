//! What the system says of this process.

use std::fs;
use std::path::Path;

/// CPU seconds (user and system) and resident bytes; `None` where `/proc` is not.
pub fn usage() -> Option<(f64, u64)> {
    let seconds = cpu_seconds(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = resident.split_whitespace().next()?.parse().ok()?;
    Some((seconds, kilobytes * 1024))
}

/// Lets this thread come after those that carry calls, where there is too little time for all.
pub fn background() {
    // Without the right to it the thread works as before.
    let _ = rustix::process::setpriority_process(None, BACKGROUND);
}

/// Nice values of threads on Linux are their own, not their process' (setpriority(2), "C library/kernel differences").
const BACKGROUND: i32 = 10;

/// CPU seconds of this thread; 0 where `/proc` is not.
pub fn thread_cpu_seconds() -> f64 {
    task_cpu_seconds(Path::new("/proc/thread-self")).unwrap_or(0.0)
}

/// CPU seconds of the threads of that name, as far as they still run.
pub fn cpu_seconds_of(name: &str) -> f64 {
    // The kernel keeps 15 bytes of a thread's name.
    let kept = &name[..name.floor_char_boundary(15)];
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let seconds = tasks.filter_map(|task| {
        let own = fs::read_to_string(task.path().join("comm")).ok()?;
        if own.trim_end() == kept { task_cpu_seconds(&task.path()) } else { None }
    });
    seconds.sum()
}

/// CPU seconds of a thread by its folder: to the nanosecond, or to a hundredth where the kernel keeps no more.
fn task_cpu_seconds(task: &Path) -> Option<f64> {
    if let Ok(text) = fs::read_to_string(task.join("schedstat")) {
        return Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9);
    }
    cpu_seconds(&fs::read_to_string(task.join("stat")).ok()?)
}

/// CPU seconds, user and system, of the `stat` of a process or thread.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name in parentheses may hold anything; fields are counted after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    // USER_HZ is 100 on every Linux that is in use (proc(5)).
    Some((ticks()? + ticks()?) / 100.0)
}
