//! Where the kernel refuses clocks that sleeps are asked for by one ahead, timers fire as ever.

use sortie_test::{Case, child, exclusively, seccomp};
use std::time::{Duration, Instant};

const CASES: [&str; 3] = ["1 Pinned", "2 Pinned", "2 Migrating"];

/// So many that keepers rest in step.
const SLEEPS: u64 = 10_000;
const LONGEST_MS: u64 = 100;

#[test]
fn no_clock_is_to_be_had() {
    child::each("no_clock_is_to_be_had", &CASES, |case| {
        seccomp::refuse(&[libc::SYS_timerfd_create], libc::EMFILE);
        sleep(&Case::named(case));
    });
}

#[test]
fn no_clock_can_be_set() {
    child::each("no_clock_can_be_set", &CASES, |case| {
        seccomp::refuse(&[libc::SYS_timerfd_settime], libc::EPERM);
        sleep(&Case::named(case));
    });
}

fn sleep(case: &Case) {
    exclusively(case, |case| {
        let runtime = case.runtime();
        let sleeps = (0..SLEEPS).map(|n| {
            runtime.spawn(move || {
                let duration = Duration::from_millis(1 + n * 7919 % LONGEST_MS);
                let start = Instant::now();
                sortie::sleep(duration);
                start.elapsed().checked_sub(duration).expect("a sleep is not too short")
            })
        });
        let sleeps: Vec<_> = sleeps.collect();
        let mut late: Vec<_> = sleeps.into_iter().map(|task| task.join().unwrap()).collect();
        late.sort_unstable();
        println!("half of them late by {:?}", late[late.len() / 2]);
        drop(runtime);
    });
}
