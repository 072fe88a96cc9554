//! Tiers: the lists of the file, or else what the catalogue has of the configured providers.

use super::links::{Known, Meaning, tier_name};
use super::problem::Fault;
use super::resolve::Desk;
use super::typed;
use super::values::{Auth, Link, Provider, TIERS, Target, Tier};
use crate::prices::service_of;
use paceline_catalog::{Catalog, ModelTier};

/// The most models of a tier that is made of the catalogue.
const MAX_FOUND: usize = 5;
/// What the simulated provider has for each tier, where it is alone.
const SIMULATED: [&str; TIERS] = ["smart", "balanced", "fast", "instant"];

/// All tiers.
pub(super) fn resolve(
    written: &typed::Tiers,
    providers: &[&Provider],
    catalog: &Catalog,
    known: &Known<'_>,
    desk: &mut Desk<'_>,
) -> [Tier; TIERS] {
    let mut tiers: [Tier; TIERS] = Default::default();
    for ((index, tier), written) in tiers.iter_mut().enumerate().zip(written.all()) {
        tier.links = match written {
            Some(names) => listed(names, &format!("tiers.{}", tier_name(index)), known, desk),
            None => found(index, providers, catalog),
        };
    }
    tiers
}

fn listed(names: &[String], path: &str, known: &Known<'_>, desk: &mut Desk<'_>) -> Vec<Link> {
    let mut links = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let at = desk.item(path, index);
        match known.meaning(name, desk) {
            Ok(Meaning::One(link)) if links.contains(&link) => {
                desk.report.error(&at, Fault::new(format!("`{link}` is there twice")));
            }
            Ok(Meaning::One(link)) => links.push(link),
            Ok(Meaning::Tier(_)) => {
                let fault = Fault::new("a tier cannot stand in a tier");
                desk.report.error(&at, fault.help("write its models: `paceline check` lists them"));
            }
            Ok(Meaning::Broken) => {}
            Err(fault) => desk.report.error(&at, fault),
        }
    }
    links
}

/// The models of the catalogue that stand for a tier at the configured providers, one of each provider in turn, so that
/// the second is somewhere else than the first.
fn found(index: usize, providers: &[&Provider], catalog: &Catalog) -> Vec<Link> {
    let place = |provider: &Provider, model: &str| {
        Link::Place(Target { provider: provider.name.clone(), model: model.to_owned() })
    };
    if let [only] = providers
        && only.kind.name == "sim"
    {
        return vec![place(only, SIMULATED[index])];
    }
    let Some(tier) = ModelTier::new(index as u8 + 1) else { return Vec::new() };
    // Who wants the caller's own key cannot be sent calls that were meant for another.
    let open = providers.iter().filter(|provider| provider.auth != Auth::Passthrough);
    let of_one = |provider: &&Provider| -> Vec<Link> {
        let entries = service_of(provider).map(|service| catalog.of_tier(&service, tier)).unwrap_or_default();
        entries.into_iter().map(|entry| place(provider, &entry.id)).collect()
    };
    let lists: Vec<Vec<Link>> = open.map(of_one).collect();
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..longest).flat_map(|at| lists.iter().filter_map(move |list| list.get(at)));
    in_turn.take(MAX_FOUND).cloned().collect()
}
