//! A router learned from made-up outcomes: it finds what is there, refuses what is not, and comes back from bytes.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail like the test")]

use paceline_router::dice::Dice;
use paceline_router::file;
use paceline_router::learn::train::{Proof, train};
use paceline_router::metrics::{Forecast, Report};
use paceline_router::model::{Model, Room};
use paceline_router::set::{Row, Set};

const SUMS: [&str; 6] = ["apples", "pears", "coins", "books", "trains", "marbles"];
const FACTS: [&str; 6] = ["capital", "river", "king", "painter", "mountain", "battle"];

/// Two tasks: the cheap model knows facts and cannot count; `noise` makes outcomes unrelated to the prompt.
fn made_up(rows: usize, noise: bool) -> Set {
    made_with(5, rows, noise)
}

fn made_with(seed: u64, rows: usize, noise: bool) -> Set {
    let mut dice = Dice::new(seed);
    let mut row = |at: usize| {
        let sums = dice.below(2) == 0;
        let word = if sums { SUMS[dice.below(6)] } else { FACTS[dice.below(6)] };
        let (a, b) = (dice.below(90) + 10, dice.below(90) + 10);
        let prompt = if sums {
            format!("Tom has {a} {word} and buys {b} more {word}. How many {word} has Tom now?")
        } else {
            format!("Which {word} is meant in chapter {a} of the book about the old {word}?")
        };
        let cheap = if noise {
            0.6
        } else if sums {
            0.1
        } else {
            0.9
        };
        let draw = |dice: &mut Dice, chance: f64| f32::from(u8::from(dice.unit() < chance));
        Row {
            id: at.to_string(),
            task: Some(if sums { "sums" } else { "facts" }.to_owned()),
            prompt,
            q: vec![draw(&mut dice, cheap), draw(&mut dice, 0.95)],
            c: vec![1e-5, 1e-3],
            ..Row::default()
        }
    };
    let rows = (0..rows).map(&mut row).collect();
    Set { name: "made-up".into(), models: vec!["cheap".into(), "strong".into()], rows, moved: 0 }
}

fn trained(noise: bool) -> (Set, Model, Proof) {
    let set = made_up(240, noise);
    let (model, proof) = train(&set, 1).unwrap();
    (set, model, proof)
}

#[test]
fn what_is_there_is_found_and_proved() {
    let (_, model, proof) = trained(false);
    assert!(proof.holds() && proof.report.gain.0 > 0.08, "{:?} ± {}", proof.report.gain, proof.error);
    assert!(proof.gain > 3.0 * proof.error, "{} ± {}", proof.gain, proof.error);
    let fresh = made_up(400, false).pick(&(240..400).collect::<Vec<_>>());
    let mut room = Room::default();
    let forecast = |row: &Row, room: &mut Room| {
        let mut out = Forecast::default();
        model.predict(&row.prompt, None, room, &mut out);
        out
    };
    let forecasts: Vec<Forecast> = fresh.rows.iter().map(|row| forecast(row, &mut room)).collect();
    let report = Report::new(&fresh, &forecasts, 20, 1).unwrap();
    assert!(report.gain.0 > 0.05 && report.ece < 0.12, "{:?} {}", report.gain, report.ece);
    let mut out = Forecast::default();
    model.predict("How many coins?", Some("facts"), &mut room, &mut out);
    assert_eq!(model.tasks.iter().zip(&room.shares).find(|task| *task.1 > 0.5).unwrap().0, "facts");
    let told = out.q[0];
    model.predict("How many coins?", None, &mut room, &mut out);
    assert!(told > out.q[0] + 0.1, "the caller's word on the task counts: {told} {:?}", out.q);
}

#[test]
fn what_is_not_there_is_refused() {
    let (_, _, proof) = trained(true);
    assert!(!proof.holds(), "{} ± {}", proof.gain, proof.error);
    assert!(train(&made_up(20, false), 1).unwrap_err().contains("too few"));
}

/// One standard error lets through about one in six; more would say that the proof is flattered.
#[test]
fn noise_seldom_passes() {
    let holds = |seed: &u64| train(&made_with(*seed, 120, true), 1).unwrap().1.holds();
    let passed = (100..130).filter(holds).count();
    assert!(passed <= 7, "{passed} of 30");
}

/// What a log knows of the same: the cheap model is asked, but for a share of the calls, by chance; nobody says which task it is.
fn logged(mut set: Set, seed: u64, explore: f64) -> Set {
    let mut dice = Dice::new(seed);
    for row in &mut set.rows {
        let (asked, chance) = if dice.unit() < explore { (1, explore) } else { (0, 1.0 - explore) };
        (row.unknown, row.chance, row.task) = (3 & !(1 << asked), Some(chance as f32), None);
        (row.q[1 - asked], row.c[1 - asked]) = (0.0, 0.0);
    }
    set
}

#[test]
fn a_log_that_explored_teaches_and_proves() {
    for (rows, explore) in [(600, 0.5), (2500, 0.02)] {
        let set = logged(made_up(rows, false), 7, explore);
        let (model, proof) = train(&set, 1).unwrap();
        let words = format!("{explore}: {} ± {}, {:?}", proof.gain, proof.error, proof.report.gain);
        println!("{words}, ECE {}", proof.report.ece);
        assert!(proof.holds() && proof.gain > 2.0 * proof.error, "{words}");
        assert!(proof.report.line("oracle").is_none(), "nobody knows what was not asked");
        let sums = said(&model, "Tom has 12 coins and buys 34 more coins. How many coins has Tom now?");
        let facts = said(&model, "Which river is meant in chapter 12 of the book about the old river?");
        assert!(sums.q[0] < 0.35 && facts.q[0] > 0.7, "{sums:?} {facts:?}");
        assert!(sums.q[1] > 0.8 && facts.q[1] > 0.8, "{sums:?} {facts:?}");
        assert!((sums.c[1] / sums.c[0] - 100.0).abs() < 5.0, "{sums:?}");
    }
}

#[test]
fn a_log_without_signal_or_chance_is_refused() {
    let passed = (0..24).filter(|&seed| {
        let set = logged(made_with(200 + seed, 400, true), seed, 0.15);
        train(&set, 1).unwrap().1.holds()
    });
    let passed = passed.count();
    println!("{passed} of 24 without a pattern pass");
    assert!(passed <= 6, "{passed} of 24");
    let mut sure = logged(made_up(400, false), 7, 0.3);
    sure.rows.iter_mut().for_each(|row| row.chance = None);
    assert!(train(&sure, 1).unwrap_err().contains("is known of 0 rows whose model was drawn by chance"));
    let few = train(&logged(made_up(400, false), 7, 0.02), 1).unwrap_err();
    assert!(few.contains("strong is known of") && few.contains("20 are needed"), "{few}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_bytes_give_the_same_router() {
    let (set, model, _) = trained(false);
    let bytes = file::write(&model);
    assert_eq!(bytes, file::write(&train(&set, 1).unwrap().0));
    let again = file::read(&bytes).unwrap();
    assert_eq!(bytes, file::write(&again));
    let (mut one, mut two) = (Forecast::default(), Forecast::default());
    for prompt in ["", "How many marbles are there?", "éàü 12 \u{1F600}", &"long ".repeat(2000)] {
        model.predict(prompt, None, &mut Room::default(), &mut one);
        again.predict(prompt, None, &mut Room::default(), &mut two);
        assert_eq!(one, two);
        assert!(one.q.iter().all(|q| (0.0..=1.0).contains(q)) && one.c.iter().all(|&c| c > 0.0));
    }
}

/// What the router says of a prompt: quality and cost at each model.
fn said(model: &Model, prompt: &str) -> Forecast {
    let mut out = Forecast::default();
    model.predict(prompt, None, &mut Room::default(), &mut out);
    out
}

#[test]
fn prompts_unlike_any_of_the_training_fall_back_to_the_models_means() {
    let (set, model, _) = trained(false);
    let (means, costs) = set.means();
    let far = |prompt: &str, most: f64| {
        let out = said(&model, prompt);
        for at in 0..2 {
            let off = (f64::from(out.q[at]) - means[at]).abs();
            assert!(off <= most, "{off} off at model {at}: {prompt:.40}");
            let share = f64::from(out.c[at]) / costs[at];
            assert!((0.05..10.0).contains(&share), "costs {share} of the mean: {prompt:.40}");
        }
    };
    far("", 1e-6);
    far(" \n\t ", 1e-6);
    far("zzz qqq xxx", 0.15);
    far("\u{4f60}\u{597d}\u{ff0c}\u{4e16}\u{754c}\u{ff01}".repeat(40).as_str(), 0.15);
    far(&"\u{0}\u{1}\u{7f}\u{feff}\u{202e}".repeat(100), 0.15);
    far(&"fn main() { let x = vec![0u8; 4096]; }\n".repeat(25_000), 0.15);
    far(&"\u{1f600}".repeat(262_144), 0.15);
}

#[test]
fn further_from_the_training_is_closer_to_the_mean() {
    let (set, model, _) = trained(false);
    let mean = set.means().0[0];
    let known = "Tom has 12 coins and buys 34 more coins. How many coins has Tom now?";
    let off = |strange: usize| {
        let prompt = format!("{known}{}", " \u{3b1}\u{3b2}\u{3b3}\u{3b4}".repeat(strange));
        (f64::from(said(&model, &prompt).q[0]) - mean).abs()
    };
    let steps: Vec<f64> = [0, 20, 60, 200].map(off).into();
    assert!(steps[0] > 0.3 && steps[3] < 0.1, "{steps:?}");
    assert!(steps.windows(2).all(|two| two[1] <= two[0] + 0.02), "{steps:?}");
}

#[test]
fn damaged_and_foreign_bytes_are_refused() {
    let bytes = file::write(&trained(false).1);
    assert!(file::read(b"").is_err() && file::read(b"{\"a\":1}").unwrap_err().contains("no trained router"));
    let mut dice = Dice::new(3);
    for _ in 0..40 {
        let mut broken = bytes.clone();
        let at = dice.below(broken.len());
        broken[at] ^= 1 << dice.below(8);
        assert!(file::read(&broken).is_err(), "bit in byte {at}");
        assert!(file::read(&bytes[..dice.below(bytes.len())]).is_err());
    }
    let mut newer = bytes;
    newer[8] = 9;
    assert!(file::read(&newer).unwrap_err().contains("version 9"));
}
