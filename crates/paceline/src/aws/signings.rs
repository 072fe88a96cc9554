//! Credentials of AWS in use: looked for in the background, kept fresh, handed to the call path.

use super::{CredentialChain, Env, Held, Loaded, Taken};
use crate::log::Log;
use crate::recorder::now;
use paceline_dialect::bedrock::sign::Signer;
use paceline_gateway::config::Signing;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// The service that requests to Bedrock are signed for.
const SERVICE: &str = "bedrock";
/// How soon credentials that were not there are looked for again.
const AGAIN: Duration = Duration::from_secs(30);
/// How often a signer is looked at: its keys are good for a day.
const LOOK: Duration = Duration::from_mins(10);

/// A profile, where one is set, and a region.
type Identity = (Option<String>, String);

/// One set of credentials for each identity that the configuration names, for as long as the process lives.
pub struct Signings {
    runtime: Handle,
    log: Arc<Log>,
    env: Env,
    held: Mutex<HashMap<Identity, Arc<Signing>>>,
}

impl fmt::Debug for Signings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signings").finish_non_exhaustive()
    }
}

impl Signings {
    /// None yet. Looks for credentials on `runtime`.
    pub fn new(runtime: Handle, log: Arc<Log>) -> Self {
        let env: Env = Arc::new(|name: &str| std::env::var(name).ok());
        Self { runtime, log, env, held: Mutex::default() }
    }

    /// What signs for `region` as `profile`, or as the environment says; the first time, the search for credentials begins.
    pub fn get(&self, profile: Option<&str>, region: &str) -> Arc<Signing> {
        let identity = (profile.map(str::to_owned), region.to_owned());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let signing = held.entry(identity).or_insert_with_key(|(profile, region)| {
            let signing = Arc::new(Signing::default());
            let chain = CredentialChain::new(Arc::clone(&self.env), profile.clone());
            let keeping = keep(chain, region.clone(), Arc::clone(&signing), Arc::clone(&self.log));
            self.runtime.spawn(keeping);
            signing
        });
        Arc::clone(signing)
    }
}

/// Looks for credentials and keeps them fresh, for ever.
async fn keep(chain: CredentialChain, region: String, signing: Arc<Signing>, log: Arc<Log>) {
    let mut held = first(&chain, &signing, &log).await;
    loop {
        show(&signing, held.loaded(), &region);
        let due = held.due_in(now()).unwrap_or(LOOK).min(LOOK);
        tokio::time::sleep(due).await;
        if held.due_in(now()).is_none_or(|left| !left.is_zero()) {
            continue;
        }
        match held.take(chain.load(now()).await, now()) {
            Taken::Renewed => {}
            Taken::Kept(error) => log.warn(&format!("AWS credentials could not be renewed yet: {error}")),
            Taken::Ended(error) => {
                log.warn(&format!("AWS credentials have ended: {error}"));
                signing.lacks(error.to_string());
                held = first(&chain, &signing, &log).await;
            }
        }
    }
}

/// Looks until there are some.
async fn first(chain: &CredentialChain, signing: &Signing, log: &Log) -> Held {
    let mut told = None;
    loop {
        match chain.load(now()).await {
            Ok(loaded) => return Held::new(loaded, now()),
            Err(error) => {
                let text = error.to_string();
                if told.as_ref() != Some(&text) {
                    log.warn(&format!("no AWS credentials: {text}"));
                }
                signing.lacks(text.clone());
                told = Some(text);
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn show(signing: &Signing, loaded: &Loaded, region: &str) {
    signing.set(Signer::new(loaded.credentials.clone(), region, SERVICE, now().seconds()));
}
