//! A join set gives its tasks back in the order in which they end, and aborts what is left when it is dropped.

use sortie::native::{self, Callbacks, Policy, Target};
use sortie::sync::Event;
use sortie::task::{self, Builder, Group, JoinSet, delay_abort};
use sortie_natives::{Gate, with_callback};
use sortie_test::drops::Drops;
use sortie_test::{each, each_of, each_setting, text_of, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn in_the_order_of_their_ends() {
    each(|runtime| {
        let body = |handle: &sortie::Handle| {
            let gates: Vec<_> = (0..8).map(|_| Arc::new(AtomicBool::new(false))).collect();
            let mut set = JoinSet::new();
            for (n, gate) in gates.iter().enumerate() {
                let gate = gate.clone();
                let id = set.spawn_on(handle, move || {
                    while !gate.load(SeqCst) {
                        sortie::yield_now();
                    }
                    n
                });
                assert!(id.get() > 0 || n == 0);
            }
            assert_eq!(set.len(), 8);
            for n in [3, 7, 0, 1, 6, 5, 2, 4] {
                assert!(set.try_join_next().is_none());
                gates[n].store(true, SeqCst);
                assert_eq!(set.join_next().unwrap().unwrap(), n);
            }
            assert!(set.is_empty() && set.join_next().is_none());
            // All have ended before they are joined.
            // An end is counted when it was told.
            let own = u64::from(task::current().is_some());
            for n in 0..8 {
                set.spawn_on(handle, move || n);
                while handle.snapshot().tasks_live() > own {
                    sortie::sleep(Duration::from_micros(50));
                }
            }
            assert!((0..8).all(|n| set.try_join_next().unwrap().unwrap() == n));
            // And again, with keys that were used.
            for n in 0..20 {
                set.spawn_on(handle, move || n);
            }
            let mut outputs = set.join_all();
            outputs.sort();
            assert_eq!(outputs, (0..20).collect::<Vec<_>>());
        };
        body(&runtime.handle());
        let handle = runtime.handle();
        runtime.run(move || body(&handle));
    });
}

#[test]
fn a_drop_aborts_what_is_left() {
    each(|runtime| {
        let (drops, started) = (Drops::new(), Arc::new(AtomicUsize::new(0)));
        let values: Vec<_> = (0..30).map(|_| (drops.value(), started.clone())).collect();
        runtime.run(|| {
            let mut set = JoinSet::new();
            for (n, (value, started)) in values.into_iter().enumerate() {
                set.spawn(move || {
                    started.fetch_add(1, SeqCst);
                    if n % 3 > 0 {
                        sortie::sleep(Duration::MAX);
                    }
                    value
                });
            }
            drop(set.join_next().unwrap().unwrap());
        });
        until("all have ended", || drops.dropped() == 30);
    });
}

#[test]
fn errors_say_what_came_of_each() {
    each(|runtime| {
        let text = runtime.run(|| {
            let mut set = JoinSet::<u32>::new();
            Builder::new().name("clumsy").spawn_in(&mut set, || panic!("by design"));
            let error = set.join_next().unwrap().unwrap_err();
            assert!(error.is_panic() && error.to_string().contains("\"clumsy\""), "{error}");
            set.spawn(|| (sortie::sleep(Duration::MAX), 1).1);
            set.abort_all();
            set.spawn(|| 2);
            let mut results: Vec<_> = (0..2).map(|_| set.join_next().unwrap()).collect();
            results.sort_by_key(Result::is_err);
            assert_eq!(*results[0].as_ref().unwrap(), 2);
            assert!(results[1].as_ref().unwrap_err().is_aborted());
            // Refused by its group: it has ended before it began.
            let full = Group::refusing("full", 0);
            Builder::new().group(&full).spawn_in(&mut set, || 3);
            assert!(set.join_next().unwrap().unwrap_err().is_over_limit());
            set.spawn(|| (sortie::sleep(Duration::MAX), 1).1);
            set.shutdown();
            assert!(set.is_empty());
            set.spawn(|| panic!("the first"));
            set.spawn(|| (sortie::sleep(Duration::MAX), 1).1);
            text_of(catch_unwind(AssertUnwindSafe(|| set.join_all())).unwrap_err())
        });
        assert_eq!(text, "the first");
    });
}

#[test]
fn a_shutdown_with_a_limit_leaves_those_that_take_longer() {
    each(|runtime| {
        let body = |handle: &sortie::Handle| {
            let (begun, go_on) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
            let mut set = JoinSet::new();
            let cleanup = {
                let (begun, go_on) = (begun.clone(), go_on.clone());
                move || {
                    delay_abort(|| {
                        begun.set();
                        go_on.wait();
                    });
                }
            };
            let slow = set.spawn_on(handle, cleanup);
            set.spawn_on(handle, || sortie::sleep(Duration::MAX));
            begun.wait();
            // Until the other has ended.
            while set.len() > 1 {
                assert!(!set.shutdown_timeout(Duration::from_millis(2)));
            }
            assert!(!set.shutdown_timeout(Duration::from_millis(2)));
            assert!(set.abort(slow));
            go_on.set();
            assert!(set.shutdown_timeout(Duration::from_secs(60)) && set.is_empty());
        };
        let handle = runtime.handle();
        body(&handle);
        runtime.run(move || body(&handle));
    });
}

#[test]
fn detached_tasks_run_on() {
    each(|runtime| {
        let (gate, ended) = (Arc::new(Gate::new()), Arc::new(AtomicUsize::new(0)));
        static NATIVE: Target = Target::named("native code");
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let (gate, ended) = (gate.clone(), ended.clone());
            set.spawn_on(&runtime.handle(), move || {
                native::call(&NATIVE, || gate.wait());
                ended.fetch_add(1, SeqCst);
            });
        }
        set.detach_all();
        assert!(set.is_empty());
        set.spawn_on(&runtime.handle(), || ());
        set.join_next().unwrap().unwrap();
        drop(set);
        gate.open();
        until("they have ended", || ended.load(SeqCst) == 3);
    });
}

/// A wait that is left by an abort leaves the set as it was.
#[test]
fn an_abort_of_the_joiner() {
    each(|runtime| {
        let drops = Drops::new();
        let (value, waiting) = (drops.value(), Arc::new(AtomicBool::new(false)));
        let task = {
            let (drops, waiting) = (drops.clone(), waiting.clone());
            runtime.spawn(move || {
                let mut set = JoinSet::new();
                set.spawn(move || (sortie::sleep(Duration::MAX), value).1);
                let left = catch_unwind(AssertUnwindSafe(|| {
                    waiting.store(true, SeqCst);
                    drop(set.join_next());
                }));
                assert_eq!((set.len(), drops.dropped()), (1, 0));
                std::panic::resume_unwind(left.unwrap_err());
            })
        };
        until("it waits", || waiting.load(SeqCst));
        task.abort();
        assert!(task.join().unwrap_err().is_aborted());
        until("the set's task is aborted", || drops.dropped() == 1);
    });
}

#[test]
fn a_shutdown_ends_the_wait() {
    each_setting(|case| {
        let runtime = case.runtime();
        let mut set = JoinSet::new();
        for _ in 0..5 {
            set.spawn_on(&runtime.handle(), || sortie::sleep(Duration::MAX));
        }
        let results =
            std::thread::spawn(move || std::iter::from_fn(|| set.join_next()).collect::<Vec<_>>());
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        let results = results.join().unwrap();
        assert_eq!(results.len(), 5);
        assert!(results.iter().all(|it| {
            it.as_ref().is_err_and(|error| error.is_aborted() || error.is_shut_down())
        }));
    });
}

/// What is pinned below the callback that waits for it is an error, and no hang.
#[test]
fn in_a_callback_over_its_own_tasks() {
    // SAFETY: `callback.c` keeps everything on its stack.
    const SUSPEND: Policy = unsafe { Policy::new().callbacks(Callbacks::Suspend) };
    static SUSPENDS: Target = Target::named("call_back, suspends").with_policy(SUSPEND);
    static BLOCKS: Target = Target::named("call_back, blocks");
    each_of(&[1], &[sortie_test::Mode::Pinned], |runtime| {
        runtime.run(|| {
            let (mut set, group) = (JoinSet::new(), Group::new("below"));
            let started = Arc::new(AtomicBool::new(false));
            let flag = started.clone();
            Builder::new().group(&group).spawn_in(&mut set, move || {
                flag.store(true, SeqCst);
                sortie::yield_now();
                1
            });
            while !started.load(SeqCst) {
                sortie::yield_now();
            }
            let answer = native::call_here(&BLOCKS, || {
                with_callback(1, |_| {
                    native::callback(-1, || {
                        let error = set.join_next().unwrap().unwrap_err();
                        assert!(error.is_deadlock(), "{error}");
                        assert!(set.join_next().is_none());
                        let stuck = group.wait().unwrap_err();
                        assert_eq!(stuck.task, error.id());
                        7
                    })
                })
            });
            assert_eq!(answer, 7);
            // It was detached, and its end is nobody's.
            group.wait().unwrap();
            assert!(set.join_next().is_none());
            let sum = native::call_here(&SUSPENDS, || {
                with_callback(1, |_| {
                    native::callback(-1, || {
                        set.spawn(|| (sortie::yield_now(), 1).1);
                        set.join_next().unwrap().unwrap()
                    })
                })
            });
            assert_eq!(sum, 1);
        });
    });
}

/// From tasks and from threads: who gives up has taken nothing, and the set is as before.
#[test]
fn who_waits_for_so_long_at_most_takes_nothing_when_the_time_comes() {
    each_of(&[1, 2, 4, 8, 64], &sortie_test::MODES, |runtime| {
        let body = |handle: sortie::Handle| {
            let gate = Arc::new(AtomicBool::new(false));
            let (mut set, group) = (JoinSet::new(), Group::new("late"));
            let wait = |gate: Arc<AtomicBool>| {
                move || {
                    while !gate.load(SeqCst) {
                        sortie::yield_now();
                    }
                }
            };
            set.spawn_on(&handle, wait(gate.clone()));
            let member = Builder::new().group(&group).spawn_on(&handle, wait(gate.clone()));
            assert!(set.join_next_timeout(Duration::from_millis(2)).is_none());
            assert_eq!(group.wait_timeout(Duration::from_millis(2)), Ok(false));
            assert_eq!((set.len(), group.len()), (1, 1));
            gate.store(true, SeqCst);
            assert!(set.join_next_timeout(Duration::from_secs(60)).unwrap().is_ok());
            assert_eq!(group.wait_timeout(Duration::from_secs(60)), Ok(true));
            member.join().unwrap();
        };
        body(runtime.handle());
        let handle = runtime.handle();
        runtime.run(move || body(handle));
    });
}
