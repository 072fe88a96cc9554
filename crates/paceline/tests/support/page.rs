//! The Prometheus page, read back.

use std::collections::BTreeMap;

/// Samples by name and labels.
pub(crate) struct Page {
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Page {
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        Self { samples: lines.map(sample).collect() }
    }

    /// The sum of all samples of that name whose labels are as wanted.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let fits = |found: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| found.get(*label).is_some_and(|other| other == value))
        };
        let found: Vec<f64> = self
            .samples
            .iter()
            .filter(|(n, l, _)| n == name && fits(l))
            .map(|(_, _, value)| *value)
            .collect();
        whole(found.iter().sum())
    }

    /// The only sample of that name.
    pub(crate) fn one(&self, name: &str) -> u64 {
        let mut found = self.samples.iter().filter(|(other, _, _)| other == name);
        let value = found.next().unwrap_or_else(|| panic!("there is no {name}")).2;
        assert!(found.next().is_none(), "{name} is there twice");
        whole(value)
    }
}

fn whole(value: f64) -> u64 {
    assert!(value >= 0.0 && value.fract() == 0.0, "{value} is no count");
    value as u64
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (what, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let (name, labels) = what.split_once('{').unwrap_or((what, ""));
    let labels = labels.trim_end_matches('}').split("\",").filter(|part| !part.is_empty()).map(|part| {
        let (label, text) = part.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        (label.to_owned(), text.trim_end_matches('"').to_owned())
    });
    (name.to_owned(), labels.collect(), value)
}
