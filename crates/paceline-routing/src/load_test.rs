//! Tests of load.

use super::Load;
use std::time::{Duration, Instant};

#[test]
fn slow_counts_at_once_and_fast_by_and_by() {
    let began = Instant::now();
    let load = Load::new(began);
    assert!(load.cost(began) < f64::EPSILON);
    load.sample(Duration::from_millis(100), began);
    load.sample(Duration::from_secs(2), began + Duration::from_secs(1));
    assert!(load.cost(began + Duration::from_secs(1)) > 1900.0);
    for second in 2..60 {
        load.sample(Duration::from_millis(100), began + Duration::from_secs(second));
    }
    let cost = load.cost(began + Duration::from_mins(1));
    assert!((50.0..150.0).contains(&cost), "{cost}");
    load.enter();
    load.enter();
    assert!(load.cost(began + Duration::from_mins(1)) > 2.0 * cost);
}
