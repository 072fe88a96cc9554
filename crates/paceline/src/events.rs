//! What people should hear of as it happens: places that are left alone or come back, budgets that are nearly used.

use crate::admin::Admin;
use paceline_gateway::Event;
use paceline_routing::health::{Change, Why};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked for news.
const LOOK: Duration = Duration::from_millis(250);

/// Says in the log what happens, for ever.
pub(crate) async fn tell(admin: Arc<Admin>) {
    let Some(gateway) = admin.gateway.get().map(Arc::clone) else { return };
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        while let Some(event) = gateway.events.take() {
            let (is_bad, line) = words(&event);
            if is_bad {
                admin.recorder.log().warn(&line);
            } else {
                admin.recorder.log().info(&line);
            }
        }
    }
}

/// In one line; `true` where somebody may have to act.
fn words(event: &Event) -> (bool, String) {
    match event {
        Event::BudgetSoft { scope, detail } => (true, format!("budget nearly used: {scope}, {detail}")),
        Event::Place { provider, model, key, change } => {
            let place = if model.is_empty() { provider.to_string() } else { format!("{provider}/{model}") };
            let key = if key.is_empty() { String::new() } else { format!(" with the key of {key}") };
            match change {
                Change::Opened(failures, wait) => (
                    true,
                    format!(
                        "{place}{key} failed {failures} times in a row and is left alone for {:.1} s, then tried with one call (unless nothing else is left)",
                        wait.as_secs_f64()
                    ),
                ),
                Change::Gated(wait) => (
                    false,
                    format!("{place}{key} asks for no more calls for {:.1} s (429)", wait.as_secs_f64()),
                ),
                Change::KeyRefused => (
                    true,
                    format!(
                        "{place}{key} was refused (401, 402 or 403): the key is left out and tried again now and then; check it and the account"
                    ),
                ),
                Change::Recovered(Why::KeyRefused) => (false, format!("{place}{key} is accepted again")),
                Change::Recovered(_) => (false, format!("{place}{key} answers again")),
            }
        }
    }
}
