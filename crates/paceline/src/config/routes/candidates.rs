//! Which models a route chooses from, and what the catalogue says of them.

use crate::config::excerpt::shown;
use crate::config::links::{Known, Meaning};
use crate::config::problem::Fault;
use crate::config::resolve::Desk;
use crate::config::values::{Auth, Link, Model, Provider, RouteModel, TIERS, Target, Tier};
use crate::prices::service_of;
use paceline_catalog::{Capability, Catalog, Entry, Modality, ModelTier};
use paceline_routing::estimate::Prior;
use paceline_routing::need::Abilities;
use paceline_routing::route::MAX_CANDIDATES;
use std::collections::{BTreeMap, BTreeSet};

/// Parts of names that say of a model which no catalogue has that it does not answer in words.
const NO_WORDS: [&str; 7] = ["embed", "rerank", "whisper", "tts", "speech", "moderation", "dall-e"];

/// What routes are made of.
pub(in crate::config) struct Ground<'a> {
    pub models: &'a [Model],
    pub tiers: &'a [Tier; TIERS],
    pub providers: &'a [&'a Provider],
    pub catalog: &'a Catalog,
}

impl Ground<'_> {
    /// All models that can be meant without being named: those of `[models]`, without any those of the tiers; and how
    /// many were too many.
    pub(super) fn everything(&self) -> (Vec<RouteModel>, usize) {
        let links = self.models.iter().map(|model| Link::Model(model.name.clone()));
        let mut all = self.suitable(links);
        if all.is_empty() {
            all = self.suitable(self.tiers.iter().flat_map(|tier| &tier.links).cloned());
        }
        let more = all.len().saturating_sub(MAX_CANDIDATES);
        all.truncate(MAX_CANDIDATES);
        (all, more)
    }

    fn suitable(&self, links: impl Iterator<Item = Link>) -> Vec<RouteModel> {
        let mut served = BTreeSet::new();
        let mut all = Vec::new();
        for link in links {
            if self.targets(&link).iter().any(|(target, _)| self.is_open(target) && self.answers(target)) {
                all.extend(self.candidate(link, &mut served));
            }
        }
        all
    }

    /// The models that a list names, each deployment once.
    pub(super) fn listed(
        &self,
        names: &[String],
        path: &str,
        known: &Known<'_>,
        routes: &BTreeMap<String, String>,
        desk: &mut Desk<'_>,
    ) -> Vec<RouteModel> {
        let list = format!("{path}.models");
        let (mut served, mut seen) = (BTreeSet::new(), Vec::new());
        let mut all: Vec<RouteModel> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let at = desk.item(&list, index);
            match known.meaning(name, desk) {
                Ok(Meaning::One(link)) if seen.contains(&link) => {
                    desk.report.error(&at, Fault::new(format!("`{}` is there twice", shown(name))));
                }
                Ok(Meaning::One(link)) => {
                    seen.push(link.clone());
                    let candidate = self.candidate(link, &mut served);
                    if candidate.is_none() {
                        let message =
                            format!("`{}` adds nothing: models before it have all its targets", shown(name));
                        desk.report.warn(&at, Fault::new(message));
                    }
                    all.extend(candidate);
                }
                Ok(Meaning::Tier(tier)) => {
                    let links = self.tiers.get(tier).map_or(&[][..], |tier| &tier.links);
                    if links.is_empty() && !desk.report.has_errors_about("tiers") {
                        let fault = Fault::new(format!("`{}` has no models", shown(name)));
                        desk.report.error(&at, fault.help("`paceline check` lists the models of tiers"));
                    }
                    all.extend(links.iter().filter_map(|link| self.candidate(link.clone(), &mut served)));
                }
                Ok(Meaning::Broken) => {}
                Err(_) if routes.contains_key(name) => {
                    let fault = Fault::new(format!("`{}` is a route, not a model", shown(name)));
                    desk.report.error(&at, fault.help("write the models of that route"));
                }
                Err(fault) => desk.report.error(&at, fault),
            }
        }
        if all.len() > MAX_CANDIDATES {
            let message = format!("the route has {} models, at most {MAX_CANDIDATES} are taken", all.len());
            desk.report.error(&list, Fault::new(message));
        }
        all
    }

    /// A model with those of its targets that no model before it has.
    fn candidate(&self, link: Link, served: &mut BTreeSet<Target>) -> Option<RouteModel> {
        let targets: Vec<(Target, u32)> =
            self.targets(&link).into_iter().filter(|(target, _)| served.insert(target.clone())).collect();
        if targets.is_empty() {
            return None;
        }
        let model = self.model(&link);
        let entry = targets.iter().find_map(|(target, _)| self.entry(target));
        let mut can = entry.map_or(Abilities::ALL, abilities);
        if model.is_some_and(|model| model.reasoning) {
            can = can.and(Abilities::REASONING);
        }
        let stated = model.and_then(|model| model.tier).or_else(|| entry?.tier).map(ModelTier::number);
        let tier = stated.or_else(|| self.tier_of(&link)).unwrap_or(0);
        Some(RouteModel {
            link,
            targets,
            known: entry.is_some(),
            can,
            context: entry.and_then(|entry| entry.context),
            max_output: entry.and_then(|entry| entry.max_output),
            prior: prior(tier, entry),
            learned: None,
        })
    }

    fn model(&self, link: &Link) -> Option<&Model> {
        self.models.iter().find(|model| matches!(link, Link::Model(name) if *name == model.name))
    }

    fn targets(&self, link: &Link) -> Vec<(Target, u32)> {
        match link {
            Link::Place(target) => vec![(target.clone(), 1)],
            Link::Model(_) => self.model(link).map_or_else(Vec::new, |model| {
                model.targets.iter().cloned().zip(model.weights.iter().copied()).collect()
            }),
        }
    }

    /// The tier in whose list a model is, 1 to 4.
    fn tier_of(&self, link: &Link) -> Option<u8> {
        let at = self.tiers.iter().position(|tier| tier.links.contains(link))?;
        u8::try_from(at + 1).ok()
    }

    fn entry(&self, target: &Target) -> Option<&Entry> {
        let service = service_of(self.provider(target)?)?;
        self.catalog.find(&service, &target.model).map(|found| found.entry)
    }

    fn provider(&self, target: &Target) -> Option<&Provider> {
        self.providers.iter().copied().find(|provider| provider.name == target.provider)
    }

    /// Who wants the caller's own key cannot be sent calls that were meant for another.
    fn is_open(&self, target: &Target) -> bool {
        self.provider(target).is_some_and(|provider| provider.auth != Auth::Passthrough)
    }

    /// Whether it takes text and gives text.
    fn answers(&self, target: &Target) -> bool {
        match self.entry(target) {
            Some(entry) => entry.takes.contains(Modality::Text) && entry.gives.contains(Modality::Text),
            None => {
                let name = target.model.to_ascii_lowercase();
                !NO_WORDS.iter().any(|part| name.contains(part))
            }
        }
    }
}

fn abilities(entry: &Entry) -> Abilities {
    let ability = |capability| match capability {
        Capability::Vision => Abilities::VISION,
        Capability::Audio => Abilities::AUDIO,
        Capability::Code => Abilities::CODE,
        Capability::Tools => Abilities::TOOLS,
        Capability::StructuredOutput => Abilities::SCHEMA,
        Capability::Reasoning => Abilities::REASONING,
    };
    entry.capabilities().iter().map(ability).fold(Abilities::default(), Abilities::and)
}

/// What is usual for the tier, and what is known of the model instead.
fn prior(tier: u8, entry: Option<&Entry>) -> Prior {
    let usual = Prior::of_tier(tier);
    let Some(own) = entry.map(|entry| entry.priors) else { return usual };
    let per_second = own.tokens_per_second.filter(|rate| *rate > 0.0);
    Prior {
        ttft_ms: own.ttft.map_or(usual.ttft_ms, |ttft| ttft.as_secs_f64() * 1000.0),
        tpot_ms: per_second.map_or(usual.tpot_ms, |rate| 1000.0 / rate),
        quality: own.quality.unwrap_or(usual.quality),
    }
}
