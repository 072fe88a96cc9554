//! Tests of learned limits.

use super::{Adaptive, AdaptivePolicy, CALM};
use std::time::{Duration, Instant};

#[test]
fn a_healthy_place_has_no_limit() {
    let (mut adaptive, policy, began) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    for n in 0..5000u64 {
        let now = began + Duration::from_millis(n);
        let ttft = Duration::from_millis(80 + n * 7919 % 60);
        assert_eq!(adaptive.sample(ttft, 500, now, &policy), None);
    }
}

/// A server of 32 places that queues silently: its first tokens come later the more are waiting.
#[test]
fn a_place_that_queues_gets_about_what_it_can_take() {
    let (mut adaptive, policy, began) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    let mut now = began;
    for _ in 0..200 {
        now += Duration::from_millis(20);
        adaptive.sample(Duration::from_millis(300), 20, now, &policy);
    }
    let mut limit = None;
    for _ in 0..20_000 {
        now += Duration::from_millis(20);
        let in_flight: u32 = limit.unwrap_or(100).min(100);
        let waiting = f64::from(in_flight.saturating_sub(32));
        let ttft = Duration::from_secs_f64(0.3 + waiting * 0.05);
        limit = adaptive.sample(ttft, in_flight, now, &policy);
    }
    let limit = limit.unwrap();
    assert!((28..60).contains(&limit), "{limit}");
}

#[test]
fn refusals_cut_once_for_all_and_calm_lifts() {
    let (mut adaptive, policy, began) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    for _ in 0..30 {
        assert_eq!(adaptive.refused(50, began, &policy), Some(45));
    }
    let later = began + Duration::from_secs(1);
    assert_eq!(adaptive.refused(45, later, &policy), Some(40));
    let calm = later + CALM;
    assert_eq!(adaptive.sample(Duration::from_millis(100), 5, calm, &policy), None);
    assert_eq!(Adaptive::default().refused(0, began, &policy), Some(18));
    let mut small = Adaptive::default();
    for second in 0..60 {
        small.refused(2, began + Duration::from_secs(second), &policy);
    }
    assert_eq!(small.limit(), Some(1), "a place that refuses whatever is sent gets one at a time");
}

/// Chances in 0 to 1, evenly spread and in no order.
fn chance(n: u32) -> f64 {
    (f64::from(n) * 0.618_033_988_749_895).fract()
}

/// Around `median`, to both sides by the same factors, a few times as long now and then.
fn spread(median: f64, sigma: f64, chance: f64) -> f64 {
    median * (sigma / 1.7 * (chance.max(1e-6) / (1.0 - chance).max(1e-6)).ln()).exp()
}

/// The lowest limit that 100 callers at once meet before a place whose first tokens come so, with so many under way.
fn lowest(ttft_ms: impl Fn(f64, u32) -> f64) -> (Option<u32>, Option<u32>) {
    let (mut adaptive, policy, mut now) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    let (mut limit, mut lowest) = (None, None);
    for n in 0..20_000 {
        let in_flight: u32 = limit.unwrap_or(100).min(100);
        now += Duration::from_secs_f64(0.3 / f64::from(in_flight));
        let ttft = Duration::from_secs_f64(ttft_ms(chance(n), in_flight) / 1e3);
        limit = adaptive.sample(ttft, in_flight, now, &policy);
        lowest = limit.into_iter().chain(lowest).min();
    }
    (limit, lowest)
}

#[test]
fn first_tokens_that_differ_are_no_sign() {
    for sigma in [0.2, 0.4] {
        assert_eq!(lowest(|chance, _| spread(300.0, sigma, chance)).1, None, "{sigma}");
    }
    // So far apart that even the mean of many is late now and then: that takes little, and for a moment.
    let (last, lowest_of_all) = lowest(|chance, _| spread(300.0, 0.8, chance));
    assert!(
        last.is_none_or(|limit| limit >= 100) && lowest_of_all.is_none_or(|limit| limit >= 70),
        "{last:?} {lowest_of_all:?}"
    );
    // Prompts that the provider has cached, some or most, and those that it has not.
    for cached in [0.1, 0.5, 0.9] {
        assert_eq!(lowest(|chance, _| if chance < cached { 100.0 } else { 1000.0 }).1, None, "{cached}");
    }
}

#[test]
fn a_place_that_refuses_now_and_then_keeps_a_limit_it_can_take() {
    let (mut adaptive, policy, mut now) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    let (mut limit, mut sum) = (None, 0);
    for n in 0..20_000 {
        let in_flight: u32 = limit.unwrap_or(100).min(100);
        now += Duration::from_secs_f64(0.3 / f64::from(in_flight));
        limit = if in_flight > 40 {
            adaptive.refused(in_flight, now, &policy)
        } else {
            adaptive.sample(Duration::from_secs_f64(spread(0.3, 0.6, chance(n))), in_flight, now, &policy)
        };
        sum += if n < 10_000 { 0 } else { limit.unwrap_or(100) };
    }
    assert!((30..45).contains(&(sum / 10_000)), "{}", sum / 10_000);
}

#[test]
fn however_many_calls_a_second_few_are_refused_under_the_limit() {
    // 64 at once of 20 ms each: 3,200 a second, and as many callers as the limit lets in.
    let (mut adaptive, policy, mut now) = (Adaptive::default(), AdaptivePolicy::default(), Instant::now());
    let (mut limit, mut refused) = (None, 0);
    for n in 0..100_000 {
        let in_flight: u32 = limit.unwrap_or(200);
        now += Duration::from_secs_f64(0.02 / 64.0);
        // Each who comes beyond the room is refused; of the others each place gives an answer every 20 ms.
        let beyond = f64::from(in_flight.saturating_sub(64)) / f64::from(in_flight);
        limit = if chance(n) < beyond {
            refused += u32::from(n > 20_000);
            adaptive.refused(in_flight, now, &policy)
        } else {
            adaptive.sample(Duration::from_millis(20), in_flight, now, &policy)
        };
    }
    assert!(refused < 80_000 / 20, "{refused}");
    assert!((50..80).contains(&limit.unwrap()), "{limit:?}");
}
