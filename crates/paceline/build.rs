//! Builds the dashboard (`web/`) and lists its files for the binary. Without Node the binary has a plain page instead.

// What a build script prints is how it speaks to Cargo.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

/// What the dashboard is built from, in `web/`.
const SOURCES: [&str; 6] =
    ["src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts"];

type Built<T> = Result<T, Box<dyn Error>>;

fn main() -> Built<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    println!("cargo:rerun-if-env-changed=PACELINE_WEB");
    println!("cargo:rerun-if-changed=build.rs");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", web.join(source).display());
    }
    let built = out.join("web");
    let files = match build(&web, &built) {
        Ok(()) => listed(&built)?,
        Err(why) => {
            println!(
                "cargo:warning=the dashboard is left out, `/` is a plain page: {why} \
                 (needs Node 20.19 or later; touch crates/paceline/build.rs to try again)"
            );
            Vec::new()
        }
    };
    fs::write(out.join("web.rs"), table(&built, &files)?)?;
    Ok(())
}

/// Builds `web` into `out`: only what is missing is installed.
fn build(web: &Path, out: &Path) -> Built<()> {
    if env::var("PACELINE_WEB").is_ok_and(|wish| wish == "off") {
        return Err("PACELINE_WEB is off".into());
    }
    if !web.join("package.json").exists() {
        return Err("web/ is not here".into());
    }
    run(Command::new("node").arg("--version"), "node --version")?;
    // Several builds may share one checkout: one installs, the others find it done.
    let lock = File::create(web.join(".lock"))?;
    lock.lock()?;
    if !is_installed(web) {
        let install = [
            "ci",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--fetch-retries=0",
            "--fetch-timeout=30000",
        ];
        run(Command::new("npm").args(install).current_dir(web), "npm ci in web/")?;
    }
    let mut vite = Command::new("node");
    vite.args(["node_modules/vite/bin/vite.js", "build", "--emptyOutDir", "--logLevel", "warn", "--outDir"]);
    run(vite.arg(out).current_dir(web), "vite build in web/")
}

/// Whether the packages are those of the lock file: npm writes its own copy of it last.
fn is_installed(web: &Path) -> bool {
    let changed = |name: &str| fs::metadata(web.join(name)).and_then(|file| file.modified());
    match (changed("node_modules/.package-lock.json"), changed("package-lock.json")) {
        (Ok(installed), Ok(wanted)) => installed >= wanted,
        _ => false,
    }
}

fn run(command: &mut Command, what: &str) -> Built<()> {
    let done = command.output().map_err(|error| format!("{what}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let told = [&done.stderr, &done.stdout].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
    let lines: Vec<&str> = told.lines().map(str::trim).filter(|line| !line.is_empty()).take(4).collect();
    Err(format!("{what}: {}", lines.join(" · ")).into())
}

/// Everything below `folder`, by its path there.
fn listed(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The table of files that `admin/web.rs` includes: paths and zipped bytes.
fn table(folder: &Path, files: &[String]) -> Result<String, std::fmt::Error> {
    let mut out = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in files.iter().filter_map(|file| Some((file.strip_suffix(".gz")?, folder.join(file)))) {
        writeln!(out, "    ({:?}, include_bytes!({:?})),", format!("/{name}"), path.display().to_string())?;
    }
    out.push_str("];\n");
    Ok(out)
}
