//! What a trained router knows, as the routing room asks for it.

use paceline_router::file::{MAX_BYTES, read};
use paceline_router::metrics::Forecast;
use paceline_router::model::{Model, Room};
use paceline_routing::route::QualityModel;
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Rooms kept for the next prompts; more are only needed by more predictions at the same moment, and dropped after.
const MAX_ROOMS: usize = 64;

/// A trained router.
pub struct Learned {
    model: Model,
    mark: u64,
    rooms: Mutex<Vec<(Room, Forecast)>>,
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
        Ok(Self { model, mark: hasher.finish(), rooms: Mutex::default() })
    }

    /// Tells one file from another.
    pub fn mark(&self) -> String {
        format!("{:016x}", self.mark)
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

    fn quality(&self, prompt: &str, task: Option<&str>) -> Vec<f32> {
        let kept = self.rooms.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut room, mut forecast) = kept.unwrap_or_default();
        self.model.predict(prompt, task, &mut room, &mut forecast);
        let quality = forecast.q.clone();
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() < MAX_ROOMS {
            rooms.push((room, forecast));
        }
        quality
    }
}
