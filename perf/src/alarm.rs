//! Timers of microsecond precision; the runtime's own round to milliseconds, which would blur every figure here.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::error::{Context, Result};

/// One kernel timer, waited for through the runtime.
///
/// It is read as a pipe is, and so the runtime takes it for one: its type for any descriptor needs unsafe code.
pub(crate) struct Alarm(Receiver);

impl Alarm {
    /// A timer that is not set.
    pub(crate) fn new() -> Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags).context("a timer")?;
        Ok(Self(Receiver::from_owned_fd_unchecked(fd).context("a timer")?))
    }

    /// Ticks every `period` from now on; read with [`Alarm::ticks`].
    pub(crate) fn every(&self, period: Duration) -> Result<()> {
        self.set(period, period)
    }

    /// Waits for at least one tick and says how many have passed since the last look.
    pub(crate) async fn ticks(&mut self) -> Result<u64> {
        // Twice the room of the count: after a read that leaves room the runtime waits without asking again.
        let mut count = [0_u8; 16];
        let bytes = self.0.read(&mut count).await.context("a timer")?;
        let ticks = count[..bytes].first_chunk().copied().context("a timer without a count")?;
        Ok(u64::from_ne_bytes(ticks))
    }

    /// Waits until `deadline`; returns at once when it has passed.
    pub(crate) async fn until(&mut self, deadline: Instant) -> Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        self.set(left, Duration::ZERO)?;
        self.ticks().await.map(drop)
    }

    fn set(&self, first: Duration, period: Duration) -> Result<()> {
        let timer = Itimerspec { it_interval: timespec(period), it_value: timespec(first) };
        timerfd_settime(self.0.as_fd(), TimerfdTimerFlags::empty(), &timer).context("a timer")?;
        Ok(())
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: duration.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_waits_until_the_deadline_and_counts_missed_ticks() {
        let mut alarm = Alarm::new().unwrap();
        let deadline = Instant::now() + Duration::from_micros(2_300);
        alarm.until(deadline).await.unwrap();
        assert!(Instant::now() >= deadline);
        alarm.until(deadline).await.unwrap();
        alarm.every(Duration::from_micros(500)).unwrap();
        let start = Instant::now();
        let mut ticks = 0;
        while ticks < 5 {
            ticks += alarm.ticks().await.unwrap();
        }
        assert!(start.elapsed() >= Duration::from_micros(2_400));
    }
}
