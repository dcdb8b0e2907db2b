//! A suspension under a `NoSuspend` guard is found where it happens, in debug builds, and nothing is lost
//! by that. In release builds the guard is nothing.

use sortie::native::{self, Policy, Target};
use sortie::task::{self, NoSuspend};
use sortie::transition::{self, Layer};
use sortie_natives::Gate;
#[cfg(debug_assertions)]
use sortie_test::Running;
use sortie_test::{MODES, Mode, each, each_of, until};
use std::cell::RefCell;
#[cfg(debug_assertions)]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static NATIVE: Target = Target::named("natives_gate_wait");
static ONE: Target = Target::named("one").with_policy(Policy::new().max_concurrent(1));

/// In debug builds: `f` panics, and says what would suspend the task, and that this is the guard's line.
/// In release builds it is done.
#[track_caller]
fn refused<R>(what: &str, line: u32, f: impl FnOnce() -> R) {
    if cfg!(debug_assertions) {
        let said = sortie_test::panic_text(f);
        let expected = format!(
            "{what} would suspend the task, under a NoSuspend guard that was made at {}:{line}:",
            file!()
        );
        assert!(said.starts_with(&expected), "said: {said}\nexpected: {expected}");
    } else {
        f();
    }
}

#[test]
fn every_suspension_is_refused_and_names_the_guard() {
    each(|runtime| {
        runtime.run(|| {
            let open = Arc::new(AtomicBool::new(false));
            let (guard, line) = (NoSuspend::new(), line!());
            refused("a yield", line, sortie::yield_now);
            refused("a sleep", line, || sortie::sleep(Duration::from_micros(1)));
            refused("a checkpoint", line, task::checkpoint);
            refused("an offloaded native call", line, || native::offload(&NATIVE, || ()));
            let seen = open.clone();
            let waits = sortie::spawn(move || {
                while !seen.load(Ordering::SeqCst) {
                    sortie::yield_now();
                }
            });
            if cfg!(debug_assertions) {
                refused("a join", line, || waits.join().unwrap());
            }
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
            open.store(true, Ordering::SeqCst);
            drop(guard);
            sortie::yield_now();
            sortie::sleep(Duration::from_micros(1));
            task::checkpoint();
            assert_eq!(native::offload(&NATIVE, || 7), 7);
            assert_eq!(sortie::spawn(|| 7).join().unwrap(), 7);
        });
    });
}

#[test]
fn what_does_not_wait_is_not_refused() {
    each(|runtime| {
        let ended = runtime.spawn(|| 7);
        until("the task has ended", || ended.is_finished());
        runtime.run(|| {
            let _guard = NoSuspend::new();
            assert_eq!(ended.join().unwrap(), 7);
            assert_eq!(native::call(&ONE, || 7), 7);
            drop(sortie::spawn(|| ()));
        });
    });
}

/// A task that waits for a place, and is refused, leaves the line as it was.
#[test]
fn a_limit_counts_as_before() {
    each(|runtime| {
        let gate = Arc::new(Gate::new());
        let inside = gate.clone();
        let first = runtime.spawn(move || native::call(&ONE, || inside.wait()));
        until("the place is taken", || gate.inside() == 1);
        if cfg!(debug_assertions) {
            runtime.run(|| {
                let (_guard, line) = (NoSuspend::new(), line!());
                refused("a wait for a permit", line, || native::call(&ONE, || ()));
            });
        }
        let second = runtime.spawn(|| native::call(&ONE, || 7));
        gate.open();
        first.join().unwrap();
        assert_eq!(second.join().unwrap(), 7);
    });
}

#[test]
fn a_callback_is_refused_before_it_gives_its_worker_away() {
    each(|runtime| {
        runtime.run(|| {
            let sum = native::call_here(&NATIVE, || {
                sortie_natives::with_callback(3, |turn| {
                    native::callback(-100, || {
                        let (_guard, line) = (NoSuspend::new(), line!());
                        refused("a yield", line, sortie::yield_now);
                        refused("a sleep", line, || sortie::sleep(Duration::from_micros(1)));
                        turn
                    })
                })
            });
            assert_eq!(sum, 3);
            sortie::yield_now();
        });
    });
}

/// The task's worker is taken while it is in native code, and is at work for another when it returns.
#[test]
#[cfg(debug_assertions)]
fn a_return_without_the_worker_is_refused_after_the_call() {
    each_of(&[1], &MODES, |runtime| {
        for call in [called, called_raw] {
            let text = (0..100).find_map(|_| return_without_worker(runtime, call));
            let text = text.expect("in one of 100 turns the worker was not back in time");
            assert!(text.contains("the return from a native call"), "{text}");
            assert!(text.contains(file!()), "{text}");
        }
    });
}

#[cfg(debug_assertions)]
fn called(f: &dyn Fn()) {
    native::call_here(&NATIVE, f);
}

#[cfg(debug_assertions)]
fn called_raw(f: &dyn Fn()) {
    transition::leave(Gate::address()).unwrap();
    f();
    transition::enter().unwrap();
}

/// One turn of it: what the task was told, if it was refused.
#[cfg(debug_assertions)]
fn return_without_worker(runtime: &Running<'_>, call: fn(&dyn Fn())) -> Option<String> {
    let gate = Arc::new(Gate::new());
    let (inside, returned) = (gate.clone(), Arc::new(AtomicBool::new(false)));
    let has_returned = returned.clone();
    let task = runtime.spawn(move || {
        let _guard = NoSuspend::new();
        let thread = std::thread::current().id();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            call(&|| {
                inside.wait();
                has_returned.store(true, Ordering::SeqCst);
            });
        }));
        assert_eq!(transition::layers(), [Layer::ManagedBase]);
        // It was not switched away first: there the worker is another thread's.
        assert_eq!(thread, std::thread::current().id());
        outcome.err().map(sortie_test::text_of)
    });
    until("the task is in native code", || gate.inside() == 1);
    let (before, handle) = (runtime.snapshot().reentries, runtime.handle());
    let opens = gate.clone();
    let at_work = runtime.spawn(move || {
        opens.open();
        while handle.snapshot().reentries == before {
            std::hint::spin_loop();
        }
        // Back, and about to look for a worker: it does not find this one idle.
        sortie_natives::burn(2_000_000);
    });
    at_work.join().unwrap();
    let text = task.join().unwrap();
    assert!(returned.load(Ordering::SeqCst), "the call was made to its end");
    text
}

#[test]
fn guards_nest_and_end_in_any_order() {
    each_of(&[2], &MODES, |runtime| {
        runtime.run(|| {
            let (outer, outer_line) = (NoSuspend::new(), line!());
            let (inner, inner_line) = (NoSuspend::new(), line!());
            refused("a yield", inner_line, sortie::yield_now);
            drop(outer);
            refused("a yield", inner_line, sortie::yield_now);
            let (_last, last_line) = (NoSuspend::new(), line!());
            refused("a yield", last_line, sortie::yield_now);
            drop(inner);
            refused("a yield", last_line, sortie::yield_now);
            assert_ne!(outer_line, inner_line);
        });
    });
}

thread_local! {
    static KEPT: RefCell<Option<NoSuspend>> = const { RefCell::new(None) };
}

/// On one worker the two tasks run on one thread.
#[test]
fn a_guard_is_its_tasks_and_not_its_threads() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let line = runtime.run(|| {
            let (guard, line) = (NoSuspend::new(), line!());
            KEPT.with_borrow_mut(|kept| *kept = Some(guard));
            refused("a yield", line, sortie::yield_now);
            line
        });
        runtime.run(move || {
            sortie::yield_now();
            let (guard, own_line) = (NoSuspend::new(), line!());
            // That of the other, which has ended.
            drop(KEPT.take());
            refused("a yield", own_line, sortie::yield_now);
            drop(guard);
            sortie::yield_now();
            assert_ne!(line, own_line);
        });
    });
}

#[test]
fn a_leaked_guard_holds_to_the_end_of_its_task() {
    each(|runtime| {
        runtime.run(|| {
            let line = line!() + 1;
            std::mem::forget(NoSuspend::new());
            refused("a sleep", line, || sortie::sleep(Duration::from_micros(1)));
            refused("a yield", line, sortie::yield_now);
        });
        runtime.run(sortie::yield_now);
    });
}

/// Native code blocks its thread and suspends nothing, whatever runs elsewhere meanwhile.
#[test]
fn others_suspend_while_the_task_is_in_native_code() {
    each(|runtime| {
        let handle = runtime.handle();
        runtime.run(move || {
            let ticks = native::call_here(&NATIVE, || {
                let _guard = NoSuspend::new();
                let ticker = handle.spawn(|| (0..50).map(|_| sortie::yield_now()).count());
                ticker.join().unwrap()
            });
            assert_eq!(ticks, 50);
        });
    });
}

#[test]
fn a_task_that_unwinds_may_wait() {
    struct Sleeps;
    impl Drop for Sleeps {
        fn drop(&mut self) {
            let _guard = NoSuspend::new();
            sortie::sleep(Duration::from_micros(1));
            sortie::yield_now();
        }
    }
    each(|runtime| {
        let task = runtime.spawn(|| {
            let _sleeps = Sleeps;
            panic!("unwinds");
        });
        let payload = task.join().unwrap_err().into_panic();
        assert_eq!(sortie_test::text_of(payload), "unwinds");
    });
}

#[test]
fn outside_of_tasks_nothing_is_refused() {
    each_of(&[1], &MODES, |runtime| {
        let _guard = NoSuspend::new();
        sortie::yield_now();
        sortie::sleep(Duration::from_micros(1));
        task::checkpoint();
        assert_eq!(runtime.spawn(|| 7).join().unwrap(), 7);
        assert_eq!(runtime.run(|| 7), 7);
    });
}

#[test]
#[cfg(not(debug_assertions))]
fn in_release_it_is_nothing() {
    assert_eq!(size_of::<NoSuspend>(), 0);
}
