//! As many blocked native calls as there are workers cost the other tasks nothing.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::fibers::Fibers;
use sortie_test::figures::{at_least, short_or_soak};
use sortie_test::{Case, Mode, exclusively, until};
use std::sync::Arc;
use std::time::Duration;

static USLEEP: Target = Target::named("usleep");
static GATE: Target = Target::named("natives_gate_wait");

const TASKS: usize = 10_000;

/// Of what they do without native calls the tasks do at least this many percent beside them.
const PROMISE: u64 = 95;

/// They may move, so all of them go on with the worker that is left to them at each moment.
#[test]
fn of_tasks_that_may_move_it_stays() {
    for &workers in short_or_soak(&[2][..], &[1, 2, 4, 8]) {
        exclusively(&Case::new(workers, Mode::Migrating), |case| {
            let runtime = case.watched(case.runtime());
            let fibers = Fibers::start(&runtime, TASKS, || ());
            let rate = || {
                let without = fibers.in_a_second();
                let callers: Vec<_> = (0..workers)
                    .map(|_| runtime.spawn(|| native::call(&USLEEP, usleep_a_second)))
                    .collect();
                let beside = fibers.in_a_second();
                callers.into_iter().for_each(|caller| caller.join().unwrap());
                (beside, without)
            };
            at_least(PROMISE, rate);
            fibers.end();
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}

/// They stay where they began, which is not where the calls are.
#[test]
fn of_pinned_tasks_on_other_threads_it_stays() {
    for &workers in short_or_soak(&[2][..], &[1, 2, 4, 8]) {
        exclusively(&Case::new(workers, Mode::Pinned), |case| {
            let runtime = case.watched(case.runtime());
            at_least(PROMISE, || {
                let gate = Arc::new(Gate::new());
                let callers: Vec<_> = (0..workers)
                    .map(|_| {
                        let gate = gate.clone();
                        runtime.spawn(move || native::call_here(&GATE, || gate.wait()))
                    })
                    .collect();
                until("all are inside", || gate.inside() == workers);
                let fibers = Fibers::start(&runtime, TASKS, || ());
                let beside = fibers.in_a_second();
                gate.open();
                callers.into_iter().for_each(|caller| caller.join().unwrap());
                let without = fibers.in_a_second();
                fibers.end();
                (beside, without)
            });
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}

fn usleep_a_second() {
    // SAFETY: has no conditions.
    unsafe { libc::usleep(1_000_000) };
}
