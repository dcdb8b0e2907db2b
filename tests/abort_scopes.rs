//! A scope that is ended from outside unwinds as far as its own frame, hits nothing behind it, and is not to be
//! swallowed.

use sortie::native::{self, Target};
use sortie::task::{self, delay_abort, is_abort};
use sortie_natives::{Gate, with_callback};
use sortie_scheduler::abort::{self, Raised, Raiser, scope};
use sortie_test::drops::Drops;
use sortie_test::{each, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");
/// Long enough for a call to begin, which with AddressSanitizer takes longer.
const SOON: Duration = Duration::from_millis(if cfg!(feature = "sanitizer") { 20 } else { 2 });

fn soon() -> Instant {
    Instant::now() + SOON
}

fn for_ever() {
    sortie::sleep(Duration::MAX);
}

/// Gives a scope's raiser away and waits in it.
fn give(send: &std::sync::mpsc::Sender<Raiser>) -> Result<(), Raised> {
    scope(|raiser| {
        send.send(raiser.clone()).unwrap();
        for_ever();
    })
}

#[test]
fn another_ends_it_and_the_task_goes_on() {
    each(|runtime| {
        let (send, raisers) = channel();
        let drops = Drops::new();
        let values: Vec<_> = (0..20).map(|_| drops.value()).collect();
        let task = runtime.spawn(move || {
            for value in values {
                let ended = scope(|raiser| {
                    let _value = value;
                    send.send(raiser.clone()).unwrap();
                    for_ever();
                });
                assert_eq!(ended, Err(Raised));
                sortie::yield_now();
                task::checkpoint();
            }
            7
        });
        let mut old: Vec<Raiser> = Vec::new();
        for _ in 0..20 {
            let raiser = raisers.recv().unwrap();
            assert!(raiser.is_effective() && raiser.raise());
            // Once is enough, and what is over is over.
            assert!(!raiser.raise());
            old.push(raiser);
        }
        assert_eq!(task.join().unwrap(), 7);
        assert!(old.iter().all(|raiser| !raiser.raise()));
        drops.check();
    });
}

#[test]
fn a_timer_ends_it() {
    each(|runtime| {
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                runtime.spawn(move || {
                    let start = Instant::now();
                    assert_eq!(abort::until(start + SOON, for_ever), Err(Raised));
                    assert!(start.elapsed() >= SOON);
                    assert_eq!(abort::until(Instant::now() + Duration::from_secs(60), || n), Ok(n));
                    // The value counts if nothing was raised.
                    assert_eq!(abort::until(start, || n), Ok(n));
                    sortie::sleep(Duration::from_millis(1));
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn the_outermost_that_is_due_ends_those_inside() {
    each(|runtime| {
        runtime.run(|| {
            let far = Instant::now() + Duration::from_secs(600);
            // The inner one first, then the outer one goes on.
            let outer = abort::until(far, || {
                assert_eq!(abort::until(soon(), for_ever), Err(Raised));
                sortie::yield_now();
                5
            });
            assert_eq!(outer, Ok(5));
            let outer = abort::until(soon(), || {
                let inner = abort::until(far, for_ever);
                unreachable!("{inner:?}: the outer one is due");
            });
            assert_eq!(outer, Err::<(), _>(Raised));
            // Both: raised by the task itself, the inner one first.
            let outer = scope(|outer| {
                let inner = scope(|inner| {
                    assert!(inner.raise() && outer.raise());
                    sortie::yield_now();
                });
                unreachable!("{inner:?}: the outer one is due");
            });
            assert_eq!(outer, Err::<(), _>(Raised));
            // One that ends by itself leaves the other due.
            let outer = scope(|outer| {
                let inner = scope(|inner| {
                    assert!(inner.raise() && outer.raise());
                });
                assert_eq!(inner, Ok(()));
                sortie::yield_now();
            });
            assert_eq!(outer, Err(Raised));
            sortie::yield_now();
        });
    });
}

#[test]
fn it_is_raised_again_until_the_scope_is_over() {
    each(|runtime| {
        runtime.run(|| {
            let mut caught = 0;
            let value = abort::until(soon(), || {
                while caught < 5 {
                    let payload = catch_unwind(AssertUnwindSafe(for_ever)).unwrap_err();
                    assert!(is_abort(&*payload));
                    caught += 1;
                }
                3
            });
            assert_eq!((value, caught), (Ok(3), 5));
            sortie::yield_now();
        });
    });
}

#[test]
fn an_abort_goes_through_it() {
    each(|runtime| {
        let drops = Drops::new();
        for rudely in [false, true] {
            let (send, raisers) = channel();
            let value = drops.value();
            let task = runtime.spawn(move || {
                let _value = value;
                let ended = give(&send);
                unreachable!("{ended:?}: aborted");
            });
            let raiser: Raiser = raisers.recv().unwrap();
            if rudely {
                task.abort_rudely()
            } else {
                task.abort()
            }
            assert!(task.join().unwrap_err().is_aborted());
            assert!(!raiser.raise());
        }
        drops.check();
    });
}

/// What is opened in a region is ended in it, and what is opened around it waits for its end.
#[test]
fn in_and_around_a_region() {
    each(|runtime| {
        runtime.run(|| {
            let inside = delay_abort(|| abort::until(soon(), for_ever));
            assert_eq!(inside, Err(Raised));
            let mut ran = false;
            let around = abort::until(soon(), || {
                delay_abort(|| {
                    sortie::sleep(2 * SOON);
                    ran = true;
                });
                unreachable!("raised at the end of the region");
            });
            assert_eq!((around, ran), (Err::<(), _>(Raised), true));
        });
    });
}

#[test]
fn it_cancels_a_native_call_inside_and_none_behind() {
    each(|runtime| {
        runtime.run(|| {
            let gate = Gate::new();
            let hooks = AtomicUsize::new(0);
            let ended = abort::until(soon(), || {
                let hook = |_: &native::Cancelled| {
                    hooks.fetch_add(1, SeqCst);
                    gate.open();
                };
                native::call_cancellable(&NATIVE, hook, || gate.wait());
            });
            assert_eq!((ended, hooks.load(SeqCst)), (Err(Raised), 1));
        });
        // Raises race with the end of the scope, and with the next call.
        let hit = Arc::new(AtomicUsize::new(0));
        for round in 0..100 {
            let (send, raisers) = channel();
            let hit = hit.clone();
            let task = runtime.spawn(move || {
                let inside = AtomicBool::new(true);
                let hook = |_: &native::Cancelled| {
                    hit.fetch_add(usize::from(!inside.load(SeqCst)), SeqCst);
                };
                let _ = scope(|raiser| {
                    send.send(raiser.clone()).unwrap();
                    native::call_cancellable(&NATIVE, hook, || {
                        (0..20 * (round % 7)).for_each(|_| std::hint::spin_loop());
                    });
                });
                inside.store(false, SeqCst);
                native::call_cancellable(&NATIVE, hook, || {
                    (0..200).for_each(|_| std::hint::spin_loop());
                });
                sortie::yield_now();
            });
            raisers.recv().unwrap().raise();
            task.join().unwrap();
        }
        assert_eq!(hit.load(SeqCst), 0, "calls behind the scope were cancelled");
    });
}

/// What is over leaves nothing behind: the next native call is cancelled by an abort as ever.
#[test]
fn behind_it_all_is_as_before() {
    each(|runtime| {
        let inside = Arc::new(AtomicBool::new(false));
        let says = inside.clone();
        let task = runtime.spawn(move || {
            assert_eq!(abort::until(soon(), for_ever), Err(Raised));
            let gate = Gate::new();
            native::call_cancellable(
                &NATIVE,
                |_| gate.open(),
                || {
                    says.store(true, SeqCst);
                    gate.wait();
                },
            );
        });
        until("it is inside", || inside.load(SeqCst));
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
    });
}

/// Foreign frames lie between: the callback ends, and what is raised goes on when the native code has returned.
#[test]
fn over_native_code() {
    each(|runtime| {
        runtime.run(|| {
            let answers = AtomicUsize::new(0);
            let ended = abort::until(soon(), || {
                native::call_here(&NATIVE, || {
                    let sum = with_callback(3, |_| {
                        native::callback(-1, || {
                            for_ever();
                            1
                        })
                    });
                    assert_eq!(sum, -3);
                    answers.fetch_add(1, SeqCst);
                });
                unreachable!("raised when the native code has returned");
            });
            assert_eq!((ended, answers.load(SeqCst)), (Err::<(), _>(Raised), 1));
        });
    });
}

#[test]
fn where_nothing_can_be_raised_the_code_just_runs() {
    let run = |place: &str| {
        let value = scope(|raiser| {
            assert!(!raiser.is_effective() && !raiser.raise(), "{place}");
            std::thread::sleep(Duration::from_millis(1));
            3
        });
        assert_eq!(value, Ok(3), "{place}");
        assert_eq!(abort::until(Instant::now(), || 4), Ok(4), "{place}");
    };
    run("a thread");
    each(|runtime| {
        runtime.run(move || native::call_here(&NATIVE, || run("native code")));
        let handle = runtime.handle();
        std::thread::spawn(move || {
            handle.reverse_enter().unwrap();
            run("an attached thread");
            sortie::transition::reverse_leave().unwrap();
        })
        .join()
        .unwrap();
    });
}
