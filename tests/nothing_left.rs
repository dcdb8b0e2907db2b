//! After its end nothing of a runtime is left, however often that is done.

use sortie::native::{self, Target};
use sortie_test::figures::short_or_soak;
use sortie_test::memory::Memory;
use sortie_test::{MODES, Mode, WORKERS, each_of, each_setting, leaks, until};
use std::time::Duration;

static NANOSLEEP: Target = Target::named("natives_nanosleep");

/// Bytes that are allocated now, but for what the deques' collector has yet to free: an ended thread
/// leaves it its garbage, two kilobytes and more, until another thread collects.
fn heap() -> usize {
    (0..1024).for_each(|_| crossbeam_epoch::pin().flush());
    // SAFETY: only reads the allocator's counts.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

#[test]
fn after_two_hundred_starts_and_ends() {
    each_setting(|case| {
        let round = || {
            let runtime = case.runtime();
            let tasks: Vec<_> = (0..10)
                .map(|n| {
                    runtime.spawn(move || {
                        sortie::yield_now();
                        if n % 5 == 0 {
                            native::call(&NANOSLEEP, || sortie_natives::nanosleep(20_000));
                        }
                        sortie::spawn(sortie::yield_now).join().unwrap();
                        n
                    })
                })
                .collect();
            drop(runtime.spawn(|| sortie::sleep(Duration::MAX)));
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.join().unwrap(), n);
            }
            runtime.run(|| {
                // All but the first run on top of who joins that, and end in a way of their own.
                let tasks: Vec<_> = (0..10).map(|n| sortie::spawn(move || n)).collect();
                for (n, task) in tasks.into_iter().enumerate() {
                    match n {
                        5 => drop(task),
                        n => assert_eq!(task.join().unwrap(), n),
                    }
                }
            });
            let report = runtime.shutdown(Duration::from_secs(10));
            assert!(report.is_clean(), "{report}");
            until("the threads are gone", || leaks::threads(&case.thread_name).is_empty());
        };
        (0..10).for_each(|_| round());
        // More than two hundred over all cases. The allocator's and the threads' caches settle at some
        // time or other; what is leaked is more in each window, and a runtime is more than 2 KiB.
        let least = (0..4).map(|_| {
            let before = heap();
            (0..8).for_each(|_| round());
            heap().saturating_sub(before)
        });
        let least = least.min().expect("four windows");
        assert!(least < 16 << 10, "{least} bytes more are allocated after each 8 rounds");
    });
}

/// Abuse test 40: the process has as many descriptors, threads and mappings as after the first of them.
#[test]
fn after_ten_thousand_starts_and_ends() {
    each_of(&[1], &[Mode::Pinned], |_| {
        let case = sortie_test::Case::new(2, Mode::Migrating);
        let round = || {
            let runtime = case.runtime();
            runtime.run(|| sortie::spawn(sortie::yield_now).join().unwrap());
            drop(runtime);
            until("the threads are gone", || leaks::threads(&case.thread_name).is_empty());
        };
        (0..20).for_each(|_| round());
        let before = (leaks::Inventory::take(&case.thread_name), Memory::now());
        let rounds = short_or_soak(100, 10_000);
        (0..rounds).for_each(|_| round());
        before.0.check_nothing_left();
        let now = Memory::now();
        println!("{rounds} runtimes: {} mappings, before {}", now.mappings, before.1.mappings);
        // Thread stacks and arenas that the C library keeps.
        assert!(now.mappings <= before.1.mappings + 16, "{now:?}, before {:?}", before.1);
    });
}

/// The check itself sees what it is there for.
#[test]
fn while_a_runtime_lives_the_checks_see_it() {
    each_of(&WORKERS, &MODES, |runtime| {
        let before = leaks::slabs();
        let (send, inside) = std::sync::mpsc::channel();
        drop(runtime.spawn(move || {
            send.send(()).unwrap();
            sortie::sleep(Duration::MAX);
        }));
        inside.recv().unwrap();
        let is_there = leaks::slabs() >= before && leaks::slabs() > 0;
        assert!(is_there || !leaks::slabs_are_told());
        // Its workers' carriers and its monitor; a new thread has its name a moment later.
        until("all threads are there", || {
            leaks::threads(&runtime.case.thread_name).len() > runtime.case.workers
        });
    });
}
