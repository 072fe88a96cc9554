//! Waiting until nobody else uses the two cores.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::pin::Cores;
use crate::procfs;
use crate::results::FOREIGN;

/// How long is looked before it counts as quiet: many ticks of the kernel's clock.
const LOOK: Duration = Duration::from_millis(500);

/// Processor time used on the two cores since the machine started, by all but `known` processes.
pub(crate) fn foreign(cores: Cores, known: &[u32]) -> Result<Foreign> {
    let busy = procfs::busy(cores.gateway)? + procfs::busy(cores.load)?;
    Ok(Foreign { busy, known: procfs::cpu(known)? })
}

/// A reading of [`foreign`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign {
    busy: Duration,
    known: procfs::Cpu,
}

impl Foreign {
    /// What others used since `earlier`, as a share of one core over `elapsed`.
    pub(crate) fn share_since(self, earlier: Self, elapsed: Duration) -> f64 {
        let others = self.busy.saturating_sub(earlier.busy).saturating_sub(self.known.since(earlier.known));
        others.as_secs_f64() / elapsed.as_secs_f64()
    }
}

/// Waits until others leave the cores alone, but not longer than `limit`.
pub(crate) async fn wait(cores: Cores, known: &[u32], limit: Duration) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        let (before, start) = (foreign(cores, known)?, Instant::now());
        tokio::time::sleep(LOOK).await;
        if foreign(cores, known)?.share_since(before, start.elapsed()) <= FOREIGN {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_at_its_limit_however_busy_the_cores_are() {
        let Ok(cores) = Cores::choose() else { return };
        let begin = Instant::now();
        wait(cores, &[], Duration::from_millis(1)).await.unwrap();
        assert!(begin.elapsed() >= LOOK && begin.elapsed() < Duration::from_mins(1));
        let nothing = Instant::now();
        wait(cores, &[], Duration::ZERO).await.unwrap();
        assert!(nothing.elapsed() < LOOK);
    }

    #[test]
    fn the_share_is_of_one_core_and_leaves_out_the_known() {
        let nobody = procfs::Cpu::default();
        let at = |ms| Foreign { busy: Duration::from_millis(ms), known: nobody };
        assert!((at(600).share_since(at(100), Duration::from_secs(1)) - 0.5).abs() < 1e-9);
        assert!(at(100).share_since(at(600), Duration::from_secs(1)).abs() < 1e-9);
    }
}
