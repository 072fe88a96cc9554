//! What one data-plane thread owns.

use crate::gateway::Gateway;
use crate::under_way::UnderWay;
use paceline_http::Client;
use paceline_types::id::CallId;
use paceline_types::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// One data-plane thread's own: connections to providers, and the making of ids.
pub(crate) struct Worker {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) client: Arc<Client>,
    /// Connections of callers served by this worker now.
    pub(crate) connections: AtomicU64,
    /// Answers that are read to their end without a caller.
    pub(crate) draining: AtomicU64,
    /// Its calls under way.
    pub(crate) under_way: Arc<UnderWay>,
    counter: AtomicU64,
    random: u32,
    dice: AtomicU64,
}

/// How many answers of one worker are read without their callers at once.
const MAX_DRAINS: u64 = 64;

/// A place among the answers that are read without their caller; free again when dropped.
pub(crate) struct DrainPlace(Arc<Worker>);

impl DrainPlace {
    /// Over once the process ends its calls.
    pub(crate) async fn cut(&self) {
        self.0.gateway.drain.until_cut().await;
    }
}

impl Drop for DrainPlace {
    fn drop(&mut self) {
        self.0.draining.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The wall clock.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

impl Worker {
    pub(crate) fn new(gateway: Arc<Gateway>, random: u32) -> Arc<Self> {
        let [connections, draining, counter] = [(); 3].map(|()| AtomicU64::new(0));
        // Never zero: from zero nothing else would come.
        let dice = AtomicU64::new(u64::from(random) << 1 | 1);
        let under_way = gateway.under_way.of_worker();
        Arc::new(Self {
            gateway,
            client: Client::new(),
            connections,
            draining,
            under_way,
            counter,
            random,
            dice,
        })
    }

    /// A place for one more answer that is read without its caller; `None` when all are taken.
    pub(crate) fn drain_place(self: &Arc<Self>) -> Option<DrainPlace> {
        let place = DrainPlace(Arc::clone(self));
        (self.draining.fetch_add(1, Ordering::Relaxed) < MAX_DRAINS).then_some(place)
    }

    /// A number that is even in 0 to 1: xorshift (Marsaglia, 2003), good enough to spread waits and loads.
    pub(crate) fn chance(&self) -> f64 {
        let mut state = self.dice.load(Ordering::Relaxed);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.dice.store(state, Ordering::Relaxed);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The id of a call that begins now, and the wall clock it was read from.
    pub(crate) fn next_id(&self) -> (CallId, Timestamp) {
        let wall = wall();
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        (CallId::new(wall.millis() as u64, count, self.random), wall)
    }
}
