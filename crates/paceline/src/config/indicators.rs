//! The limits of the core indicators: defaults filled in, their order checked.

use super::problem::Fault;
use super::resolve::Desk;
use super::typed;
use paceline_stats::indicator::{Core, Limits, Rule};

pub(super) fn resolve(written: &typed::Indicators, desk: &mut Desk<'_>) -> [Rule; Core::ALL.len()] {
    let mut rules = Core::ALL.map(|core| Rule::Fixed(core.limits()));
    for ((core, one), rule) in Core::ALL.into_iter().zip(written.all()).zip(&mut rules) {
        *rule = self::rule(core, *one, desk);
    }
    rules
}

fn rule(core: Core, written: typed::Indicator, desk: &mut Desk<'_>) -> Rule {
    let paths = ["target", "warning", "critical"].map(|name| format!("indicators.{}.{name}", core.name()));
    let given = paths.iter().find(|path| desk.report.given(path));
    if written.mode == typed::IndicatorMode::Auto {
        if let Some(path) = given {
            let fault = Fault::new("this has no effect, because the limits of the indicator are learned");
            desk.report.warn(path, fault.help("leave it out, or leave out `mode = \"auto\"`"));
        }
        return Rule::Auto;
    }
    let usual = core.limits();
    let limits = Limits {
        target: written.target.unwrap_or(usual.target),
        warning: written.warning.unwrap_or(usual.warning),
        critical: written.critical.unwrap_or(usual.critical),
    };
    if let (false, Some(path)) = (core.in_order(limits), given) {
        desk.report.error(path, order(core, limits));
    }
    Rule::Fixed(limits)
}

/// What is wrong with the order, and the same numbers in the right one.
fn order(core: Core, limits: Limits) -> Fault {
    let Limits { target, warning, critical } = limits;
    let way = if core.more_is_better() { "below" } else { "above" };
    let fault = Fault::new(format!(
        "the limits are in no order: target {target}, warning {warning}, critical {critical}"
    ));
    let mut sorted = [target, warning, critical];
    sorted.sort_by(|a, b| if core.more_is_better() { b.total_cmp(a) } else { a.total_cmp(b) });
    let [target, warning, critical] = sorted;
    if core.in_order(Limits { target, warning, critical }) {
        let right = format!("target = {target}, warning = {warning}, critical = {critical}");
        return fault.help(&format!("worse is {way}: write `{right}`"));
    }
    fault.help(&format!("each must be {way} the one before it, because worse is {way}"))
}
