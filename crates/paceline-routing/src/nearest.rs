//! The names closest to one that is unknown.

/// Up to three of `names` that are likely meant by `wanted`, the closest first.
///
/// Jaro–Winkler on lower-case names (it favours a common beginning, which is how model names differ); a name that
/// contains the wanted one, or the other way round, counts as close.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| {
            let lower = name.to_lowercase();
            let contains = wanted.len() >= 3 && (lower.contains(&wanted) || wanted.contains(&lower));
            let tail = lower.rsplit('/').next().unwrap_or(&lower);
            let score = strsim::jaro_winkler(&wanted, &lower).max(strsim::jaro_winkler(&wanted, tail));
            (if contains { score.max(0.9) } else { score }, name)
        })
        .filter(|(score, _)| *score >= 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_errors_find_what_was_meant() {
        let names = ["gpt-4o", "gpt-4o-mini", "openai/gpt-5", "claude-sonnet", "llama"];
        assert_eq!(nearest("gpt4o", names.into_iter())[0], "gpt-4o");
        assert_eq!(nearest("gpt-5", names.into_iter())[0], "openai/gpt-5");
        assert_eq!(nearest("Claude", names.into_iter()), ["claude-sonnet"]);
        assert!(nearest("zzz", names.into_iter()).is_empty());
    }
}
