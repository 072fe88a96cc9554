//! Which core the gateway gets and which the rest: never the same.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::error::{Context, Result, fail};

/// The two cores of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// For the gateway, alone.
    pub(crate) gateway: usize,
    /// For the load generator and the upstream.
    pub(crate) load: usize,
}

impl Cores {
    /// Takes the first two cores this process may use.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("cores of this process")?;
        let mut free = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        match (free.next(), free.next()) {
            (Some(gateway), Some(load)) => Ok(Self { gateway, load }),
            _ => fail(
                "two cores are needed: the gateway gets one alone, load generator and upstream the other. \
                 On a shared core the figures would show how they disturb each other, not what the gateway costs",
            ),
        }
    }
}

/// Pins the calling thread, and with it every process it starts from now on.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).context(format!("pin to core {core}"))
}
