//! What the names that callers write mean.

use crate::nearest::nearest;
use crate::plan::{Patience, Plan, Target};
use paceline_types::deployment::Deployment;
use paceline_types::id::Name;
use paceline_types::ports::PriceBook;
use paceline_types::rules::Limits;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many plans for names outside the configuration are kept ready.
const MAX_LEARNED: usize = 1024;

/// The longest model name taken, in bytes.
pub const MAX_NAME: usize = 256;

/// What is known of a provider here.
#[derive(Clone, Debug)]
pub struct ProviderEntry {
    /// Its name: `name/model` reaches any model of it.
    pub name: Name,
    /// Where it computes.
    pub region: Option<Name>,
    /// How names of its own models begin.
    pub model_prefixes: &'static [&'static str],
    /// How long to wait for it.
    pub patience: Patience,
}

/// A model of the configuration.
#[derive(Clone, Debug)]
pub struct ModelEntry {
    /// What callers write.
    pub name: Name,
    /// Other names for it.
    pub aliases: Vec<Name>,
    /// Provider's place, model's name there, how long to wait; in the order they are tried.
    pub targets: Vec<(usize, Name, Patience)>,
    /// How much of it may be used at a time.
    pub limits: Limits,
}

/// A name nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownModel {
    /// The closest known ones, the likeliest first.
    pub closest: Vec<String>,
}

/// All names.
#[derive(Debug)]
pub struct Directory {
    prices: Arc<dyn PriceBook>,
    providers: Vec<ProviderEntry>,
    /// Configured names and aliases.
    known: HashMap<Name, Arc<Plan>>,
    /// Names of the configuration in its order, without aliases.
    listed: Vec<Name>,
    /// Plans made for names that lead to a provider without being configured.
    learned: RwLock<HashMap<Name, Arc<Plan>>>,
}

impl Directory {
    /// Builds the directory; `models` must refer to providers by their place in `providers`. Each target gets what its
    /// tokens cost by `prices`.
    pub fn new(providers: Vec<ProviderEntry>, models: &[ModelEntry], prices: Arc<dyn PriceBook>) -> Self {
        let (known, listed, learned) = (HashMap::new(), Vec::new(), RwLock::default());
        let mut directory = Self { prices, providers, known, listed, learned };
        for model in models {
            let targets = model.targets.iter();
            let targets = targets
                .map(|(at, upstream, patience)| directory.target(&model.name, *at, upstream, *patience));
            let plan = Arc::new(Plan { targets: targets.collect() });
            for name in std::iter::once(&model.name).chain(&model.aliases) {
                directory.known.insert(Arc::clone(name), Arc::clone(&plan));
            }
            directory.listed.push(Arc::clone(&model.name));
        }
        directory
    }

    fn target(&self, model: &Name, provider: usize, upstream: &Name, patience: Patience) -> Target {
        let entry = &self.providers[provider];
        let deployment = Deployment {
            name: format!("{}/{upstream}", entry.name).into(),
            provider: Arc::clone(&entry.name),
            model: Arc::clone(model),
            upstream_model: Arc::clone(upstream),
            region: entry.region.clone(),
        };
        let price = self.prices.price(&deployment.provider, &deployment.upstream_model);
        Target { provider, deployment: Arc::new(deployment), patience, price }
    }

    /// The names of the configuration, in its order.
    pub fn listed(&self) -> &[Name] {
        &self.listed
    }

    /// The providers, in their order.
    pub fn providers(&self) -> &[ProviderEntry] {
        &self.providers
    }

    /// What `name` means: a configured model or alias; `provider/model`; a model whose name tells its provider; with
    /// one provider and no configured models, anything.
    ///
    /// # Errors
    /// With the closest names, when it means nothing.
    pub fn find(&self, name: &str) -> Result<Arc<Plan>, UnknownModel> {
        if let Some(plan) = self.known.get(name) {
            return Ok(Arc::clone(plan));
        }
        if let Some(plan) = self.learned.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(plan));
        }
        let Some((provider, upstream)) = self.lead(name) else { return Err(self.unknown(name)) };
        let entry = &self.providers[provider];
        let target = self.target(&name.into(), provider, &upstream.into(), entry.patience);
        let plan = Arc::new(Plan { targets: vec![target] });
        let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
        if learned.len() < MAX_LEARNED {
            learned.insert(name.into(), Arc::clone(&plan));
        }
        Ok(plan)
    }

    /// The provider a name outside the configuration leads to, and the model's name there.
    fn lead<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        if name.is_empty() || name.len() > MAX_NAME {
            return None;
        }
        if let Some((first, rest)) = name.split_once('/')
            && let Some(at) = self.providers.iter().position(|p| &*p.name == first)
            && !rest.is_empty()
        {
            return Some((at, rest));
        }
        let owns = |p: &ProviderEntry| p.model_prefixes.iter().any(|prefix| name.starts_with(prefix));
        let owner = self.providers.iter().position(owns);
        // Who lists models means those; who lists none means whatever the one provider has.
        let only = self.providers.len() == 1 && self.listed.is_empty();
        owner.or(only.then_some(0)).map(|at| (at, name))
    }

    fn unknown(&self, name: &str) -> UnknownModel {
        let known = self.known.keys().map(|name| &**name);
        let mut closest: Vec<String> = nearest(name, known).into_iter().map(str::to_owned).collect();
        if closest.is_empty() {
            closest = self.listed.iter().take(3).map(ToString::to_string).collect();
        }
        if closest.is_empty() {
            closest = self.providers.iter().take(3).map(|p| format!("{}/{name}", p.name)).collect();
        }
        UnknownModel { closest }
    }
}

#[cfg(test)]
mod tests {
    use super::{Directory, MAX_LEARNED, ModelEntry, ProviderEntry};
    use crate::plan::Patience;
    use paceline_types::ports::PriceBook;
    use paceline_types::price::Price;
    use paceline_types::rules::Limits;
    use std::sync::Arc;
    use std::time::Duration;

    #[derive(Debug)]
    struct Unpriced;

    impl PriceBook for Unpriced {
        fn price(&self, _: &str, _: &str) -> Option<Arc<Price>> {
            None
        }
    }

    fn directory(
        providers: &[(&str, &'static [&'static str])],
        models: &[(&str, &[(usize, &str)])],
    ) -> Directory {
        let second = Duration::from_secs(1);
        let patience = Patience { first_token: second, idle: second, total: second, stream_total: second };
        let providers = providers.iter().map(|&(name, model_prefixes)| ProviderEntry {
            name: name.into(),
            region: None,
            model_prefixes,
            patience,
        });
        let models: Vec<_> = models
            .iter()
            .map(|(name, targets)| ModelEntry {
                name: (*name).into(),
                aliases: vec![format!("{name}-alias").into()],
                targets: targets.iter().map(|(at, upstream)| (*at, (*upstream).into(), patience)).collect(),
                limits: Limits::default(),
            })
            .collect();
        Directory::new(providers.collect(), &models, Arc::new(Unpriced))
    }

    fn found(directory: &Directory, name: &str) -> Result<Vec<String>, Vec<String>> {
        let names = |plan: Arc<crate::plan::Plan>| {
            plan.targets.iter().map(|t| t.deployment.name.to_string()).collect()
        };
        directory.find(name).map(names).map_err(|unknown| unknown.closest)
    }

    #[test]
    fn names_mean_what_the_documentation_says() {
        let directory = directory(
            &[("openai", &["gpt-"]), ("groq", &[])],
            &[("smart", &[(0, "gpt-5"), (1, "openai/gpt-oss-120b")])],
        );
        let smart = Ok(vec!["openai/gpt-5".to_owned(), "groq/openai/gpt-oss-120b".to_owned()]);
        assert_eq!(found(&directory, "smart"), smart);
        assert_eq!(found(&directory, "smart-alias"), smart);
        assert_eq!(found(&directory, "groq/llama-3"), Ok(vec!["groq/llama-3".into()]));
        assert_eq!(found(&directory, "gpt-9"), Ok(vec!["openai/gpt-9".into()]));
        assert_eq!(found(&directory, "smrt"), Err(vec!["smart".into(), "smart-alias".into()]));
        assert_eq!(found(&directory, "groq/"), Err(vec!["smart".into()]));
        assert!(found(&directory, &"x".repeat(300)).is_err());
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
}
