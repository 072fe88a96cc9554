//! Trained routers of routes: their files, and which of their models is which of the route's.

use super::named;
use crate::config::problem::Fault;
use crate::config::resolve::Desk;
use crate::config::values::{RouteModel, Router};
use crate::learned::Learned;
use paceline_routing::route::QualityModel;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Routers that were read, each once.
#[derive(Default)]
pub(super) struct Shelf {
    read: BTreeMap<PathBuf, Result<Arc<Learned>, String>>,
}

impl Shelf {
    /// Reads a route's router and notes in the route's models which of its models they are.
    pub(super) fn open(
        &mut self,
        file: &str,
        path: &str,
        models: &mut [RouteModel],
        desk: &mut Desk<'_>,
    ) -> Option<Router> {
        let at = format!("{path}.router");
        let place = desk.base_of(&at).join(file);
        let read =
            self.read.entry(place.clone()).or_insert_with_key(|place| Learned::open(place).map(Arc::new));
        let model = match read {
            Ok(model) => Arc::clone(model),
            Err(reason) => {
                let fault = Fault::new(reason.clone());
                desk.report.error(&at, fault.help("`paceline router train` writes such a file"));
                return None;
            }
        };
        for one in models.iter_mut() {
            one.learned = model.models().iter().position(|name| is_called(one, name));
        }
        let unknown: Vec<String> =
            models.iter().filter(|one| one.learned.is_none()).map(|one| one.link.to_string()).collect();
        if unknown.len() == models.len() {
            let trained = named(model.models().iter().cloned());
            let message = format!("{} knows none of the route's models", place.display());
            let help = format!(
                "it was trained on {trained}: call a model of the route so, by its name, `provider/upstream-name` or its name at the provider"
            );
            desk.report.error(&at, Fault::new(message).help(&help));
            return None;
        }
        if !unknown.is_empty() {
            let message = format!(
                "it does not know {}: of {} nothing is predicted by the prompt",
                named(unknown.iter().cloned()),
                if unknown.len() == 1 { "that one" } else { "those" }
            );
            desk.report.warn(&at, Fault::new(message));
        }
        Some(Router { path: place, model })
    }
}

impl Router {
    /// What predicts.
    pub(super) fn quality(&self) -> Arc<dyn QualityModel> {
        Arc::clone(&self.model) as _
    }
}

fn is_called(model: &RouteModel, name: &str) -> bool {
    let own = model.link.to_string();
    own.eq_ignore_ascii_case(name)
        || model.targets.iter().any(|(target, _)| {
            target.model.eq_ignore_ascii_case(name) || target.to_string().eq_ignore_ascii_case(name)
        })
}
