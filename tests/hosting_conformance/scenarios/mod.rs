//! The scenarios of the reference, by its chapters.

mod aborts;
mod collections;
mod groups;
mod hooks;
mod life_cycle;
mod managers;
mod regions;
mod scheduling;
mod sync;
mod transitions;
mod waits;

use crate::stage::Scenario;

/// How many the reference has.
pub(crate) const TOTAL: u8 = 92;

/// Those that are written.
pub(crate) const SCENARIOS: &[&[Scenario]] = &[
    life_cycle::SCENARIOS,
    transitions::SCENARIOS,
    hooks::SCENARIOS,
    regions::SCENARIOS,
    aborts::SCENARIOS,
    groups::SCENARIOS,
    scheduling::SCENARIOS,
    managers::SCENARIOS,
    collections::SCENARIOS,
    waits::SCENARIOS,
    sync::SCENARIOS,
];

/// A scenario of this file: number, title, and the function that plays it.
macro_rules! scenario {
    ($number:literal, $title:literal, $play:expr $(, setup: $setup:expr)? $(, fibers_only: $only:literal)?) => {
        $crate::stage::Scenario {
            number: $number,
            title: $title,
            fibers_only: false $(|| $only)?,
            setup: {
                #[allow(unused_mut, unused_assignments, reason = "there may be no setup")]
                let mut setup: fn() -> $crate::stage::Setup = $crate::stage::Setup::new;
                $(setup = $setup;)?
                setup
            },
            play: $play,
            expected: include_str!(concat!("../expected/S-", stringify!($number), ".trace")),
        }
    };
}
use scenario;
