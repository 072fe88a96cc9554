//! What a scope has spent in its day and month, and what is promised to calls under way.

use paceline_types::money::Cost;
use paceline_types::rules::Budget;
use paceline_types::time::Timestamp;

/// One day or month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub start: Timestamp,
    /// When the next begins.
    pub end: Timestamp,
    /// Settled in it, in pico-dollars.
    pub spent_pico: i64,
}

impl Span {
    /// Goes on to the span that `bounds` tells when this one is over. A clock that goes back stays in the later span:
    /// what was spent there is not forgotten.
    fn turn(&mut self, now: Timestamp, bounds: impl FnOnce() -> (Timestamp, Timestamp)) {
        if now >= self.end {
            let (start, end) = bounds();
            *self = Self { start, end, spent_pico: 0 };
        }
    }
}

/// Which budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A day.
    Day,
    /// A month.
    Month,
}

impl Period {
    /// In words and names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// A budget has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// Which.
    pub period: Period,
    /// Settled in it.
    pub spent: Cost,
    /// Promised to calls under way.
    pub reserved: Cost,
    /// All there is.
    pub limit: Cost,
    /// When the next begins.
    pub resets_at: Timestamp,
}

impl Over {
    /// Whether all there is has no room for it.
    pub fn never_fits(&self, need: Cost) -> bool {
        need > self.limit
    }
}

/// When days and months begin and end.
pub trait Spans {
    /// Of the day and month in which `at` lies.
    fn span(&self, period: Period, at: Timestamp) -> (Timestamp, Timestamp);
}

impl<F: Fn(Period, Timestamp) -> (Timestamp, Timestamp)> Spans for F {
    fn span(&self, period: Period, at: Timestamp) -> (Timestamp, Timestamp) {
        self(period, at)
    }
}

/// Spent and promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// Today.
    pub day: Span,
    /// This month.
    pub month: Span,
    /// Promised to calls under way, in pico-dollars.
    pub reserved_pico: i64,
}

impl Spend {
    /// Goes on to the day and month of `now`.
    pub fn turn(&mut self, now: Timestamp, spans: &impl Spans) {
        self.day.turn(now, || spans.span(Period::Day, now));
        self.month.turn(now, || spans.span(Period::Month, now));
    }

    /// How much of a budget is used beyond the share of its period that has passed, 0 to 1; of two budgets the more.
    pub fn pressure(&self, budget: &Budget, now: Timestamp) -> f64 {
        let of = |limit: Option<Cost>, span: &Span| {
            let limit = limit.filter(|limit| limit.0 > 0)?;
            let whole = (span.end.0 - span.start.0).max(1) as f64;
            let passed = ((now.0 - span.start.0) as f64 / whole).clamp(0.0, 1.0);
            let used = span.spent_pico.saturating_add(self.reserved_pico) as f64 / limit.0 as f64;
            Some((used - passed).clamp(0.0, 1.0))
        };
        let [day, month] = [of(budget.day, &self.day), of(budget.month, &self.month)];
        day.unwrap_or(0.0).max(month.unwrap_or(0.0))
    }

    /// Promises `need` to a call, where both budgets have room for it; `true` when one is nearly used by then.
    ///
    /// # Errors
    /// When a budget has no room, with which.
    pub fn reserve(
        &mut self,
        need: Cost,
        budget: &Budget,
        now: Timestamp,
        spans: &impl Spans,
    ) -> Result<bool, Over> {
        self.turn(now, spans);
        let (mut soft, mut found): (bool, Option<Over>) = (false, None);
        for (period, limit) in [(Period::Day, budget.day), (Period::Month, budget.month)] {
            let Some(limit) = limit else { continue };
            let span = if period == Period::Day { &self.day } else { &self.month };
            let after = span.spent_pico.saturating_add(self.reserved_pico).saturating_add(need.0);
            // A budget that is used up has no room for a call of unknown or no cost either.
            if after > limit.0 || span.spent_pico >= limit.0 {
                let over = Over {
                    period,
                    spent: Cost(span.spent_pico),
                    reserved: Cost(self.reserved_pico),
                    limit,
                    resets_at: span.end,
                };
                // Of two the one that stands in the way longer: whoever comes back at its time finds room.
                if found.is_none_or(|other| !other.never_fits(need)) {
                    found = Some(over);
                }
            }
            soft |= after as f64 >= limit.0 as f64 * budget.soft;
        }
        if let Some(over) = found {
            return Err(over);
        }
        self.reserved_pico = self.reserved_pico.saturating_add(need.0);
        Ok(soft)
    }

    /// A promise ends in what the call really cost, spent on the day it ends.
    pub fn settle(&mut self, reserved: Cost, actual: Cost, now: Timestamp, spans: &impl Spans) {
        self.turn(now, spans);
        self.reserved_pico = (self.reserved_pico - reserved.0).max(0);
        self.spend(actual);
    }

    /// Adds what was spent without a promise.
    pub fn spend(&mut self, actual: Cost) {
        self.day.spent_pico = self.day.spent_pico.saturating_add(actual.0);
        self.month.spent_pico = self.month.spent_pico.saturating_add(actual.0);
    }

    /// Takes over what was spent before a restart, where that was in the same day and month. What was promised when
    /// the process ended counts as spent: nobody knows better.
    pub fn restore(&mut self, before: &Spend, now: Timestamp, spans: &impl Spans) {
        self.turn(now, spans);
        for (own, had) in [(&mut self.day, &before.day), (&mut self.month, &before.month)] {
            if had.start == own.start {
                let had = had.spent_pico.saturating_add(before.reserved_pico);
                own.spent_pico = own.spent_pico.saturating_add(had);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Period, Spend};
    use paceline_types::money::Cost;
    use paceline_types::rules::Budget;
    use paceline_types::time::Timestamp;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    fn spans(period: Period, at: Timestamp) -> (Timestamp, Timestamp) {
        let long = if period == Period::Day { DAY } else { 30 * DAY };
        let start = at.0.div_euclid(long) * long;
        (Timestamp(start), Timestamp(start + long))
    }

    #[test]
    fn a_budget_refuses_with_what_is_needed_to_understand_it() {
        let budget = Budget { day: Some(Cost(100)), month: Some(Cost(150)), ..Budget::default() };
        let mut spend = Spend::default();
        let now = Timestamp(DAY + 5);
        assert_eq!(spend.reserve(Cost(70), &budget, now, &spans), Ok(false));
        assert_eq!(spend.reserve(Cost(20), &budget, now, &spans), Ok(true));
        let over = spend.reserve(Cost(20), &budget, now, &spans).unwrap_err();
        assert_eq!((over.period, over.reserved, over.limit), (Period::Day, Cost(90), Cost(100)));
        assert_eq!(over.resets_at, Timestamp(2 * DAY));
        spend.settle(Cost(70), Cost(80), now, &spans);
        spend.settle(Cost(20), Cost(15), now, &spans);
        let tomorrow = Timestamp(2 * DAY + 1);
        assert!(spend.reserve(Cost(50), &budget, tomorrow, &spans).is_ok());
        let over = spend.reserve(Cost(6), &budget, tomorrow, &spans).unwrap_err();
        assert_eq!((over.period, over.spent), (Period::Month, Cost(95)));
        // Both have no room: told is the one whose end helps, or the one that never has.
        let over = spend.reserve(Cost(60), &budget, tomorrow, &spans).unwrap_err();
        assert_eq!((over.period, over.never_fits(Cost(60))), (Period::Month, false));
        let over = spend.reserve(Cost(101), &budget, tomorrow, &spans).unwrap_err();
        assert_eq!((over.period, over.never_fits(Cost(101))), (Period::Day, true));
        assert_eq!(spend.reserved_pico, 50, "what was refused reserves nothing");
    }

    #[test]
    fn a_restart_is_no_way_round_a_budget() {
        let budget = Budget { day: Some(Cost(100)), ..Budget::default() };
        let now = Timestamp(DAY + 5);
        let mut before = Spend::default();
        before.reserve(Cost(60), &budget, now, &spans).unwrap();
        before.settle(Cost(60), Cost(50), now, &spans);
        before.reserve(Cost(40), &budget, now, &spans).unwrap();
        let mut after = Spend::default();
        after.restore(&before, now, &spans);
        assert_eq!(after.day.spent_pico, 90);
        assert!(after.reserve(Cost(11), &budget, now, &spans).is_err());
        let mut next_day = Spend::default();
        next_day.restore(&before, Timestamp(2 * DAY), &spans);
        assert_eq!((next_day.day.spent_pico, next_day.month.spent_pico), (0, 90));
    }

    proptest! {
        /// Settled spending passes the limit by no more than what calls in flight cost beyond their promises.
        #[test]
        fn overspending_is_bounded(calls in prop::collection::vec((1i64..40, 0i64..60, 0usize..4), 1..300)) {
            let budget = Budget { day: Some(Cost(500)), ..Budget::default() };
            let (mut spend, now, mut flying, mut excess) =
                (Spend::default(), Timestamp(DAY), Vec::new(), 0i64);
            for (need, actual, land) in calls {
                if spend.reserve(Cost(need), &budget, now, &spans).is_ok() {
                    flying.push((need, actual));
                }
                for _ in 0..land.min(flying.len()) {
                    let (need, actual) = flying.remove(0);
                    excess += (actual - need).max(0);
                    spend.settle(Cost(need), Cost(actual), now, &spans);
                }
                prop_assert!(spend.day.spent_pico <= 500 + excess);
                prop_assert_eq!(spend.reserved_pico, flying.iter().map(|(need, _)| need).sum::<i64>());
            }
        }
    }
}
