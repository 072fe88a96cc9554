//! Words for people: how good a response time, a rate, a first token is (M12).

use serde::Serialize;

/// A word with its advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Grade {
    /// `excellent`, `good`, `slow`, `very slow` or `fair`.
    pub word: &'static str,
    /// What to do about it; empty when nothing.
    pub advice: &'static str,
}

const fn grade(word: &'static str, advice: &'static str) -> Grade {
    Grade { word, advice }
}

/// Grades a response time in seconds: < 2 excellent, 2–5 good, 5–10 slow, above very slow.
pub fn response_time(seconds: f64) -> Grade {
    match seconds {
        s if s < 2.0 => grade("excellent", ""),
        s if s <= 5.0 => grade("good", ""),
        s if s <= 10.0 => grade("slow", "try a smaller model or a shorter answer"),
        _ => grade("very slow", "try a smaller model, a shorter prompt or max_tokens"),
    }
}

/// Grades output tokens per second: > 50 excellent, 20–50 good, 10–20 fair, below slow.
pub fn tokens_per_second(rate: f64) -> Grade {
    match rate {
        r if r > 50.0 => grade("excellent", ""),
        r if r >= 20.0 => grade("good", ""),
        r if r >= 10.0 => grade("fair", "a faster model or provider would be felt"),
        _ => grade("slow", "the provider may be overloaded; try another"),
    }
}

/// Grades a time to first token in seconds: < 1 excellent, 1–3 good, above slow.
pub fn ttft(seconds: f64) -> Grade {
    match seconds {
        s if s < 1.0 => grade("excellent", ""),
        s if s <= 3.0 => grade("good", ""),
        _ => grade("slow", "shorten the prompt, or use prompt caching or another region"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_change_at_the_stated_limits() {
        let words =
            |f: fn(f64) -> super::Grade, at: &[f64]| at.iter().map(|&x| f(x).word).collect::<Vec<_>>();
        assert_eq!(
            words(super::response_time, &[1.9, 2.0, 5.1, 10.1]),
            ["excellent", "good", "slow", "very slow"]
        );
        assert_eq!(
            words(super::tokens_per_second, &[51.0, 50.0, 19.0, 9.0]),
            ["excellent", "good", "fair", "slow"]
        );
        assert_eq!(words(super::ttft, &[0.9, 1.0, 3.1]), ["excellent", "good", "slow"]);
    }
}
