//! `paceline catalog diff` and `import`: another price list against ours.

use super::{dollars, read};
use crate::cli::out::{self, count, fail, say, tell};
use crate::recorder::now;
use clap::Args;
use paceline_catalog::import::{About, Imported};
use paceline_catalog::{Amount, Catalog, Difference, Disagreement, Entry, canonical, to_toml};
use paceline_types::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The other price list; its format is told from its content.
    file: PathBuf,
    /// Only models of that provider; for Portkey's files, whose models they are [default: the file's name].
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Also name the models that only one of the two knows.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    diff: DiffArgs,
    /// The catalogue file to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Another list and where it disagrees.
struct Compared {
    list: Imported,
    found: Vec<Disagreement>,
}

pub(super) fn diff(catalog: &Catalog, args: &DiffArgs, json: bool) -> ExitCode {
    match compared(catalog, args) {
        Ok(compared) => {
            told(&compared, args, json, None);
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

pub(super) fn import(catalog: &Catalog, args: &ImportArgs, json: bool) -> ExitCode {
    let compared = match compared(catalog, &args.diff) {
        Ok(compared) => compared,
        Err(error) => return fail(error),
    };
    let Some(path) = &args.out else {
        told(&compared, &args.diff, json, None);
        if !json {
            say("nothing was written: name a file with --out FILE\n");
        }
        return ExitCode::SUCCESS;
    };
    let chosen = chosen(&compared);
    if let Err(error) = write(path, &to_toml(chosen.iter().copied())) {
        return fail(error);
    }
    told(&compared, &args.diff, json, Some(chosen.len()));
    if !json {
        let models =
            if chosen.len() == 1 { "model that is new or differs" } else { "models that are new or differ" };
        say(format_args!("{} {models}: {}\n", count(chosen.len() as u64), path.display()));
    }
    ExitCode::SUCCESS
}

fn compared(catalog: &Catalog, args: &DiffArgs) -> Result<Compared, String> {
    let text = read(&args.file)?;
    let stem = args.file.file_stem().and_then(|stem| stem.to_str());
    let as_of = as_of(&args.file);
    let about = About { service: args.provider.as_deref().or(stem), as_of: as_of.as_deref() };
    let mut list = paceline_catalog::import::import(&text, about)
        .map_err(|problem| format!("{}:{}: {}", args.file.display(), problem.line, problem.what))?;
    if let Some(provider) = args.provider.as_deref().map(canonical) {
        list.entries.retain(|entry| *entry.service == *provider);
    }
    let found = paceline_catalog::diff(catalog, &list.entries, now());
    Ok(Compared { list, found })
}

/// The day a file was last changed: the best we know of a list's age.
fn as_of(path: &Path) -> Option<String> {
    let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    let seconds = i64::try_from(changed.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    Timestamp::from_millis(seconds.checked_mul(1000)?).rfc3339().get(..10).map(str::to_owned)
}

/// Theirs that we do not know, or of which a value differs.
fn chosen(compared: &Compared) -> Vec<&Entry> {
    let differ = compared.found.iter().filter(|found| found.difference != Difference::OnlyOurs);
    let names: BTreeSet<(&str, &str)> =
        differ.map(|found| (found.service.as_str(), found.model.as_str())).collect();
    let entries = compared.list.entries.iter();
    entries.filter(|entry| names.contains(&(&*entry.service, entry.id.as_str()))).collect()
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Shows the outcome: disagreements and a summary, and what could not be read to standard error.
fn told(compared: &Compared, args: &DiffArgs, json: bool, written: Option<usize>) {
    if json {
        return say(format_args!("{:#}\n", machine(compared, written)));
    }
    let list = &compared.list;
    for problem in list.problems.iter().take(SHOWN_PROBLEMS) {
        tell(format_args!("{}:{}: {}\n", args.file.display(), problem.line, problem.what));
    }
    let more = list.problems.len().saturating_sub(SHOWN_PROBLEMS) + list.more_problems;
    if more > 0 {
        tell(format_args!("… and {more} more like that\n"));
    }
    say(page(compared, args.all, out::color()));
}

/// So many problems are shown to people; all of them are in the JSON.
const SHOWN_PROBLEMS: usize = 10;

fn amount(amount: Option<Amount>) -> String {
    match amount {
        None => "-".into(),
        Some(Amount::Price(rate)) => dollars(rate),
        Some(Amount::Tokens(tokens)) => count(tokens),
    }
}

fn page(compared: &Compared, all: bool, color: bool) -> String {
    let rows = compared.found.iter().filter_map(|found| {
        let names = [found.service.clone(), found.model.clone()];
        let cells = match &found.difference {
            Difference::Value { field, ours, theirs } => {
                let ratio = found.ratio().map_or(String::new(), |ratio| format!("× {ratio:.2}"));
                [field.clone(), amount(*ours), amount(*theirs), ratio]
            }
            Difference::OnlyTheirs if all => ["only theirs".into(), "-".into(), String::new(), String::new()],
            Difference::OnlyOurs if all => ["only ours".into(), String::new(), "-".into(), String::new()],
            _ => return None,
        };
        Some(names.into_iter().chain(cells).collect::<Vec<String>>())
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut page = String::new();
    if !rows.is_empty() {
        let head = ["provider", "model", "what", "ours", "theirs", ""];
        page.push_str(&out::table(&head, &[3, 4, 5], &rows, color));
        page.push('\n');
    }
    let list = &compared.list;
    let number = |what: fn(&Difference) -> bool| {
        compared
            .found
            .iter()
            .filter(|found| what(&found.difference))
            .map(|found| (&found.service, &found.model))
            .collect::<BTreeSet<_>>()
            .len() as u64
    };
    let differ = number(|difference| matches!(difference, Difference::Value { .. }));
    let theirs = number(|difference| *difference == Difference::OnlyTheirs);
    let ours = number(|difference| *difference == Difference::OnlyOurs);
    page.push_str(&format!(
        "{}, in {}: {} {}; {} differ, {} only they know, {} only we know{}\n",
        list.format.title(),
        list.format.unit(),
        count(list.entries.len() as u64),
        if list.entries.len() == 1 { "model" } else { "models" },
        count(differ),
        count(theirs),
        count(ours),
        if all || theirs + ours == 0 { "" } else { " (--all names them)" },
    ));
    let far = compared.found.iter().filter(|found| {
        let is_price = matches!(found.difference, Difference::Value { ours: Some(Amount::Price(_)), .. });
        is_price && found.ratio().is_some_and(|ratio| !(0.1..=10.0).contains(&ratio))
    });
    match far.count() {
        0 => {}
        1 => page.push_str("1 price differs more than tenfold: look at its unit\n"),
        far => page.push_str(&format!("{far} prices differ more than tenfold: look at their unit\n")),
    }
    page
}

fn machine(compared: &Compared, written: Option<usize>) -> Value {
    let amount = |amount: &Option<Amount>| match amount {
        None => Value::Null,
        Some(Amount::Price(rate)) => json!(rate.to_string()),
        Some(Amount::Tokens(tokens)) => json!(tokens),
    };
    let rows = compared.found.iter().map(|found| {
        let (what, ours, theirs) = match &found.difference {
            Difference::OnlyTheirs => ("only_theirs", Value::Null, Value::Null),
            Difference::OnlyOurs => ("only_ours", Value::Null, Value::Null),
            Difference::Value { field, ours, theirs } => (field.as_str(), amount(ours), amount(theirs)),
        };
        json!({
            "provider": found.service, "model": found.model, "what": what,
            "ours": ours, "theirs": theirs, "ratio": found.ratio(),
        })
    });
    let problems = compared.list.problems.iter();
    json!({
        "format": compared.list.format.title(),
        "models": compared.list.entries.len(),
        "disagreements": rows.collect::<Vec<_>>(),
        "problems": problems.map(|problem| json!({"line": problem.line, "what": problem.what})).collect::<Vec<_>>(),
        "more_problems": compared.list.more_problems,
        "written": written,
    })
}
