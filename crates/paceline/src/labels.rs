//! Names that become keys of statistics: bounded, however many callers invent.

use hashbrown::HashSet;
use paceline_stats::rollup::Names;
use paceline_types::id::Name;
use paceline_types::record::{CallRecord, Status};
use std::sync::{Arc, Mutex, PoisonError};

/// How many values of one kind of label are told apart.
const MAX_VALUES: usize = 64;
/// Models outside the configuration that are told apart.
const MAX_MODELS: usize = 64;

/// What stands for every further name.
pub const OTHER: &str = "other";

/// Makes keys of records; names beyond the bound become [`OTHER`].
#[derive(Debug)]
pub struct Bounded {
    empty: Name,
    other: Name,
    /// Models outside the configuration, roles, tasks.
    seen: Mutex<[HashSet<Name>; 3]>,
    /// The configuration's models: always told apart.
    configured: Mutex<HashSet<Name>>,
}

impl Default for Bounded {
    fn default() -> Self {
        Self { empty: "".into(), other: OTHER.into(), seen: Mutex::default(), configured: Mutex::default() }
    }
}

impl Bounded {
    /// Gives the configuration's models their places, before anybody else can take them.
    pub fn configured<'a>(&self, models: impl Iterator<Item = &'a str>) {
        self.configured.lock().unwrap_or_else(PoisonError::into_inner).extend(models.map(Name::from));
    }

    /// The names under which a record is counted.
    pub fn of(&self, record: &CallRecord) -> Names {
        let empty = || Arc::clone(&self.empty);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let [models, roles, tasks] = &mut *seen;
        let target = record.target.as_deref();
        let labels = record.labels.as_deref();
        Names {
            provider: target.map_or_else(empty, |t| Arc::clone(&t.provider)),
            // A name that no provider answered to may be anybody's invention: it takes no place from real ones.
            model: target.map_or_else(empty, |t| match record.status {
                _ if self.is_configured(&t.model) => Arc::clone(&t.model),
                Status::Error | Status::Refused if !models.contains(&t.model) => Arc::clone(&self.other),
                _ => self.known(models, MAX_MODELS, &t.model),
            }),
            tenant: Arc::clone(&record.caller.tenant),
            role: self.label(roles, labels.and_then(|l| l.role.as_deref())),
            task: self.label(tasks, labels.and_then(|l| l.task.as_deref())),
            region: target.and_then(|t| t.region.clone()).unwrap_or_else(empty),
        }
    }

    fn is_configured(&self, model: &Name) -> bool {
        self.configured.lock().unwrap_or_else(PoisonError::into_inner).contains(model)
    }

    /// Whether nothing in the key was written by a caller: such keys always have their place, because the configuration
    /// bounds them.
    pub fn is_own(&self, key: &Names) -> bool {
        key.role.is_empty() && key.task.is_empty() && self.is_configured(&key.model)
    }

    fn known(&self, seen: &mut HashSet<Name>, most: usize, name: &Name) -> Name {
        if seen.contains(name) || seen.len() < most {
            seen.insert(Arc::clone(name));
            return Arc::clone(name);
        }
        Arc::clone(&self.other)
    }

    fn label(&self, seen: &mut HashSet<Name>, text: Option<&str>) -> Name {
        let Some(text) = text else { return Arc::clone(&self.empty) };
        match seen.get(text) {
            Some(name) => Arc::clone(name),
            None => self.known(seen, MAX_VALUES, &text.into()),
        }
    }
}
