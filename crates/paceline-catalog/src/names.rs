//! Which entry a model's name means at its service: exact first, then by the rules of that service, else none.
//!
//! The rules are few on purpose. A name that is not surely a known model has no price, which is better than a wrong one.

use std::borrow::Cow;

/// A name without what one service puts around it, if anything.
///
/// - `google`, `vertex`: `models/x` and `publishers/…/models/x` are `x`; at `vertex` also `x` is `x@default`.
/// - `bedrock`: the model's part of an ARN of a foundation model or inference profile; `us.x` and `global.x` are `x`
///   where they are not listed apart. Other regions cost more at times, so they must be listed.
/// - `fireworks`: a name without a slash stands for `accounts/fireworks/models/…`.
pub(crate) fn bare<'a>(service: &str, model: &'a str) -> Option<Cow<'a, str>> {
    match service {
        "google" => model.strip_prefix("models/").map(Cow::Borrowed),
        "vertex" => match model.rsplit_once("models/") {
            Some((_, id)) => Some(Cow::Borrowed(id)),
            None => (!model.contains('@')).then(|| format!("{model}@default").into()),
        },
        "bedrock" => {
            let id = bedrock_id(model)?;
            (id != model).then_some(Cow::Borrowed(id))
        }
        "fireworks" => (!model.contains('/')).then(|| format!("accounts/fireworks/models/{model}").into()),
        _ => None,
    }
}

fn bedrock_id(model: &str) -> Option<&str> {
    if let Some(arn) = model.strip_prefix("arn:") {
        let (kind, id) = arn.split_once('/')?;
        let named = kind.ends_with(":foundation-model") || kind.ends_with(":inference-profile");
        return named.then_some(id);
    }
    model.strip_prefix("us.").or_else(|| model.strip_prefix("global."))
}

/// A name without the day at its end, `-2024-08-06` or `-20240806`.
///
/// Four digits (`-2411`) are left alone: with them providers name models that differ in price.
pub(crate) fn undated(model: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let long = model.len().checked_sub(11).and_then(|at| model.split_at_checked(at));
    if let Some((name, day)) = long
        && let Some(day) = day.strip_prefix('-')
        && paceline_types::time::Timestamp::parse_rfc3339(day).is_some()
    {
        return Some(name);
    }
    let (name, day) = model.len().checked_sub(9).and_then(|at| model.split_at_checked(at))?;
    let day = day.strip_prefix('-').filter(|day| digits(day))?;
    let spelled = format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]);
    paceline_types::time::Timestamp::parse_rfc3339(&spelled).map(|_| name)
}

#[cfg(test)]
mod tests {
    use super::{bare, undated};

    #[test]
    fn days_are_cut_off_and_nothing_else() {
        assert_eq!(undated("gpt-4o-2024-08-06"), Some("gpt-4o"));
        assert_eq!(undated("claude-sonnet-4-5-20250929"), Some("claude-sonnet-4-5"));
        for whole in ["mistral-large-2411", "gpt-4o", "x-20259999", "x-2024-13-01", "-", "", "ä-2024-08-0ä"]
        {
            assert_eq!(undated(whole), None, "{whole}");
        }
    }

    #[test]
    fn services_wrap_names_in_their_own_way() {
        let bare = |service, model| bare(service, model).map(std::borrow::Cow::into_owned);
        assert_eq!(bare("google", "models/gemini-2.5-pro").as_deref(), Some("gemini-2.5-pro"));
        let arn = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0";
        assert_eq!(bare("bedrock", arn).as_deref(), Some("anthropic.claude-3-haiku-20240307-v1:0"));
        let profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc";
        assert_eq!((bare("bedrock", profile), bare("bedrock", "eu.x")), (None, None));
        assert_eq!(bare("bedrock", "us.meta.x").as_deref(), Some("meta.x"));
        assert_eq!(bare("vertex", "publishers/google/models/g").as_deref(), Some("g"));
        assert_eq!(bare("openai", "models/x"), None);
    }
}
