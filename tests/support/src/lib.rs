//! The fixture of the promise tests.
//!
//! [`each`] runs a test on a runtime of 1, 2, 4 and 8 workers, each with pinned tasks (the default)
//! and with migrating ones. After each case the runtime is shut down, and nothing may be left: no
//! task, no stack, no thread, no descriptor, no slab of stacks ([`leaks`]). Cases of one process never
//! overlap, so that these counts are theirs. If a case takes too long the [`watchdog`] says where
//! everybody is and ends the process.
//!
//! Tests synchronize by gates, joins and [`until`], which looks at a condition again and again; a
//! sleep is only ever what is tested.
//!
//! Faults are real: [`seccomp`] makes system calls fail or last, [`stop`] lets one thread stand
//! still, [`limits`] takes threads away. [`threads`] and [`figures`] measure. [`deadlocks`] waits for one, [`told`] counts what a
//! hosted VM is told.

pub mod busy;
mod case;
pub mod child;
pub mod deadlocks;
pub mod drops;
pub mod events;
pub mod fibers;
pub mod figures;
pub mod forks;
pub mod gauge;
pub mod leaks;
pub mod limits;
pub mod memory;
pub mod mixture;
pub mod seccomp;
pub mod stop;
pub mod threads;
pub mod told;
mod watchdog;

pub use case::{Case, MODES, Mode, Running, WORKERS, each, each_of, each_setting, exclusively};

use std::time::{Duration, Instant};

/// How long [`until`] looks.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at a condition until it holds, on a thread of the test's own.
///
/// # Panics
/// If it does not hold within 30 seconds: then `what` says what was waited for.
#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(PATIENCE, what, condition);
}

/// The same, for so long at most.
///
/// # Panics
/// If it does not hold by then.
#[track_caller]
pub fn until_within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < end, "waited too long until {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// The text of a panic's payload.
///
/// # Panics
/// If the payload is no text.
#[must_use]
#[track_caller]
pub fn text_of(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            payload.downcast_ref::<&'static str>().expect("a payload that is text").to_string()
        }
    }
}

/// The text with which `f` panics.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        Ok(_) => panic!("expected a panic"),
        Err(payload) => text_of(payload),
    }
}
