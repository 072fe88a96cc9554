//! When credentials are looked for again, and what holds when that fails.

use super::chain::{ChainError, Loaded};
use paceline_types::time::Timestamp;
use std::time::Duration;

/// Credentials are replaced this long before they end, in seconds.
const AHEAD_S: i64 = 5 * 60;
/// The shortest time between two looks, in seconds.
const AGAIN_S: i64 = 10;

/// The credentials that are in use. Pure: whoever owns it brings the clock.
#[derive(Clone, Debug)]
pub struct Held {
    loaded: Loaded,
    looked_s: i64,
}

/// What a look changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// There are new ones: hand them to the call path.
    Renewed,
    /// The look failed; the old ones still hold.
    Kept(ChainError),
    /// The look failed, and the old ones have ended: calls will be refused.
    Ended(ChainError),
}

impl Held {
    /// What was found at `now`.
    pub fn new(loaded: Loaded, now: Timestamp) -> Self {
        Self { loaded, looked_s: now.seconds() }
    }

    /// The credentials in use.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// How long until the next look: until five minutes before the end, and at least ten seconds after the last look.
    /// `None` when they do not end by themselves.
    pub fn due_in(&self, now: Timestamp) -> Option<Duration> {
        let due_s = (self.loaded.expires_s? - AHEAD_S).max(self.looked_s + AGAIN_S);
        Some(Duration::from_secs((due_s - now.seconds()).max(0) as u64))
    }

    /// Takes what a look at `now` brought.
    pub fn take(&mut self, found: Result<Loaded, ChainError>, now: Timestamp) -> Taken {
        self.looked_s = now.seconds();
        match found {
            Ok(loaded) => {
                self.loaded = loaded;
                Taken::Renewed
            }
            Err(error) if self.loaded.expires_s.is_none_or(|end| end > now.seconds()) => Taken::Kept(error),
            Err(error) => Taken::Ended(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, Taken};
    use crate::aws::{ChainError, Loaded, Source};
    use paceline_dialect::bedrock::sign::Credentials;
    use paceline_types::secret::Secret;
    use paceline_types::time::Timestamp;
    use std::time::Duration;

    fn loaded(key: &str, expires_s: Option<i64>) -> Loaded {
        let credentials =
            Credentials { access_key: key.into(), secret_key: Secret::new("s"), session_token: None };
        Loaded { credentials, expires_s, source: Source::Container }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn keys_that_do_not_end_are_not_looked_for_again() {
        assert_eq!(Held::new(loaded("a", None), at(0)).due_in(at(1_000_000)), None);
    }

    #[test]
    fn they_are_replaced_ahead_of_their_end_and_kept_while_they_hold() {
        let failed = || ChainError { tried: Vec::new(), stopped: false };
        let due = |held: &Held, now| held.due_in(at(now)).map(|wait| wait.as_secs());
        let mut held = Held::new(loaded("a", Some(3600)), at(0));
        assert_eq!(held.due_in(at(0)), Some(Duration::from_mins(55)));
        assert_eq!(due(&held, 4000), Some(0));
        assert_eq!(held.take(Err(failed()), at(3300)), Taken::Kept(failed()));
        assert_eq!(due(&held, 3300), Some(10));
        assert_eq!(held.take(Err(failed()), at(3600)), Taken::Ended(failed()));
        assert_eq!(held.loaded().credentials.access_key, "a");
        assert_eq!(held.take(Ok(loaded("b", Some(7200))), at(3610)), Taken::Renewed);
        assert_eq!(held.loaded().credentials.access_key, "b");
        assert_eq!(due(&held, 3610), Some(3290));
        // The service may hand out what soon ends; it is not asked without pause.
        held.take(Ok(loaded("c", Some(3620))), at(3610));
        assert_eq!(due(&held, 3610), Some(10));
    }
}
