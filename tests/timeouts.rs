//! A time limit ends what it is set for, wherever that waits, and nothing else.

use sortie::native::{self, Target};
use sortie::sync::{Mutex, Semaphore};
use sortie::time::{Elapsed, sleep_until, timeout, timeout_at};
use sortie_natives::Gate;
use sortie_test::{MODES, Mode, WORKERS, each, each_of, until};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(3);
const LONG: Duration = Duration::from_secs(60);

/// Says when it is dropped.
struct Dropped<'a>(&'a AtomicU32);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn waits_of_all_kinds_are_ended_in_time_and_leave_nothing() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.acquire();
        let mutex = Arc::new(Mutex::new(()));
        let held = mutex.lock();
        let forever = runtime.spawn(|| sortie::sleep(Duration::MAX));
        let (for_semaphore, for_mutex) = (semaphore.clone(), mutex.clone());
        runtime.run(move || {
            let mut forever = Some(forever);
            let mut joined = None;
            let waits: [&mut dyn FnMut(); 4] = [
                &mut || sortie::sleep(Duration::MAX),
                &mut || drop(for_semaphore.acquire()),
                &mut || drop(for_mutex.lock()),
                &mut || joined = forever.take().map(|it| it.join_timeout(LONG)),
            ];
            for wait in waits {
                let drops = AtomicU32::new(0);
                let start = Instant::now();
                let result = timeout(SHORT, || {
                    let _dropped = Dropped(&drops);
                    wait();
                });
                assert_eq!(result, Err(Elapsed));
                assert!(start.elapsed() >= SHORT && start.elapsed() < LONG);
                assert_eq!(drops.load(SeqCst), 1);
            }
            assert!(joined.is_none());
        });
        // Nobody stands in line any more.
        drop(held);
        drop(permit);
        assert!(semaphore.try_acquire().is_some());
        assert!(mutex.try_lock().is_some());
    });
}

#[test]
fn a_value_in_time_counts() {
    each(|runtime| {
        runtime.run(|| {
            assert_eq!(timeout(LONG, || 42), Ok(42));
            assert_eq!(timeout(Duration::MAX, || sortie::sleep(SHORT)), Ok(()));
            // Nothing waits in it, so nothing ends it.
            assert_eq!(timeout(Duration::ZERO, || 42), Ok(42));
            assert_eq!(timeout_at(Instant::now(), || sortie::sleep(LONG)), Err(Elapsed));
            // It is past at the first point where the code can be ended, whoever serves timers then.
            for point in [sortie::yield_now, sortie::task::checkpoint] {
                assert_eq!(timeout(Duration::ZERO, point), Err(Elapsed));
                let nested = timeout(LONG, || timeout(Duration::ZERO, point));
                assert_eq!(nested, Ok(Err(Elapsed)));
            }
        });
    });
}

#[test]
fn limits_nest_and_the_first_ends_what_is_inside() {
    each(|runtime| {
        runtime.run(|| {
            let inner_first = timeout(LONG, || {
                let inner = timeout(SHORT, || sortie::sleep(LONG));
                sortie::sleep(SHORT);
                inner
            });
            assert_eq!(inner_first, Ok(Err(Elapsed)));
            let mut after_inner = false;
            let outer_first = timeout(SHORT, || {
                let _ = timeout(LONG, || sortie::sleep(LONG));
                after_inner = true;
            });
            assert_eq!((outer_first, after_inner), (Err(Elapsed), false));
            let at = Instant::now() + SHORT;
            let both = timeout_at(at, || timeout_at(at, || sortie::sleep(LONG)));
            assert!(matches!(both, Err(Elapsed) | Ok(Err(Elapsed))), "{both:?}");
            // None of them hits what comes behind.
            sortie::sleep(SHORT);
        });
    });
}

#[test]
fn an_abort_of_the_task_is_not_the_end_of_a_limit() {
    each(|runtime| {
        let returned = Arc::new(AtomicBool::new(false));
        let inside = Arc::new(AtomicBool::new(false));
        let task = {
            let (returned, inside) = (returned.clone(), inside.clone());
            runtime.spawn(move || {
                let _ = timeout(LONG, || {
                    inside.store(true, SeqCst);
                    sortie::sleep(LONG);
                });
                returned.store(true, SeqCst);
            })
        };
        until("it is inside", || inside.load(SeqCst));
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
        assert!(!returned.load(SeqCst));
    });
}

#[test]
fn a_panic_inside_is_no_end_of_a_limit() {
    each(|runtime| {
        let task = runtime.spawn(|| timeout(LONG, || resume_unwind(Box::new("a payload"))));
        let payload = task.join().unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref(), Some(&"a payload"));
    });
}

#[test]
fn code_that_catches_it_is_asked_again() {
    each(|runtime| {
        runtime.run(|| {
            let mut caught = 0;
            let result = timeout(SHORT, || {
                while caught < 3 {
                    let result = catch_unwind(AssertUnwindSafe(|| sortie::sleep(LONG)));
                    assert!(sortie::task::is_abort(&*result.unwrap_err()));
                    caught += 1;
                }
                sortie::sleep(LONG);
            });
            assert_eq!((result, caught), (Err(Elapsed), 3));
        });
    });
}

#[test]
fn what_is_raised_again_behind_its_limit_is_a_panic_that_says_so() {
    each(|runtime| {
        let task = runtime.spawn(|| {
            let caught = timeout(SHORT, || catch_unwind(|| sortie::sleep(LONG)).unwrap_err());
            resume_unwind(caught.unwrap());
        });
        let error = task.join().unwrap_err();
        assert!(error.is_panic() && error.to_string().contains("a time limit"), "{error}");
    });
}

#[test]
fn a_native_call_with_a_hook_is_cut_short() {
    static NATIVE: Target = Target::named("native code");
    each(|runtime| {
        runtime.run(|| {
            let wanted = AtomicBool::new(true);
            let hook = |_: &native::Cancelled| wanted.store(false, SeqCst);
            let start = Instant::now();
            let result = timeout(SHORT, || {
                native::call_cancellable(&NATIVE, hook, || {
                    while wanted.load(SeqCst) {
                        std::thread::sleep(Duration::from_micros(100));
                    }
                });
                sortie::task::checkpoint();
            });
            assert_eq!(result, Err(Elapsed));
            assert!(start.elapsed() < LONG);
        });
    });
}

/// Who may move is not kept by the task that it joins, which its turn would have been lent to.
#[test]
fn a_join_by_who_may_move_is_ended_though_the_other_is_in_native_code() {
    static NATIVE: Target = Target::named("native code");
    each_of(&WORKERS, &[Mode::Migrating], |runtime| {
        let gate = Arc::new(Gate::new());
        let its = gate.clone();
        let joined = runtime.run(move || {
            // A fiber is kept that is warm, on which the next could run at once.
            assert!(sortie::spawn(|| ()).join().is_ok());
            let other = sortie::spawn(move || native::call_here(&NATIVE, || its.wait()));
            timeout(SHORT, || other.join())
        });
        assert_eq!(joined.err(), Some(Elapsed));
        gate.open();
    });
}

/// Limits race with the ends of what they are for: whichever is first, nothing is left to hit the next.
#[test]
fn limits_that_race_hit_nothing_else() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        runtime.run(|| {
            let (mut ended, mut in_time) = (0, 0);
            for n in 0..400u64 {
                let at = Instant::now() + Duration::from_micros(n % 20 * 10);
                let limit = at + Duration::from_micros(n % 7 * 5);
                match timeout_at(limit, || sleep_until(at)) {
                    Ok(()) => in_time += 1,
                    Err(Elapsed) => ended += 1,
                }
                sortie::yield_now();
            }
            sortie::sleep(SHORT);
            assert_eq!(ended + in_time, 400);
        });
        assert_eq!(runtime.snapshot().timers, 0);
    });
}

#[test]
fn on_a_plain_thread_code_runs_to_its_end() {
    each(|_runtime| {
        assert_eq!(timeout(Duration::ZERO, || sortie::sleep(SHORT)), Ok(()));
    });
}
