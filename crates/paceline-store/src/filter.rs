//! Which calls are asked for.

use crate::column::fields::{self, Coded};
use paceline_types::error::ErrorKind;
use paceline_types::money::Cost;
use paceline_types::record::{CacheState, CallRecord, Status};
use paceline_types::time::Timestamp;

/// Conditions that a call must meet, all of them; what is `None` asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Started at or after.
    pub since: Option<Timestamp>,
    /// Started before.
    pub until: Option<Timestamp>,
    /// The model asked for or served, or the deployment.
    pub model: Option<String>,
    /// The provider that served.
    pub provider: Option<String>,
    /// The label of that name.
    pub role: Option<String>,
    /// The label of that name.
    pub task: Option<String>,
    /// The label of that name.
    pub session: Option<String>,
    /// The label of that name.
    pub user: Option<String>,
    /// Who pays.
    pub tenant: Option<String>,
    /// The tenant's project.
    pub workspace: Option<String>,
    /// The key's name.
    pub key: Option<String>,
    /// A free tag and its value.
    pub tag: Option<(String, String)>,
    /// How it ended.
    pub status: Option<Status>,
    /// What went wrong.
    pub error_kind: Option<String>,
    /// What the response cache did.
    pub cache: Option<String>,
    /// Cost at least.
    pub min_cost: Option<Cost>,
    /// Duration at least, in milliseconds.
    pub min_duration_ms: Option<u64>,
    /// Only calls that used tokens and whose cost is not known.
    pub unpriced: bool,
    /// Only calls whose answer's quality is known.
    pub scored: bool,
    /// Only calls that a route decided.
    pub routed: bool,
    /// The route that decided.
    pub route: Option<String>,
}

fn same(wanted: Option<&String>, found: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| found == Some(wanted.as_str()))
}

impl Filter {
    /// Whether a call meets all conditions.
    pub fn takes(&self, record: &CallRecord) -> bool {
        self.time(record) && self.outcome(record) && self.names(record) && self.labels(record)
    }

    /// The number of the asked kind of error in a block; `None` when there is no such kind.
    pub(crate) fn error_code_number(&self) -> Option<u64> {
        let wanted = self.error_kind.as_deref()?;
        let kind = ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == wanted)?;
        Some(fields::optional(Some(kind)))
    }

    /// The number of the asked cache state in a block; `None` when there is no such state.
    pub(crate) fn cache_number(&self) -> Option<u64> {
        let wanted = self.cache.as_deref()?;
        let state = CacheState::ALL.iter().find(|state| state.as_str() == wanted)?;
        Some(fields::code(*state))
    }

    fn time(&self, record: &CallRecord) -> bool {
        self.since.is_none_or(|since| record.started_at >= since)
            && self.until.is_none_or(|until| record.started_at < until)
            && self.min_duration_ms.is_none_or(|least| record.duration.ms() >= least as f64)
    }

    fn outcome(&self, record: &CallRecord) -> bool {
        self.status.is_none_or(|status| record.status == status)
            && same(self.error_kind.as_ref(), record.error_kind.map(ErrorKind::as_str))
            && same(self.cache.as_ref(), Some(record.cache.as_str()))
            && (!self.routed || record.decision.is_some())
            && (!self.scored || record.quality.is_some())
            && (!self.unpriced || record.usage.is_some() && record.cost.is_none())
            && self.min_cost.is_none_or(|least| record.cost.is_some_and(|cost| cost >= least))
            && same(self.route.as_ref(), record.decision.as_ref().map(|decision| &*decision.route))
    }

    fn names(&self, record: &CallRecord) -> bool {
        let target = record.target.as_deref();
        let by_model = |wanted: &String| {
            let asked = record.requested_model.as_deref() == Some(wanted.as_str());
            asked
                || target
                    .is_some_and(|t| [&t.model, &t.upstream_model, &t.name].iter().any(|n| ***n == **wanted))
        };
        self.model.as_ref().is_none_or(by_model)
            && same(self.provider.as_ref(), target.map(|t| &*t.provider))
            && same(self.tenant.as_ref(), Some(&record.caller.tenant))
            && same(self.workspace.as_ref(), Some(&record.caller.workspace))
            && same(self.key.as_ref(), record.caller.key.as_deref())
    }

    fn labels(&self, record: &CallRecord) -> bool {
        let labels = record.labels.as_deref();
        let by_tag = |(key, value): &(String, String)| {
            labels.is_some_and(|l| l.tags.iter().any(|(k, v)| **k == **key && **v == **value))
        };
        same(self.role.as_ref(), labels.and_then(|l| l.role.as_deref()))
            && same(self.task.as_ref(), labels.and_then(|l| l.task.as_deref()))
            && same(self.session.as_ref(), labels.and_then(|l| l.session.as_deref()))
            && same(self.user.as_ref(), labels.and_then(|l| l.user.as_deref()))
            && self.tag.as_ref().is_none_or(by_tag)
    }
}
