//! Roles: what their calls get, by the file, `PACELINE_ROLES_…`, `MODEL_<ROLE>` and `TIER_<ROLE>`.

use super::excerpt::shown;
use super::links::{Known, Meaning, NAME_BYTES_AT_MOST, tier_index, tier_name};
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::typed;
use super::values::{Link, Model, Origin, Role, TIERS};
use paceline_catalog::ModelTier;
use paceline_routing::chain::role_key;
use std::collections::BTreeMap;

/// Beginnings of the plain variables.
const PLAIN: [&str; 2] = ["MODEL_", "TIER_"];

/// A role while it is put together.
struct Draft {
    name: String,
    /// The setting, or the variable that brought it.
    path: String,
    model: Option<Link>,
    tier: Option<ModelTier>,
    /// Whether something of it is wrong and has been told.
    broken: bool,
}

/// Roles in the order of the file, then those of the environment by name.
pub(super) fn resolve(
    written: BTreeMap<String, typed::Role>,
    models: &[Model],
    known: &Known<'_>,
    desk: &mut Desk<'_>,
) -> Vec<Role> {
    let mut written: Vec<(String, typed::Role)> = written.into_iter().collect();
    written.sort_by_key(|(name, _)| match desk.report.origin(&join("roles", name)) {
        Origin::File { offset, .. } => *offset,
        _ => usize::MAX,
    });
    let mut drafts: Vec<Draft> = Vec::new();
    for (name, role) in written {
        let draft = of_file(name, &role, known, desk);
        if let Some(twin) = drafts.iter().find(|other| role_key(&other.name) == role_key(&draft.name)) {
            let line = desk.report.line_of(&twin.path);
            let fault = Fault::new(format!("this is the role `{}`{line} once more", shown(&twin.name)));
            let help = "names of roles compare without case, and `-`, `_` and space alike";
            desk.report.error(&draft.path, fault.help(help));
            continue;
        }
        drafts.push(draft);
    }
    plain(&mut drafts, known, desk);
    drafts.into_iter().filter_map(|draft| finish(draft, models, known, desk)).collect()
}

fn of_file(name: String, role: &typed::Role, known: &Known<'_>, desk: &mut Desk<'_>) -> Draft {
    let path = join("roles", &name);
    if role_key(&name).is_empty() || name.len() > NAME_BYTES_AT_MOST || name.chars().any(char::is_control) {
        let message = format!("a name of a role has 1 to {NAME_BYTES_AT_MOST} bytes");
        desk.report.error(&path, Fault::new(message));
    }
    // What was given and is not there has been taken out, and told.
    let gone = |name: &str, there: bool| !there && desk.report.given(&format!("{path}.{name}"));
    let mut broken = gone("model", role.model.is_some()) || gone("tier", role.tier.is_some());
    let mut model = None;
    if let Some(text) = &role.model {
        match one(text, known, desk) {
            Ok(found) => {
                broken |= found.is_none();
                model = found;
            }
            Err(fault) => {
                desk.report.error(&format!("{path}.model"), fault);
                broken = true;
            }
        }
    }
    let tier = role.tier.and_then(|tier| ModelTier::new(tier as u8 + 1));
    Draft { name, path, model, tier, broken }
}

/// A model; `None` where its provider has problems of its own.
fn one(text: &str, known: &Known<'_>, desk: &Desk<'_>) -> Result<Option<Link>, Fault> {
    match known.meaning(text.trim(), desk)? {
        Meaning::One(link) => Ok(Some(link)),
        Meaning::Tier(tier) => {
            let tier = tier_name(tier);
            let fault = Fault::new(format!("`{tier}` is a tier, not a model"));
            Err(fault.help(&format!("`tier = \"{tier}\"`, or TIER_<ROLE>={tier}")))
        }
        Meaning::Broken => Ok(None),
    }
}

/// Lays `MODEL_<ROLE>` and `TIER_<ROLE>` over what the file says; names of ours stay.
///
/// Other software has variables of these names too. One is surely meant for a role when the role is configured otherwise,
/// or when its value is a tier's name or nearly so; then a bad value is an error. Else it is a warning.
fn plain(drafts: &mut Vec<Draft>, known: &Known<'_>, desk: &mut Desk<'_>) {
    let of = |prefix: &'static str| desk.env.starting(prefix);
    let found: Vec<(String, String, bool)> = of(PLAIN[0])
        .into_iter()
        .map(|(name, value)| (name, value, true))
        .chain(of(PLAIN[1]).into_iter().map(|(name, value)| (name, value, false)))
        .collect();
    // A role that has a variable of each kind is meant, if one of them is good.
    let key_of = |name: &str, model: bool| role_key(&name[PLAIN[usize::from(!model)].len()..]);
    let tiers: Vec<String> = found
        .iter()
        .filter(|(_, value, model)| !model && tier_index(value).is_some())
        .map(|(name, ..)| key_of(name, false))
        .collect();
    for (name, value, is_model) in found {
        let key = key_of(&name, is_model);
        let at = drafts.iter().position(|draft| role_key(&draft.name) == key);
        let meant = at.is_some() || tiers.contains(&key);
        if let Some(draft) = at.and_then(|at| drafts.get(at))
            && let setting = format!("{}.{}", draft.path, if is_model { "model" } else { "tier" })
            && matches!(desk.report.origin(&setting), Origin::Env(ours) if ours.starts_with("PACELINE_"))
        {
            continue;
        }
        let value = value.trim();
        let read = if is_model { one(value, known, desk).map(Ok) } else { tier(value).map(Err) };
        let read = match read {
            Ok(Ok(None)) => continue,
            Ok(read) => read,
            Err(fault) => {
                refuse(&name, value, meant, fault, desk);
                if let Some(draft) = at.and_then(|at| drafts.get_mut(at)) {
                    draft.broken = true;
                }
                continue;
            }
        };
        let place = at.unwrap_or(drafts.len());
        if at.is_none() {
            let path = join("roles", &key);
            desk.report.origins.insert(path.clone(), Origin::Env(name.clone()));
            drafts.push(Draft { name: key, path, model: None, tier: None, broken: false });
        }
        let Some(draft) = drafts.get_mut(place) else { continue };
        let (setting, origin) = match read {
            Ok(model) => {
                draft.model = model;
                ("model", Origin::Env(name))
            }
            Err(tier) => {
                draft.tier = tier;
                ("tier", Origin::Env(name))
            }
        };
        desk.report.origins.insert(format!("{}.{setting}", draft.path), origin);
    }
}

fn tier(value: &str) -> Result<Option<ModelTier>, Fault> {
    let index = tier_index(value).and_then(|index| u8::try_from(index).ok());
    match index {
        Some(index) => Ok(ModelTier::new(index + 1)),
        None => {
            let names: Vec<String> = (0..TIERS).map(|index| format!("`{}`", tier_name(index))).collect();
            Err(Fault::new(format!("there is no tier `{}`", shown(value)))
                .help(&format!("one of {}", names.join(", "))))
        }
    }
}

fn refuse(name: &str, value: &str, meant: bool, fault: Fault, desk: &mut Desk<'_>) {
    if meant || value.to_ascii_lowercase().starts_with("tier") {
        desk.report.error_env(name, fault);
        return;
    }
    let role = role_key(name.split_once('_').map_or("", |(_, role)| role));
    desk.report.warn_env(
        name,
        Fault { message: format!("{}, so no role `{}` is made of it", fault.message, shown(&role)), ..fault },
    );
}

fn finish(draft: Draft, models: &[Model], known: &Known<'_>, desk: &mut Desk<'_>) -> Option<Role> {
    let Draft { name, path, model, tier, broken } = draft;
    if broken {
        return None;
    }
    let Some(tier) = tier else {
        if model.is_none() {
            let fault = Fault::new("the role has neither a model nor a tier");
            desk.report
                .error(&path, fault.help("`model = \"provider/upstream-name\"` or `tier = \"tier2\"`"));
            return None;
        }
        return Some(Role { name, model, tier: None });
    };
    let index = usize::from(tier.number()) - 1;
    let empty = known.tiers.as_ref().is_none_or(|tiers| tiers.get(index).is_none_or(Vec::is_empty));
    let at = format!("{path}.tier");
    if empty && !desk.report.has_errors_about("tiers") {
        let message = format!("no configured provider has a model of {} in the catalogue", tier_name(index));
        let fault = Fault::new(message);
        let fault = fault
            .help(&format!("name some: `[tiers]` `{} = [\"provider/upstream-name\"]`", tier_name(index)));
        if model.is_none() {
            desk.report.error(&at, fault);
            return None;
        }
        desk.report.warn(&at, fault);
    }
    let owner =
        |link: &Link| models.iter().find(|model| matches!(link, Link::Model(name) if *name == model.name));
    if let Some(model) = model.as_ref().and_then(owner)
        && !model.fallback_enabled
    {
        let fault =
            Fault::new(format!("the tier has no effect, as `{}` has `fallback_enabled = false`", model.name));
        desk.report.warn(&at, fault);
    }
    Some(Role { name, model, tier: Some(tier) })
}
