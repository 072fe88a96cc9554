//! Money: whole pico-dollars, so that sums are exact.

use serde::{Serialize, Serializer};
use std::fmt;

/// An amount of US dollars in units of 10⁻¹² dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(pub i64);

const PICO: i64 = 1_000_000_000_000;

impl Cost {
    /// Reads a decimal number of dollars as it stands in JSON (`0.00012`, `1.2e-5`); digits beyond 10⁻¹² are cut.
    /// `None` when it is not a number, is negative, or is more than about nine million dollars.
    pub fn parse_usd(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || digits.len() > 40 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let shift = 12 + exponent.clamp(-1000, 1000) - fraction.len() as i32;
        let value: u128 = digits.parse().ok()?;
        let scale = |by: i32| 10u128.checked_pow(by.unsigned_abs());
        let pico = if shift >= 0 {
            value.checked_mul(scale(shift)?)?
        } else {
            scale(shift).map_or(0, |s| value / s)
        };
        i64::try_from(pico).ok().map(Self)
    }
}

impl fmt::Display for Cost {
    /// Exact decimals without needless zeros: `0.0001275`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let value = self.0.unsigned_abs();
        let (whole, rest) = (value / PICO as u64, value % PICO as u64);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{rest:012}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Cost;

    #[test]
    fn dollars_are_exact_both_ways() {
        for text in ["0.000123", "12.5", "0", "0.000000000001"] {
            assert_eq!(Cost::parse_usd(text).map(|c| c.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Cost::parse_usd("1.2e-5"), Some(Cost(12_000_000)));
        assert_eq!(Cost::parse_usd("1e-20"), Some(Cost(0)));
        for bad in ["", "-1", "abc", "1e99", "99999999999"] {
            assert_eq!(Cost::parse_usd(bad), None, "{bad}");
        }
    }
}
