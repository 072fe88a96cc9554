//! The subjects: what is compared, and how each is configured and started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use serde::Serialize;

use crate::error::{Context, Result, fail};
use crate::process::{Launch, Ready, free_port};

mod envoy;
mod nginx;

/// One thing to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// No gateway: the load generator calls the upstream itself, without TLS.
    Direct,
    /// nginx, one worker, no buffering of answers.
    Nginx,
    /// A bare hyper pass-through.
    Floor,
    /// The floor with metering; what ratios refer to.
    MeteringFloor,
    /// Envoy, when the machine has it.
    Envoy,
    /// Paceline.
    Paceline,
    /// A second Paceline binary.
    PacelineB,
}

/// Where the upstream is and whom to trust there.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// The authority's certificate when it speaks TLS.
    pub(crate) ca: Option<PathBuf>,
}

impl Upstream {
    /// Its address as a URL without a path.
    pub(crate) fn url(&self) -> String {
        match self.ca {
            None => format!("http://127.0.0.1:{}", self.port),
            Some(_) => format!("https://localhost:{}", self.port),
        }
    }
}

/// A subject with its program.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Contestant {
    /// Which one.
    pub(crate) subject: Subject,
    /// Its program; empty for `direct`.
    pub(crate) program: PathBuf,
    /// What it says of its version.
    pub(crate) version: String,
}

impl Subject {
    /// The name on the command line and in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Floor => "floor",
            Self::MeteringFloor => "metering-floor",
            Self::Envoy => "envoy",
            Self::Paceline => "paceline",
            Self::PacelineB => "paceline-b",
        }
    }
}

/// Paceline binaries named on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Binaries {
    /// Instead of the one beside this tool.
    pub(crate) paceline: Option<PathBuf>,
    /// To compare with.
    pub(crate) paceline_b: Option<PathBuf>,
}

impl Contestant {
    /// Finds the program of `subject`; the error says how to get it.
    pub(crate) fn find(subject: Subject, binaries: &Binaries) -> Result<Self> {
        let own = std::env::current_exe().context("own path")?;
        let program = match subject {
            Subject::Direct => PathBuf::new(),
            Subject::Floor | Subject::MeteringFloor => own,
            Subject::Nginx => on_path("nginx").context("not installed: `apt-get install nginx`")?,
            Subject::Envoy => on_path("envoy").context("no `envoy` on PATH")?,
            Subject::Paceline => {
                let program = binaries.paceline.clone().unwrap_or_else(|| own.with_file_name("paceline"));
                if !program.is_file() {
                    return fail(format!(
                        "no {}: `cargo build --release -p paceline`, or name one with --paceline",
                        program.display()
                    ));
                }
                program.canonicalize().context(program.display())?
            }
            Subject::PacelineB => {
                let program = binaries.paceline_b.clone().context("not named: --paceline-b PATH")?;
                program.canonicalize().context(program.display())?
            }
        };
        let version = match subject {
            Subject::Direct => String::new(),
            Subject::Floor | Subject::MeteringFloor => "hyper, this tool".to_owned(),
            Subject::Nginx => version(&program, "-v"),
            _ => version(&program, "--version"),
        };
        Ok(Self { subject, program, version })
    }

    /// Writes the configuration into `dir` and says how to start; `None` for `direct`.
    pub(crate) fn prepare(&self, upstream: &Upstream, dir: &Path) -> Result<Option<Launch>> {
        if self.subject == Subject::Direct {
            return Ok(None);
        }
        fs::create_dir_all(dir).context(dir.display())?;
        let port = free_port()?;
        let mut ready = Ready::Call;
        let args = match self.subject {
            Subject::Direct => Vec::new(),
            Subject::Nginx => nginx::configure(port, upstream, dir)?,
            Subject::Envoy => envoy::configure(port, upstream, dir)?,
            Subject::Floor | Subject::MeteringFloor => floor_args(self.subject.name(), port, upstream),
            Subject::Paceline | Subject::PacelineB => {
                ready = Ready::Path("/health/live");
                paceline(port, upstream, dir)?
            }
        };
        Ok(Some(Launch { program: self.program.clone(), args, port, ready }))
    }
}

fn floor_args(command: &str, port: u16, upstream: &Upstream) -> Vec<String> {
    let mut args = vec![command.to_owned(), "--listen".to_owned(), format!("127.0.0.1:{port}")];
    args.extend(["--upstream".to_owned(), upstream.url()]);
    if let Some(ca) = &upstream.ca {
        args.extend(["--ca".to_owned(), ca.display().to_string()]);
    }
    args
}

/// Writes a `paceline.toml` into `dir`; gives the arguments to serve with it.
pub(crate) fn paceline(port: u16, upstream: &Upstream, dir: &Path) -> Result<Vec<String>> {
    let key = dir.join("key");
    write(&key, "sk-bench-not-a-secret\n")?;
    let ca = upstream.ca.as_ref().map(|file| format!("ca_file = {:?}\n", file.display().to_string()));
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\n\n[providers.bench]\nkind = \"openai\"\nbase_url = \"{0}/v1\"\n\
         api_key_file = {1:?}\n{2}\n[providers.other]\nkind = \"anthropic\"\nbase_url = \"{0}/v1\"\n\
         api_key_file = {1:?}\n{2}\n[models]\ntranslated = \"other/translated\"\nsmall = \"bench/small\"\npaced = \"bench/paced\"\n\
         burst = \"bench/burst\"\nbig = \"bench/small\"\n",
        upstream.url(),
        key.display().to_string(),
        ca.unwrap_or_default()
    );
    let config = dir.join("paceline.toml");
    write(&config, &text)?;
    let data = dir.join("data");
    fs::create_dir_all(&data).context(data.display())?;
    Ok(["serve", "--config", &config.display().to_string(), "--data", &data.display().to_string()]
        .map(str::to_owned)
        .to_vec())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).context(file.display())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let sbin = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(sbin).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// The first line a program prints about its version, on whichever stream.
fn version(program: &Path, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else { return String::new() };
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text)
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("")
        .to_owned()
}
