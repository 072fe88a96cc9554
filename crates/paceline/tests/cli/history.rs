//! History without a running Paceline: filled, exported, copied, and what is refused.

use crate::program::Folder;
use serde_json::Value;

#[test]
fn a_filled_folder_is_exported_and_copied_and_the_copy_exports_the_same() {
    let folder = Folder::new();
    for days in ["0", "31", "x"] {
        let refused = folder.run(&["sim", "--fill", "3000", "--data", "d", "--days", days], &[]);
        assert!(refused.code == 2 && refused.err.contains("days are a number above 0"), "{}", refused.err);
    }
    let filled = folder.run(&["sim", "--fill", "3000", "--data", "d", "--days", "2", "--json"], &[]);
    assert_eq!(filled.code, 0, "{}", filled.err);
    let filled: Value = serde_json::from_str(&filled.out).unwrap();
    assert_eq!(filled["records"], 3000);
    let exported = folder.run(&["export", "--data", "d"], &[]);
    assert_eq!((exported.code, exported.out.lines().count()), (0, 3000), "{}", exported.err);
    let mut ids = Vec::new();
    for line in exported.out.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        ids.push(record["id"].as_str().unwrap().to_owned());
    }
    assert!(
        ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]),
        "in the order of time, once each"
    );
    let some = folder.run(&["export", "--data", "d", "status=error", "model=gpt-4o"], &[]);
    let wanted = |line: &&str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["status"] == "error" && record["model"] == "gpt-4o"
    };
    let expected: Vec<&str> = exported.out.lines().filter(wanted).collect();
    assert!(!expected.is_empty());
    assert_eq!(some.out.lines().collect::<Vec<_>>(), expected);
    let copied = folder.run(&["backup", "copy", "--data", "d"], &[]);
    assert_eq!(copied.code, 0, "{}", copied.err);
    assert!(copied.out.contains("paceline serve --data copy"), "{}", copied.out);
    assert_eq!(folder.run(&["export", "--data", "copy"], &[]).out, exported.out);
    let again = folder.run(&["backup", "copy", "--data", "d"], &[]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("name another folder"), "{}", again.err);
}

#[test]
fn an_export_takes_nothing_away_that_was_there() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["sim", "--fill", "100", "--data", "d"], &[]).code, 0);
    let file = folder.0.join("calls.csv");
    std::fs::write(&file, "an older one").unwrap();
    let export = |out: &str| folder.run(&["export", "--data", "d", "--out", out], &[]);
    assert_eq!(export("calls.csv").code, 0);
    let whole = std::fs::read_to_string(&file).unwrap();
    assert_eq!(whole.lines().count(), 101);
    for out in ["d/history.db", "d/calls.csv"] {
        let ended = export(out);
        assert!(ended.code == 1 && ended.err.contains("is in the data folder"), "{}", ended.err);
    }
    let history = rusqlite::Connection::open(folder.0.join("d/history.db")).unwrap();
    history.execute_batch("DROP TABLE segment_column; DROP TABLE tail").unwrap();
    let ended = export("calls.csv");
    assert!(ended.code == 1 && ended.err.contains("calls.csv"), "{}", ended.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), whole, "half an export replaces nothing");
    let names: Vec<_> =
        std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{names:?}");
}

#[test]
fn what_cannot_be_exported_is_said() {
    let folder = Folder::new();
    for (args, code, says) in [
        (&["export", "--data", "nowhere"][..], 1, "there is no history in nowhere: name the folder"),
        (&["export", "--data", "nowhere", "modle=x"][..], 2, "did you mean `model`"),
        (&["export", "--data", "nowhere", "--since", "soon"][..], 2, "`soon` is no time"),
        (&["backup", "copy", "--data", "nowhere"][..], 1, "there is no history in nowhere"),
        (&["catalog", "recost", "--with", "x.toml"][..], 2, "--with has no effect"),
    ] {
        let ended = folder.run(args, &[]);
        assert_eq!(ended.code, code, "{args:?}: {}", ended.err);
        assert!(ended.err.contains(says), "{args:?}: {}", ended.err);
    }
    assert!(!folder.0.join("copy").exists(), "nothing is made for a copy of nothing");
}
