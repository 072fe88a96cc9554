//! The way out through a proxy: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.

use paceline_types::secret::Secret;

/// A proxy that takes CONNECT (for https) and absolute addresses (for http).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `user:password`, where the address has one.
    pub credentials: Option<Secret>,
}

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`, the scheme may be missing.
    ///
    /// # Errors
    /// In words, when it is another scheme or has no host.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => {
                return Err(format!("a proxy of scheme `{scheme}` is not supported; use http://host:port"));
            }
            None => text,
        };
        let rest = rest.split('/').next().unwrap_or_default();
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(Secret::new(credentials)), place),
            None => (None, rest),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => {
                (host, port.parse().map_err(|_| format!("`{port}` is no port"))?)
            }
            _ => (place, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("the proxy has no host; write http://host:port".into());
        }
        Ok(Self { host, port, credentials })
    }

    /// The value of `proxy-authorization`, where credentials are given.
    pub fn authorization(&self) -> Option<String> {
        self.credentials.as_ref().map(|secret| format!("Basic {}", base64(secret.expose().as_bytes())))
    }
}

/// The proxy that the environment asks for, for an address of `https` or not at `host`; `lookup` reads a variable.
///
/// Names are tried in lower case first, as curl does. Loopback addresses never go through a proxy.
///
/// # Errors
/// In words, when the variable's value is no proxy address.
pub fn from_env(
    lookup: &dyn Fn(&str) -> Option<String>,
    https: bool,
    host: &str,
) -> Result<Option<Proxy>, String> {
    let find = |names: &[&str]| names.iter().find_map(|name| lookup(name).filter(|v| !v.is_empty()));
    let is_loopback =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if is_loopback || find(&["no_proxy", "NO_PROXY"]).is_some_and(|list| is_excluded(&list, host)) {
        return Ok(None);
    }
    let names: &[&str] = if https {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "all_proxy", "ALL_PROXY"]
    };
    find(names).map(|text| Proxy::parse(&text)).transpose()
}

/// Whether `list` (comma-separated hosts, domain suffixes, `*`) names `host`.
pub fn is_excluded(list: &str, host: &str) -> bool {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let name = entry.split(':').next().unwrap_or(entry).trim_start_matches("*.").trim_start_matches('.');
        entry == "*"
            || host.eq_ignore_ascii_case(name)
            || (host.len() > name.len()
                && host.as_bytes()[host.len() - name.len() - 1] == b'.'
                && host[host.len() - name.len()..].eq_ignore_ascii_case(name))
    })
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let value = group.iter().fold(0u32, |sum, &b| sum << 8 | u32::from(b)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(value >> (18 - 6 * place) & 63) as usize] as char;
            out.push(if place <= group.len() { digit } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Proxy, base64, from_env, is_excluded};

    #[test]
    fn addresses_and_credentials() {
        let proxy = Proxy::parse("http://user:pa@ss@proxy.corp:3128/").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.corp", 3128));
        assert_eq!(proxy.authorization().unwrap(), format!("Basic {}", base64(b"user:pa@ss")));
        assert_eq!(Proxy::parse("proxy").unwrap().port, 80);
        assert!(Proxy::parse("socks5://x:1").is_err() && Proxy::parse("http://").is_err());
        assert_eq!([base64(b"a"), base64(b"ab"), base64(b"abc")], ["YQ==", "YWI=", "YWJj"]);
    }

    #[test]
    fn exclusions_match_hosts_and_domains() {
        for (list, host, excluded) in [
            ("api.openai.com", "api.openai.com", true),
            (".openai.com, x", "api.openai.com", true),
            ("*.openai.com", "api.openai.com", true),
            ("openai.com:443", "api.openai.com", true),
            ("penai.com", "api.openai.com", false),
            ("*", "anything", true),
            ("", "anything", false),
        ] {
            assert_eq!(is_excluded(list, host), excluded, "{list} {host}");
        }
    }

    #[test]
    fn the_environment_decides_but_never_for_loopback() {
        let env = |name: &str| (name == "HTTPS_PROXY").then(|| "http://p:1".to_owned());
        assert_eq!(from_env(&env, true, "api.openai.com").unwrap().unwrap().port, 1);
        assert_eq!(from_env(&env, true, "127.0.0.1").unwrap(), None);
        assert_eq!(from_env(&env, false, "api.openai.com").unwrap(), None);
    }
}
