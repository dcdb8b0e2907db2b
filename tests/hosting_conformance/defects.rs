//! Defects that are made on purpose: each leaves one effect out, and the scenario that is about it must fail.
//!
//! It is played without the defect first, and must pass. That also tells how long it takes: whoever waits ten times as long
//! for what the defect has left out will wait for ever.

use crate::report::Report;
use crate::scenarios::SCENARIOS;
use crate::stage::{Mode, Seed, run as play};
use sortie::hosting::Defect;
use std::time::{Duration, Instant};

/// The defects that can be made, and the scenario that must find each.
const FOUND_BY: &[(Defect, u8)] = &[
    (Defect::EnterUnchecked, 28),
    (Defect::RenewalUncounted, 43),
    (Defect::SwitchOutMissing, 16),
    (Defect::ExitTaskMissing, 20),
    (Defect::RepeatedStartIsFine, 7),
    (Defect::DelayIgnored, 74),
    (Defect::TimeoutUntold, 79),
    (Defect::WorldNotStopped, 45),
    (Defect::HurryIgnored, 84),
    (Defect::AlertForgotten, 55),
    (Defect::SignalLost, 59),
];

/// What takes no time is given so much of it.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// Seeds each. In builds that have no defects (without debug assertions) there is nothing to do.
pub(crate) fn run(report: &mut Report) {
    if !cfg!(debug_assertions) {
        return;
    }
    // A scenario that fails as it should need not say so.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    for &(defect, number) in FOUND_BY {
        let mut scenarios = SCENARIOS.iter().copied().flatten();
        let scenario = scenarios.find(|scenario| scenario.number == number);
        let scenario = scenario.expect("a defect names a scenario that is written");
        let begun = Instant::now();
        let without = play(scenario, Mode::Fibers, None).failure;
        let patience = (begun.elapsed() * 10).max(LEAST_PATIENCE);
        let with = play(scenario, Mode::Fibers, Some(Seed { defect, patience })).failure;
        let name = scenario.name();
        report.add_defect(match (without, with) {
            (Some(failure), _) => Some(format!("{name} without the defect {defect:?}: {failure}")),
            (None, None) => Some(format!("{name} has passed with the defect {defect:?}")),
            (None, Some(_)) => None,
        });
    }
    std::panic::set_hook(hook);
}
