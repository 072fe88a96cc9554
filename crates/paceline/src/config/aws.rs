//! Whose requests AWS is told they are, and where they go.

use super::problem::Fault;
use super::resolve::Desk;
use super::typed;
use super::values::{Auth, Aws, Provider};
use crate::aws::CredentialChain;
use paceline_types::record::Dialect;
use std::collections::HashMap;
use std::sync::Arc;

/// The variables by which a region is found.
const NAMES: [&str; 6] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "HOME",
];

/// What a provider's settings say about it.
pub(super) struct Entry {
    pub(super) profile: Option<String>,
    pub(super) region: Option<String>,
    pub(super) asked: Option<Auth>,
}

/// The region of a provider without an address.
pub(super) fn region(path: &str, entry: &typed::Provider, desk: &mut Desk<'_>) -> Option<String> {
    find(path, entry.aws_profile.clone(), entry.region.as_deref(), desk)
}

fn find(path: &str, profile: Option<String>, setting: Option<&str>, desk: &mut Desk<'_>) -> Option<String> {
    let known: HashMap<&str, String> =
        NAMES.into_iter().filter_map(|name| Some((name, desk.env.get(name)?))).collect();
    let env = move |name: &str| known.get(name).cloned();
    match CredentialChain::new(Arc::new(env), profile).region(setting) {
        Ok(region) => Some(region.name),
        Err(why) => {
            let help = "set `region`, e.g. `region = \"eu-central-1\"`, or AWS_REGION";
            desk.report.error(path, Fault::new(why).help(help));
            None
        }
    }
}

/// What signs the requests of a provider that has no key of its own; `None` where nothing does.
pub(super) fn identity(
    path: &str,
    entry: &Entry,
    provider: &mut Provider,
    has_key: bool,
    desk: &mut Desk<'_>,
) -> Option<Aws> {
    let is_out = has_key || matches!(entry.asked, Some(Auth::None | Auth::Passthrough));
    if provider.dialect != Dialect::Bedrock || is_out {
        if entry.profile.is_some() {
            let fault = Fault::new("a profile is named, but nothing is signed with it");
            desk.report.warn(&format!("{path}.aws_profile"), fault.help("leave out either it or the key"));
        }
        return None;
    }
    provider.auth = Auth::Key;
    let region = find(path, entry.profile.clone(), entry.region.as_deref(), desk)?;
    provider.region.get_or_insert_with(|| region.clone());
    Some(Aws { profile: entry.profile.clone(), region })
}
