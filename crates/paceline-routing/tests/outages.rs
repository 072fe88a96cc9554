//! A day of outages, seeded: what providers must bear, how soon the dead are left alone, how soon the living are asked again.

#![expect(clippy::expect_used, reason = "a helper of a test may fail like the test")]

mod dice;

use dice::Dice;
use paceline_routing::choose::{Choice, Spot, choose};
use paceline_routing::health::{Sign, Verdict, Why};
use paceline_routing::place::{Fleet, PlaceName, Policy};
use paceline_routing::plan::{Patience, Plan, Target, TargetFacts};
use paceline_routing::retry::Further;
use paceline_types::deployment::Deployment;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DAY_MS: u64 = 24 * 3_600_000;
/// Calls a second in an outage and for a while after it, and in the quiet hours between.
const CROWD_MS: u64 = 1;
const QUIET_MS: u64 = 500;
/// How long after an outage the crowd stays: recovery is what is looked at.
const AFTER_MS: u64 = 10_000;

/// What a place does to who asks it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weather {
    /// Answers in so many ms.
    Fine(u64),
    /// Fails in so many ms.
    Dead(u64),
    /// Fails this share of calls.
    Flaky(f64),
    /// Refuses, and asks to wait so many ms.
    Full(u64),
}

/// An outage of the first place.
#[derive(Clone, Copy, Debug)]
struct Outage {
    from: u64,
    to: u64,
    weather: Weather,
}

/// A day's outages: an hour or so apart, of 2 to 30 seconds.
fn outages(dice: &mut Dice) -> Vec<Outage> {
    let (mut all, mut at) = (Vec::new(), 0);
    loop {
        let from = at + 1_800_000 + dice.below(3_600_000);
        let to = from + 2_000 + dice.below(28_000);
        if to + AFTER_MS > DAY_MS {
            return all;
        }
        let weather = match dice.below(5) {
            0 => Weather::Dead(0),
            1 => Weather::Dead(1 + dice.below(50)),
            2 => Weather::Dead(2_000),
            3 => Weather::Flaky(0.3 + 0.6 * dice.even()),
            _ => Weather::Full(500 + dice.below(20_000)),
        };
        all.push(Outage { from, to, weather });
        at = to;
    }
}

/// One call on its way.
struct Call {
    tried: Vec<Spot>,
    /// Everywhere it was, also before it waited.
    asked: Vec<Spot>,
    /// The first failed, so whatever follows is paid from the budget.
    has_failed: bool,
    here: u32,
    waits: u32,
}

/// What happens at a moment.
enum Event {
    /// The call chooses what is next.
    Next(usize),
    /// Its try ended so.
    Ended(usize, Try, Sign),
}

/// One try.
#[derive(Clone, Copy)]
struct Try {
    spot: Spot,
    began: u64,
    /// At the first place, while its breaker was not closed: to see whether it is back.
    is_probe: bool,
}

struct World {
    plan: Plan,
    policy: Policy,
    began: Instant,
    dice: Dice,
    calls: Vec<Option<Call>>,
    free: Vec<usize>,
    /// What comes, by its time and in the order in which it was planned.
    due: BTreeMap<(u64, u64), Event>,
    order: u64,
    /// In the present outage: calls that came, tries at the first place, and calls that failed.
    came: u64,
    asked: u64,
    failed: u64,
    /// Tries under way at the first place, and tries there while a gate was closed.
    inside: u64,
    gate_until: u64,
    early: u64,
    /// It is left alone now; tries there until it first was, and while it was.
    is_left_alone: bool,
    until_open: Option<u64>,
    while_open: u64,
    /// Probes under way, and the most there were at once.
    probes: u64,
    most_probes: u64,
    /// Of each second of the outage: calls, and tries at the first place.
    seconds: BTreeMap<u64, (u64, u64)>,
}

impl World {
    fn new(places: usize, seed: u64) -> Self {
        let began = Instant::now();
        let fleet = Fleet::new(began);
        let target = |at: usize| {
            let provider: Arc<str> = format!("p{at}").into();
            let place = fleet.place(PlaceName { provider: Arc::clone(&provider), key: 0, model: "m".into() });
            let deployment = Deployment {
                name: format!("p{at}/m").into(),
                provider,
                model: "m".into(),
                upstream_model: "m".into(),
                region: None,
            };
            let facts = TargetFacts {
                provider: at,
                deployment: Arc::new(deployment),
                patience: Patience::even(Duration::from_mins(1)),
                price: None,
                places: vec![place],
                weight: 1,
            };
            Target::new(0, facts)
        };
        Self {
            plan: Plan { targets: (0..places).map(target).collect(), ..Plan::default() },
            policy: Policy::default(),
            began,
            dice: Dice(seed),
            calls: Vec::new(),
            free: Vec::new(),
            due: BTreeMap::new(),
            order: 0,
            came: 0,
            asked: 0,
            failed: 0,
            inside: 0,
            gate_until: 0,
            early: 0,
            is_left_alone: false,
            until_open: None,
            while_open: 0,
            probes: 0,
            most_probes: 0,
            seconds: BTreeMap::new(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.began + Duration::from_millis(ms)
    }

    fn plan_event(&mut self, ms: u64, event: Event) {
        self.order += 1;
        self.due.insert((ms, self.order), event);
    }

    /// A new call comes.
    fn come(&mut self, ms: u64, weather: Weather) {
        let call = Call { tried: Vec::new(), asked: Vec::new(), has_failed: false, here: 0, waits: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                self.calls[id] = Some(call);
                id
            }
            None => {
                self.calls.push(Some(call));
                self.calls.len() - 1
            }
        };
        self.came += 1;
        self.seconds.entry(ms / 1000).or_default().0 += 1;
        self.plan.targets[0].places[0].retries.call(self.at(ms));
        self.next(id, ms, weather);
    }

    fn over(&mut self, id: usize, well: bool) {
        self.failed += u64::from(!well);
        self.calls[id] = None;
        self.free.push(id);
    }

    /// The call goes where it may, waits, or ends.
    fn next(&mut self, id: usize, ms: u64, weather: Weather) {
        let now = self.at(ms);
        let Some(call) = &self.calls[id] else { return };
        let (plan, policy, dice) = (&self.plan, &self.policy, &mut self.dice);
        let choice = choose(plan, &call.tried, None, now, policy, &mut || dice.even());
        let has_failed = call.has_failed;
        let budget = &self.plan.targets[0].places[0].retries;
        match choice {
            Choice::Go(spot) => {
                let is_there_again = call.asked.contains(&spot);
                let further = if is_there_again { Further::Again } else { Further::Elsewhere };
                if has_failed && !budget.take(further, now, &self.policy.retry) {
                    return self.over(id, false);
                }
                self.ask(id, spot, ms, weather);
            }
            Choice::Wait(_, until) => {
                let call = self.calls[id].as_mut().expect("it is under way");
                let wait = until.saturating_duration_since(now);
                if wait > Duration::from_mins(1) || call.waits >= 4 {
                    return self.over(id, false);
                }
                call.waits += 1;
                call.tried.clear();
                self.plan_event(ms + wait.as_millis() as u64 + 1, Event::Next(id));
            }
            Choice::Nothing => {
                let may = budget.allows(Further::Again, now, &self.policy.retry);
                let call = self.calls[id].as_mut().expect("it is under way");
                if call.here >= self.policy.retry.attempts || !may {
                    return self.over(id, false);
                }
                let wait = self.policy.retry.delay(call.here, self.dice.even());
                call.here += 1;
                call.tried.clear();
                self.plan_event(ms + wait.as_millis() as u64, Event::Next(id));
            }
        }
    }

    fn ask(&mut self, id: usize, spot: Spot, ms: u64, weather: Weather) {
        let (sign, took) = match weather {
            _ if spot.target > 0 => (Sign::Well, 5),
            Weather::Fine(took) => (Sign::Well, took),
            Weather::Dead(took) => (Sign::Failed, took),
            Weather::Flaky(share) if self.dice.even() < share => (Sign::Failed, 5),
            Weather::Flaky(_) => (Sign::Well, 5),
            Weather::Full(wait) => (Sign::RateLimited(Some(Duration::from_millis(wait))), 0),
        };
        let is_probe = spot.target == 0 && self.is_left_alone;
        if spot.target == 0 {
            self.asked += 1;
            self.seconds.entry(ms / 1000).or_default().1 += 1;
            self.inside += 1;
            self.early += u64::from(ms < self.gate_until);
            self.while_open += u64::from(is_probe);
            self.probes += u64::from(is_probe);
            self.most_probes = self.most_probes.max(self.probes);
        }
        let call = self.calls[id].as_mut().expect("it is under way");
        call.tried.push(spot);
        call.asked.push(spot);
        self.plan_event(ms + took, Event::Ended(id, Try { spot, began: ms, is_probe }, sign));
    }

    fn ended(
        &mut self,
        id: usize,
        Try { spot, began, is_probe }: Try,
        sign: Sign,
        ms: u64,
        weather: Weather,
    ) {
        let (began, now, chance) = (self.at(began), self.at(ms), self.dice.even());
        self.probes -= u64::from(is_probe);
        spot.place(&self.plan).report_of(began, sign, false, now, chance, &self.policy);
        if spot.target == 0 {
            self.inside -= 1;
            if let Sign::RateLimited(Some(wait)) = sign {
                self.gate_until = self.gate_until.max(ms + wait.as_millis() as u64);
            }
            let verdict = spot.place(&self.plan).health.look(now, &self.policy.health);
            // A gate opens by its time alone, for all at once.
            self.is_left_alone =
                matches!(verdict, Verdict::Closed { why: Why::Failing, .. } | Verdict::Probe);
            if self.is_left_alone {
                self.until_open.get_or_insert(self.asked);
            }
        }
        if sign == Sign::Well {
            return self.over(id, true);
        }
        self.calls[id].as_mut().expect("it is under way").has_failed = true;
        self.next(id, ms, weather);
    }

    /// All that happens up to a moment.
    fn pass(&mut self, until: u64, weather: impl Fn(u64) -> Weather) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((ms, _), event) = entry.remove_entry();
            match event {
                Event::Next(id) => self.next(id, ms, weather(ms)),
                Event::Ended(id, one, sign) => self.ended(id, one, sign, ms, weather(ms)),
            }
        }
    }

    /// What a stretch of time came to, from here on.
    fn count_anew(&mut self) {
        (self.came, self.asked, self.failed, self.early) = (0, 0, 0, 0);
        (self.until_open, self.while_open) = (None, 0);
        self.most_probes = self.probes;
        self.seconds.clear();
    }
}

/// Lives through a day; after each outage and its aftermath `look` sees what it came to.
fn day(places: usize, seed: u64, mut look: impl FnMut(&World, &Outage)) {
    let mut world = World::new(places, seed);
    let outages = outages(&mut world.dice);
    assert!(outages.len() >= 10, "a day worth looking at");
    let (mut ms, mut next) = (0, 0);
    while let Some(outage) = outages.get(next).copied() {
        let weather =
            |at: u64| if (outage.from..outage.to).contains(&at) { outage.weather } else { Weather::Fine(5) };
        world.pass(ms, weather);
        if ms == outage.from {
            world.count_anew();
        }
        world.come(ms, weather(ms));
        let is_crowded = (outage.from..outage.to + AFTER_MS).contains(&ms);
        ms += if is_crowded { CROWD_MS } else { QUIET_MS };
        // The first moment of an outage is not stepped over.
        if !is_crowded && ms > outage.from && ms < outage.to {
            ms = outage.from;
        }
        if ms >= outage.to + AFTER_MS {
            world.pass(ms, weather);
            look(&world, &outage);
            next += 1;
        }
    }
}

/// Further tries at a place that is alone in any ten seconds from an outage's begin on: a fifth of the calls, or the
/// floor. (The few calls of the quiet hour before are counted for its first seconds, too.)
fn assert_a_fifth_more(world: &World, what: &str) {
    for &last in world.seconds.keys() {
        let window = world.seconds.range(last.saturating_sub(9)..=last);
        let (came, asked) = window.fold((0, 0), |(c, a), (_, (came, asked))| (c + came, a + asked));
        let most = came + 100.max(came.div_ceil(5) + 5);
        assert!(asked <= most, "{what}: {asked} tries of {came} calls in ten seconds");
    }
}

#[test]
fn a_dead_place_that_is_alone_gets_a_fifth_more() {
    for seed in 0..2 {
        day(1, seed, |world, outage| {
            let what = format!("seed {seed}, {outage:?}");
            assert_eq!(world.early, 0, "{what}: asked inside the time it asked for");
            // It is never given up: every call but those told to wait gets its try.
            if !matches!(outage.weather, Weather::Full(_)) {
                assert!(world.asked >= world.came, "{what}");
                assert_a_fifth_more(world, &what);
            }
        });
    }
}

#[test]
fn a_dead_place_beside_another_is_left_alone_after_five_failures() {
    for seed in 0..2 {
        day(2, seed, |world, outage| {
            let what = format!("seed {seed}, {outage:?}: {} tries there", world.asked);
            // A second at first, doubled each time: so many probes fit into it.
            let probes = 2 + ((outage.to - outage.from) as f64 / 1000.0 + 1.0).log2().ceil() as u64;
            assert_eq!(world.early, 0, "{what}: asked inside the time it asked for");
            assert!(world.most_probes <= 1, "{what}: {} probes at once", world.most_probes);
            match outage.weather {
                Weather::Dead(0) => {
                    // Five in a row; an answer that was under way breaks a row, and five of them were at most.
                    assert!(
                        world.until_open.is_some_and(|tries| tries <= 10),
                        "{what}: {:?}",
                        world.until_open
                    );
                    assert!(
                        world.while_open <= probes,
                        "{what}: {} while it was left alone",
                        world.while_open
                    );
                    assert_eq!(world.failed, 0, "{what}: the other place answers all");
                }
                // What was under way when the fifth failure was known is all that comes on top.
                Weather::Dead(took) => assert!(world.failed <= took + 5, "{what}, {} failed", world.failed),
                Weather::Flaky(_) | Weather::Full(_) => assert_eq!(world.failed, 0, "{what}"),
                Weather::Fine(_) => {}
            }
        });
    }
}

/// The same, looked at from the dead place alone: who asks it between the first moment of its outage and the last.
#[test]
fn who_is_dead_is_asked_by_one_probe_at_a_time() {
    let mut world = World::new(2, 7);
    let (weather, mut most_inside) = (|_| Weather::Dead(2_000), 0);
    for ms in (0..3_600_000).step_by(20) {
        world.pass(ms, weather);
        world.come(ms, weather(ms));
        // The first calls were under way before anybody knew.
        if ms > 4_200 {
            most_inside = most_inside.max(world.inside);
        }
        if ms == 4_200 {
            world.count_anew();
        }
    }
    assert_eq!(most_inside, 1);
    // An hour of probes, each a minute or so after the one before.
    assert!((40..=75).contains(&world.asked), "{}", world.asked);
    assert_eq!(world.failed, 0);
}
