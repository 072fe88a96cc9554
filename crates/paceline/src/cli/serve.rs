//! `paceline serve`: start, say what was found and how to use it, run until told to stop.

use super::out::{self, fail, tell};
use crate::admin::Admin;
use crate::app::App;
use crate::config::{self, Config, Flags};
use crate::reload::Source;
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file [default: paceline.toml, if it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8420].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Folder for what is kept [default: paceline-data].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(crate) fn run(args: ServeArgs, started: Instant) -> ExitCode {
    let flags = Flags { listen: args.listen, data: args.data };
    let loaded = match config::load(flags.clone(), args.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => {
            tell(error.render(out::error_color()));
            return ExitCode::from(super::FAILED);
        }
    };
    for warning in &loaded.warnings {
        tell(format_args!("{}\n", warning.render("warning", out::error_color())));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format_args!("no runtime: {error}")),
    };
    let mark = loaded.file.as_deref().and_then(crate::reload::mark);
    let source = Source { flags, config: args.config, file: loaded.file.clone(), mark, ..Source::default() };
    runtime.block_on(async {
        // All are heard before anybody is told that Paceline runs: unheard, any of them would end the process.
        let heard = (stop_signal(1), stop_signal(2), signal(SignalKind::hangup()));
        let (stop, hurry, hangup) = match heard {
            (Ok(stop), Ok(hurry), Ok(hangup)) => (stop, hurry, hangup),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                return fail(format_args!("signals cannot be heard: {error}"));
            }
        };
        match App::start(loaded, started).await {
            Ok(app) => {
                let file = source.file.as_deref();
                tell(banner(&app.config, file, &app.address.to_string(), started));
                app.reloadable(source);
                let hangup = tokio::spawn(reload_on_hangup(app.admin(), hangup));
                app.run(stop, hurry).await;
                hangup.abort();
                ExitCode::SUCCESS
            }
            Err(error) => fail(error),
        }
    })
}

/// Ready at so many SIGTERM or SIGINT, counted from now on.
pub(super) fn stop_signal(count: u32) -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        for _ in 0..count {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    })
}

/// Reads the configuration again at every SIGHUP.
async fn reload_on_hangup(admin: Arc<Admin>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        if let Some(source) = admin.source.get() {
            source.reload_and_tell(&admin, "SIGHUP");
        }
    }
}

/// What was found, where it listens, and what to paste.
fn banner(config: &Config, file: Option<&Path>, address: &str, started: Instant) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text =
        format!("Paceline {version} listens on http://{address} ({} ms)\n\n", started.elapsed().as_millis());
    for provider in &config.providers {
        let source = match (&provider.key_source, &provider.detected_by) {
            (Some(source), _) => format!("key from {source}"),
            (None, Some(variable)) => format!("found by {variable}"),
            (None, None) => "no key".to_owned(),
        };
        let _ = writeln!(text, "  provider {:<12} {} ({source})", provider.name, provider.base_url);
    }
    if config.simulated {
        text.push_str("\n  The models of `sim` are SIMULATED: their answers are made up.");
        if config.providers.len() == 1 && file.is_none() {
            text.push_str(" No provider key was found: set\n  OPENAI_API_KEY (or another provider's) or write paceline.toml to reach real ones.");
        }
        text.push('\n');
    }
    let models: Vec<&str> = config.models.iter().map(|model| model.name.as_str()).collect();
    let routes: Vec<&str> = config.routes.iter().map(|route| route.name.as_str()).collect();
    let routes = if config.routing.enabled { routes } else { Vec::new() };
    for (what, names) in [("models", models), ("routes", routes)] {
        if !names.is_empty() {
            let more = if names.len() > 8 { ", …" } else { "" };
            let _ = writeln!(text, "  {what:<8} {}{more}", names[..names.len().min(8)].join(", "));
        }
    }
    let model = example_model(config);
    let auth = if config.keys.is_empty() { "" } else { " -H 'authorization: Bearer YOUR_KEY'" };
    let _ = write!(
        text,
        "\nTry it:\n  curl http://{address}/v1/chat/completions -H 'content-type: application/json'{auth} \\\n    \
         -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Say hello\"}}]}}'\n\
         Or with an SDK:\n  client = OpenAI(base_url=\"http://{address}/v1\", api_key=\"{}\")\n\
         Then: paceline stats, paceline calls, or http://{address}/\n\n",
        if config.keys.is_empty() { "none" } else { "YOUR_KEY" },
    );
    text
}

/// A model that is likely to answer.
fn example_model(config: &Config) -> String {
    if let Some(model) = config.models.first() {
        return model.name.clone();
    }
    let Some(provider) = config.providers.first() else { return "sim/fast".into() };
    let model = match provider.kind.name {
        "openai" => "gpt-4o-mini",
        "openrouter" => "openai/gpt-4o-mini",
        "groq" => "llama-3.1-8b-instant",
        "mistral" => "mistral-small-latest",
        "deepseek" => "deepseek-chat",
        "together" => "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "sim" => "fast",
        _ => "MODEL",
    };
    format!("{}/{model}", provider.name)
}
