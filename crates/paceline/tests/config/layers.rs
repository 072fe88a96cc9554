//! Which place wins: flag, `PACELINE_` name, plain name, file, default.

use crate::support::{no_file, only_problem, resolved, with_flags};
use paceline::config::{Auth, Flags, Level, Loaded, OnClientCancel, Origin, show};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "data = \"from-file\"\n[server]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"error\"\n";

fn listen(loaded: &Loaded) -> (String, Origin) {
    let config = &loaded.config;
    (config.server.listen.to_string(), config.origin("server.listen").clone())
}

fn env_origin(name: &str) -> Origin {
    Origin::Env(name.to_owned())
}

#[test]
fn each_layer_wins_over_those_behind_it() {
    let nothing = no_file(&[]).unwrap();
    assert_eq!(listen(&nothing), ("127.0.0.1:8420".into(), Origin::Default));
    assert_eq!(nothing.config.data, Path::new("paceline-data"));

    let file = resolved(FILE, &[]).unwrap();
    assert_eq!(file.config.data, Path::new("from-file"));
    let (address, origin) = listen(&file);
    assert_eq!(address, "127.0.0.1:1");
    assert!(matches!(origin, Origin::File { line: 3, .. }), "{origin:?}");

    let short = [("PACELINE_LISTEN", "127.0.0.1:2"), ("PACELINE_DATA", "from-env")];
    let env = resolved(FILE, &short).unwrap();
    assert_eq!(listen(&env), ("127.0.0.1:2".into(), env_origin("PACELINE_LISTEN")));
    assert_eq!(env.config.data, Path::new("from-env"));

    let both = [("PACELINE_LISTEN", "127.0.0.1:2"), ("PACELINE_SERVER_LISTEN", "127.0.0.1:3")];
    let env = resolved(FILE, &both).unwrap();
    assert_eq!(listen(&env), ("127.0.0.1:3".into(), env_origin("PACELINE_SERVER_LISTEN")));

    let flags = Flags { listen: Some("127.0.0.1:4".into()), data: Some(PathBuf::from("from-flag")) };
    let flagged = with_flags(FILE, &both, flags).unwrap();
    assert_eq!(listen(&flagged), ("127.0.0.1:4".into(), Origin::Flag("--listen")));
    assert_eq!(flagged.config.data, Path::new("from-flag"));
}

#[test]
fn a_plain_name_stands_between_file_and_ours() {
    assert_eq!(resolved(FILE, &[("LOG_LEVEL", "DEBUG")]).unwrap().config.log.level, Level::Debug);
    let both = [("LOG_LEVEL", "DEBUG"), ("PACELINE_LOG_LEVEL", "Trace")];
    assert_eq!(resolved(FILE, &both).unwrap().config.log.level, Level::Trace);
    let unknown = resolved(FILE, &[("LOG_LEVEL", "loud")]).unwrap();
    assert_eq!((unknown.config.log.level, unknown.warnings.len()), (Level::Error, 1));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let env = [
        ("PACELINE_LISTEN", ""),
        ("PACELINE_SERVER_WORKERS", "  "),
        ("OPENAI_API_KEY", ""),
        ("PACELINE_X", ""),
    ];
    let loaded = resolved(FILE, &env).unwrap();
    assert_eq!(listen(&loaded).0, "127.0.0.1:1");
    assert!(loaded.config.simulated && loaded.warnings.is_empty());
}

#[test]
fn settings_of_all_kinds_come_from_variables() {
    let env = [
        ("PACELINE_SERVER_WORKERS", "3"),
        ("PACELINE_SERVER_ANSWER_HEADERS", "off"),
        ("PACELINE_SERVER_CORS_ORIGINS", "https://a.example, https://b.example"),
        ("PACELINE_TIMEOUTS_IDLE_MS", "1500"),
        ("PACELINE_PROVIDERS_MY_GPU_BASE_URL", "http://gpu:8000/v1"),
        ("PACELINE_PROVIDERS_MY_GPU_API_KEY", "planted-key"),
        ("PACELINE_PROVIDERS_MY_GPU_HEADERS", "x-a=1, x-b=2"),
        ("PACELINE_PROVIDERS_MY_GPU_TIMEOUTS_FIRST_TOKEN_MS", "7000"),
        ("PACELINE_PROVIDERS_MY_GPU_ON_CLIENT_CANCEL", "DRAIN"),
        ("PACELINE_MODELS_SMART", "my-gpu/a/b,my-gpu/c"),
        ("PACELINE_MODELS_SMART_REASONING", "true"),
        ("PACELINE_KEYS_TEAM_A_KEY", "planted-caller"),
        ("PACELINE_KEYS_TEAM_A_TENANT", "acme"),
    ];
    let loaded = no_file(&env).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let config = &loaded.config;
    assert_eq!((config.server.workers, config.server.answer_headers), (3, false));
    assert_eq!(config.server.cors_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.timeouts.idle, Duration::from_millis(1500));
    let gpu = config.provider("my-gpu").unwrap();
    assert_eq!((gpu.auth, gpu.on_client_cancel), (Auth::Key, OnClientCancel::Drain));
    assert_eq!(gpu.key.as_ref().map(paceline_types::secret::Secret::expose), Some("planted-key"));
    assert_eq!(gpu.headers.len(), 2);
    assert_eq!(gpu.timeouts.first_token, Duration::from_secs(7));
    assert_eq!(gpu.timeouts.idle, Duration::from_millis(1500));
    let smart = config.model("smart").unwrap();
    assert_eq!(smart.targets[0].to_string(), "my-gpu/a/b");
    assert!(smart.reasoning && smart.targets.len() == 2);
    assert_eq!((config.keys[0].name.as_str(), config.keys[0].tenant.as_str()), ("team-a", "acme"));
    assert!(!show::render(&loaded, false).contains("planted"));
}

#[test]
fn variables_change_entries_of_the_file() {
    let file = "[providers.my_gpu]\nbase_url = \"http://gpu:8000/v1\"\napi_key_file = \"missing\"\n\
                [models]\n\"gpt-4.1\" = \"my_gpu/x\"\n[[keys]]\nname = \"Team.A\"\nkey_env = \"CALLER\"\n";
    let env = [
        ("CALLER", "planted-caller"),
        ("KEY", "planted-key"),
        ("PACELINE_PROVIDERS_MY_GPU_API_KEY_ENV", "KEY"),
        ("PACELINE_PROVIDERS_MY_GPU_REGION", "eu"),
        ("PACELINE_MODELS_GPT_4_1_ALIASES", "a,b"),
        ("PACELINE_KEYS_TEAM_A_WORKSPACE", "search"),
    ];
    let config = resolved(file, &env).unwrap().config;
    assert_eq!(config.providers.len(), 1);
    assert_eq!(config.providers[0].region.as_deref(), Some("eu"));
    assert_eq!(config.providers[0].key_source.as_ref().unwrap().to_string(), "KEY");
    assert_eq!(config.model("b").unwrap().targets[0].to_string(), "my_gpu/x");
    assert_eq!((config.keys.len(), config.keys[0].workspace.as_str()), (1, "search"));
}

#[test]
fn a_wrong_variable_is_named_and_an_unknown_one_only_warned_of() {
    for (name, value, part) in [
        ("PACELINE_SERVER_WORKERS", "many", "PACELINE_SERVER_WORKERS: this must be a whole number"),
        ("PACELINE_SERVER_WORKERS", "0", "PACELINE_SERVER_WORKERS: the value is out of range"),
        ("PACELINE_SERVER_ANSWER_HEADERS", "maybe", "true or false"),
        ("PACELINE_LOG_LEVEL", "loud", "PACELINE_LOG_LEVEL: `loud` is none of"),
        ("PACELINE_LISTEN", "8420", "PACELINE_LISTEN: `8420` is not an IP address and a port"),
        ("PACELINE_PROVIDERS_X_BASE_URL", "ftp://x", "PACELINE_PROVIDERS_X_BASE_URL: an address starts"),
        (
            "PACELINE_ADMIN_KEY",
            "two words",
            "PACELINE_ADMIN_KEY: the key in PACELINE_ADMIN_KEY is not one word",
        ),
    ] {
        let said = only_problem(FILE, &[(name, value)]);
        assert!(said.contains(part), "{said}");
    }
    for (name, near) in [
        ("PACELINE_SERVER_LISTN", "PACELINE_SERVER_LISTEN"),
        ("PACELINE_LISTENN", "PACELINE_LISTEN"),
        ("PACELINE_PROVIDERS_OPENAI_REGON", "PACELINE_PROVIDERS_OPENAI_REGION"),
    ] {
        let loaded = no_file(&[("OPENAI_API_KEY", "a"), (name, "x")]).unwrap();
        let said = loaded.warnings.iter().map(ToString::to_string).collect::<String>();
        assert!(said.contains(&format!("did you mean `{near}`?")), "{said}");
    }
}

#[test]
fn variables_that_mean_something_elsewhere_are_not_warned_of() {
    let file = "[providers.x]\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key_env = \"PACELINE_MY_KEY\"\n";
    let env = [
        ("PACELINE_MY_KEY", "planted"),
        ("PACELINE_CONFIG", "x"),
        ("PACELINE_SERVICE_HOST", "10.0.0.1"),
        ("PACELINE_PORT", "tcp://10.0.0.1:8420"),
        ("PACELINE_PORT_8420_TCP_ADDR", "10.0.0.1"),
        ("OTHER", "x"),
    ];
    assert_eq!(resolved(file, &env).unwrap().warnings, []);
}

#[test]
fn the_nearest_timeout_wins() {
    let file = "[timeouts]\ntotal_ms = 1000\nidle_ms = 2000\n[providers.a]\nbase_url = \"http://127.0.0.1:1/v1\"\n\
                timeouts = { idle_ms = 3000, reasoning_total_ms = 300000 }\n[models]\nplain = \"a/x\"\n\
                thinks = { targets = [\"a/x\"], reasoning = true, timeouts = { total_ms = 9000 } }\n";
    let config = resolved(file, &[]).unwrap().config;
    let provider = config.provider("a").unwrap();
    let of = |model| config.effective_timeouts(provider, config.model(model));
    let (none, plain, thinks) = (of("nothing"), of("plain"), of("thinks"));
    assert_eq!(none, plain);
    assert_eq!((plain.total, plain.idle), (Duration::from_secs(1), Duration::from_secs(3)));
    assert_eq!((plain.first_token, plain.stream_total), (Duration::from_mins(1), Duration::from_mins(3)));
    assert_eq!((thinks.total, thinks.idle), (Duration::from_secs(9), Duration::from_secs(3)));
    assert_eq!((thinks.first_token, thinks.stream_total), (Duration::from_mins(5), Duration::from_mins(5)));
}
