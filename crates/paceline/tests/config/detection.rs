//! What is found in the environment when the file names no provider, and what is safe to reach.

use crate::support::{no_file, only_problem, resolved};
use paceline::config::{Auth, Config};
use std::path::Path;

fn found(env: &[(&str, &str)]) -> Config {
    no_file(env).unwrap().config
}

fn addresses(config: &Config) -> Vec<String> {
    config.providers.iter().map(|one| format!("{} {}", one.name, one.base_url)).collect()
}

#[test]
fn providers_are_found_by_their_variables() {
    let config = found(&[
        ("GROQ_API_KEY", "planted-1"),
        ("OPENAI_API_KEY", "planted-2"),
        ("TOGETHERAI_API_KEY", "planted-3"),
    ]);
    assert_eq!(
        addresses(&config),
        [
            "openai https://api.openai.com/v1",
            "groq https://api.groq.com/openai/v1",
            "together https://api.together.xyz/v1"
        ]
    );
    assert!(!config.simulated);
    assert_eq!(config.providers[2].detected_by.as_deref(), Some("TOGETHERAI_API_KEY"));
    assert!(config.providers.iter().all(|one| one.auth == Auth::Key && one.key.is_some()));
}

#[test]
fn addresses_of_own_servers_are_completed() {
    for (name, value, meant) in [
        ("OLLAMA_HOST", "0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("OLLAMA_HOST", "127.0.0.1:9999", "http://127.0.0.1:9999/v1"),
        ("OLLAMA_HOST", ":9999", "http://127.0.0.1:9999/v1"),
        ("OLLAMA_HOST", "[::]:9999", "http://[::1]:9999/v1"),
        ("OLLAMA_HOST", "gpu.lan", "http://gpu.lan:11434/v1"),
        ("OLLAMA_HOST", "https://ollama.example.com", "https://ollama.example.com/v1"),
        ("OLLAMA_BASE_URL", "http://gpu:11434/v1/", "http://gpu:11434/v1"),
        ("VLLM_BASE_URL", "http://gpu:8000", "http://gpu:8000/v1"),
        ("LLAMA_CPP_BASE_URL", "http://gpu:8080/", "http://gpu:8080/v1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:9/x", "http://127.0.0.1:9/x"),
    ] {
        let config = found(&[(name, value)]);
        assert_eq!(config.providers[0].base_url, meant, "{name}={value}");
        assert_eq!(config.providers[0].detected_by.as_deref(), Some(name));
        assert_eq!(config.providers[0].auth, Auth::None);
    }
    let config = found(&[("VLLM_BASE_URL", "http://gpu:8000"), ("VLLM_API_KEY", "planted")]);
    assert_eq!(config.providers[0].auth, Auth::Key);
    assert!(found(&[("VLLM_API_KEY", "planted")]).simulated, "a key without an address is no provider");
}

#[test]
fn a_broken_address_in_the_environment_is_named() {
    for (name, value) in
        [("OLLAMA_HOST", "gpu:99999"), ("OPENAI_BASE_URL", "api.openai.com"), ("VLLM_BASE_URL", "x y")]
    {
        let error = no_file(&[("OPENAI_API_KEY", "planted"), (name, value)]).map(|_| ()).expect_err(name);
        assert!(error.to_string().starts_with(&format!("error: {name}: ")), "{error}");
    }
}

#[test]
fn nothing_found_means_simulated() {
    let mut config = found(&[]);
    assert!(config.simulated && config.providers.is_empty());
    config.add_simulated(([127, 0, 0, 1], 4711).into());
    assert_eq!(addresses(&config), ["sim http://127.0.0.1:4711/v1"]);
    config.add_simulated(([127, 0, 0, 1], 4711).into());
    assert_eq!(config.providers.len(), 1);
    let detect_off = "[server]\ndetect = false\n[models]\nm = \"sim/small\"\n";
    assert!(resolved(detect_off, &[("OPENAI_API_KEY", "planted")]).unwrap().config.simulated);
}

#[test]
fn a_file_that_names_providers_is_all_there_is_unless_asked() {
    let file = "[providers.main]\nkind = \"openai\"\n";
    let env = [("OPENAI_API_KEY", "planted-1"), ("GROQ_API_KEY", "planted-2")];
    let names = |text: &str| -> Vec<String> {
        resolved(text, &env).unwrap().config.providers.into_iter().map(|one| one.name).collect()
    };
    assert_eq!(names(file), ["main"]);
    assert_eq!(names(&format!("{file}[server]\ndetect = true\n")), ["main", "groq"]);
    assert_eq!(names("[log]\nlevel = \"warn\"\n"), ["openai", "groq"]);
}

#[test]
fn proxies_come_from_the_environment_and_spare_this_machine() {
    let file = "[providers.far]\nbase_url = \"https://llm.example.com/v1\"\n[providers.near]\n\
                base_url = \"http://127.0.0.1:1/v1\"\n[providers.off]\nbase_url = \"https://llm.example.com/v1\"\n\
                proxy = \"none\"\n[providers.own]\nbase_url = \"http://gpu.lan/v1\"\nproxy = \"http://own:1\"\n\
                [providers.spared]\nbase_url = \"https://a.corp.example/v1\"\n";
    let env = [
        ("HTTPS_PROXY", "http://u:planted@proxy:3128"),
        ("ALL_PROXY", "http://all:1"),
        ("NO_PROXY", ".corp.example"),
    ];
    let config = resolved(file, &env).unwrap().config;
    let proxies: Vec<Option<String>> =
        config.providers.iter().map(|one| one.proxy.as_ref().map(ToString::to_string)).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(proxies, [some("http://proxy:3128"), None, None, some("http://own:1"), None]);
    assert_eq!(
        config.providers[0].proxy.as_ref().unwrap().credential.as_ref().unwrap().expose(),
        "u:planted"
    );
}

#[test]
fn an_address_that_others_reach_needs_an_admin_key() {
    let long = "planted-admin-key-long";
    for listen in ["0.0.0.0:8420", "[::]:0", "192.168.1.5:8420", "[::ffff:10.0.0.1]:1"] {
        let file = format!("[server]\nlisten = \"{listen}\"\n");
        let said = only_problem(&file, &[]);
        assert!(said.contains("PACELINE_ADMIN_KEY") && said.contains("127.0.0.1"), "{said}");
        assert!(resolved(&file, &[("PACELINE_ADMIN_KEY", long)]).is_ok());
        let said = only_problem(&format!("{file}admin_key_env = \"NOT_SET\"\n"), &[]);
        assert!(said.contains("NOT_SET is not set"), "{said}");
    }
    for listen in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:8420", "localhost:8420", "[::ffff:127.0.0.1]:1"] {
        assert!(resolved(&format!("[server]\nlisten = \"{listen}\"\n"), &[]).is_ok(), "{listen}");
    }
}

#[test]
fn keys_and_certificates_come_from_files_beside_the_configuration() {
    let folder = std::env::temp_dir().join(format!("paceline-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("key"), "planted-key\n").unwrap();
    std::fs::write(folder.join("blank"), "\n").unwrap();
    std::fs::write(folder.join("ca.pem"), "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
        .unwrap();
    let at = folder.join("paceline.toml");
    let resolve = |text: &str| {
        crate::support::at(Some((Path::new(&at), text)), &[], paceline::config::Flags::default())
    };
    let good = resolve("[providers.openai]\napi_key_file = \"key\"\nca_file = \"ca.pem\"\n").unwrap().config;
    let blank =
        resolve("[providers.openai]\napi_key_file = \"blank\"\n").map(|_| ()).expect_err("it is empty");
    let no_ca = resolve("[providers.openai]\napi_key_file = \"key\"\nca_file = \"key\"\n")
        .map(|_| ())
        .expect_err("no PEM");
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(good.providers[0].key.as_ref().unwrap().expose(), "planted-key");
    assert_eq!(good.providers[0].ca_file.as_deref(), Some(folder.join("ca.pem").as_path()));
    assert!(blank.to_string().contains("blank is empty"), "{blank}");
    assert!(
        no_ca.to_string().contains("holds no certificate") && !no_ca.to_string().contains("planted"),
        "{no_ca}"
    );
}
