//! Under a policy that allows it, a callback that waits suspends its task, native frames and all, and
//! the thread runs others.

use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie_natives::{with_callback, with_callback_between};
use sortie_test::{MODES, Mode, WORKERS, each, each_of, panic_text, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

// SAFETY: `callback.c` keeps everything on its stack.
const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const MIGRATE: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };

static BLOCKS: Target = Target::named("natives_call_back, blocks");
static SUSPENDS: Target = Target::named("natives_call_back, suspends").with_policy(SUSPEND);
static MIGRATES: Target = Target::named("natives_call_back, migrates").with_policy(MIGRATE);

/// One callback out of C, in a call of `target`.
fn through(target: &'static Target, f: impl Fn() -> i32) -> i32 {
    native::call_here(target, || with_callback(1, |_| native::callback(-1, &f)))
}

/// Many tasks wait in their callbacks at once, and no more threads are there than without them.
#[test]
fn many_are_suspended_on_few_carriers() {
    const TASKS: usize = 500;
    // Not for calls that block to learn from: on a busy machine these may seem to.
    const QUICK_SUSPEND: Policy = SUSPEND.class(Class::Mixed);
    const QUICK_MIGRATE: Policy = MIGRATE.class(Class::Mixed);
    static QUICK: Target = Target::named("natives_call_back, quick").with_policy(QUICK_SUSPEND);
    static QUICK_MIGRATES: Target =
        Target::named("natives_call_back, quick, migrates").with_policy(QUICK_MIGRATE);
    for target in [&QUICK, &QUICK_MIGRATES] {
        each(|runtime| {
            let (inside, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
            let tasks: Vec<_> = (0..TASKS)
                .map(|n| {
                    let (inside, open) = (inside.clone(), open.clone());
                    runtime.spawn(move || {
                        through(target, || {
                            inside.fetch_add(1, Ordering::SeqCst);
                            while !open.load(Ordering::SeqCst) {
                                sortie::yield_now();
                            }
                            n as i32
                        })
                    })
                })
                .collect();
            until("all are in their callbacks", || inside.load(Ordering::SeqCst) == TASKS);
            let snapshot = runtime.snapshot();
            // Each worker's, and a spare ahead. Others may keep a carrier from its processor in native code, or
            // in its task, and then another stands in for it: with AddressSanitizer on a quiet machine, too.
            let stand_ins = snapshot.retakes + snapshot.compensations;
            let explained = 2 * runtime.case.workers + stand_ins as usize;
            assert!(
                snapshot.carriers <= explained && snapshot.carriers < TASKS / 4,
                "{snapshot:?}"
            );
            open.store(true, Ordering::SeqCst);
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.join().unwrap(), n as i32);
            }
        });
    }
}

#[test]
fn a_callback_goes_on_on_its_thread() {
    each(|runtime| {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                runtime.spawn(|| {
                    native::call_here(&SUSPENDS, || {
                        with_callback(20, |turn| {
                            native::callback(-1, || {
                                let thread = std::thread::current().id();
                                match turn % 3 {
                                    0 => sortie::yield_now(),
                                    1 => sortie::sleep(Duration::from_micros(50)),
                                    _ => sortie::spawn(|| ()).join().unwrap(),
                                }
                                i32::from(thread == std::thread::current().id())
                            })
                        })
                    })
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), 20);
        }
    });
}

/// A task that may migrate does, in the midst of a callback, and the native code does not notice.
#[test]
fn a_callback_goes_on_on_any_thread() {
    each_of(&[2, 4], &[Mode::Migrating], |runtime| {
        let (moved, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (moved, stop) = (moved.clone(), stop.clone());
                runtime.spawn(move || {
                    let mut calls = 0;
                    while !stop.load(Ordering::SeqCst) {
                        calls += through(&MIGRATES, || {
                            let thread = std::thread::current().id();
                            // Who is woken by a timer goes on wherever it is found first.
                            sortie::sleep(Duration::from_micros(20));
                            if thread != std::thread::current().id() {
                                moved.fetch_add(1, Ordering::SeqCst);
                            }
                            1
                        });
                    }
                    calls
                })
            })
            .collect();
        until("some have moved", || moved.load(Ordering::SeqCst) > 100);
        stop.store(true, Ordering::SeqCst);
        for task in tasks {
            assert!(task.join().unwrap() > 0);
        }
    });
}

/// The weakest layer decides.
#[test]
fn what_lies_below_may_keep_the_thread() {
    fn descend(targets: &[&'static Target], bottom: &dyn Fn() -> i32) -> i32 {
        let Some((first, rest)) = targets.split_first() else { return bottom() };
        through(first, || descend(rest, bottom) + 1)
    }
    const B: &Target = &BLOCKS;
    const S: &Target = &SUSPENDS;
    const M: &Target = &MIGRATES;
    const ORDERS: [&[&Target]; 5] = [&[S, B, M], &[B, S], &[M, S, M], &[M, B], &[M, M, S, S]];
    each(|runtime| {
        for targets in ORDERS {
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    runtime.spawn(move || {
                        descend(targets, &|| {
                            let thread = std::thread::current().id();
                            for _ in 0..10 {
                                sortie::yield_now();
                            }
                            sortie::sleep(Duration::from_micros(100));
                            assert_eq!(thread, std::thread::current().id(), "{targets:?}");
                            100
                        })
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.join().unwrap(), 100 + targets.len() as i32);
            }
        }
        // Nothing keeps a task that is out of them again: it is stolen as any other.
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                runtime.spawn(|| {
                    through(&SUSPENDS, || 1);
                    (0..50).for_each(|_| sortie::yield_now());
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Calls of all kinds one in the other, also of those that keep the thread: the outermost, the innermost, each third.
#[test]
fn a_hundred_levels_deep_each_suspends() {
    type Kinds = fn(usize) -> &'static Target;
    fn descend(kinds: Kinds, depth: usize) -> i32 {
        if depth == 0 {
            sortie::sleep(Duration::from_micros(100));
            return 0;
        }
        through(kinds(depth), || {
            let thread = std::thread::current().id();
            sortie::yield_now();
            let below = descend(kinds, depth - 1);
            sortie::yield_now();
            let stays = !std::ptr::eq(kinds(depth), &MIGRATES);
            assert!(!stays || thread == std::thread::current().id(), "at {depth}");
            below + 1
        })
    }
    const FREE: [&Target; 2] = [&SUSPENDS, &MIGRATES];
    const ALL: [&Target; 3] = [&BLOCKS, &SUSPENDS, &MIGRATES];
    const KINDS: [Kinds; 4] = [
        |depth| FREE[depth % 2],
        |depth| ALL[depth % 3],
        |depth| if depth == 100 { &BLOCKS } else { FREE[depth % 2] },
        |depth| if depth == 1 { &BLOCKS } else { FREE[depth % 2] },
    ];
    each(|runtime| {
        for kinds in KINDS {
            let tasks: Vec<_> =
                (0..8).map(|_| runtime.spawn(move || descend(kinds, 100))).collect();
            for task in tasks {
                assert_eq!(task.join().unwrap(), 100);
            }
        }
    });
}

#[test]
fn a_worker_that_was_taken_is_waited_for_without_the_thread() {
    each(|runtime| {
        for target in [&SUSPENDS, &MIGRATES] {
            let tasks: Vec<_> = (0..16)
                .map(|n| {
                    runtime.spawn(move || {
                        native::call_here(target, || {
                            with_callback_between(200_000, |_| {
                                native::callback(-1, || {
                                    sortie::yield_now();
                                    n
                                })
                            })
                        })
                    })
                })
                .collect();
            for (n, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.join().unwrap(), n as i32);
            }
        }
    });
}

#[test]
fn a_panic_goes_round_the_native_frames() {
    each(|runtime| {
        for target in [&SUSPENDS, &MIGRATES] {
            runtime.run(move || {
                let after = AtomicUsize::new(0);
                let text = panic_text(|| {
                    native::call_here(target, || {
                        let sum = with_callback(3, |turn| {
                            native::callback(7, || {
                                sortie::yield_now();
                                assert!(turn < 1, "on purpose");
                                turn
                            })
                        });
                        // Two callbacks gave their fallback.
                        assert_eq!(sum, 14);
                        after.fetch_add(1, Ordering::SeqCst);
                    });
                });
                assert_eq!(after.load(Ordering::SeqCst), 1);
                assert!(text.contains("on purpose"), "{text}");
            });
        }
    });
}

/// Who is suspended in a callback when the runtime ends unwinds out of it, and the native code returns.
#[test]
fn the_end_of_the_runtime_unwinds_callbacks() {
    each_of(&WORKERS, &MODES, |runtime| {
        let inside = Arc::new(AtomicUsize::new(0));
        let returned = Arc::new(AtomicUsize::new(0));
        for n in 0..20 {
            let (inside, returned) = (inside.clone(), returned.clone());
            let target = if n % 2 == 0 { &SUSPENDS } else { &MIGRATES };
            drop(runtime.spawn(move || {
                native::call_here(target, || {
                    let answer = with_callback(1, |_| {
                        native::callback(-7, || {
                            inside.fetch_add(1, Ordering::SeqCst);
                            sortie::sleep(Duration::from_secs(3_600));
                            1
                        })
                    });
                    assert_eq!(answer, -7);
                    returned.fetch_add(1, Ordering::SeqCst);
                });
            }));
        }
        until("all are in their callbacks", || inside.load(Ordering::SeqCst) == 20);
        let handle = runtime.handle();
        drop(handle);
        // The fixture ends the runtime, and finds it clean.
    });
}
