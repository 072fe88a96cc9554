//! Logs of other programs and damaged ones: what is read, what is told of the rest, and seconds counted once.

use super::{Forest, forest};
use crate::files::operations::read::{Bad, Entries, OperationKind, Outcome};
use crate::files::zone::Zone;
use std::path::Path;

fn read(text: &str) -> Entries {
    let mut entries = Entries::default();
    entries.read("log", text.as_bytes(), &Zone::utc()).unwrap();
    entries
}

fn call(agent: &str, from: u8, until: u8, more: &str) -> String {
    operation("MODEL_INVOKE", agent, from, until, more)
}

fn operation(kind: &str, agent: &str, from: u8, until: u8, more: &str) -> String {
    format!(
        "{{\"agent\":\"{agent}\",\"model\":\"m\",\"operation_type\":\"{kind}\",\"start_time\":\"2025-07-21T22:20:{from:02}\",\
         \"end_time\":\"2025-07-21T22:20:{until:02}.5\",\"status\":\"completed\"{more}}}"
    )
}

fn seconds(forest: &Forest) -> (f64, f64) {
    (forest.busy_seconds, forest.call_seconds)
}

#[test]
fn a_task_holds_the_calls_of_its_agent_and_seconds_count_once() {
    let lines = [
        // The order in a file is that of ends: calls before their task.
        call("a", 1, 3, ",\"result\":{\"estimated_input_tokens\":7,\"estimated_output_tokens\":3}"),
        call("b", 2, 4, ""),
        operation("TASK_EXECUTION", "a", 0, 9, ",\"details\":{\"task\":{\"name\":\"first\"}}"),
        call("a", 20, 21, ""),
    ];
    let forest = forest(&read(&lines.join("\n")));
    let names: Vec<(OperationKind, &str, u64)> =
        forest.nodes.iter().map(|node| (node.kind, node.name.as_str(), node.calls)).collect();
    assert_eq!(
        names,
        [(OperationKind::Task, "first", 1), (OperationKind::Call, "m", 1), (OperationKind::Call, "m", 1)]
    );
    let task = &forest.nodes[0];
    assert_eq!((task.duration_seconds, task.busy_seconds, task.call_seconds), (9.5, 2.5, 2.5));
    assert_eq!((task.input_tokens, task.output_tokens, task.cost_unknown), (7, 3, 1));
    // Calls of a and b were under way at once from 2 to 3.5.
    assert_eq!(seconds(&forest), (5.0, 6.5));
}

#[test]
fn bad_entries_are_told_with_their_place_and_the_rest_is_read() {
    let good = call("a", 1, 2, "");
    let text = format!(
        "\n{good}\nnonsense\n\n[1]\n{{\"x\":1}}\n{}\n{}\n{good}\n{{\"operation_type\":\"MODEL_IN",
        good.replace("22:20:01", "soon"),
        "{\"event_type\":\"TIMEOUT\"}"
    );
    let entries = read(&text);
    assert_eq!((entries.operations.len(), entries.torn, entries.bad_count), (2, 1, 5));
    let told: Vec<(u64, &str)> = entries.bad.iter().map(|bad| (bad.line, bad.why.as_str())).collect();
    assert_eq!(
        told,
        [
            (3, "no JSON: expected ident in column 2"),
            (5, "no JSON object"),
            (6, "neither `operation_type` nor `event_type` is there"),
            (7, "`start_time` is no time"),
            (8, "`timestamp` is missing"),
        ]
    );
    // A torn line in the middle is bad, at the end it is what a crash leaves.
    assert_eq!(read("{\"a\n{}\n").bad_count, 2);
    let long = format!("\"{}\"\n{good}\n", "x".repeat(5 << 20));
    assert_eq!((read(&long).bad_count, read(&long).operations.len()), (1, 1));
}

#[test]
fn an_array_is_read_up_to_its_fault() {
    let good = call("a", 1, 2, "");
    let whole = read(&format!("\n [\n{good},\n{good}\n]\n"));
    assert_eq!((whole.operations.len(), whole.bad_count), (2, 0));
    let torn = read(&format!("[{good},{{\"x\":1}},{good},\n{{\"agent\":"));
    assert_eq!((torn.operations.len(), torn.bad_count), (2, 2));
    assert_eq!(torn.bad[0].line, 2);
    let Bad { line, why, .. } = &torn.bad[1];
    assert!(*line == 4 && why.starts_with("the array ends here: EOF"), "{line} {why}");
    let empty = [read(""), read("\n"), read("[]")];
    assert!(empty.iter().all(|entries| entries.operations.is_empty() && entries.bad_count == 0));
}

#[test]
fn operations_that_did_not_end_are_unfinished() {
    let open =
        "{\"agent\":\"a\",\"operation_type\":\"TASK_EXECUTION\",\"start_time\":\"2025-07-21T22:20:00\"}";
    let forest = forest(&read(open));
    assert_eq!((forest.nodes[0].status, forest.nodes[0].duration_seconds), (Outcome::Unfinished, 0.0));
}

#[test]
fn parents_that_are_never_told_are_made_up_once() {
    let place = |call: u8, task: &str| {
        let more = format!(
            ",\"details\":{{\"call_id\":\"c{call}\",\"parent\":\"{task}\",\"session_id\":\"s1\",\"session\":\"run\",\"task\":\"t\"}}"
        );
        operation("MODEL_INVOKE", "a", call, call, &more)
    };
    let text = [place(1, "t1"), place(2, "t1"), place(3, "s1")].join("\n");
    let forest = forest(&read(&text));
    let run = &forest.nodes[0];
    assert_eq!((forest.nodes.len(), run.name.as_str(), run.status), (1, "run", Outcome::Unfinished));
    assert_eq!((run.children.len(), run.children[0].children.len(), run.calls), (2, 2, 3));
}

/// The log of another program, where it lies beside the project.
#[test]
fn the_sample_log_reads_as_its_makers_meant_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/logs/performance_20250722_000000.json");
    if !path.exists() {
        println!("skipped: there is no sample log at {}", path.display());
        return;
    }
    let mut entries = Entries::default();
    entries.read_file(&path, &Zone::utc()).unwrap();
    assert_eq!((entries.operations.len(), entries.events.len(), entries.bad_count), (330, 119, 0));
    let forest = forest(&entries);
    assert_eq!((forest.nodes.len(), forest.events.len()), (24, 0));
    for session in &forest.nodes {
        assert_eq!((session.kind, session.children.len()), (OperationKind::Session, 4), "{}", session.name);
        assert!(session.children.iter().all(|task| task.kind == OperationKind::Task && task.calls > 0));
        assert!(session.busy_seconds <= session.duration_seconds);
        assert_eq!(session.events.len(), 1, "rate limits and fallbacks are in the tasks they held up");
    }
    let count = |of: fn(&super::Node) -> u64| forest.nodes.iter().map(of).sum::<u64>();
    assert_eq!((count(|node| node.calls), count(|node| node.failed_calls)), (234, 5));
    let limits = entries.events.iter().filter(|event| event.event_type == "RATE_LIMIT").count();
    assert_eq!(limits, 91);
    // Calls and tasks added up would be 2,236 s; the calls alone are 988 s, and none ran beside another.
    assert!((forest.call_seconds - 987.665).abs() < 0.01, "{}", forest.call_seconds);
    assert!((forest.busy_seconds - forest.call_seconds).abs() < 0.01, "{}", forest.busy_seconds);
}
