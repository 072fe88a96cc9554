//! Which models are tried for a model, a tier and a role.

use crate::support::{no_file, resolved};
use paceline::config::{ChainLink, Config, Origin};

const PROVIDERS: &[(&str, &str)] = &[("OPENAI_API_KEY", "planted-1"), ("GROQ_API_KEY", "planted-2")];

fn config(text: &str, env: &[(&str, &str)]) -> Config {
    let env: Vec<(&str, &str)> = PROVIDERS.iter().chain(env).copied().collect();
    resolved(text, &env).unwrap_or_else(|error| panic!("{error}")).config
}

/// Models with their targets: `a(openai/x openai/y) b(…)`.
fn said(chain: &[ChainLink<'_>]) -> String {
    let link = |link: &ChainLink<'_>| {
        let targets: Vec<String> = link.targets.iter().map(|(target, _)| target.to_string()).collect();
        format!("{}({})", link.name, targets.join(" "))
    };
    chain.iter().map(link).collect::<Vec<_>>().join(" ")
}

fn of_model(config: &Config, name: &str) -> String {
    said(&config.chain_of(config.model(name).unwrap()))
}

fn of_role(config: &Config, name: &str) -> String {
    said(&config.chain_of_role(config.roles.iter().find(|role| role.name == name).unwrap()))
}

#[test]
fn a_chain_has_each_deployment_once_and_eight_models_at_most() {
    let text = "
        [models]
        a = { targets = [\"openai/x\", \"openai/y\"], tier = \"tier1\", fallback = [\"a\", \"b\", \"groq/y\", \"groq/y\"] }
        b = { targets = [\"openai/y\", \"groq/x\"], fallback = [\"a\"] }
        c = { targets = [\"openai/x\"], fallback = [\"openai/x\", \"b\"] }
        [tiers]
        tier1 = [\"groq/1\", \"a\", \"groq/2\", \"groq/3\", \"groq/4\", \"groq/5\", \"groq/6\"]
    ";
    let config = config(text, &[]);
    assert_eq!(
        of_model(&config, "a"),
        "a(openai/x openai/y) b(groq/x) groq/y(groq/y) groq/1(groq/1) groq/2(groq/2) groq/3(groq/3) groq/4(groq/4) groq/5(groq/5)"
    );
    assert_eq!(of_model(&config, "b"), "b(openai/y groq/x) a(openai/x)");
    assert_eq!(of_model(&config, "c"), "c(openai/x) b(openai/y groq/x)");
}

#[test]
fn the_catalogue_fills_tiers_with_models_of_configured_providers_only() {
    let config = config("", &[]);
    for (index, tier) in config.tiers.iter().enumerate() {
        assert!((1..=5).contains(&tier.links.len()), "tier{}: {:?}", index + 1, tier.links);
        for link in config.chain_of_tier(index) {
            let place = link.targets[0].0;
            assert!(["openai", "groq"].contains(&place.provider.as_str()), "{place}");
        }
    }
    let third = said(&config.chain_of_tier(2));
    assert!(third.contains("openai/") && third.contains("groq/"), "{third}");
    let nobody = no_file(&[("OLLAMA_HOST", "localhost")]).unwrap().config;
    assert!(nobody.tiers.iter().all(|tier| tier.links.is_empty()));
}

#[test]
fn a_models_tier_is_the_catalogues_unless_it_is_stated() {
    let text = "
        [models]
        known = \"openai/gpt-5-mini\"
        stated = { targets = [\"openai/gpt-5-mini\"], tier = \"tier1\" }
        alone = { targets = [\"openai/gpt-5-mini\"], fallback_enabled = false, fallback = [\"known\"] }
        unknown = \"openai/my-own\"
        [tiers]
        tier1 = [\"groq/large\"]
        tier3 = [\"groq/small\"]
    ";
    let config = config(text, &[]);
    assert_eq!(of_model(&config, "known"), "known(openai/gpt-5-mini) groq/small(groq/small)");
    assert_eq!(of_model(&config, "stated"), "stated(openai/gpt-5-mini) groq/large(groq/large)");
    assert_eq!(of_model(&config, "alone"), "alone(openai/gpt-5-mini)");
    assert_eq!(of_model(&config, "unknown"), "unknown(openai/my-own)");
}

const ROLES: &str = "
    [models]
    smart = { targets = [\"openai/s\"], fallback = [\"groq/f\"], tier = \"tier1\" }
    [tiers]
    tier1 = [\"groq/1\"]
    tier2 = [\"groq/2\"]
    [roles.\"Pricing Strategist\"]
    model = \"smart\"
    [roles.clerk]
    tier = \"tier2\"
";

#[test]
fn a_role_gets_its_model_then_that_models_list_then_the_tier() {
    let role = |env: &[(&str, &str)]| of_role(&config(ROLES, env), "Pricing Strategist");
    assert_eq!(role(&[]), "smart(openai/s) groq/f(groq/f) groq/1(groq/1)");
    assert_eq!(
        role(&[("TIER_PRICING_STRATEGIST", "TIER2")]),
        "smart(openai/s) groq/f(groq/f) groq/2(groq/2)"
    );
    assert_eq!(role(&[("MODEL_PRICING_STRATEGIST", "groq/m")]), "groq/m(groq/m)");
    let both = [("MODEL_PRICING_STRATEGIST", "groq/m"), ("TIER_PRICING_STRATEGIST", "tier2")];
    assert_eq!(role(&both), "groq/m(groq/m) groq/2(groq/2)");
    assert_eq!(of_role(&config(ROLES, &[]), "clerk"), "groq/2(groq/2)");
}

#[test]
fn our_names_win_over_plain_ones_and_these_over_the_file() {
    let plain = ("MODEL_CLERK", "groq/plain");
    let ours = ("PACELINE_ROLES_CLERK_MODEL", "groq/ours");
    let one = config(ROLES, &[plain]);
    assert_eq!(of_role(&one, "clerk"), "groq/plain(groq/plain) groq/2(groq/2)");
    assert_eq!(one.origin("roles.clerk.model"), &Origin::Env("MODEL_CLERK".into()));
    assert_eq!(of_role(&config(ROLES, &[plain, ours]), "clerk"), "groq/ours(groq/ours) groq/2(groq/2)");
    let new =
        config("", &[("MODEL_MARKET_ANALYST", "openai/gpt-5"), ("PACELINE_ROLES_OTHER_ONE_TIER", "tier3")]);
    let names: Vec<&str> = new.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["other_one", "market_analyst"]);
}

#[test]
fn variables_of_other_software_are_warnings_and_bad_ones_of_roles_are_errors() {
    let loaded = |env: &[(&str, &str)]| {
        let env: Vec<(&str, &str)> = PROVIDERS.iter().chain(env).copied().collect();
        resolved(ROLES, &env)
    };
    for (name, value) in [
        ("MODEL_NAME", "meta-llama/Llama-3"),
        ("MODEL_DIR", "/var/models"),
        ("MODEL_VERSION", "7"),
        ("TIER_NAME", "gold"),
    ] {
        let loaded = loaded(&[(name, value)]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.warnings.len(), 1, "{name}");
        assert_eq!((loaded.warnings[0].key.as_str(), loaded.config.roles.len()), (name, 2));
    }
    for env in [
        &[("MODEL_CLERK", "nowhere/x")][..],
        &[("MODEL_CLERK", "nobody")],
        &[("TIER_CLERK", "gold")],
        &[("TIER_NEW", "tier5")],
        &[("MODEL_NEW", "nowhere/x"), ("TIER_NEW", "tier2")],
        &[("MODEL_NEW", "tier2")],
    ] {
        let error = loaded(env).map(|_| ()).expect_err(env[0].0);
        assert_eq!(error.problems.len(), 1, "{error}");
        assert_eq!(error.problems[0].key, env[0].0, "{error}");
    }
}

#[test]
fn without_a_key_tiers_are_simulated_models() {
    let loaded = no_file(&[("TIER_CLERK", "tier2")]).unwrap();
    assert_eq!(of_role(&loaded.config, "clerk"), "sim/balanced(sim/balanced)");
}
