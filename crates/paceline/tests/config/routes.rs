//! What routes choose from, how they weigh, and the routers they bring along.

use crate::support::{at, no_file, only_problem, resolved};
use paceline::config::{Config, Flags, Loaded, Origin, Route, show};
use paceline_router::file::write;
use paceline_router::learn::train::train;
use paceline_router::set::{Row, Set};
use paceline_routing::need::Abilities;
use paceline_types::decision::{Strategy, Weights};
use std::path::{Path, PathBuf};

const PROVIDERS: &[(&str, &str)] = &[("OPENAI_API_KEY", "planted-1"), ("GROQ_API_KEY", "planted-2")];

fn loaded(text: &str, env: &[(&str, &str)]) -> Loaded {
    let env: Vec<(&str, &str)> = PROVIDERS.iter().chain(env).copied().collect();
    resolved(text, &env).unwrap_or_else(|error| panic!("{error}"))
}

fn config(text: &str, env: &[(&str, &str)]) -> Config {
    loaded(text, env).config
}

fn route<'a>(config: &'a Config, name: &str) -> &'a Route {
    config.routes.iter().find(|route| route.name == name).unwrap_or_else(|| panic!("{:?}", names(config)))
}

fn names(config: &Config) -> Vec<&str> {
    config.routes.iter().map(|route| route.name.as_str()).collect()
}

/// Models with their targets: `a(openai/x openai/y) b(…)`.
fn said(route: &Route) -> String {
    let models = route.models.iter().map(|model| {
        let targets: Vec<String> = model.targets.iter().map(|(target, _)| target.to_string()).collect();
        format!("{}({})", model.link, targets.join(" "))
    });
    models.collect::<Vec<_>>().join(" ")
}

#[test]
fn auto_is_there_unless_somebody_else_has_the_name() {
    let models = "[models]\na = \"openai/x\"\nb = { targets = [\"groq/y\", \"openai/x\"] }\n";
    let plain = config(models, &[]);
    assert_eq!(
        (names(&plain), said(route(&plain, "auto")).as_str()),
        (vec!["auto"], "a(openai/x) b(groq/y)")
    );
    assert!(route(&plain, "auto").everything);
    let own = config(&format!("{models}[routes.auto]\nmodels = [\"b\"]\n"), &[]);
    assert_eq!(said(route(&own, "auto")), "b(groq/y openai/x)");
    let alias = config(&format!("{models}[routes.mine]\naliases = [\"auto\"]\n"), &[]);
    assert_eq!(names(&alias), ["mine"]);
    for text in [
        "[models]\nauto = \"openai/x\"\n",
        "[models]\nb = { targets = [\"openai/x\"], aliases = [\"auto\"] }\n",
        "[routing]\nenabled = false\n",
    ] {
        assert_eq!(names(&config(text, &[])), [""; 0], "{text}");
    }
    let nothing = no_file(&[("OLLAMA_HOST", "localhost")]).unwrap().config;
    assert_eq!(names(&nothing), [""; 0], "there is nothing to choose from");
    let error = only_problem("[routes.a]\n", &[("OLLAMA_HOST", "localhost")]);
    assert!(error.contains("routes.a") && error.contains("no models"), "{error}");
}

#[test]
fn without_models_a_route_is_made_of_the_tiers_each_once() {
    let config = config("[tiers]\ntier1 = [\"openai/x\"]\ntier2 = [\"groq/y\", \"openai/x\"]\n", &[]);
    let auto = said(route(&config, "auto"));
    assert!(auto.starts_with("openai/x(openai/x) groq/y(groq/y) openai/"), "{auto}");
    let simulated = no_file(&[]).unwrap().config;
    let auto = route(&simulated, "auto");
    assert_eq!(
        said(auto),
        "sim/smart(sim/smart) sim/balanced(sim/balanced) sim/fast(sim/fast) sim/instant(sim/instant)"
    );
    let quality: Vec<f64> = auto.models.iter().map(|model| model.prior.quality).collect();
    assert!(quality.windows(2).all(|pair| pair[0] > pair[1]), "by tier: {quality:?}");
}

#[test]
fn at_most_thirty_two_models_are_taken() {
    let many: Vec<String> = (0..40).map(|at| format!("m{at} = \"openai/m{at}\"\n")).collect();
    let many = many.concat();
    let auto = loaded(&format!("[models]\n{many}"), &[]);
    assert_eq!((route(&auto.config, "auto").models.len(), auto.warnings.len()), (32, 0));
    let asked = loaded(&format!("[models]\n{many}[routes.all]\n"), &[]);
    assert_eq!(route(&asked.config, "all").models.len(), 32);
    assert!(asked.warnings[0].message.contains("the last 8"), "{:?}", asked.warnings);
    let list: Vec<String> = (0..33).map(|at| format!("\"openai/m{at}\"")).collect();
    let error = only_problem(&format!("[routes.all]\nmodels = [{}]\n", list.join(", ")), PROVIDERS);
    assert!(error.contains("33") && error.contains("32"), "{error}");
    let list: Vec<String> = (0..32).map(|at| format!("\"openai/m{at}\"")).collect();
    let text = format!(
        "[tiers]\ntier1 = [\"groq/z\"]\n[routes.all]\nmodels = [\"tier1\", {}]\n",
        list[1..].join(", ")
    );
    assert_eq!(route(&config(&text, &[]), "all").models.len(), 32);
}

#[test]
fn what_is_expected_of_a_model_is_the_catalogues_and_else_its_tiers() {
    let text = "
        [models]
        known = \"openai/gpt-4o\"
        chat = { targets = [\"openai/gpt-4o-2024-08-06\"], reasoning = true }
        mine = { targets = [\"groq/my-own\"], tier = \"tier4\" }
        [tiers]
        tier1 = [\"groq/other-own\"]
        [routes.all]
        models = [\"known\", \"mine\", \"tier1\", \"groq/third\", \"chat\"]
    ";
    let config = config(text, &[]);
    let [known, mine, other, third, chat] = route(&config, "all").models.as_slice() else { panic!() };
    assert!(known.known && known.context.is_some_and(|tokens| tokens >= 100_000));
    assert!(known.can.has(Abilities::VISION.and(Abilities::TOOLS)) && !known.can.has(Abilities::REASONING));
    assert!(chat.can.has(Abilities::REASONING), "its table says so");
    for unknown in [mine, other, third] {
        assert!(!unknown.known && unknown.context.is_none() && unknown.can == Abilities::ALL);
    }
    assert!(mine.prior.quality < third.prior.quality && third.prior.quality < other.prior.quality);
}

#[test]
fn weights_are_divided_by_their_sum() {
    let text = "
        [routing]
        cost_weight = 2
        latency_weight = 1
        accuracy_weight = 1
        [routes.own]
        weights = { cost = 3, quality = 1 }
        [routes.named]
        strategy = \"custom\"
        [routes.fast]
        strategy = \"lowest_latency\"
    ";
    let config = config(text, &[]);
    let weighs = |name: &str| {
        let policy = &route(&config, name).policy;
        (policy.strategy, policy.weights)
    };
    let of = |latency, quality, cost| Weights { latency, quality, cost };
    assert_eq!(weighs("own"), (Strategy::Custom, of(0.0, 0.25, 0.75)));
    assert_eq!(weighs("named"), (Strategy::Custom, of(0.25, 0.25, 0.5)));
    assert_eq!(weighs("auto"), (Strategy::Custom, of(0.25, 0.25, 0.5)), "weights are there to be used");
    assert_eq!(weighs("fast").0, Strategy::LowestLatency);
    assert_eq!(self::config("", &[]).routing.strategy, Strategy::Balanced);
}

#[test]
fn plain_names_stand_between_file_and_ours() {
    let file = "[routing]\nreliability_threshold = 0.5\n";
    let plain = [
        ("ROUTING_RELIABILITY_THRESHOLD", "0.9"),
        ("ROUTING_COST_WEIGHT", "0.8"),
        ("ROUTING_LATENCY_WEIGHT", "0.1"),
        ("ROUTING_ACCURACY_WEIGHT", "0.1"),
        ("ENABLE_MODEL_ROUTING", "True"),
    ];
    let found = config(file, &plain);
    let auto = &route(&found, "auto").policy;
    assert!((auto.reliability_threshold - 0.9).abs() < 1e-9 && (auto.weights.cost - 0.8).abs() < 1e-6);
    assert_eq!(auto.strategy, Strategy::Custom);
    assert_eq!(found.origin("routing.cost_weight"), &Origin::Env("ROUTING_COST_WEIGHT".into()));
    let ours = [("ROUTING_RELIABILITY_THRESHOLD", "0.9"), ("PACELINE_ROUTING_RELIABILITY_THRESHOLD", "0.7")];
    assert!((config(file, &ours).routing.reliability_threshold - 0.7).abs() < 1e-9);
    assert!(!config("", &[("ENABLE_MODEL_ROUTING", "0")]).routing.enabled);
    for bad in
        [("ENABLE_MODEL_ROUTING", "perhaps"), ("ROUTING_COST_WEIGHT", "-1"), ("ROUTING_COST_WEIGHT", "nan")]
    {
        let loaded = loaded("", &[bad]);
        assert_eq!((loaded.warnings.len(), loaded.config.routing.enabled), (1, true), "{bad:?}");
        assert_eq!(loaded.config.routing.strategy, Strategy::Balanced);
    }
}

#[test]
fn routes_come_from_variables_and_are_changed_by_them() {
    let env = [
        ("PACELINE_ROUTES_QUICK_ONE_MODELS", "openai/a, groq/b"),
        ("PACELINE_ROUTES_QUICK_ONE_WEIGHTS_COST", "1"),
        ("PACELINE_ROUTES_QUICK_ONE_MAX_LATENCY_MS", "900"),
        ("PACELINE_ROUTES_CALM_STRATEGY", "HIGHEST_QUALITY"),
        ("PACELINE_ROUTES_CALM_CASCADE", "on"),
        ("PACELINE_ROUTES_FILE_BASELINE", "groq/b"),
    ];
    let loaded = loaded("[routes.file]\nmodels = [\"openai/a\", \"groq/b\"]\n", &env);
    assert_eq!(loaded.warnings, []);
    let config = &loaded.config;
    assert_eq!(names(config), ["file", "calm", "quick-one", "auto"]);
    let quick = route(config, "quick-one");
    assert_eq!(
        (said(quick).as_str(), quick.policy.strategy),
        ("openai/a(openai/a) groq/b(groq/b)", Strategy::Custom)
    );
    assert_eq!(quick.policy.max_latency_ms, Some(900.0));
    assert!(
        route(config, "calm")
            .policy
            .cascade
            .is_some_and(|cascade| cascade.on_empty && cascade.on_invalid_json)
    );
    assert_eq!(route(config, "file").baseline, Some(1));
}

#[test]
fn what_is_meant_is_shown_to_machines_too() {
    let text = "[routes.two]\nmodels = [\"openai/gpt-4o\", \"groq/b\"]\nbaseline = \"groq/b\"\n\
                cascade = { on = [\"length\"] }\n";
    let shown = show::render_json(&loaded(text, &[]));
    let two = &shown["routes"][0];
    assert_eq!((&two["name"], &two["strategy"]), (&"two".into(), &"balanced".into()));
    assert_eq!((&two["baseline"], &two["cascade"][0]), (&"groq/b".into(), &"length".into()));
    assert_eq!(two["models"][0]["can"][0], "vision");
    assert_eq!((&shown["routing"]["cost_weight"], &shown["routing"]["enabled"]), (&0.4.into(), &true.into()));
}

/// A folder with a router in it that was trained on these models.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, models: [&str; 2]) -> Self {
        let folder = std::env::temp_dir().join(format!("paceline-router-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let row = |at: usize| Row {
            id: at.to_string(),
            prompt: format!(
                "{} {at}",
                if at.is_multiple_of(2) { "add these coins" } else { "name that river" }
            ),
            q: vec![f32::from(u8::from(at.is_multiple_of(2))), 1.0],
            c: vec![1e-5, 1e-3],
            ..Row::default()
        };
        let rows = (0..120).map(row).collect();
        let set = Set { name: "made-up".into(), models: models.map(String::from).to_vec(), rows, moved: 0 };
        std::fs::write(folder.join("a.router"), write(&train(&set, 1).unwrap().0)).unwrap();
        std::fs::write(folder.join("bad.router"), "no router").unwrap();
        Self(folder)
    }

    fn load(&self, text: &str) -> Result<Loaded, paceline::config::ConfigError> {
        at(Some((&self.0.join("paceline.toml"), text)), PROVIDERS, Flags::default())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_routers_models_are_found_by_any_of_their_names() {
    let folder = Folder::new("found", ["CHEAP", "openai/Strong"]);
    let text = "[models]\ncheap = \"groq/c\"\nstrong = \"openai/strong\"\n\
                [routes.r]\nmodels = [\"groq/other\", \"strong\", \"cheap\"]\nrouter = \"a.router\"\n";
    let loaded = folder.load(text).unwrap_or_else(|error| panic!("{error}"));
    let found = route(&loaded.config, "r");
    let places: Vec<Option<usize>> = found.models.iter().map(|model| model.learned).collect();
    assert_eq!(places, [None, Some(1), Some(0)]);
    assert!(loaded.warnings[0].message.contains("`groq/other`"), "{:?}", loaded.warnings);
    let learned = found.policy.learned.as_ref().unwrap();
    assert_eq!(learned.models(), ["CHEAP", "openai/Strong"]);
    let (sum, river) =
        (learned.quality("add these coins 7", None), learned.quality("name that river 7", None));
    let (sum, river) = (sum.quality, river.quality);
    assert!(sum.len() == 2 && sum[0] > river[0] + 0.2, "{sum:?} {river:?}");
    assert_eq!(
        sum,
        learned.quality("add these coins 7", None).quality,
        "rooms are used again, answers are the same"
    );
    let mark = |loaded: &Loaded| show::render_json(loaded)["routes"][0]["router"].clone();
    assert!(
        mark(&loaded)["file"].as_str().unwrap().ends_with("a.router") && !mark(&loaded)["mark"].is_null()
    );
}

#[test]
fn a_router_that_cannot_be_used_is_told_with_its_path() {
    let folder = Folder::new("told", ["x", "y"]);
    let problem = |file: &str| {
        let text = format!("[routes.r]\nmodels = [\"groq/a\", \"openai/b\"]\nrouter = \"{file}\"\n");
        let error = folder.load(&text).map(|_| ()).expect_err(file);
        assert_eq!(error.problems.len(), 1, "{error}");
        assert_eq!(error.problems[0].key, "routes.r.router");
        error.problems[0].to_string()
    };
    let none = problem("a.router");
    assert!(none.contains("`x`, `y`") && none.contains("none of the route's models"), "{none}");
    assert!(problem("bad.router").contains("bad.router: this is no trained router"));
    let missing = problem("missing.router");
    assert!(missing.contains("missing.router") && missing.contains("paceline router train"), "{missing}");
    assert!(missing.contains(&folder.0.join("missing.router").display().to_string()), "{missing}");
    assert!(!Path::new("missing.router").exists());
}
