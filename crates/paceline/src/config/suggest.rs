//! The names nearest to one that does not exist.

/// `did you mean …?` with the nearest of the names, if one is near enough.
pub(super) fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = nearest(wrong, names);
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

/// Up to two names that are near enough, the nearest first.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Distances grow with the product of the lengths.
    if wrong.len() > 200 {
        return Vec::new();
    }
    let wrong = plain(wrong);
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let candidate = plain(name);
            let distance = strsim::damerau_levenshtein(&wrong, &candidate);
            let longer = wrong.chars().count().max(candidate.chars().count());
            let allowed = (longer / 3).clamp(1, 4).min(longer.saturating_sub(1));
            let part = wrong.len() >= 4 && (candidate.starts_with(&wrong) || candidate.ends_with(&wrong));
            (distance <= allowed || part).then_some((distance, name))
        })
        .collect();
    found.sort_unstable();
    let best = found.first().map_or(0, |(distance, _)| *distance);
    found
        .into_iter()
        .take_while(|(distance, _)| *distance <= best + 1)
        .take(2)
        .map(|(_, name)| name)
        .collect()
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let names = ["listen", "workers", "api_key_env", "api_key_file", "idle_ms"];
        assert_eq!(did_you_mean("lisen", names).as_deref(), Some("did you mean `listen`?"));
        assert_eq!(did_you_mean("Api-Key-Env", names).as_deref(), Some("did you mean `api_key_env`?"));
        assert_eq!(did_you_mean("worker", names).as_deref(), Some("did you mean `workers`?"));
        assert_eq!(did_you_mean("colour", names), None);
        assert_eq!(did_you_mean("", names), None);
        assert_eq!(did_you_mean(&"x".repeat(9999), names), None);
    }
}
