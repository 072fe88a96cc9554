//! The cost–quality curve of a router, and the figures that are read from it.
//!
//! AIQ: mean height of the non-decreasing convex hull over the cost span (`RouterBench`, arXiv 2403.12031, section 3).
//! APGR: the same as a share of the gap between the cheapest and the strongest model; CPT: the share of the cost
//! span that recovers a share of that gap (`RouteLLM`, arXiv 2406.18665, section 3, with cost in place of calls).

/// A point: mean cost in USD, mean quality.
pub type Point = (f64, f64);

/// The two models that the cost span lies between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anchors {
    /// The model with the lowest mean cost.
    pub cheap: Point,
    /// The model with the highest mean quality (of equals the cheapest).
    pub strong: Point,
}

impl Anchors {
    /// The anchors among single models.
    pub fn of(singles: &[Point]) -> Option<Self> {
        let cheap = singles.iter().copied().reduce(|a, b| if (b.0, -b.1) < (a.0, -a.1) { b } else { a })?;
        let strong = singles.iter().copied().reduce(|a, b| if (-b.1, b.0) < (-a.1, a.0) { b } else { a })?;
        Some(Self { cheap, strong })
    }

    /// Cost of the strongest less cost of the cheapest, in USD.
    pub fn span(&self) -> f64 {
        self.strong.0 - self.cheap.0
    }
}

/// The upper convex hull of points, from the cheapest to the best: what mixing at random between them reaches.
/// More money that brings less quality is never spent.
pub fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut hull: Vec<Point> = Vec::new();
    for point in sorted {
        if hull.last().is_some_and(|last| point.1 <= last.1) {
            continue;
        }
        while let [.., a, b] = hull.as_slice() {
            if (b.1 - a.1) * (point.0 - a.0) > (point.1 - a.1) * (b.0 - a.0) {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// Height of a hull at a cost: flat beyond its ends.
fn height(hull: &[Point], cost: f64) -> f64 {
    let after = hull.partition_point(|point| point.0 <= cost);
    match (after.checked_sub(1).map(|at| hull[at]), hull.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (cost - a.0) / (b.0 - a.0),
        (Some(a), None) => a.1,
        (None, Some(b)) => b.1,
        (None, None) => 0.0,
    }
}

/// A router's hull over the span: the cheapest model itself is always within reach.
pub fn reachable(points: &[Point], anchors: &Anchors) -> Vec<Point> {
    let mut points = points.to_vec();
    if points.iter().all(|point| point.0 > anchors.cheap.0) {
        points.push(anchors.cheap);
    }
    hull(&points)
}

/// AIQ of a hull: its mean height between the anchors' costs.
pub fn aiq(hull: &[Point], anchors: &Anchors) -> f64 {
    let (from, to) = (anchors.cheap.0, anchors.strong.0);
    if to <= from {
        return height(hull, to);
    }
    let inner = hull.iter().copied().filter(|point| point.0 > from && point.0 < to);
    let mut last = (from, height(hull, from));
    let mut area = 0.0;
    for point in inner.chain([(to, height(hull, to))]) {
        area += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        last = point;
    }
    area / (to - from)
}

/// APGR from AIQ: 0 is the cheapest model, .5 the random mix, 1 the strongest; `None` without a gap.
pub fn apgr(aiq: f64, anchors: &Anchors) -> Option<f64> {
    let gap = anchors.strong.1 - anchors.cheap.1;
    (gap > 0.0).then(|| (aiq - anchors.cheap.1) / gap)
}

/// The least mean cost in USD at which a hull has this quality; `None` where it never has.
pub fn cost_at(hull: &[Point], quality: f64) -> Option<f64> {
    // Sums of many thousand numbers differ in their last bits.
    let quality = quality - 1e-9;
    let after = hull.partition_point(|point| point.1 < quality);
    let b = hull.get(after)?;
    let Some(a) = after.checked_sub(1).map(|at| hull[at]) else { return Some(b.0) };
    Some(a.0 + (b.0 - a.0) * (quality - a.1) / (b.1 - a.1))
}

#[cfg(test)]
mod tests {
    use super::{Anchors, aiq, apgr, cost_at, hull, reachable};
    use proptest::prelude::*;

    #[test]
    fn figures_of_a_curve_by_hand() {
        let anchors = Anchors { cheap: (1.0, 0.5), strong: (3.0, 0.9) };
        let straight = hull(&[(1.0, 0.5), (3.0, 0.9)]);
        assert!((aiq(&straight, &anchors) - 0.7).abs() < 1e-12);
        assert!((apgr(0.7, &anchors).unwrap() - 0.5).abs() < 1e-12);
        let bent = hull(&[(1.0, 0.5), (2.0, 0.9), (2.5, 0.6), (3.0, 0.9)]);
        assert_eq!(bent, [(1.0, 0.5), (2.0, 0.9)]);
        assert!((aiq(&bent, &anchors) - 0.8).abs() < 1e-12);
        assert!((cost_at(&bent, 0.7).unwrap() - 1.5).abs() < 1e-6);
        assert_eq!(cost_at(&bent, 0.91), None);
        assert_eq!(reachable(&[(2.0, 0.9)], &anchors), bent);
    }

    #[test]
    fn anchors_are_the_cheapest_and_the_best() {
        let anchors = Anchors::of(&[(2.0, 0.9), (1.0, 0.4), (1.0, 0.5), (5.0, 0.9)]).unwrap();
        assert_eq!(anchors, Anchors { cheap: (1.0, 0.5), strong: (2.0, 0.9) });
    }

    proptest! {
        #[test]
        fn a_hull_lies_above_all_points_and_bends_down(
            points in prop::collection::vec((0.0..10.0f64, 0.0..1.0f64), 1..40)
        ) {
            let hull = hull(&points);
            prop_assert!(hull.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
            for &(cost, quality) in &points {
                prop_assert!(super::height(&hull, cost) >= quality - 1e-9);
            }
            let anchors = Anchors::of(&points).unwrap();
            let aiq = aiq(&reachable(&points, &anchors), &anchors);
            prop_assert!(aiq <= anchors.strong.1 + 1e-9 && aiq >= anchors.cheap.1 - 1e-9);
        }
    }
}
