//! What `paceline check` prints: the configuration as it is meant. Secrets by their place, never by value.

mod rights;

pub(crate) use rights::{limits_json, rights_json};

use super::values::TimeoutOverrides;
use super::{Auth, Config, Loaded, OnClientCancel, Origin, OwnPrice, Paid, Provider, StorageKind, Timeouts};
use paceline_stats::indicator::{Core, Rule};
use paceline_types::time::Offset;
use serde_json::{Value, json};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

mod chains;
mod routes;

/// For people: what will run, then what was set and where, then warnings. Ends with a newline.
pub fn render(loaded: &Loaded, color: bool) -> String {
    let config = &loaded.config;
    let page = Page { color };
    let mut out = match &loaded.file {
        Some(file) => format!("{} {}\n", page.bold(&file.display().to_string()), page.green("is valid")),
        None => format!("No {}: all from the environment and defaults\n", super::DEFAULT_FILE),
    };
    out.push_str(&page.block("", &server_rows(config)));
    out.push_str(&page.block("Providers", &provider_rows(config)));
    out.push_str(&page.block("Models", &chains::model_rows(config)));
    out.push_str(&page.block("Tiers", &chains::tier_rows(config)));
    out.push_str(&page.block("Routes", &routes::route_rows(config)));
    out.push_str(&page.block("Roles", &chains::role_rows(config)));
    out.push_str(&page.block("Prices", &price_rows(config)));
    out.push_str(&page.block("Callers", &caller_rows(config)));
    out.push_str(&page.block("Limits", &rights::limit_rows(config)));
    out.push_str(&page.block("Settings given", &set_rows(config)));
    for warning in &loaded.warnings {
        let _ = writeln!(out, "\n{}", warning.render("warning", color));
    }
    out
}

/// Notes on a provider get another line after so many characters.
const NOTES_WIDTH: usize = 48;

struct Page {
    color: bool,
}

impl Page {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn green(&self, text: &str) -> String {
        self.paint("32", text)
    }

    /// A heading and rows in columns; the first column in bold. Nothing without rows.
    fn block(&self, title: &str, rows: &[Vec<String>]) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        // A row's last cell needs no padding, and a long one must not push the others away.
        let width = |column: usize| {
            let cells = rows.iter().filter(|row| row.len() > column + 1);
            cells.map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::from("\n");
        if !title.is_empty() {
            out.push_str(&self.paint("1;36", title));
            out.push('\n');
        }
        let indent = if title.is_empty() { "" } else { "  " };
        for row in rows {
            let mut line = String::from(indent);
            for (column, cell) in row.iter().enumerate() {
                let pad = widths[column].saturating_sub(cell.chars().count());
                line.push_str(&if column == 0 { self.bold(cell) } else { cell.clone() });
                if column + 1 < row.len() {
                    line.push_str(&" ".repeat(pad + 3));
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn server_rows(config: &Config) -> Vec<Vec<String>> {
    let server = &config.server;
    let reach = if server.listen.ip().to_canonical().is_loopback() {
        "for this machine only"
    } else {
        "for other machines too"
    };
    let workers = if server.workers == 1 { "1 worker".into() } else { format!("{} workers", server.workers) };
    let admin = match &server.admin_key_source {
        Some(source) => format!("from {source}"),
        None => "none, as only this machine can reach it".into(),
    };
    let row = |name: &str, text: String| vec![name.to_owned(), text];
    let mut rows = vec![
        row("listens on", format!("http://{} {reach}, {workers}", server.listen)),
        row("admin key", admin),
        row("data", config.data.display().to_string()),
        row("records", records(config)),
        row("timeouts", all_timeouts(&config.timeouts)),
    ];
    if !server.cors_origins.is_empty() {
        rows.push(row("browsers", format!("pages of {} may call", server.cors_origins.join(", "))));
    }
    rows
}

/// Own prices, each with a worked example, so that a wrong unit is seen.
fn price_rows(config: &Config) -> Vec<Vec<String>> {
    let row = |own: &OwnPrice| {
        let (price, example) = match own.paid {
            Paid::Tokens(rates) => {
                let example = i128::from(rates.input.0) * 1000 + i128::from(rates.output.0) * 500;
                let cost = crate::admin::shape::dollars(example);
                let price = format!("${} in, ${} out a million", rates.input, rates.output);
                (price, format!("1,000 tokens in and 500 out cost ${cost}"))
            }
            Paid::Machine(machine) => {
                let shared = match machine.concurrent.get() {
                    1 => String::new(),
                    calls => format!(", shared by {calls} calls"),
                };
                let cost = machine.cost(Offset(10_000_000_000)).unwrap_or_default();
                (format!("${} an hour{shared}", machine.usd), format!("a call of 10 s costs ${cost}"))
            }
        };
        vec![format!("{}/{}", own.provider, own.model), price, example]
    };
    config.prices.iter().map(row).collect()
}

/// What is kept of calls, and how long.
fn records(config: &Config) -> String {
    let storage = &config.storage;
    if storage.kind == StorageKind::Memory {
        return format!("the newest {} in memory", config.records.keep);
    }
    let days = storage.keep.as_secs() / 86_400;
    let window = match storage.window.as_millis() {
        0 => "written before an answer ends".to_owned(),
        ms => format!("written within {ms} ms"),
    };
    format!("{days} days, at most {} MB, {window}", storage.max_bytes >> 20)
}

fn provider_rows(config: &Config) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for provider in &config.providers {
        let mut notes = vec![credential(provider)];
        if let Some(variable) = &provider.detected_by
            && provider.key_source.as_ref().is_none_or(|source| source.to_string() != *variable)
        {
            notes.push(format!("found by {variable}"));
        }
        notes.extend(provider.region.clone());
        if let Some(proxy) = &provider.proxy {
            let by = proxy.env.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            notes.push(format!("by proxy {proxy}{by}"));
        }
        if let Some(file) = &provider.ca_file {
            notes.push(format!("trusts {}", file.display()));
        }
        if provider.on_client_cancel == OnClientCancel::Drain {
            notes.push(format!("drains up to {} after a client cancels", duration(provider.drain_max)));
        }
        if !provider.headers.is_empty() {
            let names: Vec<&str> = provider.headers.iter().map(|(name, _)| name.as_str()).collect();
            notes.push(format!("adds {}", names.join(", ")));
        }
        notes.extend(differences(&provider.timeouts, &config.timeouts));
        let (name, title) = (provider.name.clone(), provider.kind.title.to_owned());
        let mut lines = wrapped(&notes).into_iter();
        rows.push(vec![name, title, provider.base_url.clone(), lines.next().unwrap_or_default()]);
        rows.extend(lines.map(|line| vec![String::new(), String::new(), String::new(), line]));
    }
    if config.simulated {
        let name = config.simulated_template.as_ref().map_or("sim", |template| template.name.as_str());
        rows.push(vec![
            name.to_owned(),
            "Simulated".into(),
            "in this process".into(),
            "no key, no cost, made-up answers".into(),
        ]);
    }
    rows
}

/// Notes as lines of bounded width.
fn wrapped(notes: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for note in notes {
        match lines.last_mut() {
            Some(line) if line.chars().count() + note.chars().count() < NOTES_WIDTH => {
                line.push_str(", ");
                line.push_str(note);
            }
            _ => lines.push(note.clone()),
        }
    }
    lines
}

fn credential(provider: &Provider) -> String {
    match (provider.auth, &provider.key_source) {
        (Auth::Passthrough, _) => "the caller's own key".into(),
        (Auth::Key, Some(source)) => format!("key from {source}"),
        _ => "no key".into(),
    }
}

fn caller_rows(config: &Config) -> Vec<Vec<String>> {
    let row = |key: &super::CallerKey| {
        let owner = format!("tenant {}, workspace {}", key.tenant, key.workspace);
        let row = vec![key.name.clone(), format!("key from {}", key.source), owner];
        row.into_iter().chain(rights::rights_text(&key.rights)).collect()
    };
    config.keys.iter().map(row).collect()
}

/// The settings with fixed names that are not defaults, and where they come from.
fn set_rows(config: &Config) -> Vec<Vec<String>> {
    let row =
        |(path, text): (&String, &String)| vec![path.clone(), text.clone(), origin(config.origin(path))];
    config.set.iter().map(row).collect()
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Flag(name) => (*name).to_owned(),
        Origin::Env(name) => name.clone(),
        Origin::File { line, .. } => format!("line {line}"),
        Origin::Default => "default".into(),
    }
}

const NAMES: [&str; 6] = ["connect", "first token", "idle", "answer", "stream", "reasoning"];

fn values(timeouts: &Timeouts) -> [Duration; 6] {
    let Timeouts { connect, first_token, idle, total, stream_total, reasoning_total, .. } = *timeouts;
    [connect, first_token, idle, total, stream_total, reasoning_total]
}

fn all_timeouts(timeouts: &Timeouts) -> String {
    let parts = NAMES.iter().zip(values(timeouts)).map(|(name, value)| format!("{name} {}", duration(value)));
    parts.collect::<Vec<_>>().join(", ")
}

fn differences(own: &Timeouts, general: &Timeouts) -> Vec<String> {
    let pairs = values(own).into_iter().zip(values(general));
    let differing = NAMES.iter().zip(pairs).filter(|(_, (own, general))| own != general);
    differing.map(|(name, (own, _))| format!("{name} {}", duration(own))).collect()
}

fn own_timeouts(own: &TimeoutOverrides) -> Vec<String> {
    let TimeoutOverrides { connect, first_token, idle, total, stream_total, reasoning_total, .. } = *own;
    let values = [connect, first_token, idle, total, stream_total, reasoning_total];
    let given = NAMES.iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| format!("{name} {}", duration(value))).collect()
}

/// A duration as people say it: `250 ms`, `90 s`, `3 min`.
fn duration(value: Duration) -> String {
    let ms = value.as_millis();
    match ms {
        _ if ms >= 120_000 && ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
        _ if ms >= 1000 && ms.is_multiple_of(1000) => format!("{} s", ms / 1000),
        _ => format!("{ms} ms"),
    }
}

/// For machines: the same as one object.
pub fn render_json(loaded: &Loaded) -> Value {
    let config = &loaded.config;
    let server = &config.server;
    let sources: serde_json::Map<String, Value> = config
        .origins
        .iter()
        .map(|(path, place)| {
            let place = match place {
                Origin::Flag(name) => json!({ "flag": name }),
                Origin::Env(name) => json!({ "env": name }),
                Origin::File { line, .. } => json!({ "line": line }),
                Origin::Default => json!({}),
            };
            (super::excerpt::path(path), place)
        })
        .collect();
    json!({
        "ok": true,
        "file": loaded.file.as_ref().map(|file| file.display().to_string()),
        "server": {
            "listen": server.listen.to_string(),
            "admin_key_from": server.admin_key_source.as_ref().map(ToString::to_string),
            "workers": server.workers,
            "max_connections": server.max_connections,
            "max_body_bytes": server.max_body_bytes,
            "max_head_bytes": server.max_head_bytes,
            "head_timeout_ms": server.head_timeout.as_millis() as u64,
            "drain_ms": server.drain.as_millis() as u64,
            "drain_ready_ms": server.drain_ready.as_millis() as u64,
            "cors_origins": server.cors_origins,
            "allowed_hosts": server.allowed_hosts,
            "answer_headers": server.answer_headers,
            "detect": server.detect,
            "keys_required": server.keys_required,
        },
        "data": config.data.display().to_string(),
        "records": { "keep": config.records.keep },
        "storage": {
            "kind": config.storage.kind,
            "window_ms": config.storage.window.as_millis() as u64,
            "records_days": config.storage.keep.as_secs() / 86_400,
            "bodies_days": config.storage.keep_bodies.as_secs() / 86_400,
            "max_mb": config.storage.max_bytes >> 20,
        },
        "files": files_json(&config.files),
        "catalog": config.catalog.as_ref().map(|document| mark(document)),
        "prices": config.prices.iter().map(price_json).collect::<Vec<_>>(),
        "log": { "level": config.log.level, "calls_per_second": config.log.calls_per_second },
        "timeouts": timeouts_json(&config.timeouts),
        "retry": super::survive::retry_json(&config.policy),
        "health": super::survive::health_json(&config.policy),
        "queue": super::survive::queue_json(&config.policy),
        "simulated": config.simulated,
        "providers": config.providers.iter().map(provider_json).collect::<Vec<_>>(),
        "models": chains::models_json(config),
        "tiers": chains::tiers_json(config),
        "routing": routes::routing_json(&config.routing),
        "routes": routes::routes_json(config),
        "roles": chains::roles_json(config),
        "keys": config.keys.iter().map(key_json).collect::<Vec<_>>(),
        "tenants": rights::tenants_json(config),
        "workspaces": rights::workspaces_json(config),
        "budgets": rights::budgets_json(&config.budgets),
        "indicators": indicators_json(config),
        "sources": sources,
        "warnings": loaded.warnings,
    })
}

fn key_json(key: &super::CallerKey) -> Value {
    let mut out = rights_json(&key.rights);
    out["name"] = json!(key.name);
    out["key_from"] = json!(key.source.to_string());
    out["tenant"] = json!(key.tenant);
    out["workspace"] = json!(key.workspace);
    out
}

fn indicators_json(config: &Config) -> Value {
    let one = |rule: &Rule| match rule {
        Rule::Fixed(limits) => {
            json!({ "target": limits.target, "warning": limits.warning, "critical": limits.critical })
        }
        Rule::Auto => json!({ "mode": "auto" }),
    };
    Core::ALL.iter().zip(&config.indicators).map(|(core, rule)| (core.name().to_owned(), one(rule))).collect()
}

/// Tells one catalogue file from another: a reload says that it changed.
fn mark(document: &paceline_catalog::Document) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{document:?}").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn price_json(own: &OwnPrice) -> Value {
    let name = format!("{}/{}", own.provider, own.model);
    match own.paid {
        Paid::Tokens(rates) => json!({
            "name": name,
            "input_usd_per_million": rates.input.to_string(),
            "output_usd_per_million": rates.output.to_string(),
            "cache_read_usd_per_million": rates.cache_read.map(|rate| rate.to_string()),
            "cache_write_usd_per_million": rates.cache_write.map(|rate| rate.to_string()),
            "reasoning_usd_per_million": rates.reasoning.map(|rate| rate.to_string()),
        }),
        Paid::Machine(machine) => json!({
            "name": name,
            "gpu_hour_usd": machine.usd,
            "concurrent": machine.concurrent.get(),
        }),
    }
}

fn files_json(files: &super::Files) -> Value {
    json!({
        "time_zone": files.zone.name(),
        "snapshots": files.snapshots,
        "snapshot_minutes": files.renew.map_or(0, |renew| renew.as_secs() / 60),
        "keep_hourly_days": files.keep_hourly_days,
        "keep_daily_days": files.keep_daily_days,
        "operations_log": files.operations,
        "operations_idle_minutes": files.idle.as_secs() / 60,
        "operations_file_mb": files.max_file_bytes >> 20,
        "operations_days": files.operations_days,
        "operations_total_mb": files.max_total_bytes >> 20,
    })
}

fn provider_json(provider: &Provider) -> Value {
    json!({
        "name": provider.name,
        "kind": provider.kind.name,
        "dialect": provider.dialect,
        "responses": provider.responses,
        "api_version": provider.api_version,
        "default_max_tokens": provider.default_max_tokens,
        "base_url": provider.base_url,
        "auth": provider.auth,
        "key_from": provider.key_source.as_ref().map(ToString::to_string),
        "detected_by": provider.detected_by,
        "on_client_cancel": provider.on_client_cancel,
        "drain_max_ms": provider.drain_max.as_millis() as u64,
        "headers": provider.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "region": provider.region,
        "ca_file": provider.ca_file,
        "proxy": provider.proxy.as_ref().map(ToString::to_string),
        "max_idle_connections": provider.max_idle_connections,
        "idle_connection_ms": provider.idle_connection.as_millis() as u64,
        "max_connection_age_ms": provider.max_connection_age.as_millis() as u64,
        "timeouts": timeouts_json(&provider.timeouts),
        "limits": limits_json(&provider.limits),
    })
}

fn timeouts_json(timeouts: &Timeouts) -> Value {
    let [connect, first_token, idle, total, stream, reasoning] =
        values(timeouts).map(|one| one.as_millis() as u64);
    json!({
        "connect_ms": connect,
        "first_token_ms": first_token,
        "idle_ms": idle,
        "total_ms": total,
        "stream_total_ms": stream,
        "reasoning_total_ms": reasoning,
        "first_token_auto": timeouts.first_token_auto,
        "min_tokens_per_s": timeouts.min_tokens_per_s,
    })
}
