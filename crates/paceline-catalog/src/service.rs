//! Names of services: what others call them, and which run on people's own machines.

/// Other names of a service: how LiteLLM, models.dev, Portkey and people call it.
const ALIASES: &[(&str, &str)] = &[
    ("amazon", "bedrock"),
    ("amazon-bedrock", "bedrock"),
    ("aws", "bedrock"),
    ("aws-bedrock", "bedrock"),
    ("azure-ai", "azure"),
    ("azure-openai", "azure"),
    ("azure_ai", "azure"),
    ("bedrock_converse", "bedrock"),
    ("cohere_chat", "cohere"),
    ("dashscope", "alibaba"),
    ("fireworks-ai", "fireworks"),
    ("fireworks_ai", "fireworks"),
    ("gemini", "google"),
    ("google-gemini", "google"),
    ("google-vertex", "vertex"),
    ("google-vertex-anthropic", "vertex"),
    ("mistral-ai", "mistral"),
    ("mistral_ai", "mistral"),
    ("mistralai", "mistral"),
    ("moonshot-ai", "moonshot"),
    ("moonshotai", "moonshot"),
    ("nvidia_nim", "nvidia"),
    ("perplexity-ai", "perplexity"),
    ("text-completion-openai", "openai"),
    ("together-ai", "together"),
    ("together_ai", "together"),
    ("togetherai", "together"),
    ("vertex-ai", "vertex"),
    ("vertex_ai", "vertex"),
    ("x-ai", "xai"),
    ("x_ai", "xai"),
    ("z-ai", "zai"),
    ("z.ai", "zai"),
    ("zhipu", "zai"),
];

/// The name of a service in the catalogue; a name that is not known stays as it is.
pub fn canonical(name: &str) -> &str {
    let name = name.strip_prefix("vertex_ai-").map_or(name, |_| "vertex_ai");
    let found = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
    found.map_or(name, |(_, service)| service)
}

/// Servers that people run themselves: their models have no list price and cost nothing a token.
const LOCAL: &[&str] = &["ollama", "llamacpp", "vllm", "lmstudio", "sglang"];

/// Whether models of that service run on the user's own machines.
pub fn is_local(service: &str) -> bool {
    LOCAL.contains(&service)
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn services_are_known_by_their_other_names() {
        let asked =
            ["gemini", "Together_AI", "vertex_ai-language-models", "bedrock_converse", "openai", "mine"];
        assert_eq!(asked.map(canonical), ["google", "together", "vertex", "bedrock", "openai", "mine"]);
    }
}
