//! `errno` is, after a native call, as the native code left it, whoever ran meanwhile and wherever.

use sortie::native::{self, Callbacks, Class, Policy, Target};
use sortie::transition;
use sortie_natives as c;
use sortie_test::{MODES, WORKERS, each_of};

static SET_ERRNO: Target = Target::named("natives_set_errno");
static NANOSLEEP: Target = Target::named("natives_nanosleep");

#[test]
fn it_survives_calls_between_tasks_that_block() {
    each_of(&WORKERS, &MODES, |runtime| {
        let tasks: Vec<_> = (0..10)
            .map(|task| {
                runtime.spawn(move || {
                    for round in 0..1_000 {
                        let value = 1 + (task * 31 + round) % 120;
                        let answer = native::call_here(&SET_ERRNO, || c::set_errno(value));
                        assert_eq!(c::get_errno(), value);
                        assert_eq!(answer, -1);
                        if round % 100 == task {
                            // Its worker is taken, and it comes back to another one.
                            native::call_here(&SET_ERRNO, || {
                                c::sleep_and_set_errno(200_000, value + 1)
                            });
                            assert_eq!(c::get_errno(), value + 1);
                        }
                    }
                })
            })
            .collect();
        let neighbours: Vec<_> = (0..10)
            .map(|_| {
                runtime.spawn(|| {
                    for _ in 0..20 {
                        c::set_errno(121);
                        native::call_here(&NANOSLEEP, || c::nanosleep(100_000));
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        tasks.into_iter().chain(neighbours).for_each(|task| task.join().unwrap());
        let snapshot = runtime.snapshot();
        assert!(snapshot.retakes + snapshot.hand_offs > 0, "{snapshot:?}");
    });
}

#[test]
fn raw_transitions_keep_it() {
    each_of(&WORKERS, &MODES, |runtime| {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                runtime.spawn(move || {
                    for round in 0..200 {
                        let value = 1 + (task + round) % 120;
                        c::set_errno(value);
                        transition::leave(1).unwrap();
                        assert_eq!(c::get_errno(), value);
                        if round % 20 == 0 {
                            c::sleep_and_set_errno(100_000, value);
                        }
                        transition::reverse_enter().unwrap();
                        assert_eq!(c::get_errno(), value);
                        transition::reverse_leave().unwrap();
                        assert_eq!(c::get_errno(), value);
                        transition::enter().unwrap();
                        assert_eq!(c::get_errno(), value);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Managed code finds what the native code has left, and that what the managed code has, whatever kind of call it is.
#[test]
fn callbacks_keep_it_in_both_directions() {
    // SAFETY: the native code is a closure that holds no lock, and has nothing of the thread's but `errno`.
    const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
    // SAFETY: as above.
    const MIGRATE: Policy = unsafe { Policy::new().callbacks(Callbacks::Migrate) };
    static UNKNOWN: [Target; 3] = [
        Target::named("errno, blocks"),
        Target::named("errno, suspends").with_policy(SUSPEND),
        Target::named("errno, migrates").with_policy(MIGRATE),
    ];
    static SHORT: [Target; 3] = [
        Target::named("errno, short").with_policy(Policy::new().class(Class::Short)),
        Target::named("errno, short, suspends").with_policy(SUSPEND.class(Class::Short)),
        Target::named("errno, short, migrates").with_policy(MIGRATE.class(Class::Short)),
    ];
    each_of(&WORKERS, &MODES, |runtime| {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                runtime.spawn(move || {
                    for round in 0..20 {
                        let value = 1 + (task + 3 * round) % 110;
                        for target in UNKNOWN.iter().chain(&SHORT) {
                            // In some rounds others take the worker before the callback.
                            let asleep_ns = if round % 10 == 9 { 100_000 } else { 0 };
                            native::call_here(target, || {
                                for turn in 0..2 {
                                    c::sleep_and_set_errno(asleep_ns, value + turn);
                                    native::callback((), || {
                                        assert_eq!(c::get_errno(), value + turn, "{target}");
                                        c::set_errno(value + turn + 2);
                                    });
                                    assert_eq!(c::get_errno(), value + turn + 2, "{target}");
                                }
                            });
                            assert_eq!(c::get_errno(), value + 3, "{target}");
                            sortie::yield_now();
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}
