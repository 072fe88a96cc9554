//! Paceline and its upstream, started for one case, and what the kernel says of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Setting;
use crate::error::{Context, Result};
use crate::process::{Launch, Ready, Running, free_port};
use crate::procfs;

const PATIENCE: Duration = Duration::from_secs(15);
const MODELS: [&str; 4] = ["narrow", "steady", "idle", "flood"];

/// Both, until dropped.
pub(super) struct House {
    paceline: Running,
    _upstream: Running,
    pub(super) port: u16,
}

impl House {
    /// With this in the provider's part of the configuration.
    pub(super) async fn start(setting: &Setting, name: &str, provider: &str) -> Result<Self> {
        let dir = setting.dir.join(name);
        fs::create_dir_all(&dir).context(dir.display())?;
        let (upstream, behind) = Running::helper(&["upstream"])?;
        let port = free_port()?;
        let args = configure(&dir, port, behind, provider)?;
        let launch =
            Launch { program: setting.program.clone(), args, port, ready: Ready::Path("/health/live") };
        let paceline = Running::start(&launch, &dir, Some(setting.cores), PATIENCE).await?;
        Ok(Self { paceline, _upstream: upstream, port })
    }

    /// Paceline's memory now, MB.
    pub(super) fn resident_mb(&self) -> f64 {
        procfs::memory(&self.paceline.pids()).resident_kb as f64 / 1024.0
    }
}

fn configure(dir: &Path, port: u16, upstream: u16, provider: &str) -> Result<Vec<String>> {
    let (key, data, config) = (dir.join("key"), dir.join("data"), dir.join("paceline.toml"));
    fs::write(&key, "sk-bench-not-a-secret\n").context(key.display())?;
    fs::create_dir_all(&data).context(data.display())?;
    let models = MODELS.map(|model| format!("{model} = \"bench/{model}\"\n")).concat();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\nmax_connections = 100000\n[log]\nlevel = \"off\"\n\
         [timeouts]\nidle_ms = 600000\n[providers.bench]\nkind = \"openai\"\n\
         base_url = \"http://127.0.0.1:{upstream}/v1\"\napi_key_file = {:?}\n{provider}\n[models]\n{models}",
        key.display().to_string(),
    );
    fs::write(&config, text).context(config.display())?;
    Ok(["serve", "--config", &config.display().to_string(), "--data", &data.display().to_string()]
        .map(str::to_owned)
        .to_vec())
}

/// Lets this process and those it starts have as many files open as allowed; says how many.
pub(super) fn open_files() -> Result<u64> {
    let had = getrlimit(Resource::Nofile);
    // Root may have more than the hard limit says.
    let more =
        Rlimit { current: Some(40_000), maximum: Some(had.maximum.map_or(40_000, |max| max.max(40_000))) };
    if setrlimit(Resource::Nofile, more).is_err() {
        setrlimit(Resource::Nofile, Rlimit { current: had.maximum, ..had }).context("open files")?;
    }
    Ok(getrlimit(Resource::Nofile).current.unwrap_or(40_000))
}
