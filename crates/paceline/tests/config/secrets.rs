//! No secret is ever shown, wherever it was put.

use crate::support::{crate_path, resolved};
use paceline::config::{Flags, load_with, show};

const PLANTED: &str = "sk-PLANTED-9f8e7d6c5b4a";

/// Everything that can be printed of a configuration or of its problems.
fn all_output(text: &str, env: &[(&str, &str)]) -> String {
    match resolved(text, env) {
        Ok(loaded) => {
            let json = show::render_json(&loaded).to_string();
            format!("{}{}{json}{loaded:?}", show::render(&loaded, false), show::render(&loaded, true))
        }
        Err(error) => {
            format!("{error}{}{error:?}{}", error.render(true), serde_json::to_string(&error).unwrap())
        }
    }
}

/// The places of a file where people put a key, rightly or wrongly.
fn places() -> Vec<String> {
    let inside = [
        "[server]\nadmin_key = \"KEY\"",
        "[server]\nadmin_key_env = \"KEY\"",
        "[server]\nadmin_key_file = \"KEY\"",
        "[server]\nlisten = \"KEY\"",
        "[server]\nworkers = \"KEY\"",
        "[server]\ncors_origins = \"KEY\"",
        "[server]\ncors_origins = [\"KEY\"]",
        "[server]\nallowed_hosts = [\"KEY\"]",
        "[log]\nlevel = \"KEY\"",
        "[server]\n\"KEY\" = 1",
        "\"KEY\" = 1",
        "KEY = 1",
        "KEY",
        "[KEY]\nx = 1",
        "x = KEY",
        "x = \"KEY",
        "x = 1 # KEY",
        "data = \"\" # KEY",
        "[providers.openai]\napi_key = \"KEY\"",
        "[providers.openai]\napi_key = KEY",
        "[providers.openai]\napi_key = \"KEY",
        "[providers.openai]\napi_key = '''\nKEY\n'''",
        "[providers.openai]\napi_key_env = \"KEY\"",
        "[providers.openai]\napi_key_file = \"KEY\"",
        "[providers.openai]\nkind = \"KEY\"",
        "[providers.openai]\nauth = \"KEY\"",
        "[providers.openai]\nregion = \"K EY\"",
        "[providers.openai]\nbase_url = \"https://KEY@host/v1\"",
        "[providers.openai]\nbase_url = \"https://u:KEY@host/v1\"",
        "[providers.openai]\nbase_url = \"https://host/v1?key=KEY\"",
        "[providers.openai]\nbase_url = \"KEY\"",
        "[providers.openai]\nproxy = \"http://u:KEY@proxy:1\"",
        "[providers.openai]\nproxy = \"KEY\"",
        "[providers.openai]\nheaders = { Authorization = \"Bearer KEY\" }",
        "[providers.openai]\nheaders = { x-a = \"KEY\" }",
        "[providers.openai]\nheaders = \"x-api-key: KEY\"",
        "[providers.openai]\nheaders = { \"KEY\" = \"x\" }",
        "[providers.openai]\nca_file = \"KEY\"",
        "[providers.\"KEY\"]\nx = 1",
        "[providers.openai.\"KEY\"]\nx = 1",
        "[models]\nm = \"KEY\"",
        "[models]\nm = \"KEY/x\"",
        "[models]\nm = \"openai/KEY\"\n[x]",
        "[models]\n\"KEY\" = \"x\"",
        "[models]\nm = { targets = [\"nowhere/x\"], aliases = [\"KEY\", \"KEY\"] }",
        "[models]\nm = { targets = \"KEY\" }",
        "[[keys]]\nname = \"a\"\nkey = \"KEY\"",
        "[[keys]]\nname = \"a\"\nkey_env = \"KEY\"",
        "[[keys]]\nname = \"a\"\nkey_file = \"KEY\"",
        "[[keys]]\nname = \"KEY KEY\"",
        "[[keys]]\nname = \"a\"\ntenant = \"KEY/x\"",
        "keys = [\"KEY\"]",
        "keys = \"KEY\"",
        "providers = \"KEY\"",
        "[providers]\nopenai = \"KEY\"",
        "[server]\nlisten = \"0.0.0.0:1\" # KEY",
        "openai = { api_key = \"KEY\", x = 1 }",
    ];
    inside.iter().map(|place| place.replace("KEY", PLANTED)).collect()
}

#[test]
fn a_key_in_the_file_is_never_shown() {
    for place in places() {
        for extra in ["", "\n[server2]\n", "\n]]\n"] {
            let said = all_output(&format!("{place}{extra}"), &[]);
            assert!(!said.contains(PLANTED), "{place}\n{said}");
        }
    }
}

#[test]
fn a_key_in_the_environment_is_never_shown() {
    let text = "[providers.openai]\n[providers.mine]\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key_env = \"MINE\"\n\
                [[keys]]\nname = \"a\"\nkey_env = \"CALLER\"\n";
    let proxy = format!("http://user:{PLANTED}@proxy:3128");
    let broken = format!("{PLANTED} two words");
    let bearer = format!("Bearer {PLANTED}");
    let good = [
        ("OPENAI_API_KEY", PLANTED),
        ("MINE", PLANTED),
        ("CALLER", "planted-caller"),
        ("HTTPS_PROXY", &proxy),
    ];
    let said = all_output(text, &good);
    assert!(said.contains("is valid") && said.contains("OPENAI_API_KEY"), "{said}");
    for (name, value) in good {
        assert!(!said.contains(value), "{name}\n{said}");
    }
    for bad in [broken.as_str(), &bearer, "with\nbreak-PLANTED"] {
        for name in ["OPENAI_API_KEY", "MINE", "CALLER", "PACELINE_ADMIN_KEY"] {
            let env = [("OPENAI_API_KEY", "a"), ("MINE", "b"), ("CALLER", "c"), (name, bad)];
            let said = all_output(text, &env);
            assert!(said.contains("in the configuration") && said.contains(name), "{said}");
            assert!(!said.contains("PLANTED"), "{said}");
        }
    }
}

#[test]
fn a_key_in_a_wrong_variable_is_never_shown() {
    let names = [
        "PACELINE_SERVER_LISTEN",
        "PACELINE_SERVER_WORKERS",
        "PACELINE_SERVER_DETECT",
        "PACELINE_LOG_LEVEL",
        "PACELINE_SERVER_ADMIN_KEY_ENV",
        "PACELINE_SERVER_ADMIN_KEY_FILE",
        "PACELINE_SERVER_CORS_ORIGINS",
        "PACELINE_API_KEY",
        "PACELINE_PROVIDERS_OPENAI_BASE_URL",
        "PACELINE_PROVIDERS_OPENAI_KIND",
        "PACELINE_PROVIDERS_OPENAI_HEADERS",
        "PACELINE_PROVIDERS_OPENAI_API_KEY_ENV",
        "PACELINE_PROVIDERS_OPENAI_PROXY",
        "PACELINE_MODELS_SMART",
        "PACELINE_KEYS_A_KEY_ENV",
        "OPENAI_BASE_URL",
        "OLLAMA_HOST",
        "HTTPS_PROXY",
        "LOG_LEVEL",
        "PACELINE_KEYS_A_TENANT",
    ];
    for name in names {
        let said = all_output("", &[("OPENAI_API_KEY", "a"), (name, PLANTED)]);
        assert!(!said.contains(PLANTED), "{name}\n{said}");
    }
}

#[test]
fn a_file_that_is_named_must_be_there_and_be_text() {
    let load = |path: &std::path::Path| load_with(Flags::default(), Some(path), &|_| None, &[]);
    let missing = load(&crate_path("no/such/paceline.toml")).expect_err("it is not there").to_string();
    assert!(missing.contains("--config") && missing.contains("does not exist"), "{missing}");
    let folder = load(&crate_path("tests")).expect_err("it is a folder").to_string();
    assert!(folder.contains("is a folder"), "{folder}");
    let path = std::env::temp_dir().join(format!("paceline-bytes-{}.toml", std::process::id()));
    std::fs::write(&path, b"x = \"\xff\xfe\"").unwrap();
    let bytes = load(&path).expect_err("it is not text").to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(bytes.contains("is not text"), "{bytes}");
    let by_env = |name: &str| (name == "PACELINE_CONFIG").then(|| "no/such.toml".to_owned());
    let said = load_with(Flags::default(), None, &by_env, &[]).expect_err("it is not there").to_string();
    assert!(said.contains("PACELINE_CONFIG"), "{said}");
}
