//! Gain over no-look that nothing flatters: what a curve is made of is chosen on other rows than those that judge it.
//!
//! A convex hull over judged rows picks the best of many chances, of a router with its hundred prices more than of a few
//! single models; on outcomes without any pattern it finds a gain. Here the prices at which a router is used, the models
//! that are mixed without looking, and the anchors are chosen on all folds but one, and judged on that one.

use super::Forecast;
use super::curve::{Anchors, Point, aiq, hull, reachable};
use super::report::Sweep;
use crate::set::Set;

/// How much AIQ a later candidate must be ahead of an earlier one to be taken.
pub const MARGIN: f64 = 0.001;

/// AIQ of the router and of no-look on one fold, by choices made on the others.
pub type Judged = (f64, f64);

/// Judges each fold by what its own candidate says. `candidates` are of each fold several forecasts of all rows; none
/// may come from a fit that has seen that fold, for a choice made by them would know it. The candidate that did best on
/// the other folds is used, of near equals the first.
pub fn judge(set: &Set, candidates: &[Vec<Vec<Forecast>>], folds: &[Vec<usize>]) -> Vec<Judged> {
    let singles = Sweep::singles(set);
    let all: Vec<Point> = singles.points(&vec![1.0; set.rows.len()]).into_iter().flatten().collect();
    let span = Anchors::of(&all).map_or(0.0, |anchors| anchors.span());
    let sweep = |forecasts: &Vec<Forecast>| Sweep::new(set, span, |at| (&forecasts[at].q, &forecasts[at].c));
    let fold = |(rows, candidates): (&Vec<usize>, &Vec<Vec<Forecast>>)| {
        let sweeps: Vec<Sweep> = candidates.iter().map(sweep).collect();
        let mut judging = vec![0.0; set.rows.len()];
        for &at in rows {
            judging[at] = 1.0;
        }
        let choosing: Vec<f32> = judging.iter().map(|weight| 1.0 - weight).collect();
        one(&sweeps, &singles, &choosing, &judging)
    };
    folds.iter().zip(candidates).filter_map(fold).collect()
}

fn one(sweeps: &[Sweep], singles: &Sweep, choosing: &[f32], judging: &[f32]) -> Option<Judged> {
    let known = singles.points(choosing);
    let anchors = Anchors::of(&flat(&known))?;
    let found: Vec<Vec<Option<Point>>> = sweeps.iter().map(|sweep| sweep.points(choosing)).collect();
    let height = |points: &Vec<Option<Point>>| aiq(&reachable(&flat(points), &anchors), &anchors);
    let best = (0..found.len()).reduce(|a, b| {
        let better = height(&found[b]) > height(&found[a]) + MARGIN;
        if better { b } else { a }
    })?;
    let seen = singles.points(judging);
    let at = |point: Point| known.iter().position(|one| *one == Some(point));
    let judged = Anchors { cheap: seen[at(anchors.cheap)?]?, strong: seen[at(anchors.strong)?]? };
    let router = held(&found[best], &sweeps[best].points(judging), &judged);
    let no_look = held(&known, &seen, &judged);
    Some((aiq(&router, &judged), aiq(&no_look, &judged)))
}

/// Those that are known.
fn flat(points: &[Option<Point>]) -> Vec<Point> {
    points.iter().flatten().copied().collect()
}

/// The points that were the hull where they were chosen, as they are where they are judged, by their cost there.
fn held(chosen: &[Option<Point>], judged: &[Option<Point>], anchors: &Anchors) -> Vec<Point> {
    let corners = hull(&flat(chosen));
    let is_corner = |at: &usize| chosen[*at].is_some_and(|point| corners.contains(&point));
    let mut held: Vec<Point> = (0..chosen.len()).filter(is_corner).filter_map(|at| judged[at]).collect();
    if held.iter().all(|point| point.0 > anchors.cheap.0) {
        held.push(anchors.cheap);
    }
    held.sort_by(|a, b| a.0.total_cmp(&b.0));
    held.dedup_by(|later, earlier| later.0 <= earlier.0);
    held
}

#[cfg(test)]
mod tests {
    use super::{Judged, judge};
    use crate::dice::Dice;
    use crate::metrics::Forecast;
    use crate::set::{Row, Set};

    fn folds(rows: usize) -> Vec<Vec<usize>> {
        (0..5).map(|fold| (fold..rows).step_by(5).collect()).collect()
    }

    /// Two models of different cost whose outcomes are chance; what is said of them, too, or the truth.
    fn set(rows: usize, dice: &mut Dice) -> (Set, Vec<Forecast>, Vec<Forecast>) {
        let mut one = |at: usize| Row {
            id: at.to_string(),
            q: [0.6, 0.7].map(|chance| f32::from(u8::from(dice.unit() < chance))).to_vec(),
            c: vec![1.0, 10.0],
            ..Row::default()
        };
        let rows: Vec<Row> = (0..rows).map(&mut one).collect();
        let truth = rows.iter().map(|row| Forecast { q: row.q.clone(), c: row.c.clone() }).collect();
        let guess = rows
            .iter()
            .map(|row| Forecast { q: vec![dice.unit() as f32, dice.unit() as f32], c: row.c.clone() })
            .collect();
        (Set { name: "s".into(), models: vec!["a".into(), "b".into()], rows, moved: 0 }, truth, guess)
    }

    #[test]
    fn who_knows_gains_and_who_guesses_does_not() {
        let mut dice = Dice::new(3);
        let (mut known, mut guessed) = (0.0, 0.0);
        for _ in 0..40 {
            let (set, truth, guess) = set(200, &mut dice);
            let gain = |found: Vec<Judged>| {
                found.iter().map(|(router, no_look)| router - no_look).sum::<f64>() / found.len() as f64
            };
            known += gain(judge(&set, &vec![vec![truth]; 5], &folds(200))) / 40.0;
            guessed += gain(judge(&set, &vec![vec![guess]; 5], &folds(200))) / 40.0;
        }
        assert!(known > 0.1, "{known}");
        assert!(guessed < 0.005, "{guessed}");
    }

    #[test]
    fn the_candidate_is_chosen_where_it_is_not_judged() {
        let (set, truth, guess) = set(200, &mut Dice::new(9));
        let known = judge(&set, &vec![vec![truth.clone()]; 5], &folds(200));
        assert_eq!(judge(&set, &vec![vec![guess.clone(), truth.clone()]; 5], &folds(200)), known);
        let mut mistaken = truth;
        for at in (0..200).step_by(5) {
            mistaken[at] = guess[at].clone();
        }
        let mixed = judge(&set, &vec![vec![guess, mistaken]; 5], &folds(200));
        assert!(mixed[0].0 < known[0].0 && mixed[1..] == known[1..], "{mixed:?} {known:?}");
    }
}
