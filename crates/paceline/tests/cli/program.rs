//! Runs the built program in a folder of its own, with nothing in its environment but what is given.

use crate::support::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};

/// A folder that goes away with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("paceline-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With a `paceline.toml`.
    pub(crate) fn with(config: &str) -> Self {
        let folder = Self::new();
        std::fs::write(folder.0.join("paceline.toml"), config).unwrap();
        folder
    }

    fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_paceline")));
        command.args(args).current_dir(&self.0).env_clear().envs(env.iter().copied()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Ended {
        self.command(args, env).output().unwrap().into()
    }

    /// Starts `serve` and waits until it has said how to use it.
    pub(crate) fn serve(&self, args: &[&str], env: &[(&str, &str)]) -> Serving {
        let mut child =
            self.command(args, env).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("Then: ") {
            assert!(lines.read_line(&mut banner).unwrap() > 0, "it ended: {banner}");
        }
        let address = banner.split("http://").nth(1).unwrap().split([' ', '/', '\n']).next().unwrap();
        let (send, received) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 && send.send(std::mem::take(&mut line)).is_ok() {}
        });
        Serving { address: address.parse().unwrap(), banner, child, lines: received }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A program that serves; it is stopped when dropped.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) banner: String,
    child: Child,
    /// What it says on standard error after the banner.
    lines: Receiver<String>,
}

impl Serving {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a signal, as an operator does: `-TERM`, `-INT`, `-HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// The next line on standard error with these words in it.
    pub(crate) fn line_with(&self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("it never said {words}: {error}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Asks it to stop, as an operator does; what it had said since the banner, and its exit code.
    pub(crate) fn stop(self) -> Ended {
        self.signal("-TERM");
        self.ended()
    }

    /// What it had said since the banner, and its exit code, once it has ended.
    pub(crate) fn ended(mut self) -> Ended {
        let (mut out, err) = (String::new(), self.lines.iter().collect());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        Ended { code: self.child.wait().unwrap().code().unwrap_or(-1), out, err }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
