//! Simulated callers: they ask over HTTP, as applications do, and read their answers to the end.

use super::cast::{MODELS, PLACES, PLAYERS, Player, pick};
use crate::cli::client::Door;
use crate::fill::Dice;
use paceline_gateway::DEFAULT_ROUTE;
use serde_json::json;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How many call at once.
const CALLERS: u64 = 10;
/// A caller waits so long between two calls, in the middle.
const PAUSE_MS: f64 = 900.0;
/// No answer is waited for longer.
const PATIENCE: Duration = Duration::from_mins(2);
/// A caller that leaves before the end does so after this.
const LEAVES: Duration = Duration::from_millis(600);

const WORDS: [&str; 24] = [
    "compare",
    "these",
    "two",
    "offers",
    "and",
    "say",
    "which",
    "fits",
    "a",
    "small",
    "team",
    "with",
    "little",
    "time",
    "report",
    "about",
    "the",
    "last",
    "week",
    "in",
    "three",
    "short",
    "plain",
    "sentences",
];

/// Starts them; they call until the set is dropped. `keys` are in the order of [`PLAYERS`].
pub(super) fn start(address: SocketAddr, keys: &[String]) -> JoinSet<()> {
    let doors: Vec<Arc<Door>> = keys.iter().map(|key| Arc::new(Door::at(address, key))).collect();
    let doors: Arc<[Arc<Door>]> = doors.into();
    let mut set = JoinSet::new();
    for number in 0..CALLERS {
        let doors = Arc::clone(&doors);
        set.spawn(async move {
            let mut dice = Dice(number.wrapping_mul(7919) ^ u64::from(std::process::id()));
            loop {
                sleep(Duration::from_millis(dice.around(PAUSE_MS, 0.6).min(8000.0) as u64)).await;
                let player = Player::any(&mut dice);
                call(&doors[player % doors.len()], player, number, &mut dice).await;
            }
        });
    }
    set
}

/// One call. How it ends is for the records to tell.
async fn call(door: &Door, player: usize, number: u64, dice: &mut Dice) {
    let who = &PLAYERS[player];
    let (name, places) = MODELS[who.model(dice)];
    let embeds = places.first().is_some_and(|place| PLACES[*place].embeds());
    let strategy = if embeds { None } else { who.strategy(dice) };
    let name = strategy.map_or(name, |_| DEFAULT_ROUTE);
    let stream = !embeds && dice.below(10) < 7;
    let words: Vec<&str> =
        (0..dice.around(900.0, 0.9).min(6000.0) as u64 + 5).map(|_| pick(dice, &WORDS)).collect();
    let (path, body) = if embeds {
        ("/v1/embeddings", json!({"model": name, "input": words.join(" ")}))
    } else {
        let messages = json!([{"role": "user", "content": words.join(" ")}]);
        (
            "/v1/chat/completions",
            json!({"model": name, "stream": stream, "max_tokens": 1000, "messages": messages}),
        )
    };
    let chosen = strategy.map(|how| format!("x-paceline-strategy: {how}\r\n")).unwrap_or_default();
    let headers = format!(
        "x-paceline-role: {}\r\nx-paceline-task: {}\r\nx-paceline-session: {}-live-{number}\r\nx-paceline-operation: {}\r\n\
         x-paceline-user: user-{}\r\nx-paceline-tags: simulated=yes\r\n{chosen}",
        who.role(dice),
        who.task(dice),
        who.workspace,
        if embeds { "index" } else { "chat" },
        dice.below(400),
    );
    let leaves = stream && dice.below(60) == 0;
    let read = async {
        let mut exchange = door.begin_with("POST", path, &headers, Some(&body)).await?;
        while !exchange.is_ended() {
            poll_fn(|cx| exchange.poll_more(cx)).await.map_err(|error| error.to_string())?;
            exchange.out.clear();
        }
        Ok::<(), String>(())
    };
    let _ = timeout(if leaves { LEAVES } else { PATIENCE }, read).await;
}
