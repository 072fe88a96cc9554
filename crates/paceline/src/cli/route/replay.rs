//! `paceline route replay`: past calls decided again, out of a data folder, also while Paceline runs.

mod json;
mod page;

use crate::assemble;
use crate::cli::export::{filter_of, folder, moment};
use crate::cli::out::{self, fail, say, tell};
use crate::cli::{FAILED, MISUSED};
use crate::config::{self, Config, Flags};
use crate::prices;
use clap::Args;
use paceline_catalog::canonical;
use paceline_routing::board::Board;
use paceline_routing::estimate::Prior;
use paceline_routing::replay::{QualityOf, Replay, Report};
use paceline_routing::route::Route;
use paceline_sim::SimConfig;
use paceline_store::filter::Filter;
use paceline_store::sqlite::History;
use paceline_types::deployment::Deployment;
use paceline_types::time::Timestamp;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Calls of so long before the first one teach what was known when it began, in microseconds. What is known of times
/// counts half after ten minutes.
const TAUGHT_BEFORE_US: i64 = 3_600_000_000;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The configuration file whose route decides, e.g. a changed copy of paceline.toml.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Which of its routes [default: the only one beside auto, else auto].
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Calls that began at this time or later: how long ago (24h, 7d), or a time like 2026-11-23T02:17:00Z.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: String,
    /// Calls that began before this time, written alike.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Which calls, as name=value, e.g. route=auto tenant=acme: the filters of `paceline calls`. The others still teach.
    #[arg(value_name = "NAME=VALUE")]
    filters: Vec<String>,
    /// The data folder [default: what the policy's file says].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// JSON for machines.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ReplayArgs) -> ExitCode {
    let filter = match filter(args, crate::recorder::now()) {
        Ok(filter) => filter,
        Err(error) => {
            fail(error);
            return ExitCode::from(MISUSED);
        }
    };
    let config = match config::load(Flags::default(), Some(&args.policy)) {
        Ok(loaded) => with_simulated(loaded.config),
        Err(error) => {
            tell(error.render(out::error_color()));
            return ExitCode::from(FAILED);
        }
    };
    match replayed(args, &config, &filter) {
        Ok((route, report, damaged)) => {
            if args.json {
                say(format_args!("{:#}\n", json::of(&route, &report)));
            } else {
                say(page::of(&route, &args.policy, &report, out::color()));
            }
            if damaged > 0 {
                tell(format_args!("{damaged} blocks of history could not be read and are missing\n"));
                return ExitCode::from(FAILED);
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

/// Where the simulated provider would be started its models are there; nobody is asked, so it needs no address.
fn with_simulated(mut config: Config) -> Config {
    if config.simulated {
        let names: Vec<String> = SimConfig::default().models.into_iter().map(|model| model.name).collect();
        assemble::add_simulated(&mut config, SocketAddr::from(([127, 0, 0, 1], 0)), &names);
    }
    config
}

fn filter(args: &ReplayArgs, now: Timestamp) -> Result<Filter, String> {
    let mut filter = filter_of(&args.filters)?;
    filter.since = Some(filter.since.unwrap_or(moment(&args.since, now)?));
    if let Some(until) = &args.until {
        filter.until = Some(moment(until, now)?);
    }
    Ok(filter)
}

/// The route that decides, what came of it, and how many blocks of history were missing.
fn replayed(
    args: &ReplayArgs,
    config: &Config,
    filter: &Filter,
) -> Result<(Arc<Route>, Report, u64), String> {
    let now = Instant::now();
    let directory = assemble::directory(config, &Board::default(), Timestamp(0), now);
    let name = route_name(args, config)?;
    let route = directory.route(name).map(Arc::clone);
    let route =
        route.ok_or_else(|| format!("the route `{name}` has no models; `paceline check` says why"))?;
    let data = folder(args.data.as_deref(), Some(&args.policy))?;
    let history = History::open(&data).map_err(|error| error.to_string())?;
    let mut replay = Replay::new(&route, quality_of(config), now);
    let before = filter.since.map(|since| Timestamp(since.0.saturating_sub(TAUGHT_BEFORE_US)));
    let all = Filter { since: before, until: filter.until, ..Filter::default() };
    let read = history.each(&all, &mut |records| {
        for record in &records {
            if filter.takes(record) {
                replay.take(record);
            } else {
                replay.learn(record);
            }
        }
        true
    });
    read.map_err(|error| error.to_string())?;
    Ok((route, replay.finish(), history.damaged()))
}

/// The route that is named, or the one that is meant.
fn route_name<'a>(args: &'a ReplayArgs, config: &'a Config) -> Result<&'a str, String> {
    let file = args.policy.display();
    if !config.routing.enabled {
        return Err(format!("{file}: routes do not choose where routing.enabled is false"));
    }
    let all = || {
        let names: Vec<String> =
            config.routes.iter().take(8).map(|route| format!("`{}`", route.name)).collect();
        names.join(", ")
    };
    if let Some(name) = &args.route {
        let known = config.routes.iter().any(|route| route.name == *name || route.aliases.contains(name));
        return if known { Ok(name) } else { Err(format!("{file} has no route `{name}`; it has {}", all())) };
    }
    // `auto` is there of itself.
    let mut stated = config.routes.iter().filter(|route| !(route.everything && route.name == "auto"));
    match (stated.next(), stated.next(), config.routes.first()) {
        (Some(only), None, _) | (None, _, Some(only)) => Ok(&only.name),
        (Some(_), Some(_), _) => Err(format!("{file} has several routes, say which with --route: {}", all())),
        (None, _, None) => Err(format!("{file} has no route and no models to make one of")),
    }
}

/// What the catalogue says of the quality of models that are no candidates.
fn quality_of(config: &Config) -> QualityOf {
    let (catalog, _) = prices::catalog(config.catalog.as_deref());
    let services: Vec<(String, Option<String>)> =
        config.providers.iter().map(|one| (one.name.clone(), prices::service_of(one))).collect();
    Box::new(move |deployment: &Deployment| {
        let known = services.iter().find(|(name, _)| **name == *deployment.provider);
        let service = match known {
            Some((_, service)) => service.as_deref()?,
            None => canonical(&deployment.provider),
        };
        let entry = catalog.find(service, &deployment.upstream_model)?.entry;
        entry.priors.quality.or_else(|| Some(Prior::of_tier(entry.tier?.number()).quality))
    })
}
