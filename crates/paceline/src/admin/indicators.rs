//! The core indicators of a window as JSON (M13).

use super::Admin;
use super::shape::rounded;
use paceline_stats::indicator::{Core, HOURS_AT_MOST, Indicator, Rule, judge};
use paceline_stats::tally::Tally;
use serde_json::{Value, json};

/// How many hours of the past are needed: only learned limits need any.
pub(crate) fn hours(admin: &Admin) -> usize {
    if admin.loaded.load().config.indicators.contains(&Rule::Auto) { HOURS_AT_MOST } else { 0 }
}

/// All indicators of what a window came to; `hours` are those before it, for learned limits.
pub(crate) fn indicators(admin: &Admin, all: &Tally, hours: &[Tally], window_s: i64) -> Vec<Value> {
    let decisions = admin.outcomes.of_window(crate::recorder::now(), window_s);
    let rules = admin.loaded.load().config.indicators;
    let one = |(core, rule): (Core, Rule)| {
        let values: Vec<f64> = hours.iter().filter_map(|hour| core.value(hour)).collect();
        row(&judge(core, all, decisions, rule, &values), rule)
    };
    Core::ALL.into_iter().zip(rules).map(one).collect()
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
