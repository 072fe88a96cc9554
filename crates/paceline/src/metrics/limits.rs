//! How deployments fare, and what limits and budgets refuse.

use crate::metrics::names;
use crate::metrics::prometheus::Page;
use crate::notices::{CHANGES, Notices};
use paceline_gateway::Gateway;
use std::collections::BTreeMap;

/// Every state a deployment may have, so that each has a series from the start.
const STATES: [&str; 6] = ["ready", "slow_start", "probing", "rate_limited", "failing", "key_refused"];
/// Every kind of scope.
const KINDS: [&str; 5] = ["key", "workspace", "tenant", "model", "provider"];

/// Writes them. Labels are providers of the configuration and fixed words: however many models and keys there are.
pub(super) fn render(page: &mut Page, gateway: &Gateway, notices: &Notices) {
    let mut states: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for place in gateway.places().iter().filter(|place| place.is_told()) {
        *states.entry(place.provider.to_string()).or_default().entry(place.state).or_default() += 1;
    }
    page.head(names::DEPLOYMENTS);
    for (provider, counts) in &states {
        for state in STATES {
            let count = counts.get(state).copied().unwrap_or_default();
            page.sample(names::DEPLOYMENTS.name, "", &[("provider", provider), ("state", state)], count);
        }
    }
    let mut changes = notices.counted();
    for provider in states.keys() {
        changes.entry(provider.clone()).or_default();
    }
    page.head(names::DEPLOYMENT_CHANGES);
    for (provider, counts) in &changes {
        for (event, count) in CHANGES.iter().zip(counts) {
            let labels = [("provider", &**provider), ("event", *event)];
            page.sample(names::DEPLOYMENT_CHANGES.name, "", &labels, count);
        }
    }
    lines(page, gateway);
    let scopes = gateway.scope_views();
    let sum = |kind: &str, count: fn(&paceline_gateway::ScopeView) -> u64| -> u64 {
        scopes.iter().filter(|scope| scope.kind.as_str() == kind).map(count).sum()
    };
    page.head(names::LIMIT_REFUSED);
    for kind in KINDS {
        page.sample(names::LIMIT_REFUSED.name, "", &[("scope", kind)], sum(kind, |scope| scope.refused));
    }
    page.head(names::LIMIT_SHADOWED);
    for kind in KINDS {
        page.sample(names::LIMIT_SHADOWED.name, "", &[("scope", kind)], sum(kind, |scope| scope.shadowed));
    }
    page.single(names::WAITING_FOR_PROVIDER, gateway.waiting());
    page.single(names::EVENTS_DROPPED, gateway.events.dropped());
}

/// How many calls at once was learned, and who waits for it.
fn lines(page: &mut Page, gateway: &Gateway) {
    let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for place in gateway.places().iter().filter(|place| !place.model.is_empty()) {
        let (limit, waiting) = found.entry(place.provider.to_string()).or_default();
        *limit += u64::from(place.limit.unwrap_or_default());
        *waiting += place.waiting as u64;
    }
    page.head(names::LEARNED_LIMIT);
    for (provider, (limit, _)) in &found {
        page.sample(names::LEARNED_LIMIT.name, "", &[("provider", provider)], *limit);
    }
    page.head(names::WAITING_IN_LINE);
    for (provider, (_, waiting)) in &found {
        page.sample(names::WAITING_IN_LINE.name, "", &[("provider", provider)], *waiting);
    }
}
