//! Callbacks out of calls that are known to be short, which take ways of their own: all that is promised of
//! others holds of them.

#[path = "short_callbacks/ways_out.rs"]
mod ways_out;

use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie::transition::{self, Layer};
use sortie_natives::{with_callback, with_callback_below, with_callback_between};
use sortie_test::{MODES, Mode, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const SHORT: Policy = Policy::new().class(Class::Short);
// SAFETY: `callback.c` keeps everything on its stack.
const SUSPEND: Policy = unsafe { SHORT.callbacks(Callbacks::Suspend) };
// SAFETY: as above.
const MIGRATE: Policy = unsafe { SHORT.callbacks(Callbacks::Migrate) };

static BLOCKS: Target = Target::named("natives_call_back, short").with_policy(SHORT);
static SUSPENDS: Target = Target::named("natives_call_back, short, suspends").with_policy(SUSPEND);
static MIGRATES: Target = Target::named("natives_call_back, short, migrates").with_policy(MIGRATE);

/// The first calls on a carrier are timed, and go the general way.
const WARM: i32 = 4;

/// One callback out of C, in a call of `target`.
fn through(target: &Target, f: impl Fn() -> i32) -> i32 {
    native::call_here(target, || with_callback(1, |_| native::callback(-1, &f)))
}

/// Calls of each target in turn, one in the callback of the other; true: looks at the layers there.
fn descend(levels: &[(&Target, bool)], depth: usize) -> i32 {
    let Some(((target, looks), rest)) = levels.split_first() else {
        sortie::yield_now();
        return 0;
    };
    let look = |when: bool| {
        if *looks == when {
            let layers = transition::layers();
            assert_eq!(layers.len(), 1 + 2 * (depth + 1), "{layers:?}");
            assert_eq!(layers[0], Layer::ManagedBase);
            let pair = |pair: &[Layer]| matches!(pair, [Layer::Native { .. }, Layer::Managed]);
            assert!(layers[1..].chunks(2).all(pair), "{layers:?}");
        }
    };
    let sum = through(target, || {
        look(true);
        let below = descend(rest, depth + 1);
        look(false);
        below + 1
    });
    assert_eq!(transition::layers().len(), 1 + 2 * depth);
    sum
}

/// Whoever looks at the layers, and wherever, finds them all.
#[test]
fn layers_are_there_for_who_looks() {
    each(|runtime| {
        let tasks: Vec<_> = (0..8_usize)
            .map(|seed| {
                runtime.spawn(move || {
                    for round in 0..64_usize {
                        let bits = round.wrapping_mul(0x9E37_79B9).wrapping_add(seed << 3);
                        let levels: Vec<_> = (0..1 + round % 6)
                            .map(|level| {
                                let targets = [&BLOCKS, &SUSPENDS, &MIGRATES];
                                let target = targets[(bits >> level) % targets.len()];
                                (target, bits >> (level + 6) & 1 == 0)
                            })
                            .collect();
                        assert_eq!(descend(&levels, 0), levels.len() as i32);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn every_call_and_callback_is_counted() {
    static COUNTED: Target = Target::named("natives_call_back, counted").with_policy(SHORT);
    static COUNTED_SUSPENDS: Target =
        Target::named("natives_call_back, counted, suspends").with_policy(SUSPEND);
    static COUNTED_MIGRATES: Target =
        Target::named("natives_call_back, counted, migrates").with_policy(MIGRATE);
    const CALLS: i32 = 500;
    const TASKS: u64 = 4;
    each(|runtime| {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                runtime.spawn(|| {
                    for call in 0..CALLS {
                        for target in [&COUNTED, &COUNTED_SUSPENDS, &COUNTED_MIGRATES] {
                            let sum = native::call_here(target, || {
                                with_callback(2, |turn| {
                                    native::callback(-1, || {
                                        if (call + turn) % 3 == 0 {
                                            sortie::yield_now();
                                        }
                                        turn
                                    })
                                })
                            });
                            assert_eq!(sum, 1);
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let rows = runtime.snapshot().targets;
        for kind in ["", ", suspends", ", migrates"] {
            let name = format!("natives_call_back, counted{kind}");
            let row = rows.iter().find(|row| row.symbol.as_ref() == Some(&name)).unwrap();
            assert_eq!(row.calls, TASKS * CALLS as u64, "{name}");
            assert_eq!(row.callbacks, 2 * row.calls, "{name}");
            assert_eq!(row.running, 0, "{name}");
        }
    });
}

/// Each call that is suspended in its callback keeps its stack, and calls in the callback have others.
#[test]
fn no_stack_is_given_twice() {
    const TASKS: usize = 40;
    each(|runtime| {
        let (inside, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let (inside, open) = (inside.clone(), open.clone());
                let target = if n % 3 == 0 { &MIGRATES } else { &SUSPENDS };
                runtime.spawn(move || {
                    (0..WARM).for_each(|_| assert_eq!(through(target, || 1), 1));
                    let deep = |bytes: usize, f: &dyn Fn() -> i32| {
                        native::call_here(target, || {
                            with_callback_below(bytes, |_| native::callback(-1, f))
                        })
                    };
                    // On the native stacks of two calls there are values of this task's.
                    deep(64 * (n % 8), &|| {
                        let mine = std::hint::black_box([n as i32; 32]);
                        let inner = deep(128 * (n % 5), &|| {
                            let mine = std::hint::black_box([n as i32 + 1; 32]);
                            inside.fetch_add(1, Ordering::SeqCst);
                            while !open.load(Ordering::SeqCst) {
                                sortie::yield_now();
                            }
                            // On the carrier's stack, between two turns.
                            assert_eq!(through(&BLOCKS, || 3), 3);
                            sortie::yield_now();
                            std::hint::black_box(mine).iter().sum()
                        });
                        sortie::yield_now();
                        inner + std::hint::black_box(mine).iter().sum::<i32>()
                    })
                })
            })
            .collect();
        until("all are in their callbacks", || inside.load(Ordering::SeqCst) == TASKS);
        open.store(true, Ordering::SeqCst);
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), 32 * (2 * n as i32 + 1));
        }
    });
}

/// How much of its own stack a task has left is known again after such a callback.
#[test]
fn the_task_has_its_own_stack_again() {
    /// More than any task's stack has, and less than a native one.
    const MUCH: u32 = 2 << 20;
    // SAFETY: the closure needs less.
    const ON_OWN_STACK: Policy = unsafe { SHORT.task_stack(MUCH) };
    static LEAF: Target = Target::named("leaf").with_policy(ON_OWN_STACK);

    /// Where the native code of a call finds itself: on the carrier's stack.
    fn place() -> usize {
        native::call_here(&LEAF, || {
            let mut here = 0_u8;
            std::hint::black_box(&raw mut here).addr()
        })
    }
    each_of(&[1, 2], &[Mode::Pinned], |runtime| {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                runtime.spawn(|| {
                    let before = place();
                    for _ in 0..20 {
                        through(&SUSPENDS, || {
                            sortie::yield_now();
                            1
                        });
                        sortie::yield_now();
                        assert!(place().abs_diff(before) < 1 << 16);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// The task is tied to its thread in the callback, and in that only.
#[test]
fn a_callback_goes_on_on_its_thread() {
    each_of(&[1, 2, 4], &MODES, |runtime| {
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                runtime.spawn(|| {
                    for turn in 0..40 {
                        let same = through(&SUSPENDS, || {
                            let thread = std::thread::current().id();
                            match turn % 4 {
                                0 => sortie::sleep(Duration::from_micros(50)),
                                1 => sortie::spawn(|| ()).join().unwrap(),
                                _ => sortie::yield_now(),
                            }
                            i32::from(thread == std::thread::current().id())
                        });
                        assert_eq!(same, 1);
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Where callbacks may migrate, one goes on on any thread, and the native code with it; each is counted.
#[test]
fn a_callback_goes_on_on_any_thread() {
    static MOVES: Target = Target::named("natives_call_back, moves").with_policy(MIGRATE);
    const CALLBACKS: i32 = 3;
    each_of(&[2, 4], &[Mode::Migrating], |runtime| {
        let (moved, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (moved, stop) = (moved.clone(), stop.clone());
                runtime.spawn(move || {
                    let mut calls = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let sum = native::call_here(&MOVES, || {
                            with_callback(CALLBACKS, |turn| {
                                native::callback(-1, || {
                                    let thread = std::thread::current().id();
                                    // Who is woken by a timer goes on wherever it is found first.
                                    sortie::sleep(Duration::from_micros(20));
                                    if thread != std::thread::current().id() {
                                        moved.fetch_add(1, Ordering::SeqCst);
                                    }
                                    turn
                                })
                            })
                        });
                        assert_eq!(sum, (0..CALLBACKS).sum());
                        assert_eq!(transition::layers(), [Layer::ManagedBase]);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        until("some have moved", || moved.load(Ordering::SeqCst) > 100);
        stop.store(true, Ordering::SeqCst);
        let calls: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        let rows = runtime.snapshot().targets;
        let name = Some("natives_call_back, moves");
        let row = rows.iter().find(|row| row.symbol.as_deref() == name).unwrap();
        assert_eq!((row.calls, row.callbacks), (calls, CALLBACKS as u64 * calls));
    });
}

/// What is seen from outside is the function that goes on after a callback, whether or not others were called in that.
#[test]
fn the_function_under_way_is_seen() {
    const NAMES: [&str; 3] = ["seen", "seen, suspends", "seen, migrates"];
    static SEEN: Target = Target::named(NAMES[0]).with_policy(SHORT);
    static SEEN_SUSPENDS: Target = Target::named(NAMES[1]).with_policy(SUSPEND);
    static SEEN_MIGRATES: Target = Target::named(NAMES[2]).with_policy(MIGRATE);
    static INNER: Target = Target::named("called in a callback").with_policy(SHORT);
    each(|runtime| {
        for (target, name) in [&SEEN, &SEEN_SUSPENDS, &SEEN_MIGRATES].into_iter().zip(NAMES) {
            let handle = runtime.handle();
            let under_way = move || -> Vec<String> {
                let rows = handle.snapshot().targets.into_iter();
                let running = rows.filter(|row| row.running > 0);
                running.filter_map(|row| row.symbol).collect()
            };
            runtime.run(move || {
                for turn in 0..2 * WARM {
                    native::call_here(target, || {
                        with_callback(2, |_| {
                            native::callback(-1, || {
                                (0..turn % 3).for_each(|_| native::call_here(&INNER, || ()));
                                0
                            })
                        });
                        assert_eq!(under_way(), [name], "{turn}");
                    });
                }
            });
        }
    });
}

/// The native code sleeps before and after its callback, and others take the worker.
#[test]
fn a_worker_that_was_taken_is_waited_for() {
    each(|runtime| {
        for target in [&BLOCKS, &SUSPENDS, &MIGRATES] {
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    runtime.spawn(move || {
                        (0..WARM).for_each(|_| assert_eq!(through(target, || 1), 1));
                        native::call_here(target, || {
                            with_callback_between(300_000, |_| {
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
