//! What the kernel says of processes and cores.

use std::fs;
use std::time::Duration;

use crate::error::{Context, Result, fail};

/// Processor time of a process tree.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// From the scheduler, to the nanosecond, but only of threads that still live.
    run: Duration,
    /// From the accounts, to the tick, with threads that have ended.
    accounted: Duration,
    /// Of the accounted time: outside the kernel.
    user: Duration,
}

impl Cpu {
    /// Time used since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        // Two numbers per process, each cut to a tick: below that the accounts say nothing the scheduler does not.
        let slack = 4 * tick();
        let accounted = self.accounted.saturating_sub(earlier.accounted).saturating_sub(slack);
        self.run.saturating_sub(earlier.run).max(accounted)
    }

    /// The share of the time since `earlier` that was spent outside the kernel; `None` when too little was spent to say.
    pub(crate) fn user_share(self, earlier: Self) -> Option<f64> {
        let all = self.accounted.saturating_sub(earlier.accounted);
        let user = self.user.saturating_sub(earlier.user);
        (all > 20 * tick()).then(|| user.as_secs_f64() / all.as_secs_f64())
    }
}

/// Memory of a process tree; pages that processes share are counted in each.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Resident now, KB.
    pub(crate) resident_kb: u64,
    /// Largest ever resident, KB.
    pub(crate) peak_kb: u64,
}

fn tick() -> Duration {
    Duration::from_secs(1) / rustix::param::clock_ticks_per_second().max(1) as u32
}

/// The fields of `/proc/PID/stat` after the command's name, which may itself hold spaces.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect())
}

/// `root` and all its descendants.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, *stat(pid)?.first()? as u32)))
        .collect();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        tree.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    tree
}

/// Processor time of these processes, all threads together.
pub(crate) fn cpu(pids: &[u32]) -> Result<Cpu> {
    let mut sum = Cpu::default();
    for pid in pids {
        let Some(fields) = stat(*pid) else { return fail(format!("process {pid} has ended")) };
        // utime and stime.
        sum.accounted += tick() * fields[10..12].iter().sum::<u64>() as u32;
        sum.user += tick() * fields[10] as u32;
        for task in fs::read_dir(format!("/proc/{pid}/task")).context(format!("threads of {pid}"))?.flatten()
        {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let run = text.split_whitespace().next().and_then(|number| number.parse().ok());
            sum.run += Duration::from_nanos(run.unwrap_or(0));
        }
    }
    Ok(sum)
}

/// Memory of these processes.
pub(crate) fn memory(pids: &[u32]) -> Memory {
    let mut sum = Memory::default();
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        sum.resident_kb += field_kb(&text, "VmRSS:");
        sum.peak_kb += field_kb(&text, "VmHWM:");
    }
    sum
}

fn field_kb(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Everything core number `core` has done since the machine started, but idling.
pub(crate) fn busy(core: usize) -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let name = format!("cpu{core} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name)).context(format!("core {core}"))?;
    let ticks: Vec<u64> = line.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    // user, nice, system, (idle, iowait), irq, softirq, steal.
    let busy: u64 =
        ticks.iter().enumerate().filter(|(at, _)| matches!(at, 0..3 | 5..8)).map(|(_, n)| n).sum();
    Ok(tick() * u32::try_from(busy).unwrap_or(u32::MAX))
}

/// What the machine is: processor, kernel.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, Linux {}", model.map_or("unknown processor", |(_, name)| name.trim()), kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn processor_time_of_this_process_grows_with_its_work() {
        let pid = [std::process::id()];
        let (start, before) = (Instant::now(), cpu(&pid).unwrap());
        let mut used = Duration::ZERO;
        while used < Duration::from_millis(30) {
            used = cpu(&pid).unwrap().since(before);
            assert!(start.elapsed() < Duration::from_mins(1));
        }
        assert_eq!(cpu(&pid).unwrap().user_share(before), None, "too little to say");
        let share = cpu(&pid).unwrap().user_share(Cpu::default());
        assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)), "{share:?}");
        assert!(memory(&pid).resident_kb > 500 && memory(&pid).peak_kb >= memory(&pid).resident_kb / 2);
        assert!(busy(0).unwrap() > Duration::ZERO);
    }

    #[test]
    fn a_child_belongs_to_the_tree() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(tree(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
