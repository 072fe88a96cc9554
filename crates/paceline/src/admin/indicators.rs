//! The core indicators of a window as JSON (M13).

use super::Admin;
use super::shape::rounded;
use paceline_stats::indicator::{Core, HOURS_AT_MOST, Indicator, Rule, judge};
use paceline_stats::tally::Tally;
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HOUR: i64 = 3600;

/// All indicators of what a window came to.
pub(crate) fn indicators(admin: &Admin, all: &Tally, now: Timestamp) -> Vec<Value> {
    let rules = admin.loaded.load().config.indicators;
    // Only learned limits need the past.
    let hours = if rules.contains(&Rule::Auto) { past_hours(admin, now) } else { Vec::new() };
    let one = |(core, rule): (Core, Rule)| {
        let values: Vec<f64> = hours.iter().filter_map(|hour| core.value(hour)).collect();
        row(&judge(core, all, rule, &values), rule)
    };
    Core::ALL.into_iter().zip(rules).map(one).collect()
}

/// The whole hours before the present one, oldest first, as far as they are known.
fn past_hours(admin: &Admin, now: Timestamp) -> Vec<Tally> {
    let present = now.seconds().div_euclid(HOUR) * HOUR;
    let mut hours: BTreeMap<i64, Tally> = BTreeMap::new();
    // Beyond two days the board knows whole days only.
    for (start, tally) in admin.recorder.board.trend(now, 2 * 24 * HOUR, |_| true) {
        let hour = start.div_euclid(HOUR) * HOUR;
        if hour < present {
            hours.entry(hour).or_default().merge(&tally);
        }
    }
    let surplus = hours.len().saturating_sub(HOURS_AT_MOST);
    hours.into_values().skip(surplus).collect()
}

fn row(found: &Indicator, rule: Rule) -> Value {
    let Indicator { core, value, limits, state, words } = found;
    json!({
        "name": core.name(),
        "value": value.map(rounded),
        "unit": core.unit(),
        "mode": if rule == Rule::Auto { "auto" } else { "fixed" },
        "target": limits.map(|limits| rounded(limits.target)),
        "warning": limits.map(|limits| rounded(limits.warning)),
        "critical": limits.map(|limits| rounded(limits.critical)),
        "state": state.as_str(),
        "words": words,
    })
}
