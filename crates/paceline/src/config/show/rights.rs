//! Who may use how much, for people and for machines.

use crate::config::{Budgets, Config};
use paceline_types::rules::{Budget, Limits, Priority, Rights};
use serde_json::{Value, json};

/// Limits and budgets beside those of keys, a row for each place that has some.
pub(super) fn limit_rows(config: &Config) -> Vec<Vec<String>> {
    let none = Budget::default();
    let tenants = config.tenants.iter().map(|one| ("tenant", one.name.clone(), &one.limits, &one.budget));
    let workspaces = config.workspaces.iter();
    let workspaces =
        workspaces.map(|one| ("workspace", format!("{}/{}", one.tenant, one.name), &one.limits, &one.budget));
    let models = config.models.iter().map(|one| ("model", one.name.clone(), &one.limits, &none));
    let providers = config.providers.iter().map(|one| ("provider", one.name.clone(), &one.limits, &none));
    let all = tenants.chain(workspaces).chain(models).chain(providers);
    let row = |(kind, name, limits, budget): (&str, String, &Limits, &Budget)| {
        let said: Vec<String> = limits_text(limits).into_iter().chain(budget_text(budget)).collect();
        (!said.is_empty()).then(|| vec![kind.to_owned(), name, said.join("; ")])
    };
    all.filter_map(row).collect()
}

/// What a key may do, where it is not everything.
pub(super) fn rights_text(rights: &Rights) -> Option<String> {
    let mut said = Vec::new();
    if !rights.models.is_empty() {
        said.push(format!("models {}", rights.models.join(", ")));
    }
    if let Some(end) = rights.expires_at {
        said.push(format!("ends {}", end.rfc3339()));
    }
    if rights.priority == Priority::Batch {
        said.push("batch".into());
    }
    said.extend(limits_text(&rights.limits));
    said.extend(budget_text(&rights.budget));
    (!said.is_empty()).then(|| said.join("; "))
}

fn limits_text(limits: &Limits) -> Option<String> {
    let parts = [
        (limits.calls_per_minute, "calls a minute"),
        (limits.tokens_per_minute, "tokens a minute"),
        (limits.concurrent, "calls at once"),
    ];
    let parts = parts.into_iter().filter_map(|(limit, what)| Some(format!("{} {what}", limit?)));
    told(&parts.collect::<Vec<_>>(), limits.shadow)
}

fn budget_text(budget: &Budget) -> Option<String> {
    let parts = [(budget.day, "a day"), (budget.month, "a month")];
    let parts = parts.into_iter().filter_map(|(limit, what)| Some(format!("${} {what}", limit?)));
    told(&parts.collect::<Vec<_>>(), budget.shadow)
}

fn told(parts: &[String], shadow: bool) -> Option<String> {
    let only_counted = if shadow { " (only counted)" } else { "" };
    (!parts.is_empty()).then(|| format!("{}{only_counted}", parts.join(", ")))
}

pub(crate) fn limits_json(limits: &Limits) -> Value {
    json!({
        "calls_per_minute": limits.calls_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "concurrent": limits.concurrent,
        "shadow": limits.shadow,
    })
}

pub(crate) fn budget_json(budget: &Budget) -> Value {
    json!({
        "day_usd": budget.day,
        "month_usd": budget.month,
        "soft": budget.soft,
        "shadow": budget.shadow,
    })
}

/// What a key may do, as members of an object.
pub(crate) fn rights_json(rights: &Rights) -> Value {
    json!({
        "models": rights.models.iter().map(|pattern| &**pattern).collect::<Vec<_>>(),
        "expires_at": rights.expires_at,
        "priority": rights.priority.as_str(),
        "limits": limits_json(&rights.limits),
        "budget": budget_json(&rights.budget),
    })
}

pub(super) fn tenants_json(config: &Config) -> Value {
    let one = |name: &str, limits, budget| json!({ "name": name, "limits": limits_json(limits), "budget": budget_json(budget) });
    config.tenants.iter().map(|tenant| one(&tenant.name, &tenant.limits, &tenant.budget)).collect()
}

pub(super) fn workspaces_json(config: &Config) -> Value {
    let one = |workspace: &crate::config::Workspace| {
        json!({
            "name": format!("{}/{}", workspace.tenant, workspace.name),
            "limits": limits_json(&workspace.limits),
            "budget": budget_json(&workspace.budget),
        })
    };
    config.workspaces.iter().map(one).collect()
}

pub(super) fn budgets_json(budgets: &Budgets) -> Value {
    json!({
        "zone": budgets.zone.name(),
        "unknown_price": if budgets.refuse_unknown_price { "refuse" } else { "allow" },
    })
}
