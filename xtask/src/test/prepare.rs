//! Brings what the client and browser suites need and the machine lacks, below the target folder and once per pinned version.

use super::apt::Apt;
use super::{Context, run_command};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the tools are.
pub(crate) struct Tools {
    /// The interpreter with the pinned packages.
    pub(crate) python: PathBuf,
    /// The folder whose `node_modules` has the pinned packages.
    pub(crate) node: PathBuf,
    /// The folder with the model's weights.
    pub(crate) model: PathBuf,
    /// The folder with `prometheus` and `promtool`.
    pub(crate) prometheus: PathBuf,
}

/// Prepares everything; the error says what could not be had.
pub(crate) fn all(context: &Context) -> Result<Tools, String> {
    let suite = context.root.join("tests/clients");
    let home = context.target.join("clients");
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let mut apt = Apt::default();
    if !runs("curl", "--version") {
        apt.install("curl")?;
    }
    let python = python(&suite, &home, &mut apt)?;
    Ok(Tools {
        node: node(&suite, &home)?,
        model: model(&suite, &home, &python)?,
        prometheus: prometheus(&home, &mut apt)?,
        python,
    })
}

fn python(suite: &Path, home: &Path, apt: &mut Apt) -> Result<PathBuf, String> {
    let folder = home.join("venv");
    let python = folder.join("bin/python");
    let pins = suite.join("requirements.txt");
    once(&folder, &[&pins], || {
        let make = || run_command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        // Debian keeps this part of Python in a package of its own.
        make().or_else(|_| apt.install("python3-venv").and_then(|()| make()))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run_command(Command::new(&python).args(pip).arg(&pins))
    })?;
    Ok(python)
}

/// The npm packages that a suite's lock file names, in a folder of their own.
pub(crate) fn node(suite: &Path, home: &Path) -> Result<PathBuf, String> {
    let folder = home.join("node");
    let pins = [suite.join("package.json"), suite.join("package-lock.json")];
    once(&folder, &[&pins[0], &pins[1]], || {
        for pin in &pins {
            let name = pin.file_name().unwrap_or_default();
            fs::copy(pin, folder.join(name)).map_err(|error| format!("{}: {error}", pin.display()))?;
        }
        // No package's own script runs, and the large builds for graphics cards stay away. `npm ci` would insist on
        // lock entries for those builds too, which npm itself leaves out where they cannot be had.
        let npm = [
            "install",
            "--no-save",
            "--ignore-scripts",
            "--omit=optional",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        run_command(Command::new("npm").args(npm).current_dir(&folder))
    })?;
    Ok(folder)
}

fn model(suite: &Path, home: &Path, python: &Path) -> Result<PathBuf, String> {
    let folder = home.join("model");
    let script = suite.join("fetch_model.py");
    once(&folder, &[&script], || run_command(Command::new(python).arg(&script).arg(&folder)))?;
    Ok(folder)
}

/// The package is unpacked, not installed: installing it would start a server on the machine.
fn prometheus(home: &Path, apt: &mut Apt) -> Result<PathBuf, String> {
    let folder = home.join("prometheus");
    once(&folder, &[], || apt.unpack("prometheus", &folder))?;
    Ok(folder.join("usr/bin"))
}

/// Runs `make` unless it already succeeded with the same `pins`. What an earlier try left is removed first.
pub(crate) fn once(
    folder: &Path,
    pins: &[&Path],
    make: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut want = String::new();
    for pin in pins {
        want.push_str(&fs::read_to_string(pin).map_err(|error| format!("{}: {error}", pin.display()))?);
    }
    let stamp = folder.join("prepared");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == want) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(told)?;
    }
    fs::create_dir_all(folder).map_err(told)?;
    make()?;
    fs::write(&stamp, want).map_err(told)
}

/// Whether a program is there and starts.
pub(crate) fn runs(program: &str, arg: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(arg).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test, gone afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("paceline-xtask-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_prepared_is_made_again_only_when_a_pin_changes() {
        let scratch = Scratch::new("once");
        let (folder, pin) = (scratch.0.join("made"), scratch.0.join("pins.txt"));
        let mut made = 0;
        for (pins, expected) in [("a", 1), ("a", 1), ("b", 2)] {
            fs::write(&pin, pins).unwrap();
            once(&folder, &[&pin], || {
                made += 1;
                assert!(!folder.join("old").exists(), "what an earlier version left is removed");
                fs::write(folder.join("old"), "").map_err(|error| error.to_string())
            })
            .unwrap();
            assert_eq!(made, expected);
        }
    }

    #[test]
    fn what_failed_is_tried_again() {
        let scratch = Scratch::new("again");
        let folder = scratch.0.join("made");
        assert_eq!(once(&folder, &[], || Err("offline".to_owned())), Err("offline".to_owned()));
        let mut made = false;
        once(&folder, &[], || {
            made = true;
            Ok(())
        })
        .unwrap();
        assert!(made);
    }

    #[test]
    fn a_missing_program_does_not_run() {
        assert!(runs("true", "x"));
        assert!(!runs("no-such-program", "--version"));
    }
}
