//! Nothing switches while a thread panics: destructors that wait do so in place.

use sortie::native::{self, Target};
use sortie_test::drops::Drops;
use sortie_test::{each, each_setting};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

static NATIVE: Target = Target::named("native code");

/// Waits in every way when it is dropped.
struct Waits(Arc<AtomicUsize>);

impl Drop for Waits {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        let thread = std::thread::current().id();
        sortie::yield_now();
        sortie::sleep(Duration::from_micros(300));
        let task = sortie::spawn(|| {
            assert!(!std::thread::panicking(), "the panic is another task's");
            5
        });
        // It does not suspend, so it is never pinned to a carrier that waits like this one.
        assert_eq!(task.join().unwrap(), 5);
        native::call_here(&NATIVE, || sortie_natives::nanosleep(200_000));
        assert_eq!(thread, std::thread::current().id(), "switched while panicking");
        assert!(std::thread::panicking());
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn destructors_wait_in_place_while_their_task_panics() {
    each(|runtime| {
        let waited = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                let waits = Waits(waited.clone());
                runtime.spawn(move || {
                    let _waits = waits;
                    sortie::yield_now();
                    assert!(n == usize::MAX, "as the test wants");
                })
            })
            .collect();
        let bystanders: Vec<_> = (0..16)
            .map(|_| {
                runtime.spawn(|| {
                    for _ in 0..20 {
                        assert!(!std::thread::panicking());
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        for task in tasks {
            assert!(task.join().unwrap_err().is_panic());
        }
        bystanders.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(waited.load(Ordering::SeqCst), 16);
        runtime.run(|| assert!(!std::thread::panicking()));
    });
}

#[test]
fn a_panic_that_is_caught_leaves_the_thread_as_it_was() {
    each(|runtime| {
        let waited = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let waited = waited.clone();
                runtime.spawn(move || {
                    let caught = catch_unwind(AssertUnwindSafe(|| {
                        let _waits = Waits(waited);
                        panic!("as the test wants");
                    }));
                    assert!(caught.is_err());
                    assert!(!std::thread::panicking());
                    sortie::yield_now();
                    sortie::sleep(Duration::from_micros(100));
                    assert!(!std::thread::panicking());
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(waited.load(Ordering::SeqCst), 8);
    });
}

/// The abort of a shutdown unwinds as a panic does, without its message.
#[test]
fn destructors_may_wait_while_their_task_is_aborted() {
    struct Waits(#[expect(dead_code, reason = "counts")] sortie_test::drops::Counted);
    impl Drop for Waits {
        fn drop(&mut self) {
            sortie::yield_now();
            sortie::sleep(Duration::from_micros(300));
            // Refused, as the runtime is shut down.
            assert!(sortie::spawn(|| ()).join().is_err());
            assert!(std::thread::panicking());
        }
    }
    each_setting(|case| {
        let runtime = case.runtime();
        let drops = Drops::new();
        let (send, started) = std::sync::mpsc::channel();
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let waits = Waits(drops.value());
                let send = send.clone();
                runtime.spawn(move || {
                    let _waits = waits;
                    send.send(()).unwrap();
                    sortie::sleep(Duration::MAX);
                })
            })
            .collect();
        started.iter().take(16).for_each(drop);
        let report = runtime.shutdown(Duration::from_secs(10));
        assert!(report.is_clean(), "{report}");
        drops.check();
        for task in tasks {
            let error = task.join().unwrap_err();
            assert!(error.is_aborted(), "{error}");
        }
    });
}
