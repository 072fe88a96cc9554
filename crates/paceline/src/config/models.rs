//! Models: names that callers use, and the places that serve them.

use super::excerpt::shown;
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::suggest::did_you_mean;
use super::values::{Model, Origin, Target, TimeoutOverrides, Timeouts};
use super::{rights, typed};
use paceline_dialect::compatible::compatible;
use std::collections::BTreeMap;

/// A name longer than this is a mistake.
const NAME_BYTES_AT_MOST: usize = 256;

/// Models in the order of the file, then those of the environment by name.
pub(super) fn resolve(
    written: BTreeMap<String, typed::Model>,
    providers: &[&str],
    desk: &mut Desk<'_>,
) -> Vec<Model> {
    let mut written: Vec<(String, typed::Model)> = written.into_iter().collect();
    written.sort_by_key(|(name, _)| match desk.report.origin(&join("models", name)) {
        Origin::File { offset, .. } => *offset,
        _ => usize::MAX,
    });
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (name, _) in &written {
        names.insert(name.clone(), name.clone());
    }
    let mut models = Vec::new();
    for (name, entry) in written {
        let path = join("models", &name);
        check_name(&name, &path, desk);
        let (table, targets_path) = match entry {
            typed::Model::Target(target) => {
                (typed::ModelTable { targets: vec![target], ..Default::default() }, path.clone())
            }
            typed::Model::Table(table) => (table, format!("{path}.targets")),
        };
        claim(&name, &table.aliases, &path, &mut names, desk);
        let targets = targets(&table.targets, &targets_path, providers, desk);
        if table.targets.is_empty() && !desk.report.given(&format!("{path}.targets")) {
            let fault = Fault::new("the model has no targets");
            desk.report.error(&path, fault.help("`targets = [\"provider/upstream-name\"]`"));
        }
        let timeouts = TimeoutOverrides::from(table.timeouts);
        if !table.reasoning {
            desk.check_timeouts(&format!("{path}.timeouts"), &timeouts.over(Timeouts::default()));
        }
        let limits = rights::limits(table.limits, &format!("{path}.limits"), desk);
        let (aliases, reasoning) = (table.aliases, table.reasoning);
        models.push(Model { name, targets, aliases, reasoning, timeouts, limits });
    }
    models
}

fn check_name(name: &str, path: &str, desk: &mut Desk<'_>) {
    let plain = !name.is_empty()
        && name.len() <= NAME_BYTES_AT_MOST
        && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    if !plain {
        let message = format!("a name of a model has 1 to {NAME_BYTES_AT_MOST} bytes and no spaces");
        desk.report.error(path, Fault::new(message));
    }
}

/// Notes the aliases of a model and reports those that another model has already.
fn claim(
    model: &str,
    aliases: &[String],
    path: &str,
    names: &mut BTreeMap<String, String>,
    desk: &mut Desk<'_>,
) {
    for (index, alias) in aliases.iter().enumerate() {
        let at = format!("{path}.aliases[{index}]");
        let at = if desk.report.given(&at) { at } else { format!("{path}.aliases") };
        check_name(alias, &at, desk);
        match names.get(alias) {
            Some(owner) if owner == model => {
                let fault = Fault::new(format!("`{}` already is a name of this model", shown(alias)));
                desk.report.error(&at, fault);
            }
            Some(owner) => {
                let line = desk.report.line_of(&join("models", owner));
                let owner = if owner == alias {
                    format!("`{}` already is a model of its own{line}", shown(alias))
                } else {
                    format!("`{}` already is an alias of `{}`{line}", shown(alias), shown(owner))
                };
                desk.report.error(&at, Fault::new(owner).help("give the name to one of the two"));
            }
            None => {
                names.insert(alias.clone(), model.to_owned());
            }
        }
    }
}

fn targets(written: &[String], path: &str, providers: &[&str], desk: &mut Desk<'_>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for (index, text) in written.iter().enumerate() {
        let at = format!("{path}[{index}]");
        let at = if desk.report.given(&at) { at } else { path.to_owned() };
        match target(text, providers, desk) {
            Ok(Some(target)) if targets.contains(&target) => {
                desk.report.error(&at, Fault::new(format!("`{}` is there twice", shown(text))));
            }
            Ok(target) => targets.extend(target),
            Err(fault) => desk.report.error(&at, fault),
        }
    }
    targets
}

fn target(text: &str, providers: &[&str], desk: &Desk<'_>) -> Result<Option<Target>, Fault> {
    let usual = |fault: Fault| fault.help("a target is `provider/upstream-name`, e.g. `openai/gpt-4o`");
    let Some((provider, model)) = text.split_once('/') else {
        let fault = Fault::new(format!("`{}` names no provider", shown(text)));
        return Err(match providers {
            [only] => fault.help(&format!("write `{only}/{}`", shown(text))),
            _ => usual(fault),
        });
    };
    if model.is_empty() || model.len() > NAME_BYTES_AT_MOST || model.chars().any(char::is_control) {
        return Err(usual(Fault::new(format!("`{}` names no model of the provider", shown(text)))));
    }
    if providers.contains(&provider) {
        return Ok(Some(Target { provider: provider.to_owned(), model: model.to_owned() }));
    }
    // It is there, but has problems of its own.
    if desk.report.given(&join("providers", provider)) {
        return Ok(None);
    }
    let fault = Fault::new(format!("there is no provider `{}`", shown(provider)));
    if let Some(near) = did_you_mean(provider, providers.iter().copied()) {
        return Err(fault.help(&near));
    }
    let known = providers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Err(match compatible(provider).and_then(|row| row.key_env.first()) {
        Some(variable) if desk.detect => {
            fault.help(&format!("set {variable}, or add `[providers.{provider}]`"))
        }
        Some(_) => fault.help(&format!("add `[providers.{provider}]`; there are: {known}")),
        None => fault.help(&format!("there are: {known}")),
    })
}
