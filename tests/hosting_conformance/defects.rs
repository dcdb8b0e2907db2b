//! Defects that are made on purpose: each leaves one effect out, and the scenario that is about it must fail.

use crate::report::Report;
use crate::scenarios::SCENARIOS;
use crate::stage::Mode;
use sortie::hosting::Defect;

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
        let outcome = crate::stage::run(scenario, Mode::Fibers, Some(defect));
        let missed = outcome
            .failure
            .is_none()
            .then(|| format!("{} has passed with the defect {defect:?}", scenario.name()));
        report.add_defect(missed);
    }
    std::panic::set_hook(hook);
}
