//! Addresses of providers and proxies, taken apart and judged.

use super::problem::Fault;
use paceline_types::secret::Secret;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address of a provider, in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it is reached by TLS.
    pub https: bool,
    /// Host name in lower case, or an IP address without brackets.
    pub host: String,
    /// Port, given or the scheme's.
    pub port: u16,
    /// Path without a slash at its end; may be empty.
    pub path: String,
}

impl BaseUrl {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Host and port as in the `Host` header: brackets around IPv6, no port where it is the scheme's.
    pub fn authority(&self) -> String {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let usual = if self.https { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether the host is this machine or one of a private network, where clear text is accepted.
    pub fn is_private(&self) -> bool {
        is_private(&self.host)
    }

    /// The address of a server on this machine with the usual path.
    pub(super) fn local(address: SocketAddr) -> Self {
        Self { https: false, host: address.ip().to_string(), port: address.port(), path: "/v1".into() }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)
    }
}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Whether the proxy itself is reached by TLS.
    pub https: bool,
    /// Host name, or an IP address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `user:password` for `Proxy-Authorization: Basic`, percent-decoded; only from the environment.
    pub credential: Option<Secret>,
    /// The variable that names it, if it is not in the file.
    pub env: Option<String>,
}

impl fmt::Display for Proxy {
    /// Without the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{}://{host}:{}", if self.https { "https" } else { "http" }, self.port)
    }
}

/// Takes the address of a provider apart. Messages never show user info.
pub(super) fn base_url(text: &str) -> Result<BaseUrl, Fault> {
    let (https, rest) = scheme(text)?;
    if rest.contains(['?', '#']) {
        return Err(Fault::new("an address may have no query and no fragment")
            .help("end it after the version segment, e.g. `/v1`"));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Fault::new("an address may have no user name and no password")
            .help("give the key by `api_key_env` or `api_key_file`"));
    }
    let (host, port) = host_and_port(authority)?;
    let path = path.trim_end_matches('/');
    check_path(path)?;
    Ok(BaseUrl { https, host, port: port.unwrap_or(if https { 443 } else { 80 }), path: path.to_owned() })
}

/// Takes the address of a proxy apart; `host:port` means `http://host:port`.
pub(super) fn proxy(text: &str) -> Result<Proxy, Fault> {
    let (https, rest) = if text.contains("://") { scheme(text)? } else { (false, text) };
    if https {
        return Err(Fault::new("a proxy that is itself reached by TLS is not supported").help(
            "name it as http://host:port: what goes to https providers is encrypted inside the tunnel",
        ));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !path.trim_matches('/').is_empty() {
        return Err(Fault::new("the address of a proxy has no path"));
    }
    let (credential, place) = match authority.rsplit_once('@') {
        Some((credential, place)) => (Some(Secret::new(&percent_decoded(credential))), place),
        None => (None, authority),
    };
    let (host, port) = host_and_port(place)?;
    let port = port.unwrap_or(if https { 443 } else { 80 });
    Ok(Proxy { https, host, port, credential, env: None })
}

/// Whether `NO_PROXY` exempts a host: `*`, a name and what is below it, an address, a network
/// (`10.0.0.0/8`), each also with `:port`.
pub(super) fn exempt(no_proxy: &str, host: &str, port: u16) -> bool {
    no_proxy.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" {
            return true;
        }
        if let (Some((network, bits)), Ok(address)) = (entry.split_once('/'), host.parse::<IpAddr>()) {
            return in_network(network, bits, address);
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, digits)) if !name.contains(':') => (name, digits.parse::<u16>().ok()),
            _ => (entry.as_str(), None),
        };
        let name = name.trim_start_matches('*').trim_start_matches('.').trim_matches(['[', ']']);
        let inside = host.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with('.'));
        !name.is_empty() && inside && wanted.is_none_or(|wanted| wanted == port)
    })
}

fn in_network(network: &str, bits: &str, address: IpAddr) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

fn scheme(text: &str) -> Result<(bool, &str), Fault> {
    if text.is_empty() {
        return Err(Fault::new("the address is empty").help("e.g. `https://api.example.com/v1`"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let example = if text.contains(['@', '?']) || text.len() > 80 { "host/v1" } else { text };
        return Err(Fault::new("the address has no `http://` or `https://`")
            .help(&format!("e.g. `https://{}`", super::excerpt::shown(example))));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok((true, rest)),
        "http" => Ok((false, rest)),
        _ => Err(Fault::new("an address starts with `http://` or `https://`")),
    }
}

pub(super) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), Fault> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) =
            rest.split_once(']').ok_or_else(|| Fault::new("the `[` of the host is not closed"))?;
        host.parse::<Ipv6Addr>().map_err(|_| Fault::new("the host in brackets is no IPv6 address"))?;
        (host, after.strip_prefix(':').or((!after.is_empty()).then_some(after)))
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = match port {
        None => None,
        Some(digits) => Some(port_number(digits)?),
    };
    if host.is_empty() {
        return Err(Fault::new("the address has no host"));
    }
    if !host.contains(':') {
        check_name(host)?;
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn port_number(digits: &str) -> Result<u16, Fault> {
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok());
    match number.flatten() {
        Some(port) if port > 0 => Ok(port),
        _ => Err(Fault::new("the port is not a number from 1 to 65535")),
    }
}

fn check_name(host: &str) -> Result<(), Fault> {
    if !host.is_ascii() {
        return Err(
            Fault::new("the host is not plain ASCII").help("write an international name in its `xn--…` form")
        );
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if name.len() > 253 || !name.split('.').all(label) || (numeric && name.parse::<IpAddr>().is_err()) {
        return Err(Fault::new("the host is neither a name nor an IP address"));
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    if !path.bytes().all(plain) {
        return Err(Fault::new("the path has characters that an address cannot carry"));
    }
    if path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Fault::new("the path has an empty, `.` or `..` segment"));
    }
    Ok(())
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        let address = address.to_canonical();
        return address.is_loopback() || address.is_unspecified();
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}

/// This machine, private ranges (RFC 1918, 6598, 4193), names without a dot, and the suffixes kept for
/// local use. Link-local addresses are not among them: cloud metadata services live there.
fn is_private(host: &str) -> bool {
    const LOCAL: &[&str] = &["local", "internal", "lan", "home.arpa", "svc", "localdomain"];
    if is_loopback(host) {
        return true;
    }
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => {
            address.is_private() || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64)
        }
        Ok(IpAddr::V6(address)) => address.is_unique_local(),
        Err(_) => {
            let host = host.strip_suffix('.').unwrap_or(host);
            let below = |suffix: &&str| host.strip_suffix(*suffix).is_some_and(|rest| rest.ends_with('.'));
            !host.contains('.') || LOCAL.iter().any(below)
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = hex.filter(|pair| first == b'%' && pair.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = byte.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{base_url, exempt, proxy};

    #[test]
    fn an_address_is_taken_apart_and_put_together() {
        for (given, meant) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
            ("HTTPS://API.Example.com:443/v1/", "https://api.example.com/v1"),
            ("http://[::1]:11434", "http://[::1]:11434"),
            ("http://10.0.0.1:80/a/b", "http://10.0.0.1/a/b"),
        ] {
            assert_eq!(base_url(given).map(|url| url.to_string()).ok().as_deref(), Some(meant), "{given}");
        }
    }

    #[test]
    fn addresses_that_mislead_are_refused() {
        for given in [
            "",
            "api.openai.com/v1",
            "ftp://host/v1",
            "https://",
            "https:///v1",
            "https://a:b@host/v1",
            "https://host/v1?x=1",
            "https://host/v1#x",
            "https://host:0/v1",
            "https://host:99999",
            "https://host:8 0",
            "https://ho st/",
            "https://1.2.3/",
            "https://host//v1",
            "https://host/a/../b",
            "https://[::1/v1",
            "https://[::1]x/v1",
            "https://münchen.example/v1",
            "https://host/v 1",
            "https://-/\u{7f}",
        ] {
            assert!(base_url(given).is_err(), "{given}");
        }
    }

    #[test]
    fn private_hosts_are_told_from_public_ones() {
        for (host, private) in [
            ("localhost", true),
            ("127.8.9.1", true),
            ("[::1]", true),
            ("192.168.1.9", true),
            ("172.31.0.1", true),
            ("100.64.0.1", true),
            ("ollama", true),
            ("gpu.local", true),
            ("host.docker.internal", true),
            ("[fd00::1]", true),
            ("[::ffff:10.0.0.1]", true),
            ("172.32.0.1", false),
            ("169.254.169.254", false),
            ("8.8.8.8", false),
            ("api.openai.com", false),
            ("evil-local", true),
            ("notlocal.com", false),
            ("xlocal.example", false),
            ("[2001:db8::1]", false),
        ] {
            let url = base_url(&format!("http://{host}/v1")).unwrap();
            assert_eq!(url.is_private(), private, "{host}");
        }
    }

    #[test]
    fn a_proxys_credential_is_kept_apart() {
        let proxy = proxy("http://us%40er:pa%3Ass@proxy.lan:3128/").unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.lan:3128");
        assert_eq!(proxy.credential.as_ref().unwrap().expose(), "us@er:pa:ss");
        assert!(!format!("{proxy:?}").contains("pa:ss"));
    }

    #[test]
    fn no_proxy_is_read_as_curl_reads_it() {
        for (list, host, port, exempted) in [
            ("*", "a.com", 443, true),
            ("a.com", "a.com", 443, true),
            (".a.com", "b.a.com", 443, true),
            ("a.com", "b.a.com", 443, true),
            ("a.com", "ba.com", 443, false),
            ("a.com:80", "a.com", 443, false),
            ("x, 10.0.0.0/8", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "11.1.2.3", 80, false),
            ("fd00::/8", "fd00::5", 80, true),
            ("0.0.0.0/0", "9.9.9.9", 80, true),
            ("", "a.com", 80, false),
            ("10.0.0.0/40", "10.0.0.1", 80, false),
            ("*.a.com", "b.a.com", 80, true),
        ] {
            assert_eq!(exempt(list, host, port), exempted, "{list} {host}");
        }
    }
}
