//! Prices: worked examples, and what holds for all of them.

use super::*;
use proptest::prelude::*;

fn usd(text: &str) -> Rate {
    let read = Rate::parse(text, RateUnit::UsdPerMillion).unwrap();
    assert!(read.exact, "{text}");
    read.rate
}

fn rates(input: &str, output: &str) -> Rates {
    Rates { input: usd(input), output: usd(output), ..Rates::default() }
}

fn usage(input: u64, read: u64, write: u64, output: u64, reasoning: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: write,
        reasoning_tokens: reasoning,
        cache_write_1h_tokens: 0,
        ..Usage::default()
    }
}

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

#[test]
fn one_price_in_three_units_is_one_rate() {
    let same = [
        ("0.15", RateUnit::UsdPerMillion),
        ("1.5e-07", RateUnit::UsdPerToken),
        ("0.00000015", RateUnit::UsdPerToken),
        ("0.000015", RateUnit::CentsPerToken),
        ("1.5E-5", RateUnit::CentsPerToken),
    ];
    for (text, unit) in same {
        let read = RateRead { rate: Rate(150_000), exact: true };
        assert_eq!(Rate::parse(text, unit), Some(read), "{text}");
    }
    assert_eq!(Rate(150_000).to_string(), "0.15");
    assert_eq!(Rate(15_000_000).to_string(), "15");
}

#[test]
fn what_is_finer_than_a_pico_dollar_is_rounded_and_says_so() {
    let read = |text| Rate::parse(text, RateUnit::UsdPerToken);
    assert_eq!(read("4.6875e-09"), Some(RateRead { rate: Rate(4688), exact: false }));
    assert_eq!(read("1.5000000000000002e-07"), Some(RateRead { rate: Rate(150_000), exact: false }));
    assert_eq!(read("1e-900"), Some(RateRead { rate: Rate(0), exact: false }));
    assert_eq!(read("0e99999"), Some(RateRead { rate: Rate(0), exact: true }));
    for bad in ["", ".", "-1", "+1", "1e", "abc", "1e3", "0x1", "1.2.3", "NaN", "inf", "1e99999999999"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

#[test]
fn a_cache_hit_is_charged_once() {
    // 100,000 tokens of prompt, 90,000 of them from the cache: 10,000 at 3 USD and 90,000 at 0.30 USD a million.
    let price = Price::always(Rates {
        cache_read: Some(usd("0.3")),
        cache_write: Some(usd("3.75")),
        cache_write_1h: Some(usd("6")),
        ..rates("3", "15")
    });
    let cost = price.cost(&usage(100_000, 90_000, 0, 1000, 0), NOW, Tariff::default()).unwrap();
    assert_eq!((cost.input.to_string(), cost.cache_read.to_string()), ("0.03".into(), "0.027".into()));
    assert_eq!(cost.total().to_string(), "0.072");
    let hour = Usage { cache_write_1h_tokens: 400, ..usage(1000, 0, 1000, 0, 0) };
    let cost = price.cost(&hour, NOW, Tariff::default()).unwrap();
    assert_eq!(cost.cache_write.to_string(), "0.00465");
}

#[test]
fn what_has_no_price_of_its_own_costs_what_the_whole_does() {
    let price = Price::always(rates("3", "15"));
    let whole = price.cost(&usage(1000, 0, 0, 500, 0), NOW, Tariff::default()).unwrap();
    let parts = price.cost(&usage(1000, 300, 200, 500, 499), NOW, Tariff::default()).unwrap();
    assert_eq!((whole.total(), whole.total().to_string()), (parts.total(), "0.0105".into()));
}

#[test]
fn a_long_prompt_is_billed_wholly_at_its_tier() {
    let tier = |above, rates| Tier { above_input_tokens: above, rates };
    let tiers = vec![tier(400_000, rates("5", "20")), tier(200_000, rates("2.5", "15"))];
    let standard = RateCard { base: rates("1.25", "10"), tiers };
    let price = Price::new(vec![Period { from: Period::ALWAYS, standard, batch: None }]);
    let cost =
        |input| price.cost(&usage(input, 0, 0, 0, 0), NOW, Tariff::default()).unwrap().total().to_string();
    assert_eq!([cost(200_000), cost(200_001), cost(400_001)], ["0.25", "0.5000025", "2.000005"]);
}

#[test]
fn last_month_keeps_last_months_price() {
    let since = |text| Timestamp::parse_rfc3339(text).unwrap();
    let card = |input| RateCard { base: rates(input, "0"), tiers: Vec::new() };
    let cheap = RateCard { base: rates("0.5", "0"), tiers: Vec::new() };
    let price = Price::new(vec![
        Period { from: since("2026-06-01"), standard: card("1"), batch: Some(cheap) },
        Period { from: since("2026-01-01"), standard: card("2"), batch: None },
    ]);
    let at = |text, batch| {
        let tariff = Tariff { batch, ..Tariff::default() };
        price.cost(&usage(1_000_000, 0, 0, 0, 0), since(text), tariff).map(|cost| cost.total().to_string())
    };
    assert_eq!(at("2025-12-31", false), None);
    assert_eq!(at("2026-05-31T23:59:59Z", false).as_deref(), Some("2"));
    assert_eq!(at("2026-06-01", false).as_deref(), Some("1"));
    assert_eq!((at("2026-05-01", true), at("2026-07-01", true).as_deref()), (None, Some("0.5")));
}

#[test]
fn too_much_money_is_unknown_not_wrong() {
    let price = Price::always(Rates { input: Rate::MAX, output: Rate::MAX, ..Rates::default() });
    let cost = |input, output| price.cost(&usage(input, 0, 0, output, 0), NOW, Tariff::default());
    assert_eq!(cost(u64::MAX, 0), None);
    assert_eq!(cost(9_000_000, 9_000_000), None);
    assert_eq!(cost(9_000_000, 0).unwrap().total().to_string(), "9000000");
}

prop_compose! {
    fn any_rates()(
        input in 0..=Rate::MAX.0, output in 0..=Rate::MAX.0, parts in prop::array::uniform4(prop::option::of(0..=Rate::MAX.0)),
    ) -> Rates {
        let [cache_read, cache_write, cache_write_1h, reasoning] = parts.map(|part| part.map(Rate));
        Rates { input: Rate(input), output: Rate(output), cache_read, cache_write, cache_write_1h, reasoning, ..Rates::default() }
    }
}

prop_compose! {
    fn any_usage()(counts in prop::array::uniform5(prop_oneof![0..100_000u64, any::<u64>()])) -> Usage {
        usage(counts[0], counts[1], counts[2], counts[3], counts[4])
    }
}

proptest! {
    #[test]
    fn parts_sum_to_the_total_and_none_is_negative(
        rates in any_rates(), usage in any_usage(), cache_write_1h_tokens: u64, took in any::<u64>().prop_map(Offset),
        machine in prop::option::of((0..=i64::MAX, 1..=u32::MAX)),
    ) {
        let usage = Usage { cache_write_1h_tokens, ..usage };
        let tariff = Tariff { batch: false, took };
        let of_machine = |(usd, concurrent)| {
            let concurrent = std::num::NonZeroU32::new(concurrent)?;
            Some(Price::of_machine(MachineHour { usd: Cost(usd), concurrent }))
        };
        let price = machine.and_then(of_machine).unwrap_or_else(|| Price::always(rates));
        if let Some(cost) = price.cost(&usage, NOW, tariff) {
            let parts = [cost.input, cost.cache_read, cost.cache_write, cost.output, cost.reasoning, cost.time];
            let sum: i128 = parts.iter().map(|part| i128::from(part.0)).sum();
            prop_assert_eq!(sum, i128::from(cost.total().0));
            prop_assert!(parts.iter().all(|part| part.0 >= 0));
        }
    }

    /// At the same price for every kind, only the two wholes can matter: nothing is counted twice or left out.
    #[test]
    fn no_token_is_priced_twice(rate in 0..=100_000_000u64, usage in any_usage(), cache_write_1h_tokens: u64) {
        let rate = Rate(rate);
        let same = Some(rate);
        let rates = Rates {
            input: rate, output: rate, cache_read: same, cache_write: same, cache_write_1h: same, reasoning: same,
            ..Rates::default()
        };
        let usage = Usage { cache_write_1h_tokens, ..usage };
        let cost = Price::always(rates).cost(&usage, NOW, Tariff::default());
        let tokens = u128::from(usage.input_tokens) + u128::from(usage.output_tokens);
        let whole = i64::try_from(tokens * u128::from(rate.0)).ok();
        prop_assert_eq!(cost.map(|cost| cost.total().0), whole);
    }

    #[test]
    fn more_tokens_never_cost_less(
        rates in any_rates(), kinds in prop::array::uniform5(0..100_000u64), kind in 0..5usize, more in 0..1_000_000u64,
    ) {
        let price = Price::always(rates);
        let cost = |[plain, read, write, plain_out, reasoning]: [u64; 5]| {
            let usage = usage(plain + read + write, read, write, plain_out + reasoning, reasoning);
            price.cost(&usage, NOW, Tariff::default()).map(|cost| cost.total())
        };
        let mut grown = kinds;
        grown[kind] += more;
        if let (Some(less), Some(more)) = (cost(kinds), cost(grown)) {
            prop_assert!(less <= more);
        }
    }

    #[test]
    fn a_rate_reads_back(rate in 0..=Rate::MAX.0) {
        let read = Rate::parse(&Rate(rate).to_string(), RateUnit::UsdPerMillion);
        prop_assert_eq!(read, Some(RateRead { rate: Rate(rate), exact: true }));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-+0-9eE.]{0,40}|.{0,40}") {
        for unit in [RateUnit::UsdPerMillion, RateUnit::UsdPerToken, RateUnit::CentsPerToken] {
            if let Some(read) = Rate::parse(&text, unit) {
                prop_assert!(read.rate <= Rate::MAX);
            }
        }
    }
}
