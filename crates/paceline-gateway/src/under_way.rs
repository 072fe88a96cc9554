//! Which calls are under way: so that whoever asks for one without a record can be told why it has none.

use paceline_types::id::CallId;
use paceline_types::record::Caller;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ids are our own and count upwards: nobody can choose them so that they collide, and every call pays for this twice.
#[derive(Debug, Default)]
struct ByCounter(u64);

impl Hasher for ByCounter {
    fn finish(&self) -> u64 {
        // Fibonacci hashing (Knuth, TAOCP 6.4): the upper bits tell entries apart, the lower ones places.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = (id >> 32) as u64;
    }
}

type Calls = HashMap<CallId, Arc<Caller>, BuildHasherDefault<ByCounter>>;

/// The calls of one worker, which alone writes here. At most as many as are under way there, shadows included.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<Calls>);

impl UnderWay {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, id: CallId, caller: &Arc<Caller>) {
        self.calls().insert(id, Arc::clone(caller));
    }

    pub(crate) fn end(&self, id: CallId) {
        let ended = self.calls().remove(&id);
        drop(ended);
    }
}

/// Those of all workers.
#[derive(Debug, Default)]
pub(crate) struct AllUnderWay(Mutex<Vec<Arc<UnderWay>>>);

impl AllUnderWay {
    /// The list of a new worker.
    pub(crate) fn of_worker(&self) -> Arc<UnderWay> {
        let own = Arc::<UnderWay>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&own));
        own
    }

    /// Who makes that call, where it is under way.
    pub(crate) fn caller(&self, id: CallId) -> Option<Arc<Caller>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find_map(|worker| worker.calls().get(&id).map(Arc::clone))
    }
}

#[cfg(test)]
mod tests {
    use super::AllUnderWay;
    use paceline_types::id::CallId;
    use paceline_types::record::Caller;
    use std::sync::Arc;

    #[test]
    fn only_what_has_begun_and_not_ended_is_under_way() {
        let all = AllUnderWay::default();
        let (one, other) = (all.of_worker(), all.of_worker());
        let caller = Arc::new(Caller { tenant: "t".into(), workspace: "w".into(), key: None });
        let (first, second) = (CallId::new(7, 0, 1), CallId::new(7, 0, 2));
        one.begin(first, &caller);
        other.begin(second, &caller);
        assert_eq!(all.caller(first), Some(Arc::clone(&caller)));
        assert_eq!(all.caller(second), Some(Arc::clone(&caller)));
        assert_eq!(all.caller(CallId::new(7, 1, 1)), None);
        one.end(first);
        assert_eq!((all.caller(first), all.caller(second)), (None, Some(caller)));
    }
}
