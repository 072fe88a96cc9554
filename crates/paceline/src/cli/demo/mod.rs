//! `paceline demo`: a running Paceline to look at, with simulated providers and callers, and a simulated day behind it.

mod callers;
mod cast;
mod day;
mod folder;
mod incidents;

use super::out::{self, fail, tell};
use super::serve::stop_signal;
use crate::app::{App, AppError};
use crate::config::{Flags, Loaded, Sources, resolve};
use crate::files::zone::Zone;
use cast::{MODELS, PLACES, PLAYERS, PROVIDERS, TIERS};
use clap::Args;
use day::Used;
use folder::Folder;
use paceline_gateway::{DEFAULT_ROUTE, ServeError};
use paceline_sim::{SimHandle, SimServer};
use paceline_types::time::Timestamp;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Port to listen on, on this machine alone; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 8420)]
    port: u16,
    /// Keep what is made up in this folder [default: a temporary one that goes away at the end].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many calls of the last 24 hours are made up.
    #[arg(long, value_name = "N", default_value_t = 80_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    calls: u64,
}

pub(crate) fn run(args: &DemoArgs, started: Instant) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format_args!("no runtime: {error}")),
    };
    match runtime.block_on(demo(args, started)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

async fn demo(args: &DemoArgs, started: Instant) -> Result<(), String> {
    // Heard before anything is made, so that what is made goes away again.
    let deaf = |error| format!("signals cannot be heard: {error}");
    let (stop, hurry) = (stop_signal(1).map_err(deaf)?, stop_signal(2).map_err(deaf)?);
    let mut stop = Box::pin(stop);
    let listen = SocketAddr::from(([127, 0, 0, 1], args.port));
    // Told before a day is made up: a port that somebody has is found out at once.
    if args.port != 0 {
        std::net::TcpListener::bind(listen).map_err(|error| no_port(&ServeError::Bind(listen, error)))?;
    }
    let (folder, was_filled) = match &args.data {
        Some(path) => Folder::named(path)?,
        None => (Folder::temporary()?, false),
    };
    let mut sims = Vec::new();
    for name in PROVIDERS {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = SimServer::bind(local, cast::provider(name)).await;
        sims.push(bound.map_err(|error| format!("the simulated provider cannot listen: {error}"))?);
    }
    let Some(used) = past(&folder, if was_filled { 0 } else { args.calls }, &mut stop).await? else {
        return Ok(());
    };
    let keys: Vec<String> = PLAYERS
        .iter()
        .map(|_| crate::keys::value::new())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no random numbers: {error}"))?;
    let loaded = configured(listen, folder.path(), &sims, &keys, &used)?;
    let app = App::start(loaded, started).await.map_err(|error| match error {
        AppError::Serve(error) => no_port(&error),
        other => other.to_string(),
    })?;
    tell(banner(app.address, &folder, started));
    let handles: Vec<SimHandle> = sims.iter().map(SimServer::handle).collect();
    let providers: Vec<_> =
        sims.into_iter().map(|sim| tokio::spawn(sim.run(std::future::pending()))).collect();
    let mut calling = callers::start(app.address, &keys);
    calling.spawn(async move { incidents::happen(&handles).await });
    let stopped = async {
        stop.await;
        // Who calls leaves first: then nobody has to be waited for.
        calling.shutdown().await;
    };
    app.run(stopped, hurry).await;
    for provider in providers {
        provider.abort();
    }
    if folder.is_temporary() {
        tell("The demo has ended; its folder is gone.\n");
    }
    Ok(())
}

/// The simulated day; `None` when it was stopped meanwhile.
async fn past(folder: &Folder, calls: u64, stop: impl Future<Output = ()>) -> Result<Option<Used>, String> {
    let now = crate::recorder::now();
    let zone = Zone::parse("UTC").map_err(|error| error.to_string())?;
    let begins: (Timestamp, Timestamp) = (zone.day_of(now).from, zone.month_of(now).from);
    let path = folder.path().to_owned();
    let is_stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_stopped);
    let mut writing = tokio::task::spawn_blocking(move || day::write_day(&path, calls, begins, &flag));
    tokio::select! {
        written = &mut writing => {
            let written = written.map_err(|error| error.to_string())?;
            let (_, used) = written.map_err(|error| error.to_string())?;
            Ok(Some(used))
        }
        () = stop => {
            is_stopped.store(true, Ordering::Relaxed);
            // The folder is in use until it has ended.
            let _ = writing.await;
            Ok(None)
        }
    }
}

fn no_port(error: &ServeError) -> String {
    let ServeError::Bind(at, why) = error else { return error.to_string() };
    format!(
        "{at} cannot be listened on ({why}); perhaps another Paceline runs there. Choose another port: paceline demo --port {}, or --port 0 for any free one",
        at.port().wrapping_add(1).max(1024)
    )
}

/// The configuration, in the words of a file; nothing of the environment is in it.
fn configured(
    listen: SocketAddr,
    data: &Path,
    sims: &[SimServer],
    keys: &[String],
    used: &Used,
) -> Result<Loaded, String> {
    let mut text = format!(
        "[server]\nlisten = \"{listen}\"\ndetect = false\nkeys_required = false\n[log]\nlevel = \"error\"\n[budgets]\nzone = \"UTC\"\n"
    );
    for (name, sim) in PROVIDERS.iter().zip(sims) {
        let _ = writeln!(
            text,
            "[providers.{name}]\nkind = \"compatible\"\nbase_url = \"http://{}/v1\"",
            sim.addr()
        );
    }
    for place in PLACES {
        let (provider, model) = (place.provider, place.model);
        let _ = writeln!(
            text,
            "[prices.\"{provider}/{model}\"]\ninput_usd_per_million = {:?}\noutput_usd_per_million = {:?}",
            place.price_in, place.price_out
        );
    }
    text.push_str("[models]\n");
    for (name, places) in MODELS {
        let target = |at: &usize| format!("\"{}/{}\"", PLACES[*at].provider, PLACES[*at].model);
        let targets: Vec<String> = places.iter().map(target).collect();
        let tier = TIERS.iter().find(|(of, _)| *of == name).map(|(_, tier)| format!(", tier = \"{tier}\""));
        let _ =
            writeln!(text, "{name} = {{ targets = [{}]{} }}", targets.join(", "), tier.unwrap_or_default());
    }
    let routed = TIERS.map(|(name, _)| format!("\"{name}\"")).join(", ");
    let _ = writeln!(text, "[routes.{DEFAULT_ROUTE}]\nmodels = [{routed}]\nbaseline = \"chat\"");
    text.push_str(
        "[tenants.shop]\nbudget.month_usd = 2000\n[tenants.lab]\nlimits.tokens_per_minute = 300000\n",
    );
    let mut env = std::collections::BTreeMap::new();
    for (at, (player, key)) in PLAYERS.iter().zip(keys).enumerate() {
        let variable = format!("DEMO_KEY_{at}");
        // So much that it is nearly used, and used up after a while.
        let budget = used.today_usd(player.key).mul_add(1.09, 0.25);
        let rules = player.rules.replace("{budget}", &format!("{budget:.2}"));
        let _ = writeln!(
            text,
            "[[keys]]\nname = \"{}\"\nkey_env = \"{variable}\"\ntenant = \"{}\"\nworkspace = \"{}\"\n{rules}",
            player.key, player.tenant, player.workspace
        );
        env.insert(variable, key.clone());
    }
    let get = |name: &str| env.get(name).cloned();
    let names: Vec<String> = env.keys().cloned().collect();
    let flags = Flags { listen: None, data: Some(data.to_owned()) };
    let file = Some((Path::new("demo.toml"), text.as_str()));
    let mut loaded =
        resolve(&Sources { file, env: &get, env_names: &names, flags }).map_err(|error| error.to_string())?;
    loaded.config.demo = true;
    Ok(loaded)
}

/// What it is, what to look at, and how to stop it.
fn banner(address: SocketAddr, folder: &Folder, started: Instant) -> String {
    let bold = |text: &str| out::paint(text, "1", out::error_color());
    let kept = if folder.is_temporary() { "it goes away at the end" } else { "it stays" };
    format!(
        "{} providers, callers, prices and the past day are made up. No model is asked, nothing is paid.\n\n  \
         Dashboard  {}\n  \
         Terminal   paceline top --url http://{address}\n  \
         Call       curl http://{address}/v1/chat/completions -H 'content-type: application/json' \\\n               \
         -d '{{\"model\": \"fast\", \"messages\": [{{\"role\": \"user\", \"content\": \"Say hello\"}}]}}'\n\n  \
         Providers  {}, with fallbacks between them\n  \
         Callers    {}: a few calls a second, limits and budgets\n  \
         Past day   {}\n  \
         Now        every few minutes something goes wrong; it is told here\n  \
         Data       {} ({kept})\n\n\
         Ready after {:.1} s. Then: look around; {} stops it.\n\n",
        bold("SIMULATED:"),
        bold(&format!("http://{address}/")),
        PROVIDERS.join(", "),
        PLAYERS.map(|player| player.key).join(", "),
        day::INCIDENTS.join("\n             "),
        folder.path().display(),
        started.elapsed().as_secs_f64(),
        bold("Ctrl-C"),
    )
}
