//! A deadline that may move with every byte and costs almost nothing when it does.

use crate::clock;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::time::{Sleep, sleep_until};

/// Wakes its task once a deadline has passed.
///
/// The timer is registered once and moved only when it fires early or the deadline comes nearer: a deadline that is
/// pushed on by each event of a stream costs a comparison.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready once `deadline` has passed; otherwise the task is woken when it does.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let target = tokio::time::Instant::from_std(deadline);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(target)));
        if sleep.deadline() > target {
            sleep.as_mut().reset(target);
        }
        loop {
            match sleep.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if clock::now() >= deadline => return Poll::Ready(()),
                Poll::Ready(()) => sleep.as_mut().reset(target),
            }
        }
    }
}
