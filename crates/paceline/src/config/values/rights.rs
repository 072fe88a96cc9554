//! Who may use how much, as it is meant.

use super::KeySource;
use crate::files::zone::Zone;
use paceline_types::rules::{Budget, Limits, Rights};
use paceline_types::secret::Secret;
use std::sync::Arc;

/// The key of one caller.
#[derive(Clone, Debug)]
pub struct CallerKey {
    /// Its name in records.
    pub name: String,
    /// The key.
    pub key: Secret,
    /// Where it comes from.
    pub source: KeySource,
    /// Tenant of its calls.
    pub tenant: String,
    /// Workspace of its calls.
    pub workspace: String,
    /// What it may do.
    pub rights: Arc<Rights>,
}

/// What all keys of a tenant may use together.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// How much at a time.
    pub limits: Limits,
    /// How much money.
    pub budget: Budget,
}

/// What all keys of a workspace may use together.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    /// The tenant it belongs to.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// How much at a time.
    pub limits: Limits,
    /// How much money.
    pub budget: Budget,
}

/// What all budgets have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Budgets {
    /// Whose days and months.
    pub zone: Zone,
    /// A call whose price is not known is refused where a budget would have to count it.
    pub refuse_unknown_price: bool,
}
