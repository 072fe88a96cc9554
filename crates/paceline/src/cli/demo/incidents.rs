//! What goes wrong while a demo runs: every few minutes one provider fails, asks for fewer calls or is slow for a while.

use super::cast::PROVIDERS;
use crate::cli::out::tell;
use paceline_sim::SimHandle;
use std::time::Duration;
use tokio::time::sleep;

/// Before the first, and between two.
const FIRST: Duration = Duration::from_secs(40);
const BETWEEN: Duration = Duration::from_secs(150);
/// More calls than come in while one lasts.
const CALLS: usize = 400;

struct Incident {
    /// An index of [`PROVIDERS`].
    provider: usize,
    words: &'static str,
    /// As docs/sim.md has it.
    fault: &'static str,
    lasts: Duration,
}

const INCIDENTS: [Incident; 3] = [
    Incident { provider: 0, words: "is down (503)", fault: "status=503", lasts: Duration::from_secs(45) },
    Incident {
        provider: 2,
        words: "asks for fewer calls (429)",
        fault: "status=429,retry-after=6",
        lasts: Duration::from_secs(30),
    },
    Incident { provider: 0, words: "is slow", fault: "slow-start=4000", lasts: Duration::from_mins(1) },
];

/// Lets one after the other happen, for ever; `providers` are in the order of [`PROVIDERS`].
pub(super) async fn happen(providers: &[SimHandle]) {
    sleep(FIRST).await;
    for incident in INCIDENTS.iter().cycle() {
        let Some(handle) = providers.get(incident.provider) else { return };
        let name = PROVIDERS[incident.provider];
        let seconds = incident.lasts.as_secs();
        tell(format_args!("{} UTC simulated incident: {name} {} for {seconds} s\n", clock(), incident.words));
        if handle.script(None, &[incident.fault; CALLS]).is_err() {
            return;
        }
        sleep(incident.lasts).await;
        handle.reset();
        tell(format_args!("{} UTC simulated incident over: {name} is well again\n", clock()));
        sleep(BETWEEN).await;
    }
}

/// The time of day, UTC.
fn clock() -> String {
    crate::recorder::now().rfc3339().get(11..19).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn faults_are_those_of_the_simulated_provider() {
        for incident in super::INCIDENTS {
            paceline_sim::check_fault(incident.fault).unwrap();
        }
    }
}
