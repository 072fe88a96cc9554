//! `paceline check`, help, and commands used in a wrong way: exit codes 0, 1 and 2.

use crate::program::Folder;
use serde_json::Value;

#[test]
fn check_shows_what_is_meant() {
    let folder = Folder::with(
        "[providers.mine]\nbase_url = \"http://127.0.0.1:9/v1\"\n[models]\nquick = \"mine/small\"\n",
    );
    let ended = folder.run(&["check"], &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    for said in ["mine", "http://127.0.0.1:9/v1", "quick", "127.0.0.1:8420"] {
        assert!(ended.out.contains(said), "{said}: {}", ended.out);
    }
    let json = folder.run(&["check", "--json"], &[]);
    assert_eq!(json.code, 0);
    assert!(serde_json::from_str::<Value>(&json.out).unwrap().is_object());
    let named = folder.run(&["check", "paceline.toml"], &[]);
    assert_eq!((named.code, named.out), (0, ended.out));
}

#[test]
fn check_never_shows_a_key() {
    let env = [
        ("OPENAI_API_KEY", "sk-planted-0123456789abcdef"),
        ("PACELINE_ADMIN_KEY", "ak-planted-0123456789abcdef"),
    ];
    for args in [&["check"][..], &["check", "--json"]] {
        let ended = Folder::new().run(args, &env);
        assert_eq!(ended.code, 0);
        assert!(ended.out.contains("OPENAI_API_KEY") && !(ended.out + &ended.err).contains("planted"));
    }
}

#[test]
fn check_tells_every_problem_with_its_place() {
    let folder =
        Folder::with("[server]\nlisten = \"127.0.0.1:0\"\nmax_conections = 5\n[models]\na = \"nobody/x\"\n");
    let ended = folder.run(&["check"], &[]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    for said in ["paceline.toml:3", "max_conections", "`max_connections`", "paceline.toml:5", "nobody"] {
        assert!(ended.err.contains(said), "{said}: {}", ended.err);
    }
    let json = folder.run(&["check", "--json"], &[]);
    let value: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &value["valid"]), (1, &Value::Bool(false)));
    assert_eq!(value["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn the_schema_is_that_of_the_file_in_the_repository() {
    let ended = Folder::new().run(&["check", "--schema"], &[]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../paceline.schema.json");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&ended.out).unwrap(), written);
}

#[test]
fn wrong_use_is_2_and_help_is_0() {
    for args in [
        &["--no-such-flag"][..],
        &["no-such-command"],
        &["serve", "extra"],
        &["check", "a.toml", "--config", "b.toml"],
        &["stats", "model", "--by", "role"],
        &["calls", "--limit", "many"],
        &["calls", "colour=red"],
        &["calls", "id-1", "id-2"],
        &["calls", "--body"],
        &["capture", "--for", "soon"],
        &["capture", "--list", "--calls", "5"],
        &["sim", "--seed", "x"],
    ] {
        let ended = Folder::new().run(args, &[]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{args:?} {}", ended.err);
        assert!(!ended.err.trim().is_empty(), "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["help", "calls"], &["stats", "--help"]] {
        let ended = Folder::new().run(args, &[]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{args:?}");
        assert!(ended.out.contains("paceline") || ended.out.contains("Usage"), "{args:?}");
    }
}
