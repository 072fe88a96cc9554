//! Whatever is in the file or the environment: an answer, never a panic, and never a contradiction
//! between what the schema allows and what the types can hold.

use crate::support::resolved;
use paceline::config::show;
use proptest::prelude::*;

/// Words out of which nearly right files are made.
const WORDS: &[&str] = &[
    "[server]\n",
    "[timeouts]\n",
    "[records]\n",
    "[log]\n",
    "[providers.openai]\n",
    "[providers.x]\n",
    "[models]\n",
    "[[keys]]\n",
    "[models.a]\n",
    "[tiers]\n",
    "[roles.a]\n",
    "[routing]\n",
    "[routes.r]\n",
    "[tenants.a]\n",
    "[workspaces.\"a/b\"]\n",
    "[budgets]\n",
    "data",
    "listen",
    "workers",
    "cors_origins",
    "detect",
    "idle_ms",
    "keep",
    "level",
    "kind",
    "base_url",
    "api_key_env",
    "api_key_file",
    "auth",
    "headers",
    "proxy",
    "timeouts",
    "targets",
    "aliases",
    "reasoning",
    "fallback",
    "fallback_enabled",
    "pick",
    "weight",
    "target",
    "shadow",
    "model",
    "share",
    "tier",
    "tier1",
    "strategy",
    "weights",
    "cost",
    "cost_weight",
    "explore",
    "router",
    "baseline",
    "cascade",
    "on",
    "roles",
    "name",
    "key_env",
    "limits",
    "budget",
    "concurrent",
    "day_usd",
    "soft",
    "zone",
    "expires",
    "keys_required",
    "\"openai/*\"",
    "\"2027-01-31\"",
    "tenant",
    "providers",
    "models",
    "keys",
    "server",
    " = ",
    ".",
    ",",
    "\n",
    "[",
    "]",
    "{ ",
    " }",
    "\"",
    "\"\"",
    "'",
    "0",
    "-1",
    "5000",
    "1e9",
    "nan",
    "0x1F",
    "99999999999999999999",
    "true",
    "1979-05-27",
    "\"127.0.0.1:0\"",
    "\"0.0.0.0:1\"",
    "\"http://127.0.0.1:1/v1\"",
    "\"https://a:b@c/d\"",
    "\"openai/x\"",
    "\"x/y/z\"",
    "\"openai\"",
    "\"sim\"",
    "\"key\"",
    "\"none\"",
    "\"a\"",
    "\"tier1\"",
    "\"weighted\"",
    "\"custom\"",
    "\"empty\"",
    "\"auto\"",
    "0.5",
    "\"info\"",
    "\"A\"",
    "\"*\"",
    "\"ü\u{1}\"",
    "# x",
    "\u{feff}",
    "\r\n",
    "\t",
];

/// A setting with a value of any kind.
fn line() -> impl Strategy<Value = String> {
    let key =
        prop::sample::select(WORDS).prop_map(|word| word.trim().trim_matches(['[', ']', '{', '}', '=', '"']));
    let value = prop_oneof![
        prop::sample::select(WORDS).prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| format!("{text:?}")),
        prop::collection::vec(prop::sample::select(WORDS), 0..4)
            .prop_map(|items| format!("[{}]", items.join(", "))),
        (prop::sample::select(WORDS), prop::sample::select(WORDS))
            .prop_map(|(a, b)| format!("{{ {a} = {b} }}")),
    ];
    (key, value).prop_map(|(key, value)| format!("{key} = {value}\n"))
}

/// What is said must be sayable, whatever it is.
fn try_one(text: &str, env: &[(&str, &str)]) {
    match resolved(text, env) {
        Ok(mut loaded) => {
            assert!(!show::render(&loaded, true).is_empty());
            assert!(show::render_json(&loaded).is_object());
            loaded.config.add_simulated(([127, 0, 0, 1], 1).into());
            assert!(!loaded.config.providers.is_empty());
            for tier in 0..4 {
                loaded.config.chain_of_tier(tier);
            }
            for role in &loaded.config.roles {
                assert!(!loaded.config.chain_of_role(role).is_empty());
            }
            for route in &loaded.config.routes {
                assert!((1..=32).contains(&route.models.len()));
                assert!(!loaded.config.chain_of_route(route).is_empty());
                assert!(route.baseline.is_none_or(|at| at < route.models.len()));
            }
            for model in &loaded.config.models {
                assert_eq!(loaded.config.chain_of(model)[0].targets.len(), model.targets.len());
                assert!(!model.targets.is_empty());
                assert!(
                    model.targets.iter().all(|target| loaded.config.provider(&target.provider).is_some())
                );
            }
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            let said = error.render(true);
            assert!(!said.contains("the settings cannot be read"), "{text}\n{said}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        try_one(&text, &[]);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        try_one(&String::from_utf8_lossy(&bytes), &[]);
    }

    #[test]
    fn any_words(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        try_one(&words.concat(), &[("A", "planted")]);
    }

    #[test]
    fn any_settings(
        tables in prop::collection::vec(
            (0usize..13, prop::collection::vec(line(), 0..5)),
            0..5,
        ),
    ) {
        let mut text = String::new();
        for (table, lines) in tables {
            text.push_str(WORDS[table]);
            text.push_str(&lines.concat());
        }
        try_one(&text, &[("A", "planted"), ("OPENAI_API_KEY", "planted")]);
    }

    #[test]
    fn any_variable(name in "PACELINE_(SERVER|PROVIDERS|MODELS|ROLES|ROUTES|ROUTING|TIERS|KEYS|TIMEOUTS)_[A-Z_]{0,24}", value in any::<String>()) {
        try_one("", &[(&name, &value)]);
        try_one("[providers.x]\nbase_url = \"http://127.0.0.1:1/v1\"\n", &[(&name, &value)]);
    }

    #[test]
    fn any_value_of_a_variable(
        name in prop::sample::select(vec![
            "PACELINE_SERVER_LISTEN", "PACELINE_SERVER_WORKERS", "PACELINE_PROVIDERS_X_BASE_URL", "PACELINE_MODELS_A",
            "PACELINE_PROVIDERS_OPENAI_HEADERS", "PACELINE_PROVIDERS_OPENAI_PROXY", "PACELINE_KEYS_A_KEY", "OLLAMA_HOST",
            "OPENAI_BASE_URL", "HTTPS_PROXY", "NO_PROXY", "LOG_LEVEL", "PACELINE_ADMIN_KEY", "OPENAI_API_KEY",
            "MODEL_A", "TIER_A", "MODEL_ ", "PACELINE_ROLES_A_MODEL", "PACELINE_TIERS_TIER1", "PACELINE_MODELS_A_SHADOW_SHARE",
            "ROUTING_COST_WEIGHT", "ENABLE_MODEL_ROUTING", "PACELINE_ROUTES_A_MODELS", "PACELINE_ROUTES_A_STRATEGY",
        ]),
        value in prop_oneof![any::<String>(), "[a-z0-9:/.@%\\[\\]-]{0,30}", "https?://[a-z0-9:/.@%?#\\[\\]-]{0,30}"],
    ) {
        try_one("", &[("OPENAI_API_KEY", "planted"), ("HTTPS_PROXY", "http://proxy:1"), (name, &value)]);
    }
}
