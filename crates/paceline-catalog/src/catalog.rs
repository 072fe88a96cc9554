//! All that is known of models: the built-in files with what users state laid over them.

use crate::builtin::FILES;
use crate::document::{self, Document, Problem};
use crate::entry::Entry;
use crate::names::{bare, undated};
use crate::overlay::Overlay;
use crate::service::{canonical, is_local};
use paceline_types::price::{Price, Rates};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Entries by service and name.
#[derive(Debug, Default)]
pub struct Catalog {
    services: BTreeMap<String, Service>,
}

/// A service: its file, read when it is first asked for.
#[derive(Debug, Default)]
struct Service {
    file: &'static str,
    loaded: OnceLock<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    title: Option<String>,
    entries: Vec<Entry>,
    /// Ids and aliases.
    names: BTreeMap<String, usize>,
    families: BTreeMap<String, String>,
}

/// By which rule a name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// It is the id or an alias.
    Name,
    /// The service wraps the id so: a region, a path, a version.
    Form,
    /// A dated name that is not listed costs what the name without its day does.
    Undated,
    /// OpenRouter's `:free` names cost nothing.
    Free,
}

/// What a name means.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The entry, whose id may be another name.
    pub entry: &'a Entry,
    /// By which rule.
    pub by: FoundBy,
    /// What a call by that name costs; `None` where it is not known.
    pub price: Option<Arc<Price>>,
}

impl Catalog {
    /// What is built in. Nothing is read yet.
    pub fn builtin() -> Self {
        let service = |(name, file): &(&str, &'static str)| {
            ((*name).to_owned(), Service { file, loaded: OnceLock::new() })
        };
        Self { services: FILES.iter().map(service).collect() }
    }

    /// Names of all services, by alphabet.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// A service's name for people.
    pub fn title<'a>(&'a self, service: &'a str) -> &'a str {
        let loaded = self.services.get(service).map(Service::loaded);
        loaded.and_then(|loaded| loaded.title.as_deref()).unwrap_or(service)
    }

    /// All entries, service by service.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.services.values().flat_map(|service| &service.loaded().entries)
    }

    /// The entries of a service, in the order of its file.
    pub fn served(&self, service: &str) -> impl Iterator<Item = &Entry> {
        let loaded = self.services.get(canonical(service)).map(Service::loaded);
        loaded.into_iter().flat_map(|loaded| &loaded.entries)
    }

    /// What `model` means at a service, by exact name first and then by the rules of [`FoundBy`]. `None` when unsure.
    pub fn find(&self, service: &str, model: &str) -> Option<Found<'_>> {
        let service = canonical(service);
        let loaded = self.services.get(service)?.loaded();
        let listed = |name: &str, by| {
            let entry = loaded.entry(name)?;
            Some(Found { entry, by, price: entry.price.clone() })
        };
        if let Some(found) = listed(model, FoundBy::Name) {
            return Some(found);
        }
        if service == "openrouter"
            && let Some(name) = model.strip_suffix(":free")
        {
            let free = |found| Found { price: Some(Arc::new(Price::always(Rates::default()))), ..found };
            return listed(name, FoundBy::Free).map(free);
        }
        let form = bare(service, model);
        if let Some(found) = form.as_deref().and_then(|name| listed(name, FoundBy::Form)) {
            return Some(found);
        }
        let day_off = |name| undated(name).and_then(|name| listed(name, FoundBy::Undated));
        form.as_deref().and_then(day_off).or_else(|| day_off(model))
    }

    /// What a call of `model` costs at a service. Models on people's own machines cost nothing unless they say so.
    pub fn price(&self, service: &str, model: &str) -> Option<Arc<Price>> {
        match self.find(service, model) {
            Some(found) => found.price,
            None => is_local(service).then(|| Arc::new(Price::always(Rates::default()))),
        }
    }

    /// The model that a family's name (`claude`, `gpt-4`, `gemini-pro`) stands for now at a service: the one the file
    /// names, else the newest of that family that is offered.
    pub fn family(&self, service: &str, family: &str) -> Option<&Entry> {
        let loaded = self.services.get(canonical(service))?.loaded();
        if let Some(id) = loaded.families.get(family) {
            return loaded.entry(id);
        }
        let members = loaded.entries.iter().filter(|entry| entry.family.as_deref() == Some(family));
        let rank = |entry: &&Entry| (entry.status == crate::Status::Current, entry.released.clone());
        members.filter(|entry| entry.status != crate::Status::Deprecated).max_by_key(rank)
    }

    /// Names of families that a service's file explains.
    pub fn families(&self, service: &str) -> impl Iterator<Item = (&str, &str)> {
        let loaded = self.services.get(canonical(service)).map(Service::loaded);
        let families = loaded.into_iter().flat_map(|loaded| &loaded.families);
        families.map(|(name, id)| (name.as_str(), id.as_str()))
    }

    /// Lays what is stated over an entry, or makes a new one. Says what is wrong with it, and then changes nothing.
    pub fn add(&mut self, stated: &Overlay) -> Result<(), String> {
        let service = canonical(&stated.service).to_owned();
        let found = self.find(&service, &stated.id);
        let base = found.as_ref().map(|found| found.entry.clone());
        // What is stated of an alias is meant of the model.
        let meant = found.filter(|found| found.by == FoundBy::Name).map(|found| found.entry.id.clone());
        let id = meant.unwrap_or_else(|| stated.id.clone());
        let entry = Overlay { service: service.clone(), id, ..stated.clone() }.over(base.as_ref())?;
        let service = self.services.entry(service).or_default();
        service.loaded();
        if let Some(loaded) = service.loaded.get_mut() {
            loaded.put(entry);
        }
        Ok(())
    }

    /// Adds all that a user's file states; what cannot be used is told with its line, and the rest is added.
    pub fn add_all(&mut self, document: &Document) -> Result<(), Vec<Problem>> {
        let problems = document.models.iter().filter_map(|stated| {
            let what = self.add(stated).err()?;
            Some(Problem { line: stated.line, what: format!("`{}`: {what}", stated.id) })
        });
        let problems: Vec<Problem> = problems.collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// What is wrong with the built-in files; a test holds this empty.
    pub fn problems() -> Vec<String> {
        let wrong = |(name, file): &(&str, &'static str)| {
            let problems = document::parse(file).and_then(|document| Loaded::new(&document).map(|_| ()));
            problems
                .err()
                .unwrap_or_default()
                .into_iter()
                .map(|problem| format!("{name}.toml: {problem}"))
                .collect()
        };
        FILES.iter().flat_map(|file| -> Vec<String> { wrong(file) }).collect()
    }
}

impl Service {
    fn loaded(&self) -> &Loaded {
        self.loaded.get_or_init(|| {
            let document = document::parse(self.file).unwrap_or_default();
            Loaded::new(&document).unwrap_or_default()
        })
    }
}

impl Loaded {
    fn new(document: &Document) -> Result<Self, Vec<Problem>> {
        let mut loaded =
            Self { title: document.title.clone(), families: document.families.clone(), ..Self::default() };
        let mut problems = Vec::new();
        for stated in &document.models {
            let problem =
                |what: String| Problem { line: stated.line, what: format!("`{}`: {what}", stated.id) };
            match stated.over(None) {
                Ok(mut entry) => {
                    let aliases = entry.aliases.iter().chain([&entry.id]);
                    if let Some(twice) = aliases.into_iter().find(|name| loaded.names.contains_key(*name)) {
                        problems.push(problem(format!("the name `{twice}` is there twice")));
                    }
                    if let Some(first) = loaded.entries.first() {
                        entry.service = first.service.clone();
                    }
                    loaded.put(entry);
                }
                Err(what) => problems.push(problem(what)),
            }
        }
        if problems.is_empty() { Ok(loaded) } else { Err(problems) }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.names.get(name)?)
    }

    /// Adds an entry, or replaces the one of that id.
    fn put(&mut self, entry: Entry) {
        let known = self.names.get(&entry.id).copied();
        let known = known.filter(|at| self.entries.get(*at).is_some_and(|known| known.id == entry.id));
        let at = known.unwrap_or(self.entries.len());
        for name in entry.aliases.iter().chain([&entry.id]) {
            self.names.insert(name.clone(), at);
        }
        match self.entries.get_mut(at) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }
}

#[cfg(test)]
#[path = "catalog_test.rs"]
mod tests;
