//! The files of the repository, as they are built in.

/// A file: the service's name and its text.
pub(crate) type Builtin = (&'static str, &'static str);

macro_rules! files {
    ($($service:literal),+ $(,)?) => {
        &[$(($service, include_str!(concat!("../../../catalog/", $service, ".toml")))),+]
    };
}

/// All files. Read when their service is first asked for.
pub(crate) const FILES: &[Builtin] = files![
    "alibaba",
    "anthropic",
    "azure",
    "bedrock",
    "cerebras",
    "cohere",
    "deepseek",
    "fireworks",
    "google",
    "groq",
    "mistral",
    "moonshot",
    "nvidia",
    "openai",
    "openrouter",
    "perplexity",
    "together",
    "vertex",
    "xai",
    "zai",
];
