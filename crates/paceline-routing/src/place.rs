//! One place to be asked, a provider with one of its keys and a model there, and all of them together.

use crate::adaptive::{Adaptive, AdaptivePolicy};
use crate::health::{Change, Health, HealthPolicy, Sign};
use crate::line::LinePolicy;
use crate::load::Load;
use crate::retry::{RetryBudget, RetryPolicy};
use crate::turnstile::Turnstile;
use paceline_types::id::Name;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How calls survive what providers do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Policy {
    /// Trying again.
    pub retry: RetryPolicy,
    /// Leaving alone.
    pub health: HealthPolicy,
    /// Waiting in line.
    pub line: LinePolicy,
    /// Learning how many at once.
    pub adaptive: AdaptivePolicy,
    /// How long a call may wait for a provider that asks to be left alone; zero: it does not wait.
    pub max_wait: Option<Duration>,
}

/// Which place: provider, which of its keys, the model's name there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlaceName {
    /// The provider.
    pub provider: Name,
    /// Tells its keys apart, and one key from another that takes its place.
    pub key: u64,
    /// The model's name there.
    pub model: Name,
}

/// What is known of one place; lives on when the configuration is replaced.
#[derive(Debug)]
pub struct Place {
    /// Which it is.
    pub name: PlaceName,
    /// Whether it may be asked.
    pub health: Health,
    /// How busy and slow it is.
    pub load: Load,
    /// How many further tries its calls have earned.
    pub retries: RetryBudget,
    /// Room for so many calls at once.
    pub turnstile: Arc<Turnstile>,
    adaptive: Mutex<Adaptive>,
}

impl Place {
    /// A place nobody knows anything of.
    pub fn new(name: PlaceName, began: Instant) -> Self {
        Self {
            name,
            health: Health::default(),
            load: Load::new(began),
            retries: RetryBudget::new(began),
            turnstile: Arc::default(),
            adaptive: Mutex::default(),
        }
    }

    /// As [`Place::report_of`], of an attempt that began just now.
    pub fn report(
        &self,
        sign: Sign,
        is_overload: bool,
        now: Instant,
        chance: f64,
        policy: &Policy,
    ) -> Option<Change> {
        self.report_of(now, sign, is_overload, now, chance, policy)
    }

    /// Takes in how an attempt that began then ended.
    pub fn report_of(
        &self,
        began: Instant,
        sign: Sign,
        is_overload: bool,
        now: Instant,
        chance: f64,
        policy: &Policy,
    ) -> Option<Change> {
        if is_overload && policy.adaptive.enabled {
            let mut adaptive = self.adaptive.lock().unwrap_or_else(PoisonError::into_inner);
            let limit = adaptive.refused(self.load.in_flight(), now, &policy.adaptive);
            drop(adaptive);
            self.turnstile.set_limit(limit, now, &policy.line);
        }
        self.health.report_of(began, sign, now, chance, &policy.health)
    }

    /// Takes in the time to a first token.
    pub fn sample(&self, ttft: Duration, now: Instant, policy: &Policy) {
        self.load.sample(ttft, now);
        if policy.adaptive.enabled {
            let mut adaptive = self.adaptive.lock().unwrap_or_else(PoisonError::into_inner);
            let before = adaptive.limit();
            let limit = adaptive.sample(ttft, self.load.in_flight(), now, &policy.adaptive);
            drop(adaptive);
            if limit != before {
                self.turnstile.set_limit(limit, now, &policy.line);
            }
        }
    }
}

/// How many places are known at once.
const MAX_PLACES: usize = 16_384;

/// All places.
#[derive(Debug)]
pub struct Fleet {
    began: Instant,
    places: Mutex<HashMap<PlaceName, Arc<Place>>>,
}

impl Fleet {
    /// No places yet.
    pub fn new(began: Instant) -> Self {
        Self { began, places: Mutex::default() }
    }

    /// The place of that name. Beyond 16,384 places a new one is its asker's alone.
    pub fn place(&self, name: PlaceName) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(&name) {
            return Arc::clone(place);
        }
        let place = Arc::new(Place::new(name.clone(), self.began));
        if places.len() < MAX_PLACES {
            places.insert(name, Arc::clone(&place));
        }
        place
    }

    /// Forgets places that nobody holds any more.
    pub fn forget_unused(&self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, place| Arc::strong_count(place) > 1);
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Place>> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = places.values().map(Arc::clone).collect();
        drop(places);
        all.sort_by(|a, b| {
            (&a.name.provider, &a.name.model, a.name.key).cmp(&(&b.name.provider, &b.name.model, b.name.key))
        });
        all
    }
}
