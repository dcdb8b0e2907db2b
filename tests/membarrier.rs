//! Where the kernel refuses membarrier, from the start or some time later, or is slow with it, all
//! that works elsewhere works.

use sortie_test::figures::short_or_soak;
use sortie_test::seccomp::{self, Answer};
use sortie_test::{Case, Mode, Running, child, each_of, exclusively, mixture, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CALLS: [libc::c_long; 1] = [libc::SYS_membarrier];

/// How long a membarrier takes then; 20 us are usual.
const SLOW: Duration = Duration::from_millis(5);

/// Several rounds of everything, and a rest after each, in which the monitor goes to sleep.
fn rounds(runtime: &Running<'_>) {
    for round in 0..short_or_soak(3, 500) {
        mixture::join(mixture::spawn(&runtime.handle(), round, 48));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn refused_from_the_start() {
    child::each("refused_from_the_start", &["EPERM", "ENOSYS"], |errno| {
        seccomp::refuse(&CALLS, if errno == "EPERM" { libc::EPERM } else { libc::ENOSYS });
        each_of(&[1, 2, 4], &[Mode::Pinned, Mode::Migrating], rounds);
    });
}

/// A filter is for good, so each case has a process of its own.
#[test]
fn refused_later() {
    child::each("refused_later", &["1", "2", "8"], |workers| {
        let case = Case::new(workers.parse().unwrap(), Mode::Pinned);
        exclusively(&case, |case| {
            let runtime = case.watched(case.runtime());
            let tasks = mixture::spawn(&runtime.handle(), 0, short_or_soak(200, 20_000));
            until("some have ended", || runtime.snapshot().tasks_finished > 20);
            seccomp::refuse(&CALLS, libc::EPERM);
            mixture::join(tasks);
            for round in 0..3 {
                mixture::join(mixture::spawn(&runtime.handle(), round, 48));
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    });
}

#[test]
fn slow() {
    child::each("slow", &["all"], |_| {
        let calls = Arc::new(AtomicU64::new(0));
        let counter = calls.clone();
        seccomp::supervise(&CALLS, move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(SLOW);
            Answer::Continue
        });
        each_of(&[1, 2, 4], &[Mode::Pinned, Mode::Migrating], |runtime| {
            let (start, before) = (Instant::now(), calls.load(Ordering::SeqCst));
            rounds(runtime);
            let calls = calls.load(Ordering::SeqCst) - before;
            println!("  {calls} slow membarriers in {:?}", start.elapsed());
        });
        assert!(calls.load(Ordering::SeqCst) > 0, "the filter met no membarrier");
    });
}

/// By the environment, as where the kernel is known to be at fault; and asked for while nobody else is there, as it takes
/// milliseconds once threads run.
#[test]
fn forced_and_registered_before_the_first_thread() {
    child::each(
        "forced_and_registered_before_the_first_thread",
        &["quick", "slow", "missing"],
        |how| {
            let (calls, threads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let (counter, at_first) = (calls.clone(), threads.clone());
            seccomp::supervise(&CALLS, move |_| {
                if counter.fetch_add(1, Ordering::SeqCst) == 0 {
                    // The runtimes of the fixture are named so.
                    at_first
                        .store(sortie_test::threads::named("st").len() as u64, Ordering::SeqCst);
                }
                Answer::Continue
            });
            // SAFETY: nobody reads the environment meanwhile: the test's runner waits, and the supervisor does not.
            unsafe { std::env::set_var("SORTIE_MEMBARRIER", how) };
            each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], rounds);
            assert_eq!(threads.load(Ordering::SeqCst), 0, "threads were there already");
            let calls = calls.load(Ordering::SeqCst);
            println!("  {how}: {calls} membarriers");
            assert!(if how == "missing" { calls == 1 } else { calls > 1 }, "{calls} membarriers");
        },
    );
}
