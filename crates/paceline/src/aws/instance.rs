//! Instance metadata of EC2, version 2: a token first, then the role, then its credentials.

use super::ask::{Address, Answer, ask as ask_http};
use super::chain::{Asked, Env};
use paceline_dialect::bedrock::document;
use std::time::Duration;

const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const MODE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// How long one answer may take. On other machines nobody answers, and a start waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the token is good for, in seconds; it is asked for anew each time.
const TOKEN_LIFE: &str = "300";

/// Asks the service. The last in the chain: whatever it does not give is a reason, not a stop.
///
/// # Errors
/// When a variable about it makes no sense, or it has a role and gives no credentials for it.
pub(super) async fn ask(env: &Env) -> Result<Asked, String> {
    if env(DISABLED).is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Ok(Asked::Absent(format!("{DISABLED} is set")));
    }
    let address = address(env)?;
    let token = match token(&address).await {
        Ok(token) => token,
        Err(why) => return Ok(Asked::Absent(why)),
    };
    let headers = [("x-aws-ec2-metadata-token", token.as_str())];
    let role = get(&address, ROLES, &headers).await?;
    if role.status == 404 {
        return Ok(Asked::Absent(format!("{}: this instance has no role", address.url)));
    }
    let role = text(&address, "the role's name", &role)?;
    let role = role.lines().next().unwrap_or_default().trim();
    // What an IAM role may be called.
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
    if role.is_empty() || !role.bytes().all(fits) {
        return Err(format!("{}: what it names is no role", address.url));
    }
    let answer = get(&address, &format!("{ROLES}{role}"), &headers).await?;
    let json = text(&address, "the role's credentials", &answer)?;
    let found = document::parse(json.as_bytes());
    found.map(Asked::Found).map_err(|error| format!("{}, role `{role}`: {error}", address.url))
}

fn address(env: &Env) -> Result<Address, String> {
    if let Some(url) = env(ENDPOINT) {
        return Address::parse(&url).map_err(|why| format!("{ENDPOINT} {why}"));
    }
    let mode = env(MODE).map(|mode| mode.trim().to_ascii_lowercase());
    Address::parse(match mode.as_deref() {
        None | Some("ipv4") => IPV4,
        Some("ipv6") => IPV6,
        Some(_) => return Err(format!("{MODE} is neither IPv4 nor IPv6")),
    })
}

async fn token(address: &Address) -> Result<String, String> {
    let headers = [("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE)];
    let path = below(address, "/latest/api/token");
    let answer = ask_http(address, "PUT", &path, &headers, PATIENCE)
        .await
        .map_err(|why| format!("{why} (this is no EC2 instance, or a container behind a hop limit of 1)"))?;
    let token = text(address, "a token", &answer)?;
    if token.trim().is_empty() {
        return Err(format!("{}: the token is empty", address.url));
    }
    Ok(token.trim().to_owned())
}

async fn get(address: &Address, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
    ask_http(address, "GET", &below(address, path), headers, PATIENCE).await
}

/// An endpoint may have a path of its own.
fn below(address: &Address, path: &str) -> String {
    format!("{}{path}", address.path.trim_end_matches('/'))
}

fn text(address: &Address, what: &str, answer: &Answer) -> Result<String, String> {
    let Address { url, .. } = address;
    match (answer.status, std::str::from_utf8(&answer.body)) {
        (200, Ok(text)) => Ok(text.to_owned()),
        (200, Err(_)) => Err(format!("{url}: {what} is not UTF-8")),
        (403, _) => {
            Err(format!("{url}: asked for {what}, it answers with status 403: metadata is turned off"))
        }
        (status, _) => Err(format!("{url}: asked for {what}, it answers with status {status}")),
    }
}
