//! Providers: which service, at which address, with whose key, on which way.

use super::excerpt::{names_a_secret, shown};
use super::problem::Fault;
use super::report::join;
use super::resolve::Desk;
use super::suggest::did_you_mean;
use super::url::{self, BaseUrl, Proxy};
use super::values::{Auth, KeySource, Origin, Provider, TimeoutOverrides, Timeouts};
use super::{aws, detect, rights, secrets, typed};
use paceline_dialect::provider::{KINDS, Kind, kind_named};
use paceline_types::record::Dialect;
use paceline_types::rules::Limits;
use paceline_types::secret::Secret;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// First segments of paths that are not a provider's.
const RESERVED: &[&str] = &["admin", "dashboard", "health", "metrics", "v1", "v1beta"];

/// Headers that belong to the connection, to the body or to us.
const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// More than the certificates of all public authorities.
const CA_BYTES_AT_MOST: u64 = 4 << 20;

/// Providers in the order of the file, then those of the environment in the order of the table.
pub(super) fn resolve(
    written: BTreeMap<String, typed::Provider>,
    general: Timeouts,
    desk: &mut Desk<'_>,
) -> Vec<Provider> {
    let mut written: Vec<(String, typed::Provider)> = written.into_iter().collect();
    written.sort_by_key(|(name, _)| match desk.report.origin(&join("providers", name)) {
        Origin::File { offset, .. } => (0, *offset),
        _ => (1, KINDS.iter().position(|row| row.name == name).unwrap_or(usize::MAX)),
    });
    let mut providers: Vec<Provider> = Vec::new();
    for (name, entry) in written {
        let path = join("providers", &name);
        check_name(&name, &path, desk);
        let Some(provider) = one(&name, &path, entry, general, desk) else { continue };
        if is_inside(&provider) && providers.iter().any(is_inside) {
            let fault = Fault::new("there can be only one simulated provider inside this process");
            desk.report.error(&path, fault.help("give the second the `base_url` of a `paceline sim`"));
        }
        providers.push(provider);
    }
    providers
}

/// The simulated provider that is started in process, before its address is known.
pub(super) fn simulated(timeouts: Timeouts) -> Provider {
    let kind = kind_named("sim").unwrap_or(&KINDS[0]);
    assemble("sim", kind, inside_address(), typed::Provider::default(), timeouts)
}

/// Whether it is the simulated provider in process.
pub(super) fn is_inside(provider: &Provider) -> bool {
    provider.kind.name == "sim" && provider.url.port == 0
}

fn inside_address() -> BaseUrl {
    BaseUrl::local(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn check_name(name: &str, path: &str, desk: &mut Desk<'_>) {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if !(1..=64).contains(&name.len()) || !plain {
        let fault = Fault::new("a name of a provider is made of lower-case letters, digits, `-` and `_`");
        desk.report.error(path, fault.help("it is the part before the slash in `provider/model`"));
    } else if RESERVED.contains(&name) {
        let fault =
            Fault::new(format!("the name `{name}` is taken: `/{name}/…` is a path of Paceline itself"));
        desk.report.error(path, fault.help("choose another name"));
    }
}

fn one(
    name: &str,
    path: &str,
    entry: typed::Provider,
    general: Timeouts,
    desk: &mut Desk<'_>,
) -> Option<Provider> {
    let kind = kind(name, path, &entry, desk)?;
    let url = address(name, path, kind, &entry, desk);
    let key = key(name, path, kind, &entry, url.as_ref(), desk);
    let more_keys = more_keys(path, &entry.more_api_keys_env, key.as_ref().map(|(key, _)| key), desk);
    let headers = headers(path, &entry.headers, desk);
    let ca_file = ca_file(path, entry.ca_file.as_deref(), desk);
    let proxy = proxy(path, entry.proxy.as_deref(), url.as_ref(), desk);
    if let Some(region) = entry.region.as_deref().filter(|region| !super::resolve::is_label(region)) {
        let message = format!("`{}` is no name: letters, digits, `.`, `_`, `-`, at most 64", shown(region));
        desk.report.error(&format!("{path}.region"), Fault::new(message));
    }
    let timeouts = TimeoutOverrides::from(entry.timeouts).over(general);
    let limits = rights::limits(entry.limits, &format!("{path}.limits"), desk);
    desk.check_timeouts(&format!("{path}.timeouts"), &timeouts);
    let (asked, insecure) = (entry.auth, entry.allow_insecure);
    let aws_entry = aws::Entry { profile: entry.aws_profile.clone(), region: entry.region.clone(), asked };
    let mut provider = assemble(name, kind, url?, entry, timeouts);
    provider.auth = auth(asked, path, kind, &provider.url, key.as_ref(), desk);
    provider.aws = aws::identity(path, &aws_entry, &mut provider, key.is_some(), desk);
    if !insecure {
        check_clear_text(&provider, path, key.is_some(), desk);
    }
    (provider.key, provider.key_source) = key.unzip();
    provider.more_keys = more_keys;
    provider.limits = limits;
    provider.headers = headers;
    provider.ca_file = ca_file;
    provider.proxy = proxy;
    provider.detected_by = desk.detected.get(name).cloned();
    Some(provider)
}

fn assemble(
    name: &str,
    kind: &'static Kind,
    url: BaseUrl,
    entry: typed::Provider,
    timeouts: Timeouts,
) -> Provider {
    Provider {
        name: name.to_owned(),
        kind,
        dialect: entry.dialect.map_or(kind.dialect, typed::Speaks::dialect),
        responses: entry.responses.unwrap_or(kind.responses),
        default_max_tokens: entry.default_max_tokens,
        base_url: url.to_string(),
        url,
        key: None,
        key_source: None,
        more_keys: Vec::new(),
        auth: Auth::None,
        aws: None,
        on_client_cancel: entry.on_client_cancel,
        drain_max: Duration::from_millis(entry.drain_max_ms),
        headers: Vec::new(),
        region: entry.region,
        ca_file: None,
        proxy: None,
        max_idle_connections: entry.max_idle_connections as usize,
        idle_connection: Duration::from_millis(entry.idle_connection_ms),
        max_connection_age: Duration::from_millis(entry.max_connection_age_ms),
        timeouts,
        limits: Limits::default(),
        detected_by: None,
    }
}

fn kind(name: &str, path: &str, entry: &typed::Provider, desk: &Desk<'_>) -> Option<&'static Kind> {
    match &entry.kind {
        Some(kind) => kind_named(kind),
        // A kind that is none was reported and taken out.
        None if desk.report.has_errors_about(&format!("{path}.kind")) => None,
        None => kind_named(name).or_else(|| kind_named("compatible")),
    }
}

fn address(
    name: &str,
    path: &str,
    kind: &'static Kind,
    entry: &typed::Provider,
    desk: &mut Desk<'_>,
) -> Option<BaseUrl> {
    let at = format!("{path}.base_url");
    if let Some(text) = &entry.base_url {
        let found = url::base_url(text.trim()).map_err(|fault| desk.report.error(&at, fault)).ok()?;
        let found = detect::with_usual_path(kind, found);
        if found.path.is_empty() && kind.name == "compatible" {
            let fault = Fault::new("the address has no path, but most servers answer below `/v1`");
            desk.report.warn(&at, fault.help(&format!("if yours does, write `{found}/v1`")));
        }
        return Some(found);
    }
    if name == kind.name
        && let Some((variable, found)) = detect::address(kind, &desk.env)
    {
        return found.map_err(|fault| desk.report.error_env(variable, fault)).ok();
    }
    if !kind.base_url.is_empty() {
        return url::base_url(kind.base_url).ok();
    }
    if kind.dialect == Dialect::Bedrock {
        let region = aws::region(path, entry, desk)?;
        return url::base_url(&format!("https://bedrock-runtime.{region}.amazonaws.com")).ok();
    }
    if kind.name == "sim" {
        return Some(inside_address());
    }
    if !desk.report.has_errors_about(path) {
        let fault = if kind_named(name).is_none() && entry.kind.is_none() {
            let services = KINDS.iter().map(|row| row.name);
            let help = did_you_mean(name, services).map(|near| format!("{near} otherwise: "));
            let example = "`base_url = \"https://host/v1\"`";
            Fault::new(format!(
                "`{}` is no service we know by name, so its address must be given",
                shown(name)
            ))
            .help(&format!("{}{example}", help.unwrap_or_default()))
        } else {
            let port = if kind.name == "ollama" { 11434 } else { 8000 };
            Fault::new(format!("the address must be given: {} runs where you run it", kind.title))
                .help(&format!("e.g. `base_url = \"http://127.0.0.1:{port}/v1\"`"))
        };
        desk.report.error(path, fault);
    }
    None
}

/// The keys beside the first one.
fn more_keys(
    path: &str,
    names: &[String],
    first: Option<&Secret>,
    desk: &mut Desk<'_>,
) -> Vec<(Secret, KeySource)> {
    let mut keys: Vec<(Secret, KeySource)> = Vec::new();
    let at = format!("{path}.more_api_keys_env");
    if first.is_none() && !names.is_empty() {
        let fault = Fault::new("there are further keys, but no first one");
        desk.report.error(&at, fault.help("name the first one by `api_key_env`"));
    }
    for (index, name) in names.iter().enumerate() {
        let own = format!("{at}[{index}]");
        let own = if desk.report.given(&own) { own } else { at.clone() };
        let place = secrets::Place { env: Some(name), file: None };
        match secrets::fetch(&place, &desk.env, Path::new("")) {
            Some(Ok((key, _))) if first == Some(&key) || keys.iter().any(|(other, _)| *other == key) => {
                let fault = Fault::new("this key is there already");
                desk.report.error(&own, fault.help("each key once: the same key twice has the same limits"));
            }
            Some(Ok(key)) => keys.push(key),
            Some(Err(fault)) => desk.report.error(&own, fault),
            None => {}
        }
    }
    keys
}

/// The key that is configured, else the one in the service's own variable.
fn key(
    name: &str,
    path: &str,
    kind: &'static Kind,
    entry: &typed::Provider,
    url: Option<&BaseUrl>,
    desk: &mut Desk<'_>,
) -> Option<(Secret, KeySource)> {
    let place = secrets::Place { env: entry.api_key_env.as_deref(), file: entry.api_key_file.as_deref() };
    let base = desk.base_of(&format!("{path}.api_key_file"));
    if let Some(found) = secrets::fetch(&place, &desk.env, &base) {
        let at = if place.env.is_some() { "api_key_env" } else { "api_key_file" };
        return found.map_err(|fault| desk.report.error(&format!("{path}.{at}"), fault)).ok();
    }
    if matches!(entry.auth, Some(Auth::None | Auth::Passthrough)) {
        return None;
    }
    if let Some((variable, _)) = desk.env.first(kind.key_env) {
        let usual = secrets::Place { env: Some(variable), file: None };
        let found = secrets::fetch(&usual, &desk.env, &base)?;
        return found.map_err(|fault| desk.report.error_env(variable, fault)).ok();
    }
    let usual_place = url.is_some_and(|url| url.to_string() == kind.base_url);
    // What has no key there signs its requests.
    let signs = kind.dialect == Dialect::Bedrock;
    let needed = (entry.auth == Some(Auth::Key) || usual_place) && !signs;
    if needed && !desk.report.has_errors_about(path) {
        let fault = Fault::new(format!("there is no key for `{name}`"));
        let help = match kind.key_env.first() {
            Some(variable) => format!(
                "set {variable}, or name another place by `api_key_env` or `api_key_file`, or let callers bring \
                 their own: `auth = \"passthrough\"`"
            ),
            None => "name its place by `api_key_env` or `api_key_file`".to_owned(),
        };
        desk.report.error(path, fault.help(&help));
    }
    None
}

fn auth(
    asked: Option<Auth>,
    path: &str,
    kind: &Kind,
    url: &BaseUrl,
    key: Option<&(Secret, KeySource)>,
    desk: &mut Desk<'_>,
) -> Auth {
    if let (Some(Auth::None | Auth::Passthrough), Some(_)) = (asked, key) {
        let fault = Fault::new("a key is configured, but never sent");
        desk.report.warn(&format!("{path}.auth"), fault.help("leave out either `auth` or the key"));
    }
    if asked == Some(Auth::None) && url.to_string() == kind.base_url {
        let fault = Fault::new(format!("{} answers no calls without a credential", kind.title));
        desk.report.warn(&format!("{path}.auth"), fault.help("`key` or `passthrough`"));
    }
    asked.unwrap_or(if key.is_some() { Auth::Key } else { Auth::None })
}

/// A credential must not cross public networks in clear text.
fn check_clear_text(provider: &Provider, path: &str, has_key: bool, desk: &mut Desk<'_>) {
    if provider.url.https || provider.url.is_private() {
        return;
    }
    let at = format!("{path}.base_url");
    let sends = has_key && provider.auth == Auth::Key || provider.auth == Auth::Passthrough;
    let host = shown(&provider.url.host);
    if sends {
        let fault = Fault::new(format!(
            "`http://` to the public host {host} would show the key to everyone on the way"
        ));
        desk.report.error(&at, fault.help("use `https://`, or accept it by `allow_insecure = true`"));
    } else {
        let fault = Fault::new(format!("prompts and answers go to the public host {host} in clear text"));
        desk.report.warn(&at, fault.help("use `https://`, or accept it by `allow_insecure = true`"));
    }
}

fn headers(path: &str, written: &BTreeMap<String, String>, desk: &mut Desk<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, value) in written {
        let at = join(&format!("{path}.headers"), name);
        let lower = name.to_ascii_lowercase();
        match header_fault(&lower, value) {
            Some(fault) => desk.report.error(&at, fault),
            None if headers.iter().any(|(other, _)| *other == lower) => {
                desk.report.error(&at, Fault::new("this header is there twice"));
            }
            None => headers.push((lower, value.trim().to_owned())),
        }
    }
    headers
}

fn header_fault(name: &str, value: &str) -> Option<Fault> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
        return Some(Fault::new("this is no name of a header"));
    }
    if OWN_HEADERS.contains(&name) {
        return Some(
            Fault::new("this header belongs to the connection and cannot be set").help("leave it out"),
        );
    }
    if names_a_secret(name) || super::excerpt::looks_secret(value) {
        return Some(
            Fault::new("headers are not for secrets, which come only from the environment or from files")
                .help("give the key by `api_key_env` or `api_key_file`"),
        );
    }
    let fits = value.len() <= 4096 && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (!fits).then(|| Fault::new("the value is not plain ASCII on one line"))
}

fn ca_file(path: &str, written: Option<&str>, desk: &mut Desk<'_>) -> Option<PathBuf> {
    let (at, written) = (format!("{path}.ca_file"), written?);
    let file = desk.base_of(&at).join(written);
    let fault = match secrets::read_small(&file, CA_BYTES_AT_MOST) {
        _ if secrets::is_key_itself(written) => {
            Fault::new("this looks like a key, not like the name of a file")
        }
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => return Some(file),
        Ok(_) => Fault::new(format!("the file {} holds no certificate (PEM)", file.display())),
        Err(reason) => Fault::new(format!("the file {} {reason}", file.display())),
    };
    desk.report.error(&at, fault);
    None
}

fn proxy(path: &str, written: Option<&str>, url: Option<&BaseUrl>, desk: &mut Desk<'_>) -> Option<Proxy> {
    let at = format!("{path}.proxy");
    let from_file = matches!(desk.report.origin(&at), Origin::File { .. });
    match written.map(str::trim) {
        Some("none") => return None,
        Some(text) => {
            let found = url::proxy(text).and_then(|proxy| match proxy.credential {
                Some(_) if from_file => Err(Fault::new("a password of a proxy is not written into the file")
                    .help(
                        "give this address by `HTTPS_PROXY` or by the setting's own `PACELINE_…` variable",
                    )),
                _ => Ok(proxy),
            });
            return found.map_err(|fault| desk.report.error(&at, fault)).ok();
        }
        None => {}
    }
    let url = url?;
    let names: &[&'static str] = if url.https {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
    };
    let (variable, text) = desk.env.first(names)?;
    let no_proxy = desk.env.first(&["no_proxy", "NO_PROXY"]).map(|(_, list)| list).unwrap_or_default();
    if url.is_loopback() || url::exempt(&no_proxy, &url.host, url.port) {
        return None;
    }
    let found = url::proxy(text.trim()).map(|proxy| Proxy { env: Some(variable.to_owned()), ..proxy });
    found.map_err(|fault| desk.report.error_env(variable, fault)).ok()
}
