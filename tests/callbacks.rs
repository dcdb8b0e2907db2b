//! A callback may do all that a task may, and what goes wrong in it does not cross native frames.

use sortie::native::{self, Target};
use sortie::task::{Group, JoinSet};
use sortie::transition::{self, Layer, TransitionError};
use sortie::{JoinError, JoinHandle};
use sortie_natives::{with_callback, with_callback_between, with_callback_on_thread};
use sortie_test::drops::Drops;
use sortie_test::{Mode, Running, each, each_of, panic_text};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

static CALL_BACK: Target = Target::named("natives_call_back");

#[test]
fn answers_reach_the_native_code() {
    each(|runtime| {
        let sum = runtime.run(|| {
            native::call_here(&CALL_BACK, || {
                with_callback(100, |turn| native::callback(-1, || turn))
            })
        });
        assert_eq!(sum, 99 * 100 / 2);
    });
}

#[test]
fn callbacks_suspend_in_every_way() {
    each(|runtime| {
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                runtime.spawn(|| {
                    native::call_here(&CALL_BACK, || {
                        with_callback(6, |turn| {
                            native::callback(-1, || {
                                let thread = std::thread::current().id();
                                match turn % 3 {
                                    0 => sortie::yield_now(),
                                    1 => sortie::sleep(Duration::from_micros(200)),
                                    _ => sortie::spawn(|| ()).join().unwrap(),
                                }
                                // The frames of C below are this thread's.
                                assert_eq!(thread, std::thread::current().id());
                                1
                            })
                        })
                    })
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), 6);
        }
    });
}

#[test]
fn the_worker_goes_on_while_a_callback_waits() {
    each(|runtime| {
        runtime.run(|| {
            let ticks = native::call_here(&CALL_BACK, || {
                with_callback(1, |_| {
                    native::callback(-1, || {
                        // With one worker this ends only if the callback gives it away.
                        let ticker = sortie::spawn(|| (0..50).map(|_| sortie::yield_now()).count());
                        ticker.join().unwrap() as i32
                    })
                })
            });
            assert_eq!(ticks, 50);
        });
    });
}

#[test]
fn callbacks_come_after_their_worker_was_taken() {
    each(|runtime| {
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                runtime.spawn(move || {
                    native::call_here(&CALL_BACK, || {
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
        for (n, task) in (0..).zip(tasks) {
            assert_eq!(task.join().unwrap(), n);
        }
    });
}

#[test]
fn a_panic_is_kept_until_the_call_returns() {
    each(|runtime| {
        runtime.run(|| {
            let ran = AtomicUsize::new(0);
            let drops = Drops::new();
            let answer = AtomicUsize::new(0);
            let text = panic_text(|| {
                native::call_here(&CALL_BACK, || {
                    let sum = with_callback(10, |turn| {
                        native::callback(100, || {
                            let _value = drops.value();
                            ran.fetch_add(1, Ordering::SeqCst);
                            sortie::yield_now();
                            assert!(turn != 2, "in turn {turn}");
                            1
                        })
                    });
                    // The native code has run to its own end.
                    answer.store(sum as usize, Ordering::SeqCst);
                });
            });
            assert_eq!(text, "in turn 2");
            assert_eq!(ran.load(Ordering::SeqCst), 3, "later callbacks do not run");
            assert_eq!(answer.load(Ordering::SeqCst), 2 + 8 * 100, "they return their fallback");
            drops.check();
            assert_eq!(transition::layers(), [Layer::ManagedBase]);
            // The next call is as any.
            let sum =
                native::call_here(&CALL_BACK, || with_callback(3, |_| native::callback(0, || 1)));
            assert_eq!(sum, 3);
        });
    });
}

#[test]
fn try_callback_says_why_it_did_not_run() {
    each(|runtime| {
        runtime.run(|| {
            // In managed code nothing has called native code.
            assert!(matches!(
                native::try_callback(|| 1),
                Err(TransitionError::NotOwner { found: Some(Layer::ManagedBase), .. })
            ));
            assert_eq!(native::callback(2, || 1), 2);
            native::call_here(&CALL_BACK, || assert_eq!(native::try_callback(|| 1), Ok(Some(1))));
            let text = panic_text(|| {
                native::call_here(&CALL_BACK, || {
                    assert_eq!(native::try_callback(|| panic!("kept")), Ok(None::<i32>));
                    assert_eq!(native::try_callback(|| 1), Ok(None));
                });
            });
            assert_eq!(text, "kept");
        });
    });
}

/// A thread of the library's own is a foreign thread, not the task.
#[test]
fn a_callback_on_a_thread_of_the_library_needs_a_handle() {
    each(|runtime| {
        let handle = runtime.handle();
        runtime.run(move || {
            native::call_here(&CALL_BACK, || {
                let answer = with_callback_on_thread(|_| {
                    assert!(sortie::task::current().is_none());
                    assert!(native::try_callback(|| 1).is_err());
                    native::callback(-5, || 1)
                });
                assert_eq!(answer, -5);
                let answer = with_callback_on_thread(|_| {
                    handle.reverse_enter().unwrap();
                    let answer = sortie::spawn(|| 9).join().unwrap();
                    transition::reverse_leave().unwrap();
                    answer
                });
                assert_eq!(answer, 9);
            });
        });
    });
}

#[test]
fn a_join_of_a_task_pinned_below_is_an_error_and_no_hang() {
    each(|runtime| {
        let migrating = runtime.case.is_migrating();
        runtime.run(move || {
            // Started here, and suspended here: pinned to this carrier if it is the one that ran it.
            let sibling = sortie::spawn(|| {
                sortie::sleep(Duration::from_millis(5));
                std::thread::current().id()
            });
            (0..3).for_each(|_| sortie::yield_now());
            let here = std::thread::current().id();
            let joined =
                native::call_here(&CALL_BACK, || native::callback(None, || Some(sibling.join())));
            match joined.unwrap() {
                Ok(thread) => assert!(migrating || thread != here),
                Err(error) => {
                    assert!(!migrating && error.is_deadlock(), "{error}");
                    assert!(error.to_string().contains("spawn it with `migrating`"), "{error}");
                }
            }
        });
    });
}

/// What another party's callback waits for: a task, those of a set, or those of a group, all pinned to this one's
/// thread.
enum Pinned {
    Task(JoinHandle<()>),
    Set(JoinSet<()>),
    Group(Group),
}

#[derive(Clone, Copy)]
enum Kind {
    Task,
    Set,
    Group,
}

impl Pinned {
    fn spawn(kind: Kind, go: &Arc<AtomicBool>) -> Pinned {
        match kind {
            Kind::Task => Pinned::Task(spawn_here(go, sortie::spawn)),
            Kind::Set => {
                let mut set = JoinSet::new();
                spawn_here(go, |body| set.spawn(body));
                Pinned::Set(set)
            }
            Kind::Group => {
                let group = Group::new("pinned");
                spawn_here(go, |body| drop(group.spawn(body)));
                Pinned::Group(group)
            }
        }
    }

    /// Waits for the end of all. False: that would be a deadlock.
    fn wait(self) -> bool {
        let has_ended = |ended: Result<(), JoinError>| match ended {
            Ok(()) => true,
            Err(error) => {
                assert!(error.is_deadlock(), "{error}");
                false
            }
        };
        match self {
            Pinned::Task(task) => has_ended(task.join()),
            Pinned::Set(mut set) => {
                while let Some(ended) = set.join_next() {
                    if !has_ended(ended) {
                        return false;
                    }
                }
                true
            }
            Pinned::Group(group) => group.wait().is_ok(),
        }
    }
}

/// Each callback waits for what is pinned to the next one's thread, and the last for the first's. Who closes the circle
/// is told, and its end is the others'.
#[test]
fn a_circle_of_callbacks_that_wait_for_each_others_tasks_is_an_error_and_no_hang() {
    for kind in [Kind::Task, Kind::Set, Kind::Group] {
        each_of(&[2, 3, 4], &[Mode::Pinned], |runtime| circle(runtime, kind));
    }
}

fn circle(runtime: &Running<'_>, kind: Kind) {
    let n = runtime.case.workers;
    let meeting = Arc::new(Barrier::new(n));
    let pinned: Arc<Mutex<Vec<_>>> = Arc::default();
    pinned.lock().unwrap().resize_with(n, || None);
    let parties: Vec<_> = (0..n)
        .map(|party| {
            let (meeting, pinned) = (meeting.clone(), pinned.clone());
            runtime.spawn(move || {
                // Each on a thread of its own: nobody lets another in.
                meeting.wait();
                let go = Arc::new(AtomicBool::new(false));
                pinned.lock().unwrap()[party] = Some(Pinned::spawn(kind, &go));
                native::call_here(&CALL_BACK, || {
                    native::callback(None, || {
                        meeting.wait();
                        let next = pinned.lock().unwrap()[(party + 1) % n].take().unwrap();
                        meeting.wait();
                        go.store(true, Ordering::SeqCst);
                        Some(next.wait())
                    })
                })
                .unwrap()
            })
        })
        .collect();
    let waited: Vec<_> = parties.into_iter().map(|party| party.join().unwrap()).collect();
    assert_eq!(waited.iter().filter(|has_ended| !**has_ended).count(), 1, "{waited:?}");
}

/// A task that has started on this thread, and ends after `go`.
fn spawn_here<R>(go: &Arc<AtomicBool>, mut spawn: impl FnMut(Box<dyn FnOnce() + Send>) -> R) -> R {
    loop {
        let thread = Arc::new(Mutex::new(None));
        let (started, go) = (thread.clone(), go.clone());
        let task = spawn(Box::new(move || {
            let here = std::thread::current().id();
            *started.lock().unwrap() = Some(here);
            while !go.load(Ordering::SeqCst) {
                sortie::yield_now();
            }
        }));
        while thread.lock().unwrap().is_none() {
            sortie::yield_now();
        }
        // Another worker may have been quicker; that one's task runs beside.
        if *thread.lock().unwrap() == Some(std::thread::current().id()) {
            return task;
        }
    }
}
