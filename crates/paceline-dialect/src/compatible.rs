//! The table of services that speak OpenAI's dialect, and how each differs a little.
//!
//! A new one is a row here. Base addresses and key names are those the services document.

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

/// One service, as a row of differences.
#[derive(Clone, Copy, Debug)]
pub struct Compatible {
    /// The name in configuration and in `name/model`.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// The provider's value of `gen_ai.provider.name` (OpenTelemetry), else its own name.
    pub otel_name: &'static str,
    /// Base address up to and with the version segment; empty where only the user knows it.
    pub base_url: &'static str,
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

const ROW: Compatible = Compatible {
    name: "",
    title: "",
    otel_name: "",
    base_url: "",
    key_env: &[],
    base_url_env: &[],
    stream_usage: StreamUsage::OnRequest,
    done_mark: true,
    model_prefixes: &[],
};

/// All rows, hosted services first, then servers that people run themselves.
pub const COMPATIBLE: &[Compatible] = &[
    Compatible {
        name: "openai",
        title: "OpenAI",
        otel_name: "openai",
        base_url: "https://api.openai.com/v1",
        key_env: &["OPENAI_API_KEY"],
        base_url_env: &["OPENAI_BASE_URL"],
        model_prefixes: &["gpt-", "o1", "o3", "o4", "chatgpt-", "text-embedding-", "omni-moderation"],
        ..ROW
    },
    Compatible {
        name: "openrouter",
        title: "OpenRouter",
        otel_name: "openrouter",
        base_url: "https://openrouter.ai/api/v1",
        key_env: &["OPENROUTER_API_KEY"],
        ..ROW
    },
    Compatible {
        name: "groq",
        title: "Groq",
        otel_name: "groq",
        base_url: "https://api.groq.com/openai/v1",
        key_env: &["GROQ_API_KEY"],
        ..ROW
    },
    Compatible {
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
    Compatible {
        name: "deepseek",
        title: "DeepSeek",
        otel_name: "deepseek",
        base_url: "https://api.deepseek.com/v1",
        key_env: &["DEEPSEEK_API_KEY"],
        model_prefixes: &["deepseek-"],
        ..ROW
    },
    Compatible {
        name: "together",
        title: "Together",
        otel_name: "together",
        base_url: "https://api.together.xyz/v1",
        key_env: &["TOGETHER_API_KEY", "TOGETHERAI_API_KEY"],
        ..ROW
    },
    Compatible {
        name: "fireworks",
        title: "Fireworks",
        otel_name: "fireworks",
        base_url: "https://api.fireworks.ai/inference/v1",
        key_env: &["FIREWORKS_API_KEY"],
        ..ROW
    },
    Compatible {
        name: "xai",
        title: "xAI",
        otel_name: "x_ai",
        base_url: "https://api.x.ai/v1",
        key_env: &["XAI_API_KEY"],
        model_prefixes: &["grok-"],
        ..ROW
    },
    Compatible {
        name: "cerebras",
        title: "Cerebras",
        otel_name: "cerebras",
        base_url: "https://api.cerebras.ai/v1",
        key_env: &["CEREBRAS_API_KEY"],
        ..ROW
    },
    Compatible {
        name: "perplexity",
        title: "Perplexity",
        otel_name: "perplexity",
        base_url: "https://api.perplexity.ai",
        key_env: &["PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"],
        stream_usage: StreamUsage::Always,
        model_prefixes: &["sonar"],
        ..ROW
    },
    Compatible {
        name: "nvidia",
        title: "NVIDIA NIM",
        otel_name: "nvidia",
        base_url: "https://integrate.api.nvidia.com/v1",
        key_env: &["NVIDIA_API_KEY"],
        ..ROW
    },
    Compatible {
        name: "sambanova",
        title: "SambaNova",
        otel_name: "sambanova",
        base_url: "https://api.sambanova.ai/v1",
        key_env: &["SAMBANOVA_API_KEY"],
        ..ROW
    },
    Compatible {
        name: "deepinfra",
        title: "DeepInfra",
        otel_name: "deepinfra",
        base_url: "https://api.deepinfra.com/v1/openai",
        key_env: &["DEEPINFRA_API_KEY"],
        ..ROW
    },
    Compatible {
        name: "moonshot",
        title: "Moonshot AI",
        otel_name: "moonshot_ai",
        base_url: "https://api.moonshot.ai/v1",
        key_env: &["MOONSHOT_API_KEY"],
        model_prefixes: &["kimi-", "moonshot-"],
        ..ROW
    },
    Compatible {
        name: "ollama",
        title: "Ollama",
        otel_name: "ollama",
        key_env: &["OLLAMA_API_KEY"],
        base_url_env: &["OLLAMA_BASE_URL", "OLLAMA_HOST"],
        ..ROW
    },
    Compatible {
        name: "llamacpp",
        title: "llama.cpp",
        otel_name: "llamacpp",
        key_env: &["LLAMA_API_KEY"],
        base_url_env: &["LLAMACPP_BASE_URL", "LLAMA_CPP_BASE_URL"],
        ..ROW
    },
    Compatible {
        name: "vllm",
        title: "vLLM",
        otel_name: "vllm",
        key_env: &["VLLM_API_KEY"],
        base_url_env: &["VLLM_BASE_URL"],
        ..ROW
    },
    Compatible {
        name: "lmstudio",
        title: "LM Studio",
        otel_name: "lmstudio",
        base_url_env: &["LMSTUDIO_BASE_URL", "LM_STUDIO_BASE_URL"],
        ..ROW
    },
    Compatible {
        name: "sglang",
        title: "SGLang",
        otel_name: "sglang",
        key_env: &["SGLANG_API_KEY"],
        base_url_env: &["SGLANG_BASE_URL"],
        ..ROW
    },
    Compatible { name: "compatible", title: "OpenAI-compatible", otel_name: "compatible", ..ROW },
    Compatible { name: "sim", title: "Simulated", otel_name: "sim", ..ROW },
];

/// The row of that name.
pub fn compatible(name: &str) -> Option<&'static Compatible> {
    COMPATIBLE.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::{COMPATIBLE, compatible};
    use std::collections::BTreeSet;

    #[test]
    fn rows_are_unique_and_usable() {
        let names: BTreeSet<_> = COMPATIBLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), COMPATIBLE.len());
        for row in COMPATIBLE {
            assert!(row.base_url.is_empty() || row.base_url.starts_with("https://"), "{}", row.name);
            assert!(!row.base_url.ends_with('/'), "{}", row.name);
        }
        assert_eq!(compatible("groq").map(|row| row.title), Some("Groq"));
    }
}
