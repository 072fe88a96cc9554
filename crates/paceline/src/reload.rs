//! A new configuration while calls are under way: taken whole, or refused with the reason and the old one goes on.

use crate::admin::Admin;
use crate::assemble;
use crate::config::{self, ConfigError, Flags, Loaded, Problem, show};
use crate::learned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Settings that are read at start only.
const AT_START: [&str; 9] = [
    "server.listen",
    "server.workers",
    "records.keep",
    "storage.kind",
    "storage.window_ms",
    "storage.records_days",
    "storage.bodies_days",
    "storage.max_mb",
    "data",
];

/// Where the configuration came from, so that it can be read again.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Flags of the command line.
    pub flags: Flags,
    /// The file named on the command line.
    pub config: Option<PathBuf>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// How that file was then: what changes before it is watched is seen too.
    pub mark: Option<(SystemTime, u64)>,
    /// Where Paceline itself listens, whatever the file says later.
    pub bound: Option<SocketAddr>,
    /// Where the simulated provider in process listens, and its models.
    pub simulated: Option<(SocketAddr, Vec<String>)>,
}

/// What a reload changed: dotted paths with the value before and after.
pub type Changes = BTreeMap<String, (Value, Value)>;

/// What came of a reload.
#[derive(Debug)]
pub struct Reloaded {
    /// What is different now.
    pub changes: Changes,
    /// Of it: what waits for the next start.
    pub at_next_start: Vec<String>,
}

impl Source {
    /// Reads the configuration again and lets calls from now on see it.
    ///
    /// # Errors
    /// When the new configuration is not valid; the old one goes on.
    pub fn reload(&self, admin: &Admin) -> Result<Reloaded, ConfigError> {
        self.check_file()?;
        let mut loaded = config::load(self.flags.clone(), self.config.as_deref())?;
        if let Some((address, models)) = &self.simulated {
            assemble::add_simulated(&mut loaded.config, *address, models);
        }
        learned::go_on(&mut loaded.config, &admin.loaded.load().config);
        let changes = difference(&admin.loaded.load(), &loaded);
        // The socket stays where it is: who may come is judged by that, not by where it would be after a restart.
        if let Some(bound) = self.bound {
            self.check_reach(bound, &loaded)?;
        }
        let mut config = loaded.config.clone();
        config.server.listen = self.bound.unwrap_or(config.server.listen);
        let _turn = admin.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let gateway = assemble::gateway(&config, &admin.keys, &admin.signings);
        admin.recorder.names.configured(loaded.config.model_names().iter().map(String::as_str));
        admin.recorder.metrics.configured(&loaded.config);
        admin.recorder.unpriced.forget();
        if let Some(files) = &admin.recorder.files
            && admin.loaded.load().config.files != loaded.config.files
        {
            files.set(&loaded.config);
        }
        admin.recorder.bodies.know(&assemble::secrets(&config));
        admin.listing.replace(assemble::sources(&gateway));
        if let Some(running) = admin.gateway.get() {
            running.replace(gateway);
        }
        admin.recorder.log().set(loaded.config.log.level, loaded.config.log.calls_per_second);
        admin.loaded.store(Arc::new(loaded));
        let waits = |path: &&String| AT_START.contains(&path.as_str());
        let at_next_start = changes.keys().filter(waits).cloned().collect();
        Ok(Reloaded { changes, at_next_start })
    }

    /// A file that was read at the start and is away, perhaps for a moment, does not mean an empty one.
    fn check_file(&self) -> Result<(), ConfigError> {
        let Some(file) = self.file.as_ref().filter(|file| !file.exists()) else { return Ok(()) };
        let problem = Problem {
            file: Some(file.clone()),
            line: None,
            key: String::new(),
            message: "the file is not there any more".into(),
            help: Some("put it back; to run without a file, restart".into()),
            text: None,
        };
        Err(ConfigError { problems: vec![problem] })
    }

    /// A configuration without admin key must not open an address that others can reach.
    fn check_reach(&self, bound: SocketAddr, loaded: &Loaded) -> Result<(), ConfigError> {
        if bound.ip().to_canonical().is_loopback() || loaded.config.server.admin_key.is_some() {
            return Ok(());
        }
        let problem = Problem {
            file: self.file.clone(),
            line: None,
            key: "server.admin_key_env".into(),
            message: format!(
                "this Paceline listens on {bound}, which others can reach, and the new configuration has no admin key"
            ),
            help: Some("keep the admin key, or restart with a loopback address".into()),
            text: None,
        };
        Err(ConfigError { problems: vec![problem] })
    }

    /// Reloads and says in the log what came of it.
    pub fn reload_and_tell(&self, admin: &Arc<Admin>, why: &str) {
        match self.reload(admin) {
            Ok(reloaded) => {
                reloaded.note(admin, why);
                admin.recorder.log().info(&format!("configuration reloaded ({why}): {}", reloaded.line()));
            }
            Err(error) => {
                admin
                    .recorder
                    .log()
                    .warn(&format!("configuration not reloaded ({why}); the one before goes on"));
                for problem in &error.problems {
                    admin.recorder.log().warn(&problem.to_string().replace('\n', " | "));
                }
            }
        }
    }

    /// Watches the file for ever; the caller drops the future to stop.
    pub async fn watch(&self, admin: &Arc<Admin>) {
        let Some(file) = &self.file else { return std::future::pending().await };
        let mut tick = tokio::time::interval(LOOK);
        let mut known = self.mark;
        let mut seen = mark(file);
        // The first tick is at once.
        tick.tick().await;
        loop {
            tick.tick().await;
            let now = mark(file);
            // A file that is being written is away, empty or half there for a moment: two equal looks make it whole.
            let settled = std::mem::replace(&mut seen, now) == now;
            if settled && now.is_some_and(|(_, len)| len > 0) && now != known {
                known = now;
                self.reload_and_tell(admin, "the file changed");
            }
        }
    }
}

impl Reloaded {
    /// Into the audit log.
    pub fn note(&self, admin: &Arc<Admin>, who: &str) {
        let change = |(path, (before, after)): (&String, &(Value, Value))| json!({ "setting": path, "before": before, "after": after });
        let changes: Vec<Value> = self.changes.iter().map(change).collect();
        admin.note(who, "config.reload", "configuration", &json!({ "changes": changes }));
    }

    /// In one line.
    pub fn line(&self) -> String {
        if self.changes.is_empty() {
            return "nothing changed".into();
        }
        let changed =
            self.changes.iter().map(|(path, (before, after))| format!("{path}: {before} → {after}"));
        let mut line = changed.collect::<Vec<_>>().join("; ");
        if !self.at_next_start.is_empty() {
            line.push_str(&format!(" (at the next start: {})", self.at_next_start.join(", ")));
        }
        line
    }
}

/// What tells one state of a file from another.
pub(crate) fn mark(file: &Path) -> Option<(SystemTime, u64)> {
    let found = fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn difference(before: &Loaded, after: &Loaded) -> Changes {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten(String::new(), &show::render_json(before), &mut old);
    flatten(String::new(), &show::render_json(after), &mut new);
    // Where a setting stands is no setting: a line that is moved changes nothing.
    let paths = old.keys().chain(new.keys()).filter(|path| !path.starts_with("sources."));
    let value = |of: &BTreeMap<String, Value>, path: &String| of.get(path).cloned().unwrap_or(Value::Null);
    let changed = paths.filter(|path| value(&old, path) != value(&new, path));
    changed.map(|path| (path.clone(), (value(&old, path), value(&new, path)))).collect()
}

/// Leaves by dotted path; elements with a name by their name, as the file writes them.
fn flatten(path: String, value: &Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                flatten(config::join(&path, key), value, out);
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                match element["name"].as_str() {
                    Some(name) => flatten(config::join(&path, name), &without_name(element), out),
                    None => flatten(config::join(&path, &at.to_string()), element, out),
                }
            }
        }
        leaf => drop(out.insert(path, leaf.clone())),
    }
}

/// The name is in the path already.
fn without_name(element: &Value) -> Value {
    let mut element = element.clone();
    if let Some(members) = element.as_object_mut() {
        members.remove("name");
    }
    element
}
