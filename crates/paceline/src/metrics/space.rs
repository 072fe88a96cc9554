//! The values that labels of metrics may have: names of the configuration, closed sets of words, and `other`.
//!
//! Whatever a caller writes becomes none of them. A model that is not in the configuration counts as `other`, however
//! often it is asked for; `/v1/performance` tells more of them apart.

use crate::assemble::DEFAULT_TENANT;
use crate::config::Config;
use crate::labels::OTHER;
use paceline_types::error::ErrorKind;
use paceline_types::id::Name;
use paceline_types::record::{Operation, Status};
use std::collections::HashMap;

/// Names of one kind that are told apart, over all reloads of a process; further ones become `other`.
const MAX_NAMES: usize = 10_000;
/// The place of the empty name: nobody served.
const NOBODY: u16 = 0;
/// The place of everything that is not in the configuration.
const UNKNOWN: u16 = 1;

/// What can have gone wrong, with nothing in the first place.
pub const ERRORS: usize = ErrorKind::ALL.len() + 1;
/// The ends of calls, in the order of their places.
pub const STATUSES: [Status; 5] =
    [Status::Ok, Status::Error, Status::Partial, Status::Canceled, Status::Refused];

/// The place of what went wrong, below [`ERRORS`].
pub fn error_place(error: Option<ErrorKind>) -> usize {
    error.map_or(0, |kind| kind as usize + 1)
}

/// The word at a place; empty for the first.
pub fn error_word(place: usize) -> &'static str {
    place.checked_sub(1).and_then(|at| ErrorKind::ALL.get(at)).map_or("", |kind| kind.as_str())
}

/// Names of one kind by place.
#[derive(Clone, Debug)]
struct Names {
    names: Vec<Name>,
    places: HashMap<Name, u16>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self { names: Vec::new(), places: HashMap::new() };
        names.place_for("");
        names.place_for(OTHER);
        names
    }
}

impl Names {
    /// The name's place, which it is given if there is one left.
    fn place_for(&mut self, name: &str) -> u16 {
        if !self.places.contains_key(name) && self.names.len() < MAX_NAMES {
            let shared: Name = name.into();
            self.places.insert(Name::clone(&shared), self.names.len() as u16);
            self.names.push(shared);
        }
        self.place(name)
    }

    fn place(&self, name: &str) -> u16 {
        if name.is_empty() { NOBODY } else { self.places.get(name).copied().unwrap_or(UNKNOWN) }
    }

    fn name(&self, place: u16) -> &str {
        self.names.get(usize::from(place)).map_or(OTHER, AsRef::as_ref)
    }
}

/// What a series is about, as places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    provider: u16,
    model: u16,
    tenant: u16,
    operation: Operation,
}

impl Key {
    /// For everything that has no room of its own. The operation, a closed word, is kept.
    #[must_use]
    pub fn other(self) -> Self {
        Self { provider: UNKNOWN, model: UNKNOWN, tenant: UNKNOWN, operation: self.operation }
    }

    /// Whether this is [`Key::other`].
    pub fn is_other(self) -> bool {
        self == self.other()
    }
}

/// All values.
#[derive(Clone, Debug, Default)]
pub struct Space {
    providers: Names,
    /// What OpenTelemetry calls providers.
    otel: Names,
    /// The place of that name for the provider at the same place.
    otel_of: Vec<u16>,
    models: Names,
    tenants: Names,
}

impl Space {
    /// Takes in the names of a configuration. Those of earlier ones keep their places: their counters go on.
    pub fn configured(&mut self, config: &Config) {
        let providers = config.providers.iter().map(|provider| (&*provider.name, provider.kind.otel_name));
        let models = config.model_names();
        let tenants = config.keys.iter().map(|key| &*key.tenant);
        let tenants = tenants.chain(config.tenants.iter().map(|tenant| &*tenant.name));
        self.add(providers, models.iter().map(String::as_str), tenants.chain([DEFAULT_TENANT]));
    }

    /// Takes in names: providers with what OpenTelemetry calls them, models, tenants.
    pub fn add<'a>(
        &mut self,
        providers: impl Iterator<Item = (&'a str, &'a str)>,
        models: impl Iterator<Item = &'a str>,
        tenants: impl Iterator<Item = &'a str>,
    ) {
        for (name, otel) in providers {
            let place = usize::from(self.providers.place_for(name));
            if place > usize::from(UNKNOWN) {
                self.otel_of.resize(self.otel_of.len().max(place + 1), UNKNOWN);
                self.otel_of[place] = self.otel.place_for(otel);
            }
        }
        for name in models {
            self.models.place_for(name);
        }
        for name in tenants {
            self.tenants.place_for(name);
        }
    }

    /// The key of a provider, a model (as users ask for it) and a tenant.
    pub fn key(&self, provider: &str, model: &str, tenant: &str, operation: Operation) -> Key {
        Key {
            provider: self.providers.place(provider),
            model: self.models.place(model),
            tenant: self.tenants.place(tenant),
            operation,
        }
    }

    /// The labels of our own families.
    pub fn own(&self, key: Key) -> [(&'static str, &str); 4] {
        [
            ("provider", self.providers.name(key.provider)),
            ("model", self.models.name(key.model)),
            ("tenant", self.tenants.name(key.tenant)),
            ("operation", key.operation.as_str()),
        ]
    }

    /// The same key as OpenTelemetry tells it apart: by the provider's well-known name, without a tenant.
    pub fn otel(&self, key: Key) -> Key {
        let provider = self.otel_of.get(usize::from(key.provider)).copied().unwrap_or(UNKNOWN);
        Key { provider, tenant: NOBODY, ..key }
    }

    /// Provider, model and operation of a key that [`Space::otel`] made.
    pub fn otel_names(&self, key: Key) -> [&str; 3] {
        [self.otel.name(key.provider), self.models.name(key.model), key.operation.as_str()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_at_their_places() {
        for (at, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!((error_place(Some(kind)), error_word(at + 1)), (at + 1, kind.as_str()));
        }
        assert_eq!((error_place(None), error_word(0)), (0, ""));
        for (at, status) in STATUSES.into_iter().enumerate() {
            assert_eq!(status as usize, at);
        }
    }

    #[test]
    fn only_names_of_the_configuration_are_told_apart() {
        let mut space = Space::default();
        space.add([("a", "openai")].into_iter(), ["m"].into_iter(), ["t"].into_iter());
        let labels = |space: &Space, provider, model, tenant| {
            space.own(space.key(provider, model, tenant, Operation::Chat)).map(|(_, value)| value.to_owned())
        };
        assert_eq!(labels(&space, "a", "m", "t"), ["a", "m", "t", "chat"]);
        assert_eq!(labels(&space, "b", "n", "u"), ["other", "other", "other", "chat"]);
        assert_eq!(labels(&space, "", "", "t"), ["", "", "t", "chat"]);
        let otel = |provider| space.otel_names(space.otel(space.key(provider, "m", "t", Operation::Chat)));
        assert_eq!([otel("a"), otel("b")], [["openai", "m", "chat"], ["other", "m", "chat"]]);
        let before = space.key("a", "m", "t", Operation::Chat);
        space.add([("b", "groq")].into_iter(), ["n"].into_iter(), std::iter::empty());
        assert_eq!(space.key("a", "m", "t", Operation::Chat), before, "places stay over reloads");
        assert_eq!(labels(&space, "b", "n", "u"), ["b", "n", "other", "chat"]);
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let mut space = Space::default();
        let names: Vec<String> = (0..MAX_NAMES + 10).map(|at| format!("m{at}")).collect();
        space.add(std::iter::empty(), names.iter().map(String::as_str), std::iter::empty());
        assert_eq!(space.models.names.len(), MAX_NAMES);
        assert_eq!(space.models.place(&names[MAX_NAMES]), UNKNOWN);
    }
}
