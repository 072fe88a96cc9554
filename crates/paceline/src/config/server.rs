//! The listener's settings: who may reach it, and who may not.

use super::excerpt::shown;
use super::problem::Fault;
use super::resolve::Desk;
use super::values::{KeySource, Origin, Server};
use super::{secrets, typed, url};
use paceline_types::secret::Secret;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

const DEFAULT_PORT: u16 = 8420;

/// An admin key shorter than this can be guessed.
const ADMIN_KEY_AT_LEAST: usize = 16;

pub(super) fn resolve(written: &typed::Server, desk: &mut Desk<'_>) -> Server {
    let fallback = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
    let listen = listen(written.listen.trim()).unwrap_or_else(|fault| {
        desk.report.error("server.listen", fault);
        fallback
    });
    let (admin_key, admin_key_source) = admin_key(written, desk).unzip();
    check_reach(listen, admin_key.as_ref(), desk);
    Server {
        listen,
        admin_key,
        admin_key_source,
        workers: written.workers.map_or_else(usable_cores, |workers| workers as usize),
        max_connections: written.max_connections as usize,
        max_body_bytes: written.max_body_bytes as usize,
        max_head_bytes: written.max_head_bytes as usize,
        head_timeout: Duration::from_millis(written.head_timeout_ms),
        drain: Duration::from_millis(written.drain_ms),
        drain_ready: Duration::from_millis(written.drain_ready_ms),
        cors_origins: origins(&written.cors_origins, desk),
        allowed_hosts: hosts(&written.allowed_hosts, desk),
        answer_headers: written.answer_headers,
        detect: desk.detect,
        keys_required: written.keys_required,
    }
}

fn usable_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(256)
}

fn listen(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let fault = Fault::new(format!("`{}` is not an IP address and a port", shown(text)));
    let port = text.trim_start_matches(':').parse::<u16>();
    let address = text.trim_matches(['[', ']']).parse::<IpAddr>();
    Err(match (port, address) {
        (Ok(port), _) => fault.help(&format!(
            "`127.0.0.1:{port}` for this machine only, `0.0.0.0:{port}` for all networks (needs an admin key)"
        )),
        (_, Ok(address)) => {
            fault.help(&format!("add the port, e.g. `{}`", SocketAddr::new(address, DEFAULT_PORT)))
        }
        _ => fault.help("e.g. `127.0.0.1:8420`"),
    })
}

fn admin_key(written: &typed::Server, desk: &mut Desk<'_>) -> Option<(Secret, KeySource)> {
    let (env_path, file_path) = ("server.admin_key_env", "server.admin_key_file");
    let itself = secrets::Place { env: Some(typed::ADMIN_KEY_ENV), file: None };
    if desk.env.get(typed::ADMIN_KEY_ENV).is_some() {
        let found = secrets::fetch(&itself, &desk.env, Path::new(""))?;
        return found.map_err(|fault| desk.report.error_env(typed::ADMIN_KEY_ENV, fault)).ok();
    }
    let env = desk.report.given(env_path).then_some(written.admin_key_env.as_str());
    let place = secrets::Place { env, file: written.admin_key_file.as_deref() };
    let found = secrets::fetch(&place, &desk.env, &desk.base_of(file_path))?;
    let path = if env.is_some() { env_path } else { file_path };
    found.map_err(|fault| desk.report.error(path, fault)).ok()
}

/// Refuses to listen where others can reach it without a key for the admin side.
fn check_reach(listen: SocketAddr, admin_key: Option<&Secret>, desk: &mut Desk<'_>) {
    let loopback = listen.ip().to_canonical().is_loopback();
    match admin_key {
        Some(key) if key.expose().len() < ADMIN_KEY_AT_LEAST && !loopback => {
            let fault = Fault::new(format!("the admin key has less than {ADMIN_KEY_AT_LEAST} characters"));
            let fault = fault.help("take a long random one, e.g. from `openssl rand -hex 32`");
            desk.report.error("server.listen", fault);
        }
        // A key that was named but could not be fetched is a problem of its own.
        None if !loopback && !key_failed(desk) => {
            let fault = Fault::new(format!(
                "{listen} can be reached by other machines, but there is no admin key to keep them from \
                 reading records and spending your providers' keys"
            ));
            let help = format!(
                "set PACELINE_ADMIN_KEY (e.g. `export PACELINE_ADMIN_KEY=$(openssl rand -hex 32)`), or listen on \
                 127.0.0.1:{} and let others in through a proxy or tunnel of your own",
                listen.port()
            );
            desk.report.error("server.listen", fault.help(&help));
        }
        _ => {}
    }
}

fn key_failed(desk: &Desk<'_>) -> bool {
    let names = ["admin_key", "admin_key_env", "admin_key_file"];
    desk.report.has_errors_about(typed::ADMIN_KEY_ENV)
        || names.iter().any(|name| {
            let variable = format!("PACELINE_SERVER_{}", name.to_uppercase());
            desk.report.has_errors_about(&format!("server.{name}")) || desk.report.has_errors_about(&variable)
        })
}

fn origins(written: &[String], desk: &mut Desk<'_>) -> Vec<String> {
    if written.iter().any(|origin| origin == "*") && written.len() > 1 {
        let fault = Fault::new("`*` already means all origins");
        desk.report.error("server.cors_origins", fault.help("write `[\"*\"]` alone, or leave `*` out"));
        return Vec::new();
    }
    let mut origins = Vec::new();
    for (index, text) in written.iter().enumerate() {
        let origin =
            match url::base_url(text) {
                _ if text == "*" => Ok(text.clone()),
                Ok(url) if url.path.is_empty() => Ok(url.to_string()),
                Ok(_) => Err(Fault::new("an origin has no path").help("e.g. `https://app.example.com`")),
                Err(_) => Err(Fault::new(format!("`{}` is no origin", shown(text)))
                    .help("e.g. `https://app.example.com`")),
            };
        match origin {
            Ok(origin) => origins.push(origin),
            Err(fault) => desk.report.error(&item("server.cors_origins", index, desk), fault),
        }
    }
    origins
}

fn hosts(written: &[String], desk: &mut Desk<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for (index, text) in written.iter().enumerate() {
        match url::host_and_port(text) {
            Ok((host, None)) => hosts.push(host.trim_end_matches('.').to_owned()),
            Ok((host, Some(_))) => {
                let fault =
                    Fault::new("a host is named without port").help(&format!("write `{}`", shown(&host)));
                desk.report.error(&item("server.allowed_hosts", index, desk), fault);
            }
            Err(_) => {
                let fault = Fault::new(format!("`{}` is no name of a host", shown(text)));
                let fault =
                    fault.help("a whole name without scheme, port and `*`, e.g. `paceline.example.com`");
                desk.report.error(&item("server.allowed_hosts", index, desk), fault);
            }
        }
    }
    hosts
}

/// The path of an item; of the whole list where it came from a variable.
fn item(list: &str, index: usize, desk: &Desk<'_>) -> String {
    match desk.report.origin(list) {
        Origin::File { .. } => format!("{list}[{index}]"),
        _ => list.to_owned(),
    }
}
