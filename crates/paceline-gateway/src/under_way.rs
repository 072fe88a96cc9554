//! Which calls are under way: so that whoever asks for one without a record can be told why it has none.

use paceline_types::id::CallId;
use paceline_types::record::Caller;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The calls of one worker, which alone writes here. At most as many as are under way there, shadows included.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashMap<CallId, Arc<Caller>>>);

impl UnderWay {
    fn calls(&self) -> MutexGuard<'_, HashMap<CallId, Arc<Caller>>> {
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
