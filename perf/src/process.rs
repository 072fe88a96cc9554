//! Starts, watches and stops one gateway or upstream as a process of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::alarm::Alarm;
use crate::cases::Case;
use crate::error::{Context, Result, fail};
use crate::load::{Lane, Plan, Target};
use crate::pin;
use crate::procfs;

const GRACE: Duration = Duration::from_secs(5);

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Where it will listen on 127.0.0.1.
    pub(crate) port: u16,
    /// How to see that it serves.
    pub(crate) ready: Ready,
}

/// How to see that a gateway serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// This path answers 200.
    Path(&'static str),
    /// A short call goes through.
    Call,
    /// It takes connections.
    Listens,
}

/// A running process and its descendants; stopped when dropped.
pub(crate) struct Running {
    child: Child,
    /// From the start of the process to its first good answer.
    pub(crate) start: Duration,
}

impl Running {
    /// Starts a gateway on `core` (any when `None`) and waits until it serves.
    pub(crate) async fn start(
        launch: &Launch,
        dir: &Path,
        cores: Option<pin::Cores>,
        patience: Duration,
    ) -> Result<Self> {
        let log = dir.join("output.log");
        let output = File::create(&log).context(log.display())?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.args).current_dir(dir).stdin(Stdio::null());
        command.stdout(output.try_clone().context("log")?).stderr(output);
        // Keys and settings of the person's own environment must not change what is measured.
        command.env_clear().envs(std::env::var("PATH").map(|path| ("PATH", path))).env("HOME", dir);

        let begin = Instant::now();
        if let Some(cores) = cores {
            pin::pin(cores.gateway)?;
        }
        let child = command.spawn().context(launch.program.display());
        if let Some(cores) = cores {
            pin::pin(cores.load)?;
        }
        let mut running = Self { child: child?, start: Duration::ZERO };
        let mut alarm = Alarm::new()?;
        alarm.every(Duration::from_millis(1))?;
        while !serves(launch).await {
            if let Some(status) = running.child.try_wait().context("wait")? {
                return fail(format!("it ended at start ({status}): {}", last_lines(&log)));
            }
            if begin.elapsed() > patience {
                return fail(format!("not serving after {} s: {}", patience.as_secs(), last_lines(&log)));
            }
            alarm.ticks().await?;
        }
        running.start = begin.elapsed();
        Ok(running)
    }

    /// Starts a helper of this tool, which prints its address, beside the load generator.
    pub(crate) fn helper(args: &[&str]) -> Result<(Self, u16)> {
        let program = std::env::current_exe().context("own path")?;
        let mut command = Command::new(program);
        let mut child =
            command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("helper")?;
        let output = child.stdout.take().context("helper's output")?;
        let running = Self { child, start: Duration::ZERO };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("helper's address")?;
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        Ok((running, port.context(format!("helper {args:?} gave no address: {line:?}"))?))
    }

    /// All its processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        procfs::tree(self.child.id())
    }

    /// Asks it to end and waits; whatever is left then is killed.
    pub(crate) fn stop(&mut self) {
        let pids = self.pids();
        signal(self.child.id(), Signal::TERM);
        let begin = Instant::now();
        while begin.elapsed() < GRACE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            for pid in &pids {
                signal(*pid, Signal::KILL);
            }
            let _ = self.child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        // It may have ended already.
        let _ = kill_process(pid, signal);
    }
}

async fn serves(launch: &Launch) -> bool {
    match launch.ready {
        Ready::Path(path) => {
            get(launch.port, path).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        }
        Ready::Listens => TcpStream::connect(("127.0.0.1", launch.port)).await.is_ok(),
        Ready::Call => {
            let plan = Plan::new(&Target::local(launch.port), Case::Small.exchange(false));
            Lane::new().call(&plan).await.is_ok()
        }
    }
}

/// The answer to a GET, head included.
pub(crate) async fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("connect")?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.context("write")?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).await.context("read")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("a free port")?;
    Ok(listener.local_addr().context("a free port")?.port())
}

/// The end of a log, for the person who has to find the fault.
pub(crate) fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(4).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
