//! What a name in a list of models means: a configured model, a provider's model, or a tier.

use super::excerpt::shown;
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::suggest::did_you_mean;
use super::values::{Link, Provider, TIERS, Target};
use paceline_dialect::provider::{Kind, kind_named};
use std::collections::BTreeMap;

/// A name longer than this is a mistake.
pub(super) const NAME_BYTES_AT_MOST: usize = 256;

/// All names that lists may use.
pub(super) struct Known<'a> {
    /// Providers with the services they are.
    providers: Vec<(&'a str, &'static Kind)>,
    /// Names and aliases of models, with the model's name.
    pub models: BTreeMap<String, String>,
    /// Tiers' models, once they are known.
    pub tiers: Option<[Vec<Link>; TIERS]>,
}

/// What a name means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This model.
    One(Link),
    /// A tier, counted from 0.
    Tier(usize),
    /// A model of a provider that has problems of its own.
    Broken,
}

/// The name of a tier, counted from 0.
pub(super) fn tier_name(index: usize) -> String {
    format!("tier{}", index + 1)
}

/// The tier of that name, counted from 0.
pub(super) fn tier_index(name: &str) -> Option<usize> {
    (0..TIERS).find(|index| name.trim().eq_ignore_ascii_case(&tier_name(*index)))
}

impl<'a> Known<'a> {
    pub(super) fn new(providers: impl Iterator<Item = &'a Provider>) -> Self {
        let providers = providers.map(|one| (one.name.as_str(), one.kind)).collect();
        Self { providers, models: BTreeMap::new(), tiers: None }
    }

    /// Names of all providers.
    pub(super) fn providers(&self) -> Vec<&'a str> {
        self.providers.iter().map(|(name, _)| *name).collect()
    }

    /// What callers would get by that name, and tiers.
    pub(super) fn meaning(&self, text: &str, desk: &Desk<'_>) -> Result<Meaning, Fault> {
        if let Some(model) = self.models.get(text) {
            return Ok(Meaning::One(Link::Model(model.clone())));
        }
        if let Some(tier) = tier_index(text) {
            return Ok(Meaning::Tier(tier));
        }
        if text.contains('/') {
            let found = self.target(text, desk)?;
            return Ok(found.map_or(Meaning::Broken, |target| Meaning::One(Link::Place(target))));
        }
        let owns = |(_, kind): &&(&str, &Kind)| kind.model_prefixes.iter().any(|p| text.starts_with(p));
        if let Some((provider, _)) = self.providers.iter().find(owns) {
            let target = Target { provider: (*provider).to_owned(), model: text.to_owned() };
            return Ok(Meaning::One(Link::Place(target)));
        }
        let fault = Fault::new(format!("there is no model `{}`", shown(text)));
        let near = did_you_mean(text, self.models.keys().map(String::as_str));
        let usual = || "write a name of `[models]`, or `provider/upstream-name`".to_owned();
        Err(fault.help(&near.unwrap_or_else(usual)))
    }

    /// A provider's model; `None` where the provider is there, but has problems of its own.
    pub(super) fn target(&self, text: &str, desk: &Desk<'_>) -> Result<Option<Target>, Fault> {
        let usual = |fault: Fault| fault.help("a target is `provider/upstream-name`, e.g. `openai/gpt-4o`");
        let providers = self.providers();
        let Some((provider, model)) = text.split_once('/').filter(|(provider, _)| !provider.is_empty())
        else {
            let fault = Fault::new(format!("`{}` names no provider", shown(text)));
            return Err(match providers.as_slice() {
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
        if desk.report.given(&join("providers", provider)) {
            return Ok(None);
        }
        Err(self.no_provider(provider, desk))
    }

    fn no_provider(&self, provider: &str, desk: &Desk<'_>) -> Fault {
        let fault = Fault::new(format!("there is no provider `{}`", shown(provider)));
        let names = || self.providers.iter().map(|(name, _)| *name);
        if let Some(near) = did_you_mean(provider, names()) {
            return fault.help(&near);
        }
        let known = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match kind_named(provider).and_then(|row| row.key_env.first()) {
            Some(variable) if desk.detect => {
                fault.help(&format!("set {variable}, or add `[providers.{provider}]`"))
            }
            Some(_) => fault.help(&format!("add `[providers.{provider}]`; there are: {known}")),
            None => fault.help(&format!("there are: {known}")),
        }
    }
}
