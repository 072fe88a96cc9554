//! Debian's packages: installed where they must be, else unpacked below the target folder.

use super::run_command;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Debian's packages; the lists are updated before the first use.
#[derive(Default)]
pub(crate) struct Apt {
    updated: bool,
}

impl Apt {
    fn update(&mut self) -> Result<(), String> {
        if !self.updated && is_root() {
            run_command(Command::new("apt-get").args(["update", "--quiet"]).stdout(Stdio::null()))?;
            self.updated = true;
        }
        Ok(())
    }

    /// Installs on the machine; only root can.
    pub(crate) fn install(&mut self, package: &str) -> Result<(), String> {
        if !is_root() {
            return Err(format!("{package} is missing and only root can install it"));
        }
        self.update()?;
        let mut command = Command::new("apt-get");
        command.args(["install", "--yes", "--quiet", "--no-install-recommends", package]);
        run_command(command.env("DEBIAN_FRONTEND", "noninteractive"))
    }

    /// Unpacks a package's files into a folder; the machine itself stays as it is.
    pub(crate) fn unpack(&mut self, package: &str, folder: &Path) -> Result<(), String> {
        self.update()?;
        run_command(Command::new("apt-get").args(["download", "--quiet", package]).current_dir(folder))?;
        unpack_archives(folder, folder)
    }

    /// The same for packages with all they need and the machine lacks. Nothing is locked: the machine's own state is
    /// only read.
    pub(crate) fn unpack_whole(&mut self, packages: &[&str], folder: &Path) -> Result<(), String> {
        self.update()?;
        let archives = folder.join("archives");
        fs::create_dir_all(archives.join("partial"))
            .map_err(|error| format!("{}: {error}", archives.display()))?;
        let mut command = Command::new("apt-get");
        command.args([
            "install",
            "--yes",
            "--quiet",
            "--reinstall",
            "--download-only",
            "--no-install-recommends",
        ]);
        command
            .args(["-o", "Debug::NoLocking=1", "-o"])
            .arg(format!("Dir::Cache::archives={}", archives.display()));
        run_command(command.args(packages).stdout(Stdio::null()))?;
        unpack_archives(&archives, folder)?;
        fs::remove_dir_all(&archives).map_err(|error| format!("{}: {error}", archives.display()))
    }
}

/// Unpacks all archives of a folder, which then go.
fn unpack_archives(archives: &Path, folder: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", archives.display());
    let mut found = 0;
    for entry in fs::read_dir(archives).map_err(told)? {
        let archive = entry.map_err(told)?.path();
        if archive.extension().is_some_and(|ending| ending == "deb") {
            run_command(Command::new("dpkg").arg("-x").arg(&archive).arg(folder))?;
            fs::remove_file(&archive).map_err(told)?;
            found += 1;
        }
    }
    if found == 0 { Err("apt-get downloaded no archive".to_owned()) } else { Ok(()) }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
