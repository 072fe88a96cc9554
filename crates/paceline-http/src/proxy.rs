//! The way out through a proxy; which one, the configuration decides.

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
    /// The value of `proxy-authorization`, where credentials are given.
    pub fn authorization(&self) -> Option<String> {
        self.credentials.as_ref().map(|secret| format!("Basic {}", base64(secret.expose().as_bytes())))
    }
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
    use super::{Proxy, base64};
    use paceline_types::secret::Secret;

    #[test]
    fn credentials_are_sent_as_rfc_7617_says() {
        let credentials = Some(Secret::new("user:pa@ss"));
        let proxy = Proxy { host: "proxy.corp".into(), port: 3128, credentials };
        assert_eq!(proxy.authorization().unwrap(), format!("Basic {}", base64(b"user:pa@ss")));
        assert_eq!([base64(b"a"), base64(b"ab"), base64(b"abc")], ["YQ==", "YWI=", "YWJj"]);
    }
}
