//! The table of providers: what each speaks, and how it differs a little.
//!
//! One that speaks OpenAI's dialect is a row here; one with a dialect of its own is a folder beside this file, and its row
//! stands there. Base addresses and key names are those the services document.

use crate::{anthropic, bedrock, gemini, openai};
use paceline_types::record::Dialect;

/// How a service reports token usage of a streamed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// Only when asked with `stream_options.include_usage`.
    OnRequest,
    /// Without being asked; asking is an error or has no effect.
    Always,
    /// Never: output is counted by us.
    Never,
}

/// Where the key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `authorization: Bearer …`.
    Bearer,
    /// A header of this name.
    Named(&'static str),
}

impl KeyHeader {
    /// The header line that carries `key`, its end included.
    pub fn line(self, key: &str) -> String {
        match self {
            Self::Bearer => format!("authorization: Bearer {key}\r\n"),
            Self::Named(name) => format!("{name}: {key}\r\n"),
        }
    }
}

/// One service, as a row of differences.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name in configuration and in `name/model`.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// The provider's value of `gen_ai.provider.name` (OpenTelemetry), else its own name.
    pub otel_name: &'static str,
    /// What it speaks.
    pub dialect: Dialect,
    /// Whether it takes OpenAI's responses at `/responses` besides.
    pub responses: bool,
    /// How its requests differ, where they are written here.
    pub habits: openai::write_request::Habits,
    /// Where its key goes.
    pub key_header: KeyHeader,
    /// Base address up to and with the version segment; empty where only the user knows it.
    pub base_url: &'static str,
    /// The path that addresses given without one get.
    pub usual_path: &'static str,
    /// Environment variables that hold the key, in order; empty for services without keys.
    pub key_env: &'static [&'static str],
    /// Environment variables that hold a base address.
    pub base_url_env: &'static [&'static str],
    /// How usage of streams is obtained.
    pub stream_usage: StreamUsage,
    /// Whether an answer cut off by the end of the connection must have carried `[DONE]`.
    pub done_mark: bool,
    /// How names of the service's own models begin: `gpt-4o` alone is enough where OpenAI is configured.
    pub model_prefixes: &'static [&'static str],
}

pub(crate) const ROW: Kind = Kind {
    name: "",
    title: "",
    otel_name: "",
    dialect: Dialect::OpenAi,
    responses: false,
    habits: openai::write_request::Habits { completion_limit: false, cache_marks: false },
    key_header: KeyHeader::Bearer,
    base_url: "",
    usual_path: "",
    key_env: &[],
    base_url_env: &[],
    stream_usage: StreamUsage::OnRequest,
    done_mark: true,
    model_prefixes: &[],
};

/// All rows, hosted services first, then servers that people run themselves.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "openai",
        title: "OpenAI",
        otel_name: "openai",
        base_url: "https://api.openai.com/v1",
        key_env: &["OPENAI_API_KEY"],
        base_url_env: &["OPENAI_BASE_URL"],
        responses: true,
        habits: openai::write_request::Habits { completion_limit: true, ..ROW.habits },
        model_prefixes: &["gpt-", "o1", "o3", "o4", "chatgpt-", "text-embedding-", "omni-moderation"],
        ..ROW
    },
    anthropic::KIND,
    gemini::KIND,
    bedrock::KIND,
    Kind {
        name: "azure",
        title: "Azure OpenAI",
        otel_name: "azure.ai.openai",
        responses: true,
        habits: openai::write_request::Habits { completion_limit: true, ..ROW.habits },
        key_header: KeyHeader::Named("api-key"),
        usual_path: "/openai/v1",
        key_env: &["AZURE_OPENAI_API_KEY"],
        base_url_env: &["AZURE_OPENAI_ENDPOINT"],
        ..ROW
    },
    Kind {
        name: "openrouter",
        title: "OpenRouter",
        otel_name: "openrouter",
        responses: true,
        habits: openai::write_request::Habits { cache_marks: true, ..ROW.habits },
        base_url: "https://openrouter.ai/api/v1",
        key_env: &["OPENROUTER_API_KEY"],
        ..ROW
    },
    Kind {
        name: "groq",
        title: "Groq",
        otel_name: "groq",
        responses: true,
        base_url: "https://api.groq.com/openai/v1",
        key_env: &["GROQ_API_KEY"],
        ..ROW
    },
    Kind {
        name: "mistral",
        title: "Mistral",
        otel_name: "mistral_ai",
        base_url: "https://api.mistral.ai/v1",
        key_env: &["MISTRAL_API_KEY"],
        stream_usage: StreamUsage::Always,
        model_prefixes: &[
            "mistral-",
            "ministral-",
            "codestral-",
            "magistral-",
            "pixtral-",
            "devstral-",
            "open-mistral",
        ],
        ..ROW
    },
    Kind {
        name: "deepseek",
        title: "DeepSeek",
        otel_name: "deepseek",
        base_url: "https://api.deepseek.com/v1",
        key_env: &["DEEPSEEK_API_KEY"],
        model_prefixes: &["deepseek-"],
        ..ROW
    },
    Kind {
        name: "together",
        title: "Together",
        otel_name: "together",
        base_url: "https://api.together.xyz/v1",
        key_env: &["TOGETHER_API_KEY", "TOGETHERAI_API_KEY"],
        ..ROW
    },
    Kind {
        name: "fireworks",
        title: "Fireworks",
        otel_name: "fireworks",
        base_url: "https://api.fireworks.ai/inference/v1",
        key_env: &["FIREWORKS_API_KEY"],
        ..ROW
    },
    Kind {
        name: "xai",
        title: "xAI",
        otel_name: "x_ai",
        responses: true,
        base_url: "https://api.x.ai/v1",
        key_env: &["XAI_API_KEY"],
        model_prefixes: &["grok-"],
        ..ROW
    },
    Kind {
        name: "cerebras",
        title: "Cerebras",
        otel_name: "cerebras",
        base_url: "https://api.cerebras.ai/v1",
        key_env: &["CEREBRAS_API_KEY"],
        ..ROW
    },
    Kind {
        name: "perplexity",
        title: "Perplexity",
        otel_name: "perplexity",
        base_url: "https://api.perplexity.ai",
        key_env: &["PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"],
        stream_usage: StreamUsage::Always,
        model_prefixes: &["sonar"],
        ..ROW
    },
    Kind {
        name: "nvidia",
        title: "NVIDIA NIM",
        otel_name: "nvidia",
        base_url: "https://integrate.api.nvidia.com/v1",
        key_env: &["NVIDIA_API_KEY"],
        ..ROW
    },
    Kind {
        name: "sambanova",
        title: "SambaNova",
        otel_name: "sambanova",
        base_url: "https://api.sambanova.ai/v1",
        key_env: &["SAMBANOVA_API_KEY"],
        ..ROW
    },
    Kind {
        name: "deepinfra",
        title: "DeepInfra",
        otel_name: "deepinfra",
        base_url: "https://api.deepinfra.com/v1/openai",
        key_env: &["DEEPINFRA_API_KEY"],
        ..ROW
    },
    Kind {
        name: "moonshot",
        title: "Moonshot AI",
        otel_name: "moonshot_ai",
        base_url: "https://api.moonshot.ai/v1",
        key_env: &["MOONSHOT_API_KEY"],
        model_prefixes: &["kimi-", "moonshot-"],
        ..ROW
    },
    Kind {
        name: "ollama",
        usual_path: "/v1",
        title: "Ollama",
        otel_name: "ollama",
        key_env: &["OLLAMA_API_KEY"],
        base_url_env: &["OLLAMA_BASE_URL", "OLLAMA_HOST"],
        ..ROW
    },
    Kind {
        name: "llamacpp",
        usual_path: "/v1",
        title: "llama.cpp",
        otel_name: "llamacpp",
        key_env: &["LLAMA_API_KEY"],
        base_url_env: &["LLAMACPP_BASE_URL", "LLAMA_CPP_BASE_URL"],
        ..ROW
    },
    Kind {
        name: "vllm",
        usual_path: "/v1",
        title: "vLLM",
        otel_name: "vllm",
        key_env: &["VLLM_API_KEY"],
        base_url_env: &["VLLM_BASE_URL"],
        ..ROW
    },
    Kind {
        name: "lmstudio",
        usual_path: "/v1",
        title: "LM Studio",
        otel_name: "lmstudio",
        base_url_env: &["LMSTUDIO_BASE_URL", "LM_STUDIO_BASE_URL"],
        ..ROW
    },
    Kind {
        name: "sglang",
        usual_path: "/v1",
        title: "SGLang",
        otel_name: "sglang",
        key_env: &["SGLANG_API_KEY"],
        base_url_env: &["SGLANG_BASE_URL"],
        ..ROW
    },
    Kind { name: "compatible", title: "OpenAI-compatible", otel_name: "compatible", ..ROW },
    Kind { name: "sim", title: "Simulated", otel_name: "sim", ..ROW },
];

/// The row of that name.
pub fn kind_named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::{KINDS, kind_named};
    use std::collections::BTreeSet;

    #[test]
    fn rows_are_unique_and_usable() {
        let names: BTreeSet<_> = KINDS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), KINDS.len());
        for row in KINDS {
            assert!(row.base_url.is_empty() || row.base_url.starts_with("https://"), "{}", row.name);
            assert!(!row.base_url.ends_with('/'), "{}", row.name);
        }
        assert_eq!(kind_named("groq").map(|row| row.title), Some("Groq"));
    }
}
