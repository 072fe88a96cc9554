//! Reads what callgrind writes: per function its calls, its own instructions, and those with callees included.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result, fail};

/// How the files of one run begin.
pub(crate) const FILE: &str = "callgrind.out.";

/// What one function came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    /// How often it was called.
    pub(crate) calls: f64,
    /// Instructions of its own body, what the compiler inlined into it included.
    pub(crate) own: f64,
    /// Instructions from its start to its return, callees included.
    pub(crate) inclusive: f64,
}

/// All functions of one run, or the difference of two.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Profile {
    /// All instructions.
    pub(crate) total: f64,
    /// By name without hash; functions of the same name (instances of a generic one) count together.
    pub(crate) functions: BTreeMap<String, Cost>,
}

impl Profile {
    /// Reads all callgrind files in `dir`: one per process of the run.
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let mut sum = Self::default();
        let mut found = false;
        for file in files(dir)? {
            let text = fs::read_to_string(&file).context(file.display())?;
            sum.read(&text).context(file.display())?;
            found = true;
        }
        if found && sum.total > 0.0 { Ok(sum) } else { fail("valgrind gave no count") }
    }

    /// What `self` has more than `less`, divided by `calls`.
    pub(crate) fn per_call(mut self, less: &Self, calls: u64) -> Self {
        let calls = calls as f64;
        self.total = (self.total - less.total) / calls;
        for (name, cost) in &mut self.functions {
            let before = less.functions.get(name).copied().unwrap_or_default();
            cost.calls = (cost.calls - before.calls) / calls;
            cost.own = (cost.own - before.own) / calls;
            cost.inclusive = (cost.inclusive - before.inclusive) / calls;
        }
        self
    }

    /// Adds the functions of one file.
    fn read(&mut self, text: &str) -> Result<()> {
        let mut reader = Reader::default();
        for line in text.lines() {
            reader.line(line)?;
        }
        self.total += reader.total as f64;
        for (id, name) in reader.names {
            let cost = reader.costs.remove(&id).unwrap_or_default();
            let sum = self.functions.entry(name).or_default();
            sum.calls += cost.calls;
            sum.own += cost.own;
            sum.inclusive += cost.inclusive;
        }
        Ok(())
    }
}

/// The callgrind files in `dir`.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).context(dir.display())?.flatten();
    let is_ours = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(FILE))
    };
    Ok(entries.map(|entry| entry.path()).filter(is_ours).collect())
}

/// The place in a file. Format: "Callgrind Format Specification" of the Valgrind manual; names are written once and
/// then by their number in brackets.
#[derive(Default)]
struct Reader {
    names: BTreeMap<u64, String>,
    costs: BTreeMap<u64, Cost>,
    /// Columns of a cost line before its count.
    positions: usize,
    function: Option<u64>,
    callee: Option<u64>,
    /// The next cost line is that of a call.
    in_call: bool,
    total: u64,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        if let Some((key, value)) = line.split_once('=') {
            match key {
                "fn" => self.function = Some(self.name(value)?),
                "cfn" => self.callee = Some(self.name(value)?),
                "calls" => {
                    let count = value.split(' ').next().and_then(|count| count.parse::<f64>().ok());
                    let callee = self.callee.context("a call of nothing")?;
                    self.costs.entry(callee).or_default().calls += count.context(line)?;
                    self.in_call = true;
                }
                // Files and objects: a function's name is enough here.
                _ => {}
            }
            return Ok(());
        }
        if let Some((key, value)) = line.split_once(':') {
            match key {
                "positions" => self.positions = value.split_whitespace().count(),
                "summary" | "totals" => {
                    let count = value.split_whitespace().next().and_then(|count| count.parse().ok());
                    self.total = count.context(line)?;
                }
                _ => {}
            }
            return Ok(());
        }
        if line.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '*')) {
            self.cost(line)?;
        }
        Ok(())
    }

    /// `(7) name` the first time, `(7)` afterwards.
    fn name(&mut self, value: &str) -> Result<u64> {
        let rest = value.strip_prefix('(').context(value)?;
        let (id, name) = rest.split_once(')').context(value)?;
        let id = id.parse().context(value)?;
        if let Some(name) = name.strip_prefix(' ') {
            self.names.insert(id, name.to_owned());
        }
        Ok(id)
    }

    fn cost(&mut self, line: &str) -> Result<()> {
        let count: f64 = match line.split_whitespace().nth(self.positions) {
            Some(count) => count.parse().context(line)?,
            None => 0.0,
        };
        let function = self.function.context("a cost of no function")?;
        let is_call = std::mem::take(&mut self.in_call);
        let cost = self.costs.entry(function).or_default();
        if !is_call {
            cost.own += count;
        }
        // What a function spends in calls of itself is in its own instructions already.
        if !is_call || self.callee != Some(function) {
            cost.inclusive += count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# callgrind format\nversion: 1\ndesc: Trigger: Program termination\n\n\
        positions: line\nevents: Ir\nsummary: 175\n\n\nob=(1) /bin/x\nfl=(1) ???\nfn=(1) main\n0 5\n\
        cfn=(2) work::step\ncalls=3 0\n0 120\n+1 10\n\nfn=(2)\n* 60\nfi=(3) other.rs\n-2 20\nfe=(1)\n\
        cfn=(2)\ncalls=1 0\n0 30\ncob=(2) libc\ncfi=(4) malloc.c\ncfn=(3) malloc\ncalls=6 12\n0 40\n\n\
        ob=(2)\nfn=(3)\n12 40\n";

    fn profile(text: &str) -> Profile {
        let mut profile = Profile::default();
        profile.read(text).unwrap();
        profile
    }

    #[test]
    fn own_and_inclusive_instructions_and_calls_are_told_apart() {
        let profile = profile(SMALL);
        let cost = |name: &str| profile.functions[name];
        assert!((profile.total - 175.0).abs() < 1e-9);
        assert_eq!(cost("main"), Cost { calls: 0.0, own: 15.0, inclusive: 135.0 });
        assert_eq!(cost("work::step"), Cost { calls: 4.0, own: 80.0, inclusive: 120.0 });
        assert_eq!(cost("malloc"), Cost { calls: 6.0, own: 40.0, inclusive: 40.0 });
    }

    #[test]
    fn the_difference_of_two_runs_is_per_call() {
        let more = SMALL.replace("summary: 175", "summary: 575").replace("12 40\n", "12 440\n");
        let difference = profile(&more).per_call(&profile(SMALL), 4);
        assert!((difference.total - 100.0).abs() < 1e-9);
        let malloc = difference.functions["malloc"];
        assert_eq!(malloc, Cost { calls: 0.0, own: 100.0, inclusive: 100.0 });
        assert_eq!(difference.functions["main"], Cost::default());
    }

    #[test]
    fn what_is_no_callgrind_file_is_an_error() {
        for bad in ["positions: line\n1 2\n", "fn=main\n", "positions: line\ncalls=1 0\n", "summary: x\n"] {
            assert!(Profile::default().read(bad).is_err(), "{bad:?}");
        }
    }
}
