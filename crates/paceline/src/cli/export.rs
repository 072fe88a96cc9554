//! `paceline export`: call records as files that other programs read, also while Paceline runs.

use super::out::{fail, tell};
use super::{FAILED, MISUSED};
use crate::config::{self, Flags};
use clap::Args;
use paceline_export::{ExportError, Exporter, Format};
use paceline_store::filter::Filter;
use paceline_store::sqlite::History;
use paceline_types::time::Timestamp;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Which calls, as name=value, e.g. model=gpt-4o status=error: the filters of `paceline calls`.
    #[arg(value_name = "NAME=VALUE")]
    filters: Vec<String>,
    /// csv, jsonl or parquet [default: by the ending of --out, else jsonl].
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// The file to write; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: String,
    /// Calls that started at this time or later, e.g. 2026-11-23T02:17:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Calls that started before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The data folder [default: what the configuration says].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file that names the data folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| "csv, jsonl or parquet".to_owned())
}

pub(crate) fn run(args: &ExportArgs) -> ExitCode {
    let filter = match filter(args) {
        Ok(filter) => filter,
        Err(error) => {
            fail(error);
            return ExitCode::from(MISUSED);
        }
    };
    let format = args.format.or_else(|| Format::of_file(&args.out)).unwrap_or(Format::JsonLines);
    let data = match folder(args.data.as_deref(), args.config.as_deref()) {
        Ok(data) => data,
        Err(error) => return fail(error),
    };
    let history = match History::open(&data) {
        Ok(history) => history,
        Err(error) => return fail(error),
    };
    let written = if args.out == "-" {
        write(&history, &filter, format, io::stdout()).map_err(|error| error.to_string())
    } else {
        match outside(Path::new(&args.out), &data) {
            Ok(path) => file(&history, &filter, format, &path),
            Err(error) => Err(error),
        }
    };
    match written {
        Ok(rows) => {
            if args.out != "-" {
                tell(format_args!("{rows} calls written to {}\n", args.out));
            }
            if history.damaged() > 0 {
                tell(format_args!(
                    "{} blocks of history could not be read and are missing\n",
                    history.damaged()
                ));
                return ExitCode::from(FAILED);
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

/// The data folder: as named, or as the configuration has it.
pub(crate) fn folder(data: Option<&Path>, file: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(data) = data {
        return Ok(data.to_owned());
    }
    let loaded = config::load(Flags::default(), file).map_err(|error| error.to_string())?;
    Ok(loaded.config.data)
}

fn filter(args: &ExportArgs) -> Result<Filter, String> {
    let mut filter = filter_of(&args.filters)?;
    filter.since = args.since.as_deref().map(time).transpose()?.or(filter.since);
    filter.until = args.until.as_deref().map(time).transpose()?.or(filter.until);
    Ok(filter)
}

/// The filter that `name=value` parts make.
pub(crate) fn filter_of(parts: &[String]) -> Result<Filter, String> {
    let text = parts.iter().map(|part| match part.split_once('=') {
        Some((name, value)) => Ok(format!("{name}={}", super::client::encoded(value))),
        None => Err(format!("`{part}` is no filter (name=value)")),
    });
    crate::admin::filter_of(&text.collect::<Result<Vec<_>, _>>()?.join("&"))
}

/// A moment as it is written.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| format!("`{text}` is no time like 2026-11-23T02:17:00Z"))
}

/// Where a file is written, links followed: not among the files that are read.
fn outside(path: &Path, data: &Path) -> Result<PathBuf, String> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(folder), fs::canonicalize(data)) {
        (Ok(folder), Ok(data)) if folder == data => {
            Err(format!("{} is in the data folder; name a file outside of it", path.display()))
        }
        _ => Ok(path),
    }
}

/// A moment as it is written, or how long ago it was.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match crate::span::seconds(text) {
        Some(seconds) => Ok(Timestamp(now.0.saturating_sub_unsigned(seconds.saturating_mul(1_000_000)))),
        None => time(text)
            .map_err(|_| format!("`{text}` is neither 24h or 7d nor a time like 2026-11-23T02:17:00Z")),
    }
}

/// Writes a file; one that is not whole does not stay, and takes nothing away that was there before.
fn file(history: &History, filter: &Filter, format: Format, path: &Path) -> Result<u64, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let to = |target: &Path| {
        let file = File::create(target).map_err(|error| wrong(&error))?;
        let rows = write(history, filter, format, BufWriter::new(&file)).map_err(|error| wrong(&error))?;
        Ok((file, rows))
    };
    // Devices and pipes are written as they are, and cannot be flushed to a disk.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return to(path).map(|(_, rows)| rows);
    }
    let part = PathBuf::from(format!("{}.part", path.display()));
    let outcome = to(&part).and_then(|(file, rows)| {
        file.sync_all().and_then(|()| fs::rename(&part, path)).map_err(|error| wrong(&error))?;
        Ok(rows)
    });
    if outcome.is_err() {
        let _ = fs::remove_file(&part);
    }
    outcome
}

fn write(
    history: &History,
    filter: &Filter,
    format: Format,
    to: impl Write + Send,
) -> Result<u64, Box<dyn std::error::Error>> {
    let mut exporter = Exporter::new(format, to)?;
    let mut failed: Option<ExportError> = None;
    history.each(filter, &mut |records| {
        failed = exporter.write(&records).err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(exporter.finish()?),
    }
}
