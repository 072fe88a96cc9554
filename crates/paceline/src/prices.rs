//! What calls cost: the user's own prices, then the user's file, then what is built in.

use crate::config::{Config, Paid, Provider};
use paceline_catalog::{Catalog, Document, Problem, canonical};
use paceline_types::ports::PriceBook;
use paceline_types::price::{Price, Rates};
use std::collections::HashMap;
use std::sync::Arc;

/// Prices by the names of the configuration.
#[derive(Debug)]
pub struct Prices {
    catalog: Catalog,
    /// What each provider is to the catalogue.
    services: HashMap<String, Service>,
    /// Prices of the configuration, by provider and the model's name there.
    own: HashMap<(String, String), Arc<Price>>,
}

#[derive(Debug)]
enum Service {
    /// Answers are made up: nothing is paid.
    Free,
    /// A service of the catalogue.
    Listed(String),
}

impl Prices {
    /// The prices of a configuration. What of the user's file cannot be taken is left out; the configuration has told it.
    pub fn new(config: &Config) -> Self {
        let (catalog, _) = catalog(config.catalog.as_deref());
        let known = |provider: &Provider| (provider.name.clone(), service(provider));
        let services = config.providers.iter().map(known).collect();
        let price = |own: &crate::config::OwnPrice| {
            let place = (own.provider.clone(), own.model.clone());
            let price = match own.paid {
                Paid::Tokens(rates) => Price::always(rates),
                Paid::Machine(machine) => Price::of_machine(machine),
            };
            (place, Arc::new(price))
        };
        let own = config.prices.iter().map(price).collect();
        Self { catalog, services, own }
    }
}

/// The catalogue with a user's file laid over it, and what of the file could not be taken.
pub fn catalog(own: Option<&Document>) -> (Catalog, Vec<Problem>) {
    let mut catalog = Catalog::builtin();
    let problems = own.and_then(|document| catalog.add_all(document).err());
    (catalog, problems.unwrap_or_default())
}

fn service(provider: &Provider) -> Service {
    service_of(provider).map_or(Service::Free, Service::Listed)
}

/// Which service of the catalogue a provider is: by its kind, or, where it only speaks the dialect, by its name. `None`
/// for the simulated one.
pub fn service_of(provider: &Provider) -> Option<String> {
    if provider.kind.name == "sim" {
        return None;
    }
    let name = if provider.kind.name == "compatible" { provider.name.as_str() } else { provider.kind.name };
    Some(canonical(name).to_owned())
}

impl PriceBook for Prices {
    fn price(&self, provider: &str, model: &str) -> Option<Arc<Price>> {
        let place = (provider.to_owned(), model.to_owned());
        if let Some(price) = self.own.get(&place) {
            return Some(Arc::clone(price));
        }
        match self.services.get(provider)? {
            Service::Free => Some(Arc::new(Price::always(Rates::default()))),
            Service::Listed(service) => self.catalog.price(service, model),
        }
    }
}
