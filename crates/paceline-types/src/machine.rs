//! What an hour of a machine costs, and a call's share of it: whole numbers, rounded once.

use crate::money::Cost;
use crate::time::Offset;
use std::num::NonZeroU32;

/// Nanoseconds of an hour.
const HOUR_NS: u128 = 3_600_000_000_000;

/// The price of the machine that a model runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineHour {
    /// US dollars for an hour, in pico-dollars; not negative.
    pub usd: Cost,
    /// How many calls share the machine.
    pub concurrent: NonZeroU32,
}

impl MachineHour {
    /// What the machine cost a call on which it worked for `took`, to the nearest pico-dollar; `None` beyond about nine
    /// million dollars.
    pub fn cost(self, took: Offset) -> Option<Cost> {
        let usd = u128::from(self.usd.0.max(0).unsigned_abs());
        let shared = HOUR_NS * u128::from(self.concurrent.get());
        // Below 2^128: a time and a price have 64 bits each, and half of what they are shared by has fewer.
        let pico = (u128::from(took.0) * usd + shared / 2) / shared;
        i64::try_from(pico).ok().map(Cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hour(usd: &str, concurrent: u32) -> MachineHour {
        let concurrent = NonZeroU32::new(concurrent).unwrap();
        MachineHour { usd: Cost::parse_usd(usd).unwrap(), concurrent }
    }

    fn seconds(count: u64) -> Offset {
        Offset(count * 1_000_000_000)
    }

    #[test]
    fn a_call_costs_its_share_of_the_hour() {
        let text = |cost: Option<Cost>| cost.unwrap().to_string();
        assert_eq!(text(hour("1.80", 1).cost(seconds(3600))), "1.8");
        assert_eq!(text(hour("1.80", 1).cost(seconds(10))), "0.005");
        assert_eq!(text(hour("1.80", 4).cost(seconds(10))), "0.00125");
        assert_eq!(text(hour("0", 1).cost(seconds(10))), "0");
        // 1.80 dollars an hour are half a pico-dollar for a nanosecond: halves are rounded up.
        let cost = |ns| hour("1.80", 1).cost(Offset(ns)).map(|cost| cost.0);
        assert_eq!([0, 1, 2, 3].map(cost), [Some(0), Some(1), Some(1), Some(2)]);
        assert_eq!(hour("9000000", 1).cost(Offset(u64::MAX)), None);
    }

    proptest! {
        #[test]
        fn longer_never_costs_less_and_shares_are_never_more_than_the_whole(
            usd in 0..=i64::MAX, concurrent in 1..=u32::MAX, took: u64, more in 0..1_000_000_000_u64,
        ) {
            let Some(concurrent) = NonZeroU32::new(concurrent) else { return Ok(()) };
            let price = |concurrent| MachineHour { usd: Cost(usd), concurrent };
            let shared = price(concurrent);
            if let (Some(less), Some(longer)) = (shared.cost(Offset(took)), shared.cost(Offset(took.saturating_add(more)))) {
                prop_assert!(Cost(0) <= less && less <= longer);
            }
            if let Some(whole) = price(NonZeroU32::MIN).cost(Offset(took)) {
                prop_assert!(shared.cost(Offset(took)).is_some_and(|part| part <= whole));
            }
        }
    }
}
