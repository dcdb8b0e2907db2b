//! What the run has shown: failures, a line for each interface, and the sum.

use crate::scenarios::{SCENARIOS, TOTAL};
use crate::stage::{Mode, Outcome, Scenario};
use crate::trace::{Event, shortest_name};
use sortie::hosting::HResult;
use sortie::hosting::method::{Interface, Method};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

#[derive(Default)]
pub(crate) struct Report {
    /// By number: did it pass in each mode?
    passed: BTreeMap<u8, bool>,
    /// Which interfaces a scenario has called.
    called: BTreeMap<u8, BTreeSet<Interface>>,
    methods: HashSet<Method>,
    results: HashSet<HResult>,
    /// What was returned, by scenario and method.
    returned: HashSet<(HResult, u8, String)>,
    failures: Vec<String>,
    defects: (usize, usize),
}

impl Report {
    pub(crate) fn add(&mut self, scenario: &Scenario, mode: Mode, outcome: Outcome) {
        let passed = self.passed.entry(scenario.number).or_insert(true);
        *passed &= outcome.failure.is_none();
        if let Some(failure) = outcome.failure {
            let name = scenario.name();
            let title = scenario.title;
            self.failures.push(format!("{name} ({mode}), {title}: {failure}\n{}", outcome.text));
        }
        for entry in outcome.trace.entries() {
            if let Event::Call { method, result, .. } = entry.event {
                self.methods.insert(method);
                self.results.insert(result);
                self.returned.insert((result, scenario.number, shortest_name(method)));
                self.called.entry(scenario.number).or_default().insert(method.interface());
            }
        }
    }

    /// Was each result returned for its own reason? What is to be returned where is data (`expected/returned`), which
    /// has a line for every result that there is.
    pub(crate) fn check_returned(&mut self) {
        let mut said = HashSet::new();
        let lines = include_str!("expected/returned").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["elsewhere" | "never", name, _, ..] => {
                    said.insert(name);
                    if self.results.iter().any(|result| result.name() == Some(name)) {
                        self.failures.push(format!("a scenario has returned {name}: {line}"));
                    }
                }
                [name, number, method] => {
                    said.insert(name);
                    let number = number.parse().expect("a scenario");
                    let is_returned = self.returned.iter().any(|(result, scenario, of)| {
                        result.name() == Some(name) && *scenario == number && of == method
                    });
                    if !is_returned {
                        self.failures.push(format!("S-{number:02} has {method} return no {name}"));
                    }
                }
                _ => panic!("no result: {line}"),
            }
        }
        let unsaid = HResult::ALL.iter().filter_map(|result| result.name());
        let unsaid = unsaid.filter(|name| !said.contains(name));
        self.failures.extend(unsaid.map(|name| format!("nothing is said of {name}")));
    }

    /// Is each of the reference's scenarios written?
    pub(crate) fn check_written(&mut self) {
        let written: HashSet<u8> =
            SCENARIOS.iter().copied().flatten().map(|scenario| scenario.number).collect();
        let missing = (1..=TOTAL).filter(|number| !written.contains(number));
        self.failures.extend(missing.map(|number| format!("S-{number:02} is not written")));
    }

    /// A defect was seeded: was it found, and if not, what is missing?
    pub(crate) fn add_defect(&mut self, missed: Option<String>) {
        self.defects.1 += 1;
        match missed {
            None => self.defects.0 += 1,
            Some(missed) => self.failures.push(missed),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for interface in Interface::ALL {
            let methods =
                interface.methods().filter(|method| self.methods.contains(method)).count();
            let of = self.called.iter().filter(|(_, called)| called.contains(interface));
            let of: Vec<_> = of.map(|(number, _)| self.passed[number]).collect();
            writeln!(
                f,
                "{:<24} scenarios {:>2}/{:<2}  methods {:>2}/{}",
                interface.name(),
                of.iter().filter(|passed| **passed).count(),
                of.len(),
                methods,
                interface.methods().len()
            )?;
        }
        let returned = HResult::ALL.iter().filter(|value| self.results.contains(value));
        let returned: Vec<_> = returned.map(|value| format!("{value:?}")).collect();
        writeln!(f, "results returned: {}", returned.join(" "))?;
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        writeln!(f, "defects found: {}/{}", self.defects.0, self.defects.1)?;
        let passed = self.passed.values().filter(|passed| **passed).count();
        writeln!(f, "scenarios: {passed}/{TOTAL}")
    }
}
