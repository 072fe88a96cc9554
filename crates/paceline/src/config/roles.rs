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

/// A plain variable that may be meant for a role.
struct Plain {
    name: String,
    value: String,
    /// The role, as names of roles are compared.
    key: String,
    /// Whether it is `MODEL_…`.
    is_model: bool,
}

/// What a plain variable says.
enum Said {
    Model(Link),
    Tier(ModelTier),
    /// A model of a provider that has problems of its own.
    Broken,
}

/// Lays `MODEL_<ROLE>` and `TIER_<ROLE>` over what the file says; names of ours stay.
///
/// Other software has variables of these names too. One is surely meant for a role when the role is configured otherwise,
/// or when its value is a tier's name or nearly so; then a bad value is an error. Else it is a warning.
fn plain(drafts: &mut Vec<Draft>, known: &Known<'_>, desk: &mut Desk<'_>) {
    let found: Vec<Plain> = PLAIN.into_iter().flat_map(|prefix| variables(prefix, desk)).collect();
    let has_tier =
        |key: &str| found.iter().any(|one| !one.is_model && one.key == key && tier(&one.value).is_ok());
    for one in &found {
        let at = drafts.iter().position(|draft| role_key(&draft.name) == one.key);
        let setting = at.and_then(|at| drafts.get(at)).map(|draft| {
            let setting = if one.is_model { "model" } else { "tier" };
            format!("{}.{setting}", draft.path)
        });
        let ours = |setting: &String| matches!(desk.report.origin(setting), Origin::Env(name) if name.starts_with("PACELINE_"));
        if setting.as_ref().is_some_and(ours) {
            continue;
        }
        match said(one, known, desk) {
            Ok(said) => lay(one, said, at, drafts, desk),
            Err(fault) => {
                refuse(one, at.is_some() || has_tier(&one.key), fault, desk);
                if let Some(draft) = at.and_then(|at| drafts.get_mut(at)) {
                    draft.broken = true;
                }
            }
        }
    }
}

fn variables(prefix: &'static str, desk: &Desk<'_>) -> Vec<Plain> {
    let read = |(name, value): (String, String)| {
        let key = role_key(name.strip_prefix(prefix)?);
        let is_model = prefix == PLAIN[0];
        (!key.is_empty()).then(|| Plain { name, value: value.trim().to_owned(), key, is_model })
    };
    desk.env.starting(prefix).into_iter().filter_map(read).collect()
}

fn said(plain: &Plain, known: &Known<'_>, desk: &Desk<'_>) -> Result<Said, Fault> {
    if !plain.is_model {
        return tier(&plain.value).map(Said::Tier);
    }
    Ok(one(&plain.value, known, desk)?.map_or(Said::Broken, Said::Model))
}

/// Lays a variable over the role at that place, or makes a role of it.
fn lay(plain: &Plain, said: Said, at: Option<usize>, drafts: &mut Vec<Draft>, desk: &mut Desk<'_>) {
    let place = at.unwrap_or(drafts.len());
    let origin = Origin::Env(plain.name.clone());
    if at.is_none() {
        let path = join("roles", &plain.key);
        desk.report.origins.insert(path.clone(), origin.clone());
        drafts.push(Draft { name: plain.key.clone(), path, model: None, tier: None, broken: false });
    }
    let Some(draft) = drafts.get_mut(place) else { return };
    let setting = match said {
        Said::Model(link) => {
            draft.model = Some(link);
            "model"
        }
        Said::Tier(tier) => {
            draft.tier = Some(tier);
            "tier"
        }
        Said::Broken => {
            draft.broken = true;
            return;
        }
    };
    desk.report.origins.insert(format!("{}.{setting}", draft.path), origin);
}

fn tier(value: &str) -> Result<ModelTier, Fault> {
    let number = tier_index(value).and_then(|index| u8::try_from(index + 1).ok());
    number.and_then(ModelTier::new).ok_or_else(|| {
        let names: Vec<String> = (0..TIERS).map(|index| format!("`{}`", tier_name(index))).collect();
        let fault = Fault::new(format!("there is no tier `{}`", shown(value)));
        fault.help(&format!("one of {}", names.join(", ")))
    })
}

fn refuse(plain: &Plain, meant: bool, fault: Fault, desk: &mut Desk<'_>) {
    if meant || plain.value.to_ascii_lowercase().starts_with("tier") {
        desk.report.error_env(&plain.name, fault);
        return;
    }
    let message = format!("{}, so no role `{}` is made of it", fault.message, shown(&plain.key));
    desk.report.warn_env(&plain.name, Fault { message, ..fault });
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
