//! The places that are asked for credentials, in the order of AWS's tools: the first that has some is taken.

use super::shared::Shared;
use super::{container, instance};
use paceline_dialect::bedrock::document::Temporary;
use paceline_dialect::bedrock::sign::Credentials;
use paceline_types::secret::Secret;
use paceline_types::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// The environment: a variable's value by its name. One that is empty counts as not set.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Who is asked for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    Environment,
    /// A token file of Kubernetes (`AWS_WEB_IDENTITY_TOKEN_FILE`): noticed, not supported.
    WebIdentity,
    /// A profile in the shared files.
    Profile,
    /// The credentials service of a container (ECS, EKS Pod Identity).
    Container,
    /// Instance metadata of EC2, version 2.
    Instance,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "environment",
            Self::WebIdentity => "web identity",
            Self::Profile => "profile",
            Self::Container => "container",
            Self::Instance => "instance metadata",
        })
    }
}

/// Credentials that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The credentials.
    pub credentials: Credentials,
    /// When they end (Unix seconds); `None`: not by themselves.
    pub expires_s: Option<i64>,
    /// Where they were.
    pub source: Source,
}

/// A place that gave none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Who was asked.
    pub source: Source,
    /// Why it gave none, naming the variable, file, line or address at fault; no value of a secret is in it.
    pub why: String,
}

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainError {
    /// The places in the order they were tried.
    pub tried: Vec<Tried>,
    /// The last of them was meant to give some and failed: the places after it were not asked, because another
    /// identity than the one that was set must not be taken silently.
    pub stopped: bool,
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (true, Some(Tried { source, why })) = (self.stopped, self.tried.last()) {
            return write!(f, "AWS credentials ({source}): {why}");
        }
        f.write_str("no AWS credentials were found")?;
        for (nth, Tried { source, why }) in self.tried.iter().enumerate() {
            write!(f, "{} {source}: {why}", if nth == 0 { ":" } else { ";" })?;
        }
        f.write_str(
            ". Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile by AWS_PROFILE, or give this \
             machine or container a role",
        )
    }
}

impl std::error::Error for ChainError {}

/// A region and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its name, e.g. `eu-central-1`: small letters, digits and hyphens.
    pub name: String,
    /// The setting, variable or file it comes from.
    pub from: String,
}

/// What a source says.
pub(super) enum Asked {
    /// Credentials.
    Found(Temporary),
    /// It is not in use here; the next is asked.
    Absent(String),
}

/// Asks one source after the other.
#[derive(Clone)]
pub struct CredentialChain {
    env: Env,
    profile: Option<String>,
}

impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialChain").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl CredentialChain {
    /// Over an environment. `profile` is the profile that a setting names; it counts more than `AWS_PROFILE`.
    pub fn new(env: Env, profile: Option<String>) -> Self {
        let set = move |name: &str| env(name).filter(|value| !value.trim().is_empty());
        Self { env: Arc::new(set), profile }
    }

    /// Looks for credentials: environment, shared files, container, instance metadata. `now`: the wall clock. Reads small
    /// files in place, so it belongs on the control runtime, not on a worker; takes up to three seconds where services
    /// that are asked do not answer.
    ///
    /// # Errors
    /// When no place has any, or one that is set up to have some cannot give them.
    pub async fn load(&self, now: Timestamp) -> Result<Loaded, ChainError> {
        let mut tried = Vec::new();
        for source in
            [Source::Environment, Source::WebIdentity, Source::Profile, Source::Container, Source::Instance]
        {
            let why = match self.ask(source).await {
                Ok(Asked::Found(Temporary { credentials, expires_s })) => {
                    match expires_s.filter(|end| *end <= now.seconds()) {
                        None => return Ok(Loaded { credentials, expires_s, source }),
                        Some(end) => Err(ended(end)),
                    }
                }
                Ok(Asked::Absent(why)) => Ok(why),
                Err(why) => Err(why),
            };
            let stopped = why.is_err();
            tried.push(Tried { source, why: why.unwrap_or_else(|why| why) });
            if stopped {
                return Err(ChainError { tried, stopped });
            }
        }
        // It is only looked for to stop there; nobody can set it up, so it is no advice.
        tried.retain(|tried| tried.source != Source::WebIdentity);
        Err(ChainError { tried, stopped: false })
    }

    /// The region: `setting`, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`.
    ///
    /// # Errors
    /// When there is none, it is no name of a region, or the shared files cannot be read; in words.
    pub fn region(&self, setting: Option<&str>) -> Result<Region, String> {
        let given = setting.map(|name| (name.to_owned(), "the setting".to_owned()));
        let variable = |name: &str| (self.env)(name).map(|value| (value, name.to_owned()));
        let found = match given.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"))
        {
            Some(found) => Some(found),
            None => self.shared()?.region()?,
        };
        let (name, from) = found.ok_or(
            "no AWS region: set `region`, AWS_REGION or AWS_DEFAULT_REGION, or `region` in the profile",
        )?;
        let name = name.trim().to_owned();
        // It becomes part of a host name.
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 63 || !name.bytes().all(fits) {
            return Err(format!("{from}: {name:?} is no name of an AWS region, e.g. `eu-central-1`"));
        }
        Ok(Region { name, from })
    }

    async fn ask(&self, source: Source) -> Result<Asked, String> {
        match source {
            Source::Environment => environment(&self.env),
            Source::WebIdentity => web_identity(&self.env),
            Source::Profile => self.shared()?.credentials(),
            Source::Container => container::ask(&self.env).await,
            Source::Instance => instance::ask(&self.env).await,
        }
    }

    fn shared(&self) -> Result<Shared, String> {
        Shared::read(&self.env, self.profile.as_deref())
    }
}

fn environment(env: &Env) -> Result<Asked, String> {
    let (access, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    match (env(access), env(secret)) {
        (Some(access_key), Some(secret_key)) => {
            let credentials = Credentials {
                access_key: access_key.trim().to_owned(),
                secret_key: Secret::new(&secret_key),
                session_token: env("AWS_SESSION_TOKEN").map(|token| Secret::new(&token)),
            };
            Ok(Asked::Found(Temporary { credentials, expires_s: None }))
        }
        (Some(_), None) => Err(format!("{access} is set and {secret} is not; set both or neither")),
        (None, Some(_)) => Err(format!("{secret} is set and {access} is not; set both or neither")),
        (None, None) => Ok(Asked::Absent(format!("{access} is not set"))),
    }
}

fn web_identity(env: &Env) -> Result<Asked, String> {
    let name = "AWS_WEB_IDENTITY_TOKEN_FILE";
    if env(name).is_none() {
        return Ok(Asked::Absent(format!("{name} is not set")));
    }
    Err(format!(
        "{name} is set, but roles for service accounts are not supported; use EKS Pod Identity or keys, or unset it"
    ))
}

fn ended(end: i64) -> String {
    let at = Timestamp::from_millis(end.saturating_mul(1000)).rfc3339();
    format!("the credentials that it gives ended at {at}; is this machine's clock right?")
}
