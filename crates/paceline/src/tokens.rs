//! Token counts for answers whose provider reports none.

use paceline_types::ports::TokenCounter;

/// OpenAI's byte-pair encodings. Other families split text a little differently: within some percent on prose.
///
/// The tables (about 65 MB in memory) are loaded at the first use, which most installations never see.
pub struct BytePairs;

impl TokenCounter for BytePairs {
    fn count(&self, model: &str, text: &str) -> u64 {
        let older = model.starts_with("gpt-4-") || model == "gpt-4" || model.starts_with("gpt-3.5");
        let encoding = if older { bpe_openai::cl100k_base() } else { bpe_openai::o200k_base() };
        encoding.count(text) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::BytePairs;
    use paceline_types::ports::TokenCounter;

    #[test]
    fn counts_are_those_of_the_encodings() {
        // Known from OpenAI's published examples: "tiktoken is great!" has six tokens in cl100k_base.
        assert_eq!(BytePairs.count("gpt-4", "tiktoken is great!"), 6);
        assert_eq!(BytePairs.count("anything", ""), 0);
    }
}
