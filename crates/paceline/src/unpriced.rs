//! Deployments whose calls have no cost, because no price is known: told once each, and counted.

use crate::log::Log;
use paceline_types::id::Name;
use paceline_types::record::CallRecord;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Deployments that are told apart.
const MAX: usize = 1000;

/// See the module.
#[derive(Debug, Default)]
pub struct Unpriced(Mutex<HashSet<Name>>);

impl Unpriced {
    /// Looks at records.
    pub fn look<'a>(&self, records: impl Iterator<Item = &'a CallRecord>, log: &Log) {
        let unknown = records.filter(|record| record.usage.is_some() && record.cost.is_none());
        for target in unknown.filter_map(|record| record.target.as_ref()) {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() < MAX && !known.contains(&target.name) {
                known.insert(Arc::clone(&target.name));
                log.warn(&format!(
                    "no price is known for {0}: its calls have no cost; state it as [prices.\"{0}\"] and then run `paceline catalog recost`",
                    target.name
                ));
            }
        }
    }

    /// How many deployments.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Prices may have changed: what is still unknown is told again.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
