//! Models: names that callers use, the places that serve them, and what is tried when these fail.

use super::excerpt::shown;
use super::links::{Known, Meaning, NAME_BYTES_AT_MOST};
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::values::{Link, Model, Origin, Provider, Shadow, Target, TimeoutOverrides, Timeouts};
use super::{rights, typed};
use crate::prices::service_of;
use paceline_catalog::{Catalog, ModelTier};
use paceline_routing::plan::Pick;
use std::collections::BTreeMap;

/// A model of which the names of others are not known yet.
pub(super) struct Draft {
    model: Model,
    table: typed::ModelTable,
    path: String,
}

/// Models in the order of the file, then those of the environment by name; their names become known.
pub(super) fn drafts(
    written: BTreeMap<String, typed::Model>,
    known: &mut Known<'_>,
    desk: &mut Desk<'_>,
) -> Vec<Draft> {
    let mut written: Vec<(String, typed::Model)> = written.into_iter().collect();
    written.sort_by_key(|(name, _)| match desk.report.origin(&join("models", name)) {
        Origin::File { offset, .. } => *offset,
        _ => usize::MAX,
    });
    for (name, _) in &written {
        known.models.insert(name.clone(), name.clone());
    }
    written.into_iter().map(|(name, entry)| draft(name, entry, known, desk)).collect()
}

fn draft(name: String, entry: typed::Model, known: &mut Known<'_>, desk: &mut Desk<'_>) -> Draft {
    let path = join("models", &name);
    check_name(&name, &path, "model", desk);
    let (mut table, targets_path) = match entry {
        typed::Model::Target(target) => {
            let targets = vec![typed::TargetEntry::Name(target)];
            (typed::ModelTable { targets, ..Default::default() }, path.clone())
        }
        typed::Model::Table(table) => (*table, format!("{path}.targets")),
    };
    claim(&name, &table.aliases, &path, &mut known.models, desk);
    let (targets, weights) = targets(&table.targets, &targets_path, known, desk);
    if table.targets.is_empty() && !desk.report.given(&format!("{path}.targets")) {
        let fault = Fault::new("the model has no targets");
        desk.report.error(&path, fault.help("`targets = [\"provider/upstream-name\"]`"));
    }
    let timeouts = TimeoutOverrides::from(table.timeouts);
    if !table.reasoning {
        desk.check_timeouts(&format!("{path}.timeouts"), &timeouts.over(Timeouts::default()));
    }
    let weighted = table.targets.iter().any(|entry| entry.parts().1.is_some());
    let model = Model {
        name,
        targets,
        weights,
        pick: pick(table.pick, weighted, &path, desk),
        aliases: std::mem::take(&mut table.aliases),
        reasoning: table.reasoning,
        fallback_enabled: table.fallback_enabled,
        fallback_on_content_filter: table.fallback_on_content_filter,
        timeouts,
        limits: rights::limits(std::mem::take(&mut table.limits), &format!("{path}.limits"), desk),
        ..Model::default()
    };
    Draft { model, table, path }
}

fn pick(written: Option<typed::Pick>, weighted: bool, path: &str, desk: &mut Desk<'_>) -> Pick {
    match written {
        Some(typed::Pick::Weighted) => Pick::Weighted,
        None if weighted => Pick::Weighted,
        None => Pick::First,
        Some(other) => {
            if weighted {
                let fault = Fault::new("the weights of the targets have no effect");
                desk.report.warn(&format!("{path}.pick"), fault.help("`pick = \"weighted\"`, or no weights"));
            }
            if other == typed::Pick::LeastLoaded { Pick::LeastLoaded } else { Pick::First }
        }
    }
}

/// The models with what they say of each other.
pub(super) fn finish(
    drafts: Vec<Draft>,
    providers: &[&Provider],
    catalog: &Catalog,
    known: &Known<'_>,
    desk: &mut Desk<'_>,
) -> Vec<Model> {
    let finished = drafts.into_iter().map(|Draft { mut model, table, path }| {
        model.fallback = fallback(&table.fallback, &format!("{path}.fallback"), known, desk);
        if !model.fallback_enabled && !model.fallback.is_empty() {
            let fault = Fault::new("the list has no effect, as `fallback_enabled` is false");
            desk.report.warn(&format!("{path}.fallback"), fault);
        }
        model.shadow = table.shadow.and_then(|shadow| self::shadow(&shadow, &model, &path, known, desk));
        model.tier = match table.tier {
            Some(tier) => ModelTier::new(tier as u8 + 1),
            None => model.targets.first().and_then(|target| tier(target, providers, catalog)),
        };
        model
    });
    finished.collect()
}

/// What the catalogue says of a target.
fn tier(target: &Target, providers: &[&Provider], catalog: &Catalog) -> Option<ModelTier> {
    let provider = providers.iter().find(|provider| provider.name == target.provider)?;
    catalog.find(&service_of(provider)?, &target.model)?.entry.tier
}

/// The models of a list of fallbacks, tiers as theirs.
pub(super) fn fallback(names: &[String], path: &str, known: &Known<'_>, desk: &mut Desk<'_>) -> Vec<Link> {
    let mut links = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match known.meaning(name, desk) {
            Ok(Meaning::One(link)) => links.push(link),
            Ok(Meaning::Tier(tier)) => {
                links.extend(known.tiers.as_ref().map_or(&[][..], |tiers| &tiers[tier]).iter().cloned());
            }
            Ok(Meaning::Broken) => {}
            Err(fault) => {
                let at = desk.item(path, index);
                desk.report.error(&at, fault);
            }
        }
    }
    links
}

fn shadow(
    written: &typed::Shadow,
    model: &Model,
    path: &str,
    known: &Known<'_>,
    desk: &mut Desk<'_>,
) -> Option<Shadow> {
    let path = format!("{path}.shadow");
    let (Some(name), Some(share)) = (&written.model, written.share) else {
        // What is there and wrong has been told.
        if !desk.report.has_errors_about(&path) {
            let fault = Fault::new("a shadow needs `model` and `share`");
            desk.report.error(&path, fault.help("e.g. `shadow = { model = \"other\", share = 0.05 }`"));
        }
        return None;
    };
    let at = format!("{path}.model");
    match known.meaning(name, desk) {
        Ok(Meaning::One(link)) if is_itself(&link, model) => {
            let fault = Fault::new("the model cannot be the shadow of itself");
            desk.report.error(&at, fault.help("name another model, or take `shadow` out"));
            None
        }
        Ok(Meaning::One(link)) => Some(Shadow { link, share }),
        Ok(Meaning::Tier(_)) => {
            let fault = Fault::new("a shadow is one model, not a tier");
            desk.report.error(&at, fault.help("write a name of `[models]`, or `provider/upstream-name`"));
            None
        }
        Ok(Meaning::Broken) => None,
        Err(fault) => {
            desk.report.error(&at, fault);
            None
        }
    }
}

fn is_itself(link: &Link, model: &Model) -> bool {
    match link {
        Link::Model(name) => *name == model.name,
        Link::Place(target) => model.targets.contains(target),
    }
}

/// Reports what cannot be a name of a model or of a route.
pub(super) fn check_name(name: &str, path: &str, what: &str, desk: &mut Desk<'_>) {
    let plain = !name.is_empty()
        && name.len() <= NAME_BYTES_AT_MOST
        && !name.chars().any(|c| c.is_control() || c.is_whitespace());
    if !plain {
        let message = format!("a name of a {what} has 1 to {NAME_BYTES_AT_MOST} bytes and no spaces");
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
        let at = desk.item(&format!("{path}.aliases"), index);
        check_name(alias, &at, "model", desk);
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

/// Targets and their weights.
fn targets(
    written: &[typed::TargetEntry],
    path: &str,
    known: &Known<'_>,
    desk: &mut Desk<'_>,
) -> (Vec<Target>, Vec<u32>) {
    let (mut targets, mut weights) = (Vec::new(), Vec::new());
    for (index, entry) in written.iter().enumerate() {
        let (text, weight) = entry.parts();
        let at = desk.item(path, index);
        if text.is_empty() {
            let fault = Fault::new("the target has no name");
            desk.report.error(&at, fault.help("`{ target = \"provider/upstream-name\", weight = 3 }`"));
            continue;
        }
        match known.target(text, desk) {
            Ok(Some(target)) if targets.contains(&target) => {
                desk.report.error(&at, Fault::new(format!("`{}` is there twice", shown(text))));
            }
            Ok(Some(target)) => {
                targets.push(target);
                weights.push(weight.unwrap_or(1));
            }
            Ok(None) => {}
            Err(fault) => desk.report.error(&at, fault),
        }
    }
    if !weights.is_empty() && weights.iter().all(|weight| *weight == 0) {
        let fault = Fault::new("all weights are 0, so no target would be chosen");
        desk.report.error(path, fault.help("give at least one target a weight of 1 or more"));
    }
    (targets, weights)
}
