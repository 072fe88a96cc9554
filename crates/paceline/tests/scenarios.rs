//! How calls survive what providers do and callers want: scenarios as data, in paused time.
//!
//! Each says what the provider will do, when which calls come, and what must come of them: for the caller, at the
//! provider and in the record. What may stand in one is in `scenarios/play.rs`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail like the test")]

#[path = "scenarios/play.rs"]
mod play;
#[path = "scenarios/script.rs"]
mod script;
mod support;

macro_rules! stories {
    ($($name:ident),*) => {
        const STORIES: &[(&str, &str)] =
            &[$((stringify!($name), include_str!(concat!("scenarios/", stringify!($name), ".toml")))),*];
        $(#[test]
        fn $name() {
            play::all(include_str!(concat!("scenarios/", stringify!($name), ".toml")));
        })*
    };
}

stories!(budgets, chains, deadlines, health, limits, lines, retries, waits);

#[test]
fn every_scenario_has_a_name_of_its_own() {
    let mut names: Vec<String> =
        STORIES.iter().flat_map(|(_, text)| script::read(text)).map(|scenario| scenario.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 60, "{count}");
}
