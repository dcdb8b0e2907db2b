//! Pinned tasks do not wait for a blocked native call of another task on their thread: a call that may
//! be made elsewhere is.

use sortie::native::{self, Target};
use sortie_test::fibers::Fibers;
use sortie_test::figures::{at_least, short_or_soak};
use sortie_test::{Case, Mode, exclusively};
use std::time::Duration;

static USLEEP: Target = Target::named("usleep");

const TASKS: usize = 10_000;

/// Of what they do without native calls the tasks do at least this many percent beside them.
const PROMISE: u64 = 95;

#[test]
fn they_get_as_much_done() {
    for &workers in short_or_soak(&[2][..], &[1, 2, 4, 8]) {
        exclusively(&Case::new(workers, Mode::Pinned), |case| {
            let runtime = case.watched(case.runtime());
            let fibers = Fibers::start(&runtime, TASKS, usleep_a_second);
            at_least(PROMISE, || {
                let without = fibers.in_a_second();
                fibers.call_on_each_thread();
                let beside = fibers.in_a_second();
                fibers.await_calls();
                (beside, without)
            });
            fibers.end();
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    }
}

fn usleep_a_second() {
    native::call(&USLEEP, || {
        // SAFETY: has no conditions.
        unsafe { libc::usleep(1_000_000) };
    });
}
