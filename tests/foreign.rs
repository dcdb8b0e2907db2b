//! Threads that are not the runtime's run managed code through a handle, and leave nothing behind.

use sortie::native::{self, Target};
use sortie::task;
use sortie::transition::{self, Layer, TransitionError, reverse_leave};
use sortie_test::figures::short_or_soak;
use sortie_test::{Mode, each, each_of, each_setting, until};
use std::time::Duration;

static NANOSLEEP: Target = Target::named("natives_nanosleep");

/// All that managed code may do.
fn work() -> u64 {
    assert!(task::current().is_some());
    let task = sortie::spawn(|| {
        sortie::yield_now();
        40
    });
    sortie::yield_now();
    sortie::sleep(Duration::from_micros(50));
    native::call(&NANOSLEEP, || sortie_natives::nanosleep(20_000));
    task.join().unwrap() + 2
}

#[test]
fn a_thread_enters_works_and_leaves_again_and_again() {
    each(|runtime| {
        let handle = runtime.handle();
        std::thread::spawn(move || {
            let mut last = None;
            for _ in 0..10 {
                handle.reverse_enter().unwrap();
                assert_eq!(transition::layers(), [Layer::NativeBase, Layer::Managed]);
                assert_eq!(work(), 42);
                let task = task::current();
                assert!(last.is_none() || last == task, "it stays attached");
                last = task;
                reverse_leave().unwrap();
                assert_eq!(transition::layers(), [Layer::NativeBase]);
            }
        })
        .join()
        .unwrap();
    });
}

#[test]
fn two_hundred_threads_at_once() {
    each_of(&[1, 4], &[Mode::Pinned, Mode::Migrating], |runtime| {
        let handle = runtime.handle();
        let start = std::sync::Barrier::new(200);
        std::thread::scope(|scope| {
            for _ in 0..200 {
                scope.spawn(|| {
                    start.wait();
                    handle.reverse_enter().unwrap();
                    assert_eq!(work(), 42);
                    reverse_leave().unwrap();
                });
            }
        });
    });
}

/// Abuse test 27: threads come, call once, and go.
#[test]
fn thousands_of_threads_leave_nothing() {
    each_of(&[2], &[Mode::Pinned], |runtime| {
        let threads = short_or_soak(400, 10_000);
        let handle = runtime.handle();
        let visit = || {
            handle.reverse_enter().unwrap();
            assert_eq!(sortie::spawn(|| 42).join().unwrap(), 42);
            reverse_leave().unwrap();
        };
        for _ in 0..threads / 50 {
            std::thread::scope(|scope| (0..50).for_each(|_| drop(scope.spawn(visit))));
        }
        // A visit takes no carrier's thread: there are those that the workers have, and spares.
        let snapshot = runtime.snapshot();
        println!("{threads} threads: {} carriers", snapshot.carriers);
        assert!(snapshot.carriers < 60, "{snapshot:?}");
        // Who joins a task may be told of its end before it is counted.
        until("no task is left", || runtime.snapshot().tasks_live() == 0);
    });
}

#[test]
fn managed_and_native_code_nest() {
    each(|runtime| {
        let handle = runtime.handle();
        std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            let answer = native::call_here(&NANOSLEEP, || {
                // In native code of this runtime: its handle is the raw transition.
                handle.reverse_enter().unwrap();
                assert_eq!(transition::layers().len(), 4);
                let answer = work();
                reverse_leave().unwrap();
                answer + native::callback(0, work)
            });
            assert_eq!(answer, 84);
            reverse_leave().unwrap();
        })
        .join()
        .unwrap();
    });
}

#[test]
fn a_thread_that_ends_inside_takes_no_worker_with_it() {
    each(|runtime| {
        for _ in 0..2 * runtime.case.workers {
            let handle = runtime.handle();
            std::thread::spawn(move || handle.reverse_enter().unwrap()).join().unwrap();
        }
        assert_eq!(runtime.run(work), 42);
    });
}

/// Abuse test 28: a thread of C enters, works, makes a native call that calls back, and so on, and ends in the midst of it.
#[test]
fn a_thread_that_exits_in_managed_code_takes_no_worker_with_it() {
    each(|runtime| {
        for _ in 0..2 * runtime.case.workers {
            let handle = runtime.handle();
            let answer = sortie_natives::with_callback_on_thread_that_exits(move |_| {
                handle.reverse_enter().unwrap();
                let answer = work();
                transition::leave(libc::getpid as *const () as usize).unwrap();
                transition::reverse_enter().unwrap();
                answer as i32 + transition::layers().len() as i32
            });
            assert_eq!(answer, 42 + 4);
        }
        assert_eq!(runtime.run(work), 42);
    });
}

#[test]
fn a_panic_in_managed_code_of_a_thread_is_the_threads() {
    each(|runtime| {
        let handle = runtime.handle();
        let thread = std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            panic!("on a foreign thread");
        });
        assert!(thread.join().is_err());
        assert_eq!(runtime.run(work), 42);
    });
}

/// A callback's panic is kept for a native call to which the thread does not return.
#[test]
fn a_kept_panic_whose_drop_panics_ends_with_its_thread() {
    struct Clumsy;
    impl Drop for Clumsy {
        fn drop(&mut self) {
            panic!("a clumsy drop");
        }
    }
    each(|runtime| {
        let handle = runtime.handle();
        let thread = std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            transition::leave(libc::getpid as *const () as usize).unwrap();
            native::callback(7, || std::panic::panic_any(Clumsy))
        });
        assert_eq!(thread.join().unwrap(), 7);
        assert_eq!(runtime.run(work), 42);
    });
}

#[test]
fn after_the_end_threads_are_refused() {
    each_setting(|case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        let (go, went) = std::sync::mpsc::channel::<()>();
        let (send, inside) = std::sync::mpsc::channel();
        let attached = {
            let handle = handle.clone();
            std::thread::spawn(move || {
                handle.reverse_enter().unwrap();
                reverse_leave().unwrap();
                send.send(()).unwrap();
                went.recv().unwrap();
                // Attached to a runtime that has ended.
                assert_eq!(handle.reverse_enter(), Err(TransitionError::ShutDown));
            })
        };
        inside.recv().unwrap();
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        go.send(()).unwrap();
        attached.join().unwrap();
        assert_eq!(handle.reverse_enter(), Err(TransitionError::ShutDown));
    });
}

#[test]
fn who_is_inside_at_the_end_is_waited_for_and_named() {
    each_setting(|case| {
        let runtime = case.runtime();
        let handle = runtime.handle();
        let (go, went) = std::sync::mpsc::channel::<()>();
        let (send, inside) = std::sync::mpsc::channel();
        let visitor = std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            send.send(()).unwrap();
            went.recv().unwrap();
            let _ = reverse_leave();
        });
        inside.recv().unwrap();
        let report = runtime.shutdown(Duration::from_millis(20));
        assert_eq!(report.stragglers().len(), 1, "{report}");
        go.send(()).unwrap();
        visitor.join().unwrap();
    });
}

#[test]
fn a_thread_goes_from_one_runtime_to_the_next_and_ends_each() {
    each_setting(|case| {
        for _ in 0..3 {
            let runtime = case.runtime();
            runtime.handle().reverse_enter().unwrap();
            assert_eq!(work(), 42);
            reverse_leave().unwrap();
            // Outside again: this is no task of the runtime's, so the end is waited for.
            let report = runtime.shutdown(Duration::from_secs(10));
            assert!(!report.is_pending());
            assert!(report.is_clean(), "{report}");
        }
    });
}

#[test]
fn managed_code_of_a_runtime_is_refused_by_another() {
    each(|runtime| {
        let other = sortie::Runtime::builder().workers(1).build().unwrap();
        let handle = other.handle();
        let refused = runtime.run(move || handle.reverse_enter());
        assert!(refused.is_err(), "a task of one runtime is no foreign thread of another");
        drop(other);
    });
}
