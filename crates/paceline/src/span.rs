//! Spans of time as people write them.

/// Seconds of `90s`, `15m`, `24h`, `30d`; `None` for anything else.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        _ => return None,
    };
    text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_number_and_a_unit() {
        assert_eq!(["90s", "15m", "24h", "30d"].map(seconds), [90, 900, 86_400, 2_592_000].map(Some));
        for bad in ["", "s", "5", "1w", "-1h", "1.5h", "é", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
