//! What a trained router knows, as the routing room asks for it, and what scored answers taught it since.
//!
//! Who scores has a lock of their own; calls read a copy that is put in place whole.

use crate::config::Config;
use arc_swap::ArcSwap;
use paceline_router::file::{MAX_BYTES, read};
use paceline_router::learn::online::Online;
use paceline_router::metrics::Forecast;
use paceline_router::model::{Model, Room};
use paceline_routing::route::{Foresight, QualityModel};
use paceline_types::decision::Predicted;
use paceline_types::id::Name;
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Rooms kept for the next prompts; more are only needed by more predictions at the same moment, and dropped after.
const MAX_ROOMS: usize = 64;

/// A trained router.
pub struct Learned {
    model: Model,
    mark: u64,
    rooms: Mutex<Vec<(Room, Forecast)>>,
    tasks: Vec<Name>,
    /// What was scored; it is as large as the tasks and models of the file.
    lessons: Mutex<Online>,
    /// The same as calls know it.
    since: ArcSwap<Online>,
}

impl Learned {
    /// Reads the file that `paceline router train` wrote.
    ///
    /// # Errors
    /// When it cannot be read, is too large or no trained router, with its path.
    pub fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > MAX_BYTES {
            return Err(format!("{} is larger than {} MB", path.display(), MAX_BYTES >> 20));
        }
        let model = read(&bytes).map_err(|what| format!("{}: {what}", path.display()))?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let lessons = Online::new(&model);
        Ok(Self {
            mark: hasher.finish(),
            rooms: Mutex::default(),
            tasks: model.tasks.iter().map(|task| task.as_str().into()).collect(),
            since: ArcSwap::from_pointee(lessons.clone()),
            lessons: Mutex::new(lessons),
            model,
        })
    }

    /// Tells one file from another.
    pub fn mark(&self) -> String {
        format!("{:016x}", self.mark)
    }
}

/// A router that is the same as before goes on with what it was taught.
pub(crate) fn go_on(new: &mut Config, old: &Config) {
    let known: Vec<&Arc<Learned>> =
        old.routes.iter().filter_map(|route| Some(&route.router.as_ref()?.model)).collect();
    for route in &mut new.routes {
        let Some(router) = &mut route.router else { continue };
        if let Some(same) = known.iter().find(|known| known.mark == router.model.mark) {
            router.model = Arc::clone(same);
            route.policy.learned = Some(Arc::clone(same) as _);
        }
    }
}

impl fmt::Debug for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learned")
            .field("set", &self.model.set)
            .field("models", &self.model.models)
            .finish_non_exhaustive()
    }
}

impl QualityModel for Learned {
    fn models(&self) -> &[String] {
        &self.model.models
    }

    fn mark(&self) -> u64 {
        self.mark
    }

    fn quality(&self, prompt: &str, task: Option<&str>) -> Foresight {
        let kept = self.rooms.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut room, mut forecast) = kept.unwrap_or_default();
        self.model.predict(prompt, task, &mut room, &mut forecast);
        let trained = forecast.q.clone();
        self.since.load().adjust(&room.shares, &mut forecast);
        let most = (0..room.shares.len()).reduce(|a, b| if room.shares[b] > room.shares[a] { b } else { a });
        let task = most.and_then(|at| self.tasks.get(at).cloned());
        let said = Foresight { quality: forecast.q.clone(), trained, task };
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() < MAX_ROOMS {
            rooms.push((room, forecast));
        }
        said
    }

    fn scored(&self, predicted: &Predicted, model: usize, quality: f32) {
        // A router that tells no tasks apart has one share, of all work.
        let count = self.tasks.len().max(1);
        let named = |name: &Name| self.tasks.iter().position(|task| task == name);
        let Some(at) = predicted.task.as_ref().map_or((count == 1).then_some(0), named) else { return };
        let shares: Vec<f32> = (0..count).map(|task| if task == at { 1.0 } else { 0.0 }).collect();
        let mut lessons = self.lessons.lock().unwrap_or_else(PoisonError::into_inner);
        lessons.observe(&shares, model, predicted.quality, quality);
    }

    fn settle(&self) {
        let lessons = self.lessons.lock().unwrap_or_else(PoisonError::into_inner);
        if lessons.calls() != self.since.load().calls() {
            self.since.store(Arc::new(lessons.clone()));
        }
    }
}
