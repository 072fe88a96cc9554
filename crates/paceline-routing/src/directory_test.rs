//! What names, tiers and roles mean.

use super::{Directory, Found, MAX_LEARNED, ModelEntry, ProviderEntry, Unfound};
use crate::chain::{Chain, Link, Place, RoleEntry};
use crate::place::Fleet;
use crate::plan::{Patience, Pick, Plan};
use paceline_types::ports::PriceBook;
use paceline_types::price::Price;
use paceline_types::rules::Limits;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Unpriced;

impl PriceBook for Unpriced {
    fn price(&self, _: &str, _: &str) -> Option<Arc<Price>> {
        None
    }
}

fn patience() -> Patience {
    Patience::even(Duration::from_secs(1))
}

/// Models, each with its places.
type Links<'a> = &'a [(&'a str, &'a [(usize, &'a str)])];

fn chain(links: Links<'_>) -> Chain {
    let place = |&(provider, upstream): &(usize, &str)| Place {
        provider,
        upstream: upstream.into(),
        patience: patience(),
        weight: 1,
    };
    let link = |(model, places): &(&str, &[(usize, &str)])| Link {
        model: (*model).into(),
        places: places.iter().map(place).collect(),
    };
    Chain { links: links.iter().map(link).collect(), ..Chain::default() }
}

fn planned(found: Found) -> Arc<Plan> {
    match found {
        Found::Plan(plan) => plan,
        Found::Route(route) => panic!("{} is a route", route.name),
    }
}

fn model(name: &str, links: Links<'_>) -> ModelEntry {
    ModelEntry {
        name: name.into(),
        aliases: vec![format!("{name}-alias").into()],
        chain: chain(links),
        limits: Limits::default(),
    }
}

fn directory(providers: &[(&str, &'static [&'static str])], models: &[ModelEntry]) -> Directory {
    let provider = |&(name, model_prefixes): &(&str, &'static [&'static str])| ProviderEntry {
        keys: vec![0],
        name: name.into(),
        region: None,
        model_prefixes,
        patience: patience(),
    };
    Directory::new(
        providers.iter().map(provider).collect(),
        models,
        Arc::new(Unpriced),
        Arc::new(Fleet::new(Instant::now())),
    )
}

fn targets(plan: &Plan) -> Vec<String> {
    plan.targets.iter().map(|t| t.deployment.name.to_string()).collect()
}

fn found(directory: &Directory, name: &str) -> Result<Vec<String>, Vec<String>> {
    directory.find(name).map(|plan| targets(&plan)).map_err(|unknown| unknown.closest)
}

/// Two providers, a model of two places, `tier1` of two models, a role.
fn house() -> Directory {
    let smart = ("smart", &[(0, "gpt-5"), (1, "openai/gpt-oss-120b")][..]);
    let mut models = vec![model("smart", &[smart, ("groq/x", &[(1, "x")])])];
    models[0].chain.pick = Pick::LeastLoaded;
    models[0].chain.fallback_on_content_filter = true;
    let seen = Link { model: "smart".into(), places: chain(&[smart]).links[0].places.clone() };
    models[0].chain.shadow = Some((seen, 0.5));
    let tiers = [
        ModelEntry { aliases: vec![], ..model("tier1", &[("openai/a", &[(0, "a")]), smart]) },
        ModelEntry { aliases: vec![], ..model("tier4", &[]) },
    ];
    let role = RoleEntry { name: "Pricing-Strategist".into(), chain: chain(&[("groq/r", &[(1, "r")])]) };
    directory(&[("openai", &["gpt-"]), ("groq", &[])], &models).with_tiers(&tiers).with_roles(&[role])
}

#[test]
fn names_mean_what_the_documentation_says() {
    let house = house();
    let smart = Ok(["openai/gpt-5", "groq/openai/gpt-oss-120b", "groq/x"].map(str::to_owned).to_vec());
    assert_eq!(found(&house, "smart"), smart);
    assert_eq!(found(&house, "smart-alias"), smart);
    assert_eq!(found(&house, "groq/llama-3"), Ok(vec!["groq/llama-3".into()]));
    assert_eq!(found(&house, "gpt-9"), Ok(vec!["openai/gpt-9".into()]));
    assert_eq!(found(&house, "smrt"), Err(vec!["smart".into(), "smart-alias".into()]));
    assert_eq!(found(&house, "groq/"), Err(vec!["smart".into()]));
    assert!(found(&house, &"x".repeat(300)).is_err());
}

#[test]
fn a_plan_is_the_whole_chain_group_by_group() {
    let plan = house().find("smart").unwrap();
    assert_eq!(plan.targets.iter().map(|t| t.group).collect::<Vec<_>>(), [0, 0, 1]);
    let models: Vec<_> = plan.targets.iter().map(|t| &*t.deployment.model).collect();
    assert_eq!(models, ["smart", "smart", "groq/x"]);
    assert_eq!((plan.pick, plan.fallback_on_content_filter), (Pick::LeastLoaded, true));
    let shadow = plan.shadow.as_ref().unwrap();
    assert_eq!((targets(&shadow.targets).len(), shadow.share), (2, 0.5));
    assert!(shadow.targets.shadow.is_none());
}

#[test]
fn tiers_are_names_where_no_model_has_them_and_somebody_serves_them() {
    let house = house();
    let tier1 = ["openai/a", "openai/gpt-5", "groq/openai/gpt-oss-120b"].map(str::to_owned).to_vec();
    assert_eq!(found(&house, "tier1"), Ok(tier1));
    assert!(found(&house, "tier4").is_err());
    assert_eq!(house.listed().len(), 1);
    let own = directory(&[("openai", &[])], &[model("tier1", &[("tier1", &[(0, "mine")])])]);
    let own = own.with_tiers(&[model("tier1", &[("x", &[(0, "theirs")])])]);
    assert_eq!(found(&own, "tier1"), Ok(vec!["openai/mine".into()]));
}

#[test]
fn a_call_that_leaves_its_model_to_its_role_gets_the_roles() {
    let house = house();
    let choose = |name, role| house.choose(name, role).map(|found| targets(&planned(found)).swap_remove(0));
    for name in [None, Some("auto"), Some("role")] {
        assert_eq!(choose(name, Some("PRICING STRATEGIST")), Ok("groq/r".into()), "{name:?}");
        let near = Unfound::Role(vec!["Pricing-Strategist".into()]);
        assert_eq!(choose(name, Some("cook")), Err(near), "{name:?}");
    }
    assert_eq!(choose(Some("smart"), Some("pricing_strategist")), Ok("openai/gpt-5".into()));
    assert_eq!(choose(Some("auto"), None), Err(Unfound::NoRole));
    assert_eq!(choose(None, None), Err(Unfound::Nothing));
    assert!(matches!(choose(Some("smrt"), Some("pricing_strategist")), Err(Unfound::Model(_))));
}

#[test]
fn where_a_model_is_called_so_or_no_role_is_there_auto_is_a_name_like_others() {
    let own = directory(&[("openai", &[])], &[model("auto", &[("auto", &[(0, "mine")])])]);
    assert_eq!(
        own.choose(Some("auto"), Some("cook")).map(|found| targets(&planned(found))),
        Ok(vec!["openai/mine".into()])
    );
    let only = directory(&[("vllm", &[])], &[]);
    assert_eq!(
        only.choose(Some("auto"), Some("cook")).map(|found| targets(&planned(found))),
        Ok(vec!["vllm/auto".into()])
    );
    let two = directory(&[("a", &[]), ("b", &[])], &[]);
    assert_eq!(two.choose(Some("auto"), None).map(drop), Err(Unfound::NoRole));
    assert_eq!(two.choose(Some("auto"), Some("cook")).map(drop), Err(Unfound::Role(vec![])));
    assert_eq!(two.choose(None, Some("cook")).map(drop), Err(Unfound::Role(vec![])));
}

#[test]
fn one_provider_takes_any_name() {
    let directory = directory(&[("vllm", &[])], &[]);
    assert_eq!(found(&directory, "meta-llama/Llama-3"), Ok(vec!["vllm/meta-llama/Llama-3".into()]));
    for at in 0..MAX_LEARNED + 10 {
        assert!(directory.find(&format!("m{at}")).is_ok());
    }
    assert_eq!(directory.learned.read().unwrap().len(), MAX_LEARNED);
}
