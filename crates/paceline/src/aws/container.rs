//! The credentials service of a container: ECS task roles and EKS Pod Identity.
//!
//! Rules: SDKs and tools reference guide, "Container credential provider"; the hosts that are allowed without TLS are
//! those of AWS's own SDKs.

use super::ask::{Address, ask as ask_http};
use super::chain::{Asked, Env};
use paceline_dialect::bedrock::document;
use paceline_types::secret::Secret;
use std::net::IpAddr;
use std::time::Duration;

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Where ECS answers.
const ECS: &str = "http://169.254.170.2";
/// Addresses of ECS and EKS that are reached without TLS.
const ALLOWED: &[&str] = &["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the service that the variables name.
///
/// # Errors
/// When one is named and gives nothing.
pub(super) async fn ask(env: &Env) -> Result<Asked, String> {
    let Some(address) = address(env)? else {
        return Ok(Asked::Absent(format!("neither {RELATIVE} nor {FULL} is set")));
    };
    let token = token(env)?;
    let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", token.expose())).collect();
    let answer = ask_http(&address, "GET", &address.path, &headers, PATIENCE).await?;
    let told = |why: &dyn std::fmt::Display| format!("{}: {why}", address.url);
    let found = document::parse(&answer.body);
    if answer.status == 200 {
        return found.map(Asked::Found).map_err(|error| told(&error));
    }
    let status = format!("it answers with status {}", answer.status);
    Err(match found {
        Err(error @ document::DocumentError::Refused { .. }) => told(&format!("{status}; {error}")),
        _ => told(&status),
    })
}

fn address(env: &Env) -> Result<Option<Address>, String> {
    if let Some(path) = env(RELATIVE) {
        let path = path.trim();
        if !path.starts_with('/') {
            return Err(format!("{RELATIVE} does not begin with `/`"));
        }
        return Address::parse(&format!("{ECS}{path}")).map(Some).map_err(|why| format!("{RELATIVE} {why}"));
    }
    let Some(url) = env(FULL) else { return Ok(None) };
    let address = Address::parse(&url).map_err(|why| format!("{FULL} {why}"))?;
    if !is_allowed(&address) {
        return Err(format!(
            "{FULL}: the host `{}` is not allowed without TLS; it must be this machine or one of {}",
            address.host,
            ALLOWED.join(", ")
        ));
    }
    Ok(Some(address))
}

fn is_allowed(address: &Address) -> bool {
    let host = address.host.as_str();
    let ip = host.parse::<IpAddr>();
    let is_known = |ip: IpAddr| ip.is_loopback() || ALLOWED.iter().any(|known| known.parse() == Ok(ip));
    address.https || host == "localhost" || ip.is_ok_and(is_known)
}

/// The value of `authorization`; the file is read each time, because its token is replaced.
fn token(env: &Env) -> Result<Option<Secret>, String> {
    let token = match env(TOKEN_FILE) {
        Some(path) => {
            let text = std::fs::read_to_string(path.trim());
            let text =
                text.map_err(|error| format!("{TOKEN_FILE} names {path}, which cannot be read: {error}"))?;
            Some((TOKEN_FILE, Secret::new(&text)))
        }
        None => env(TOKEN).map(|text| (TOKEN, Secret::new(&text))),
    };
    match token {
        Some((name, token)) if token.is_empty() || token.expose().contains(['\r', '\n']) => {
            Err(format!("{name}: the token is empty or more than one line"))
        }
        token => Ok(token.map(|(_, token)| token)),
    }
}

#[cfg(test)]
mod tests {
    use super::{FULL, RELATIVE, address};
    use std::sync::Arc;

    fn of(name: &'static str, value: &'static str) -> Result<Option<String>, String> {
        let found = address(&(Arc::new(move |asked: &str| (asked == name).then(|| value.to_owned())) as _))?;
        Ok(found.map(|address| format!("{} {} {}", address.host, address.port, address.path)))
    }

    #[test]
    fn only_this_machine_and_the_services_of_aws_are_asked_without_tls() {
        for (url, place) in [
            ("http://169.254.170.23/v1/credentials", "169.254.170.23 80 /v1/credentials"),
            ("http://[fd00:ec2::23]/v1/credentials", "fd00:ec2::23 80 /v1/credentials"),
            ("http://127.3.2.1:81/c?x=y", "127.3.2.1 81 /c?x=y"),
            ("http://[::1]", "::1 80 /"),
            ("http://LOCALHOST:1338/c", "localhost 1338 /c"),
            ("https://creds.example.com/c", "creds.example.com 443 /c"),
        ] {
            assert_eq!(of(FULL, url), Ok(Some(place.to_owned())));
        }
        for url in [
            "http://creds.example.com/c",
            "http://169.254.169.254/c",
            "http://localhost.example.com/",
            "http://127.0.0.1@example.com/",
            "http://user@localhost/",
            "ftp://localhost/",
            "/only/a/path",
            "http://",
        ] {
            assert!(of(FULL, url).is_err_and(|error| error.contains(FULL)), "{url}");
        }
    }

    #[test]
    fn a_relative_address_never_leaves_the_service_of_ecs() {
        assert_eq!(of(RELATIVE, "/v2/c?id=1"), Ok(Some("169.254.170.2 80 /v2/c?id=1".into())));
        for path in ["@example.com/", ".example.com", ":81/", "v2", "/a b"] {
            assert!(of(RELATIVE, path).is_err(), "{path}");
        }
    }
}
