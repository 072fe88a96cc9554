//! Limits, budgets and rights: from what is written to what is meant, and rules that could never act.

use super::excerpt::shown;
use super::problem::Fault;
use super::report::join;
use super::resolve::{Desk, is_label};
use super::suggest::did_you_mean;
use super::typed;
use super::values::{Budgets, CallerKey, Config, Model, Provider, Route, Server, Tenant, Workspace};
use crate::files::zone::Zone;
use crate::recorder::now;
use paceline_types::money::Cost;
use paceline_types::rules::{Budget, Limits, Priority, Rights, matches};
use paceline_types::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A pattern longer than this is a mistake.
const PATTERN_BYTES_AT_MOST: usize = 256;

pub(super) fn budgets(written: &typed::Budgets, files: &Zone, desk: &mut Desk<'_>) -> Budgets {
    let zone = written.zone.as_deref().map(|name| {
        Zone::parse(name).unwrap_or_else(|error| {
            desk.report.error("budgets.zone", Fault::new(error.to_string()));
            Zone::utc()
        })
    });
    Budgets {
        zone: zone.unwrap_or_else(|| files.clone()),
        refuse_unknown_price: written.unknown_price == typed::UnknownPrice::Refuse,
    }
}

/// Limits at a path; where they limit nothing, what else is said there has no effect.
pub(super) fn limits(written: typed::Limits, path: &str, desk: &mut Desk<'_>) -> Limits {
    let limits = Limits {
        calls_per_minute: written.calls_per_minute,
        tokens_per_minute: written.tokens_per_minute,
        concurrent: written.concurrent,
        shadow: written.shadow,
    };
    let shadow = format!("{path}.shadow");
    if limits.is_none() && limits.shadow && desk.report.given(&shadow) && !desk.report.has_errors_about(path)
    {
        let fault = Fault::new("this has no effect, because nothing is limited here");
        desk.report.warn(&shadow, fault.help("add `calls_per_minute`, `tokens_per_minute` or `concurrent`"));
    }
    limits
}

/// A budget at a path.
pub(super) fn budget(written: typed::Budget, path: &str, desk: &mut Desk<'_>) -> Budget {
    let budget = Budget {
        day: written.day_usd.map(dollars),
        month: written.month_usd.map(dollars),
        soft: written.soft,
        shadow: written.shadow,
    };
    let idle = ["soft", "shadow"].map(|name| format!("{path}.{name}"));
    let given = idle.iter().find(|path| desk.report.given(path));
    if let (true, Some(at)) = (budget.is_none() && !desk.report.has_errors_about(path), given) {
        let fault = Fault::new("this has no effect, because there is no budget here");
        desk.report.warn(at, fault.help("add `day_usd` or `month_usd`"));
    }
    if let (Some(day), Some(month)) = (budget.day, budget.month)
        && day > month
    {
        let message =
            format!("`day_usd` ({day}) is more than `month_usd` ({month}) and so never the one that acts");
        desk.report.warn(&format!("{path}.day_usd"), Fault::new(message));
    }
    budget
}

/// An amount as written: the shortest decimal text of a number is what the user wrote.
fn dollars(written: f64) -> Cost {
    Cost::parse_usd(&written.to_string()).unwrap_or(Cost(i64::MAX))
}

/// What one key may do.
pub(super) fn rights(
    entry: &typed::CallerKey,
    path: &str,
    zone: &Zone,
    reach: &Reach<'_>,
    desk: &mut Desk<'_>,
) -> Arc<Rights> {
    for (index, pattern) in entry.models.iter().enumerate() {
        let models = join_plain(path, "models");
        let at = format!("{models}[{index}]");
        let at = if desk.report.given(&at) { at } else { models };
        let twice = entry.models[..index].contains(pattern);
        let fault = if twice {
            Err(Fault::new(format!("`{}` is there twice", shown(pattern))))
        } else {
            reach.check(pattern)
        };
        if let Err(fault) = fault {
            desk.report.error(&at, fault);
        }
    }
    let at = join_plain(path, "expires");
    let expires_at = entry.expires.as_deref().and_then(|text| match moment(text, zone) {
        Some(end) => {
            if end <= now() {
                let fault = Fault::new(format!("the key ended at {}: its calls are refused", end.rfc3339()));
                desk.report.warn(&at, fault.help("take the key out, or give it a later end"));
            }
            Some(end)
        }
        None => {
            let fault = Fault::new(format!("`{}` is no date", shown(text)));
            desk.report.error(&at, fault.help(MOMENTS));
            None
        }
    });
    Arc::new(Rights {
        models: entry.models.iter().map(|pattern| pattern.as_str().into()).collect(),
        expires_at,
        limits: limits(entry.limits, &join_plain(path, "limits"), desk),
        budget: budget(entry.budget, &join_plain(path, "budget"), desk),
        priority: match entry.priority {
            typed::Priority::Interactive => Priority::Interactive,
            typed::Priority::Batch => Priority::Batch,
        },
    })
}

/// A setting below a path that may be empty.
fn join_plain(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// How a moment is written.
const MOMENTS: &str = "e.g. `2027-01-31` or `2027-01-31T18:00:00+01:00`";

/// A moment as written: a date is its first moment in the zone, and so is read what names no zone.
fn moment(text: &str, zone: &Zone) -> Option<Timestamp> {
    let text = text.trim();
    if text.contains(['T', 't', ' ']) { zone.read(text) } else { zone.read(&format!("{text}T00:00:00")) }
}

pub(super) fn tenants(written: BTreeMap<String, typed::Scope>, desk: &mut Desk<'_>) -> Vec<Tenant> {
    let mut tenants = Vec::new();
    for (name, scope) in written {
        let path = join("tenants", &name);
        if !is_label(&name) {
            desk.report.error(&path, Fault::new(NO_LABEL));
        }
        let (limits, budget) = self::scope(scope, &path, desk);
        tenants.push(Tenant { name, limits, budget });
    }
    tenants
}

const NO_LABEL: &str = "this is no name: letters, digits, `.`, `_`, `-`, at most 64";

fn scope(scope: typed::Scope, path: &str, desk: &mut Desk<'_>) -> (Limits, Budget) {
    let limits = limits(scope.limits, &format!("{path}.limits"), desk);
    (limits, budget(scope.budget, &format!("{path}.budget"), desk))
}

pub(super) fn workspaces(written: BTreeMap<String, typed::Scope>, desk: &mut Desk<'_>) -> Vec<Workspace> {
    let mut workspaces = Vec::new();
    for (name, scope) in written {
        let path = join("workspaces", &name);
        let (limits, budget) = self::scope(scope, &path, desk);
        let Some((tenant, workspace)) = name.split_once('/') else {
            let fault = Fault::new(format!("`{}` names no tenant, so no key is of it", shown(&name)));
            let help = format!(
                "write `[workspaces.\"TENANT/{0}\"]`, e.g. `\"default/{0}\"` for keys without a tenant",
                shown(&name)
            );
            desk.report.error(&path, fault.help(&help));
            continue;
        };
        if !is_label(tenant) || !is_label(workspace) {
            let fault =
                Fault::new("this is no `tenant/workspace`: letters, digits, `.`, `_`, `-`, at most 64 each");
            desk.report.error(&path, fault);
        }
        workspaces.push(Workspace { tenant: tenant.into(), name: workspace.into(), limits, budget });
    }
    workspaces
}

/// Whether calls can be made at all, and by nobody who should not.
pub(super) fn check_required(server: &Server, has_keys: bool, desk: &mut Desk<'_>) {
    let at = "server.keys_required";
    let public = !server.listen.ip().to_canonical().is_loopback();
    match server.keys_required {
        Some(true) if !has_keys && server.admin_key.is_none() && !desk.report.has_errors_about("server") => {
            let fault = Fault::new("calls need a key, but there is none");
            desk.report.error(
                at,
                fault.help(
                    "add `[[keys]]`, or set PACELINE_ADMIN_KEY and make keys with `paceline keys create`; without \
                     this setting calls need a key as soon as there is one",
                ),
            );
        }
        Some(false) if public => {
            let message = format!(
                "{} can be reached by other machines, and calls without a key are only taken on a loopback address",
                server.listen
            );
            desk.report.error(at, Fault::new(message).help("leave it out, or listen on 127.0.0.1"));
        }
        _ => {}
    }
}

/// A scope with its place, for comparisons.
struct Bounds<'a> {
    path: String,
    name: String,
    limits: &'a Limits,
    budget: &'a Budget,
}

/// Warns of what can never be the one that acts, because something wider is lower.
pub(super) fn check_wider(
    keys: &[(usize, CallerKey)],
    tenants: &[Tenant],
    workspaces: &[Workspace],
    desk: &mut Desk<'_>,
) {
    let tenant = |name: &str| {
        let found = tenants.iter().find(|tenant| tenant.name == name)?;
        let Tenant { name, limits, budget } = found;
        Some(Bounds { path: join("tenants", name), name: format!("tenant `{name}`"), limits, budget })
    };
    let workspace = |tenant: &str, name: &str| {
        let found = workspaces.iter().find(|one| one.tenant == tenant && one.name == name)?;
        let whole = format!("{tenant}/{name}");
        let (path, name) = (join("workspaces", &whole), format!("workspace `{whole}`"));
        Some(Bounds { path, name, limits: &found.limits, budget: &found.budget })
    };
    for (index, key) in keys {
        let (path, name) = (format!("keys[{index}]"), String::new());
        let own = Bounds { path, name, limits: &key.rights.limits, budget: &key.rights.budget };
        for wider in [workspace(&key.tenant, &key.workspace), tenant(&key.tenant)].into_iter().flatten() {
            compare(&own, &wider, desk);
        }
    }
    for one in workspaces {
        if let (Some(own), Some(wider)) = (workspace(&one.tenant, &one.name), tenant(&one.tenant)) {
            compare(&own, &wider, desk);
        }
    }
}

/// Warns of a tenant or workspace that no key is of and that is nearly called like one of keys: what it limits would count
/// for nobody. Others may wait for keys that are made later.
pub(super) fn check_strangers(
    keys: &[(usize, CallerKey)],
    tenants: &[Tenant],
    workspaces: &[Workspace],
    desk: &mut Desk<'_>,
) {
    let whole = |tenant: &str, name: &str| format!("{tenant}/{name}");
    let of_tenants: BTreeSet<String> = keys.iter().map(|(_, key)| key.tenant.clone()).collect();
    let of_workspaces: BTreeSet<String> =
        keys.iter().map(|(_, key)| whole(&key.tenant, &key.workspace)).collect();
    let tenants = tenants.iter().map(|one| ("tenant", "tenants", one.name.clone(), &of_tenants));
    let workspaces = workspaces
        .iter()
        .map(|one| ("workspace", "workspaces", whole(&one.tenant, &one.name), &of_workspaces));
    for (what, table, name, known) in tenants.chain(workspaces) {
        if known.contains(&name) || name == "default" || name == "default/default" {
            continue;
        }
        if let Some(help) = did_you_mean(&name, known.iter().map(String::as_str)) {
            let message =
                format!("no key is of the {what} `{name}`, so this counts for no call before one is made");
            desk.report.warn(&join(table, &name), Fault::new(message).help(&help));
        }
    }
}

fn compare(own: &Bounds<'_>, wider: &Bounds<'_>, desk: &mut Desk<'_>) {
    let limits = |of: &Limits| [of.calls_per_minute, of.tokens_per_minute, of.concurrent];
    let budget = |of: &Budget| [of.day, of.month].map(|cost| cost.map(|cost| cost.0.unsigned_abs()));
    let names = ["limits.calls_per_minute", "limits.tokens_per_minute", "limits.concurrent"];
    let mut pairs = Vec::new();
    if !wider.limits.shadow {
        pairs.extend(names.into_iter().zip(limits(own.limits).into_iter().zip(limits(wider.limits))));
    }
    if !wider.budget.shadow {
        let names = ["budget.day_usd", "budget.month_usd"];
        pairs.extend(names.into_iter().zip(budget(own.budget).into_iter().zip(budget(wider.budget))));
    }
    for (name, pair) in pairs {
        let (Some(inner), Some(outer)) = pair else { continue };
        if inner > outer {
            let line = desk.report.line_of(&format!("{}.{name}", wider.path));
            let short = name.split_once('.').map_or(name, |(_, short)| short);
            let message = format!(
                "this is more than `{short}` of the {}{line} and so never the one that acts",
                wider.name
            );
            desk.report.warn(&format!("{}.{name}", own.path), Fault::new(message));
        }
    }
}

/// The names that callers can write.
pub(super) struct Reach<'a> {
    names: Vec<&'a str>,
    /// Providers and how names of their own models begin.
    providers: Vec<(&'a str, &'static [&'static str])>,
    /// Any name leads somewhere.
    anything: bool,
}

impl<'a> Reach<'a> {
    /// Of a configuration before it is put together.
    pub(super) fn new(
        models: &'a [Model],
        routes: &'a [Route],
        providers: impl Iterator<Item = &'a Provider>,
    ) -> Self {
        let of_models = models.iter().flat_map(|model| std::iter::once(&model.name).chain(&model.aliases));
        let of_routes = routes.iter().flat_map(|route| std::iter::once(&route.name).chain(&route.aliases));
        let providers = providers.map(|one| (one.name.as_str(), one.kind.model_prefixes));
        let names = of_models.chain(of_routes).map(String::as_str).collect();
        let providers: Vec<_> = providers.collect();
        let anything = models.is_empty() && providers.len() == 1;
        Self { names, providers, anything }
    }

    /// Of a configuration.
    pub(super) fn of(config: &'a Config) -> Self {
        Self::new(
            &config.models,
            &config.routes,
            config.providers.iter().chain(config.simulated_template.as_deref()),
        )
    }

    fn check(&self, pattern: &str) -> Result<(), Fault> {
        let start = pattern.strip_suffix('*').unwrap_or(pattern);
        if pattern.is_empty()
            || pattern.len() > PATTERN_BYTES_AT_MOST
            || start.chars().any(|c| c == '*' || c.is_control() || c.is_whitespace())
        {
            let fault =
                Fault::new(format!("`{}` is no name of a model and no beginning of one", shown(pattern)));
            return Err(fault.help("write a name, or a beginning and one `*` at its end, e.g. `openai/*`"));
        }
        if self.anything || self.names.iter().any(|name| matches(pattern, name)) {
            return Ok(());
        }
        let open = start.len() < pattern.len();
        // A name that goes on behind a known beginning, or a beginning of such names.
        let leads = |known: &str| {
            start.len() > known.len() && start.starts_with(known)
                || open && (known.starts_with(start) || start == known)
        };
        let reached = self.providers.iter().any(|(name, prefixes)| {
            leads(&format!("{name}/")) || prefixes.iter().any(|prefix| leads(prefix) || *prefix == start)
        });
        if reached {
            return Ok(());
        }
        let fault =
            Fault::new(format!("no model here can be called `{}`, so this never matches", shown(pattern)));
        let known: Vec<String> = self.providers.iter().map(|(name, _)| format!("{name}/*")).collect();
        let all = self.names.iter().copied().chain(known.iter().map(String::as_str));
        let near = did_you_mean(pattern, all.clone());
        let listed: Vec<String> = all.take(8).map(|name| format!("`{name}`")).collect();
        Err(fault.help(&near.unwrap_or_else(|| format!("there are {}", listed.join(", ")))))
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, moment};
    use crate::files::zone::Zone;
    use paceline_types::time::Timestamp;

    #[test]
    fn patterns_that_can_match_nothing_are_told() {
        let reach = Reach {
            names: vec!["smart", "fast-1"],
            providers: vec![("openai", &["gpt-", "o1"]), ("groq", &[])],
            anything: false,
        };
        for good in [
            "smart",
            "sm*",
            "*",
            "openai/*",
            "openai/gpt-5",
            "open*",
            "groq/x*",
            "gpt-*",
            "g*",
            "gpt-4o",
            "o1",
        ] {
            assert!(reach.check(good).is_ok(), "{good}");
        }
        for bad in ["", "smarter", "opnai/*", "openai", "openai/", "x*", "a*b", "a b", "**", "llama"] {
            assert!(reach.check(bad).is_err(), "{bad}");
        }
        let fault = reach.check("opnai/*").unwrap_err();
        assert_eq!(fault.help.as_deref(), Some("did you mean `openai/*`?"));
        let any = Reach { names: vec![], providers: vec![("local", &[])], anything: true };
        assert!(any.check("llama3").is_ok());
    }

    #[test]
    fn a_date_begins_in_the_zone() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let read = |text: &str| moment(text, &berlin).map(Timestamp::rfc3339);
        assert_eq!(read("2027-01-31").as_deref(), Some("2027-01-30T23:00:00.000Z"));
        assert_eq!(read("2027-07-31T10:00:00").as_deref(), Some("2027-07-31T08:00:00.000Z"));
        assert_eq!(read("2027-07-31T10:00:00Z").as_deref(), Some("2027-07-31T10:00:00.000Z"));
        for bad in ["", "soon", "2027-02-30", "2027", "30d"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
