//! Which models of a service stand for a tier when nobody says.

use crate::catalog::Catalog;
use crate::entry::{Entry, ModelTier, Status};
use crate::words::Modality;

/// The most models that stand for a tier at one service.
const MAX: usize = 2;
/// Months after which a model is too old to stand for its tier, counted to the newest of its service.
const OLD: i32 = 12;
/// Families that do not answer chat completions.
const ELSEWHERE: [&str; 2] = ["gpt-pro", "gpt-codex"];
/// How names begin at OpenRouter that mean another model from time to time.
const MOVING: char = '~';
/// What tiers 1 to 4 are named after.
const CLASSES: [&str; 4] = ["opus", "sonnet", "haiku", "instant"];

impl Catalog {
    /// The models that stand for a tier at a service, the best known first; at most two.
    ///
    /// They are offered (neither on trial nor deprecated), take and give text, and are not more than
    /// a year older than the service's newest. Where the service's file explains families, only those count: the model it
    /// names for a family, or, where that one is of another tier, the newest of the family; else the newest of every family. The class the
    /// tier is named after (opus, sonnet, haiku) comes first, then the newest.
    pub fn of_tier(&self, service: &str, tier: ModelTier) -> Vec<&Entry> {
        let newest = self.served(service).filter_map(|entry| month(entry.released.as_deref()?)).max();
        let fits = |entry: &&Entry| {
            let age = || Some(newest? - month(entry.released.as_deref()?)?);
            entry.tier == Some(tier)
                && entry.status == Status::Current
                && entry.takes.contains(Modality::Text)
                && entry.gives.contains(Modality::Text)
                && !entry.id.starts_with(MOVING)
                && age().is_none_or(|months| months <= OLD)
                && entry.family.as_deref().is_none_or(|family| !ELSEWHERE.contains(&family))
        };
        let explained = |entry: &Entry| {
            let mut families = self.families(service);
            let own = self.families(service).find(|(name, _)| entry.family.as_deref() == Some(name));
            // A model whose own family is not explained still counts where another name stands for it.
            own.map(|(_, id)| id == entry.id)
                .or_else(|| families.any(|(_, id)| id == entry.id).then_some(true))
        };
        let all = self.families(service).next().is_none();
        let mut best: Vec<&Entry> = Vec::new();
        for entry in self.served(service).filter(fits) {
            if explained(entry).is_none() && !all {
                continue;
            }
            // The shorter id: longer ones name a region or a day.
            let rank = |entry: &Entry| {
                let shorter = std::cmp::Reverse((entry.id.len(), entry.id.clone()));
                (explained(entry) == Some(true), entry.released.clone(), shorter)
            };
            match best.iter_mut().find(|other| other.family == entry.family) {
                Some(other) if rank(other) < rank(entry) => *other = entry,
                Some(_) => {}
                None => best.push(entry),
            }
        }
        let class = CLASSES.get(usize::from(tier.number()) - 1).copied().unwrap_or_default();
        let namesake = |entry: &Entry| entry.family.as_deref().is_some_and(|family| family.ends_with(class));
        best.sort_by(|a, b| {
            let newer = || b.released.cmp(&a.released).then_with(|| a.id.cmp(&b.id));
            namesake(b).cmp(&namesake(a)).then_with(newer)
        });
        best.truncate(MAX);
        best
    }
}

/// Months since the year 0 of `YYYY-MM…`.
fn month(date: &str) -> Option<i32> {
    let (year, rest) = date.split_once('-')?;
    Some(year.parse::<i32>().ok()? * 12 + rest.get(..2)?.parse::<i32>().ok()?)
}

#[cfg(test)]
mod tests {
    use crate::{Catalog, ModelTier, Status, parse};

    fn ids(catalog: &Catalog, service: &str, tier: u8) -> Vec<String> {
        let entries = catalog.of_tier(service, ModelTier::new(tier).unwrap());
        entries.into_iter().map(|entry| entry.id.clone()).collect()
    }

    #[test]
    fn the_class_comes_first_then_the_newest_of_each_explained_family() {
        let mut catalog = Catalog::builtin();
        let first =
            |catalog: &Catalog, service, tier| ids(catalog, service, tier).into_iter().next().unwrap();
        for (tier, class) in [(1, "opus"), (2, "sonnet"), (3, "haiku")] {
            for service in ["anthropic", "vertex", "openrouter", "bedrock"] {
                assert!(first(&catalog, service, tier).contains(class), "{service} {tier}");
            }
        }
        let text = r#"
            [[model]]
            service = "mine"
            id = "old"
            released = "2020-01-01"
            tier = 2
            [[model]]
            service = "mine"
            id = "trial"
            status = "beta"
            released = "2026-01-01"
            tier = 2
            [[model]]
            service = "mine"
            id = "a-sonnet"
            family = "a-sonnet"
            released = "2025-01-01"
            tier = 2
            [[model]]
            service = "mine"
            id = "b-1"
            family = "b"
            released = "2025-02-01"
            tier = 2
            [[model]]
            service = "mine"
            id = "b-2"
            family = "b"
            released = "2025-03-01"
            tier = 2
            [[model]]
            service = "mine"
            id = "c"
            family = "c"
            released = "2024-03-01"
            tier = 2
            [[model]]
            service = "mine"
            id = "painter"
            family = "d"
            gives = ["image"]
            tier = 2
        "#;
        catalog.add_all(&parse(text).unwrap()).unwrap();
        assert_eq!(ids(&catalog, "mine", 2), ["a-sonnet", "b-2"]);
        assert!(ids(&catalog, "nobody", 2).is_empty());
    }

    #[test]
    fn nothing_built_in_stands_for_a_tier_that_is_withdrawn_or_answers_no_chat() {
        let catalog = Catalog::builtin();
        for service in catalog.services() {
            for tier in 1..=4 {
                for entry in catalog.of_tier(service, ModelTier::new(tier).unwrap()) {
                    assert_eq!(entry.status, Status::Current, "{}", entry.id);
                    assert!(!entry.id.contains("codex") && !entry.id.contains("embed"), "{}", entry.id);
                }
            }
        }
    }
}
