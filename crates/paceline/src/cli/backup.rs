//! `paceline backup`: a copy of the data folder, also while Paceline runs.

use super::export::folder;
use super::out::{fail, say};
use clap::Args;
use paceline_store::sqlite;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The folder to copy to; it must not hold a copy already.
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    /// The data folder [default: what the configuration says].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file that names the data folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// JSON for machines.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &BackupArgs) -> ExitCode {
    let data = match folder(args.data.as_deref(), args.config.as_deref()) {
        Ok(data) => data,
        Err(error) => return fail(error),
    };
    let mut copies = match sqlite::copy(&data, &args.to) {
        Ok(copies) => copies,
        Err(error) => return fail(error),
    };
    match snapshots(&data, &args.to) {
        Ok(more) => copies.extend(more),
        Err(error) => return fail(format_args!("snapshots cannot be copied: {error}")),
    }
    let bytes: u64 = copies.iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum();
    if args.json {
        let files: Vec<String> = copies.iter().map(|path| path.display().to_string()).collect();
        say(format_args!("{:#}\n", serde_json::json!({"files": files, "bytes": bytes})));
    } else {
        say(format_args!(
            "{} ({} MB) of {} copied to {}\nServe it: paceline serve --data {}\n",
            if copies.len() == 1 { "1 file".to_owned() } else { format!("{} files", copies.len()) },
            bytes.div_ceil(1 << 20),
            data.display(),
            args.to.display(),
            args.to.display()
        ));
    }
    ExitCode::SUCCESS
}

/// Copies the snapshots; each is whole, because it was put in its place whole.
fn snapshots(data: &Path, to: &Path) -> std::io::Result<Vec<PathBuf>> {
    let from = data.join("metrics");
    let mut copies = Vec::new();
    if !from.is_dir() {
        return Ok(copies);
    }
    fs::create_dir_all(to.join("metrics"))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let is_snapshot = entry.path().extension().is_some_and(|ending| ending == "json");
        if is_snapshot && entry.file_type()?.is_file() {
            let copy = to.join("metrics").join(entry.file_name());
            fs::copy(entry.path(), &copy)?;
            copies.push(copy);
        }
    }
    Ok(copies)
}
