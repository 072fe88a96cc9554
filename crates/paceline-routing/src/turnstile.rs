//! Going in where there is room, waiting in line where there is none, and leaving.

use crate::line::{Line, LinePolicy, TooLong};
use paceline_types::rules::Priority;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How somebody in line stands.
#[derive(Debug, Default)]
enum Standing {
    /// Waits; whom to wake.
    #[default]
    Waiting,
    Watched(Waker),
    /// Is inside, after so long.
    Inside(Duration),
    /// Had to give way, or waited too long.
    Dropped,
    /// Has gone away.
    Gone,
}

/// A place in the line.
#[derive(Debug, Default)]
struct Ticket(Mutex<Standing>);

impl Ticket {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells how it ended; `false` when nobody waits any more.
    fn tell(&self, standing: Standing) -> bool {
        let before = {
            let mut own = self.standing();
            if matches!(*own, Standing::Gone) {
                return false;
            }
            std::mem::replace(&mut *own, standing)
        };
        if let Standing::Watched(waker) = before {
            waker.wake();
        }
        true
    }
}

/// The line's side of a ticket: dropped by the line, its owner hears of it.
#[derive(Debug)]
struct Handle(Option<Arc<Ticket>>);

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(ticket) = &self.0 {
            ticket.tell(Standing::Dropped);
        }
    }
}

/// Room for so many at once.
#[derive(Debug, Default)]
pub struct Turnstile {
    line: Mutex<Line<Handle>>,
}

/// Waiting in line: ready with how long it took when inside, `None` when the wait was too long.
///
/// Dropped while it waits, it leaves the line.
#[derive(Debug)]
pub struct InLine {
    ticket: Arc<Ticket>,
    turnstile: Arc<Turnstile>,
    policy: LinePolicy,
    began: Instant,
}

impl Turnstile {
    fn line(&self) -> MutexGuard<'_, Line<Handle>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes in where there is room and nobody waits.
    pub fn enter(&self) -> bool {
        self.line().enter()
    }

    /// Goes in whatever the limit is.
    pub fn force(&self) {
        self.line().force();
    }

    /// Waits in line.
    ///
    /// # Errors
    /// When too many wait, or waiting is useless.
    pub fn wait(
        self: &Arc<Self>,
        priority: Priority,
        now: Instant,
        policy: &LinePolicy,
    ) -> Result<InLine, TooLong> {
        let ticket = Arc::new(Ticket::default());
        let refused = self.line().wait(Handle(Some(Arc::clone(&ticket))), priority, now, policy);
        if let Err((_, too_long)) = refused {
            return Err(too_long);
        }
        self.call_next(now, policy);
        Ok(InLine { ticket, turnstile: Arc::clone(self), policy: *policy, began: now })
    }

    /// Leaves, and lets the next one in.
    pub fn leave(&self, now: Instant, policy: &LinePolicy) {
        self.line().leave(now);
        self.call_next(now, policy);
    }

    /// How many may be inside from now on.
    pub fn set_limit(&self, limit: Option<u32>, now: Instant, policy: &LinePolicy) {
        {
            let mut line = self.line();
            if line.limit() == limit {
                return;
            }
            line.set_limit(limit);
        }
        self.call_next(now, policy);
    }

    /// The limit, who is inside, who waits.
    pub fn counts(&self) -> (Option<u32>, u32, usize) {
        let line = self.line();
        (line.limit(), line.inside(), line.waiting())
    }

    /// When the line is likely to be shorter.
    pub fn retry_after(&self, policy: &LinePolicy) -> Duration {
        self.line().retry_after(policy)
    }

    fn call_next(&self, now: Instant, policy: &LinePolicy) {
        loop {
            let next = self.line().next(now, policy);
            let Some((mut handle, waited)) = next else { return };
            let went_in = handle.0.take().is_some_and(|ticket| ticket.tell(Standing::Inside(waited)));
            if !went_in {
                self.line().leave(now);
            }
        }
    }
}

impl Future for InLine {
    type Output = Option<Duration>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut standing = self.ticket.standing();
        match &*standing {
            Standing::Inside(waited) => {
                let waited = *waited;
                *standing = Standing::Gone;
                Poll::Ready(Some(waited))
            }
            Standing::Dropped | Standing::Gone => {
                *standing = Standing::Gone;
                Poll::Ready(None)
            }
            Standing::Waiting | Standing::Watched(_) => {
                *standing = Standing::Watched(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.ticket.standing(), Standing::Gone);
        match before {
            // Let in and gone before it knew.
            Standing::Inside(waited) => self.turnstile.leave(self.began + waited, &self.policy),
            Standing::Waiting | Standing::Watched(_) => {
                let is_own = |ticket: &Arc<Ticket>| Arc::ptr_eq(ticket, &self.ticket);
                self.turnstile.line().remove(|handle| handle.0.as_ref().is_some_and(is_own));
            }
            Standing::Dropped | Standing::Gone => {}
        }
    }
}

#[cfg(test)]
#[path = "turnstile_test.rs"]
mod tests;
