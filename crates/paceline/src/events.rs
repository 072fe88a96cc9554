//! What people should hear of as it happens: places that are left alone or come back, budgets that are nearly used.

use crate::admin::Admin;
use crate::files::operations::event::{Event as Entry, EventKind};
use crate::notices::Notice;
use crate::recorder::now;
use paceline_gateway::Event;
use paceline_routing::health::{Change, Why};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked for news.
const LOOK: Duration = Duration::from_millis(250);

/// Says in the log, in the operations log, to who watches and to metrics what happens, for ever.
pub(crate) async fn tell(admin: Arc<Admin>) {
    let Some(gateway) = admin.gateway.get().map(Arc::clone) else { return };
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        while let Some(event) = gateway.events.take() {
            if let (Some(files), Some(entry)) = (&admin.recorder.files, cooldown(&event)) {
                files.event(entry);
            }
            let (is_bad, line) = words(&event);
            if is_bad {
                admin.recorder.log().warn(&line);
            } else {
                admin.recorder.log().info(&line);
            }
            let provider = match &event {
                Event::Place { provider, .. } => Some(&**provider),
                Event::BudgetSoft { .. } => None,
            };
            admin.notices.tell(provider, notice(&event, is_bad, line));
        }
    }
}

/// A place that is left alone for a while, as the operations log tells it; `None` for everything else.
fn cooldown(event: &Event) -> Option<Entry> {
    let Event::Place { provider, model, key, change } = event else { return None };
    let (seconds, reason) = match change {
        Change::Opened(_, wait) => (Some(wait.as_secs_f64()), "failing"),
        Change::Gated(wait) => (Some(wait.as_secs_f64()), "rate_limited"),
        Change::KeyRefused => (None, "key_refused"),
        Change::Recovered(_) => return None,
    };
    let details =
        json!({ "deployment": place(provider, model), "key": key, "reason": reason, "seconds": seconds });
    let mut entry = Entry::new(now(), EventKind::Cooldown, details);
    entry.model = (!model.is_empty()).then(|| model.clone());
    Some(entry)
}

/// The same for who watches.
fn notice(event: &Event, alert: bool, message: String) -> Notice {
    let (event, deployment, key) = match event {
        Event::BudgetSoft { .. } => ("budget_nearly_used", None, None),
        Event::Place { provider, model, key, change } => {
            let event = match change {
                Change::Opened(..) => Why::Failing.as_str(),
                Change::Gated(_) => Why::RateLimited.as_str(),
                Change::KeyRefused => Why::KeyRefused.as_str(),
                Change::Recovered(_) => "recovered",
            };
            (event, Some(place(provider, model)), Some(key.clone()).filter(|key| !key.is_empty()))
        }
    };
    Notice { at: now(), event, alert, deployment, key_from: key, message }
}

/// The name of a place: of a provider as a whole where it has no model.
pub(crate) fn place(provider: &str, model: &str) -> String {
    if model.is_empty() { provider.to_owned() } else { format!("{provider}/{model}") }
}

/// In one line; `true` where somebody may have to act.
fn words(event: &Event) -> (bool, String) {
    match event {
        Event::BudgetSoft { scope, detail } => (true, format!("budget nearly used: {scope}, {detail}")),
        Event::Place { provider, model, key, change } => {
            let place = place(provider, model);
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
