//! After a jump all is as it was before: callbacks around it, tasks that move, aborts, places in a bulkhead.

use super::{
    BLOCKS, JUMPS, JUMPS_ONE, LANDS, LANDS_IN_PLACE, SHORT_BLOCKS, WARM, check_base, landing, leap,
    turns,
};
use sortie::native;
use sortie::transition::{self, Event, Layer, TransitionError};
use sortie_natives::with_landing;
use sortie_test::{Mode, each, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// What was under way outside of the jump is as it was: the callback around it can suspend as before, and end.
#[test]
fn a_callback_around_goes_on() {
    each(|runtime| {
        for around in LANDS {
            runtime.run(move || {
                for _ in turns(around) {
                    let answer = landing(around, || {
                        let before = transition::layers();
                        assert_eq!(landing(&SHORT_BLOCKS, || leap(Some(&JUMPS), 0)), -1);
                        assert_eq!(landing(&BLOCKS, || leap(None, 0)), -1);
                        assert_eq!(transition::layers(), before);
                        sortie::spawn(|| ()).join().unwrap();
                        sortie::sleep(Duration::from_micros(50));
                        7
                    });
                    assert_eq!(answer, 7, "{around}");
                    check_base();
                }
            });
        }
    });
}

/// Native code that was jumped to may call back again, before it returns.
#[test]
fn who_was_jumped_to_may_call_back_again() {
    each(|runtime| {
        for lands in LANDS_IN_PLACE {
            runtime.run(move || {
                for _ in turns(lands) {
                    let answer = native::call_here(lands, || {
                        let first =
                            with_landing(|_| native::callback(-2, || leap(Some(&JUMPS), 0)));
                        let second = with_landing(|_| {
                            native::callback(-2, || sortie::spawn(|| 20).join().unwrap())
                        });
                        let third = with_landing(|_| native::callback(-2, || leap(None, 0)));
                        first + second + third
                    });
                    assert_eq!(answer, 18, "{lands}");
                    check_base();
                }
            });
        }
    });
}

/// Whoever jumps straight out of managed code is in managed code for all that is known, until the call returns.
#[test]
fn after_a_jump_out_of_managed_code_callbacks_are_refused() {
    each(|runtime| {
        for lands in LANDS {
            runtime.run(move || {
                for _ in turns(lands) {
                    let refused = native::call_here(lands, || {
                        assert_eq!(with_landing(|_| native::callback(-2, || leap(None, 0))), -1);
                        native::try_callback(|| unreachable!("where was this called?"))
                    });
                    let (event, found) = (Event::ReverseEnter, Some(Layer::Managed));
                    assert_eq!(refused, Err(TransitionError::NotOwner { event, found }), "{lands}");
                    check_base();
                    assert_eq!(landing(lands, || 8), 8, "{lands}");
                }
            });
        }
    });
}

/// Nothing keeps the task on its thread that was counted by what is left.
#[test]
fn a_task_that_may_migrate_still_does() {
    each_of(&[2, 4], &[Mode::Migrating], |runtime| {
        let (moved, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (moved, stop) = (moved.clone(), stop.clone());
                runtime.spawn(move || {
                    for lands in LANDS {
                        for _ in 0..WARM {
                            assert_eq!(landing(lands, || leap(None, 0)), -1);
                        }
                    }
                    let mut thread = thread::current().id();
                    while !stop.load(Ordering::SeqCst) {
                        sortie::sleep(Duration::from_micros(20));
                        if thread != thread::current().id() {
                            thread = thread::current().id();
                            moved.fetch_or(1 << n, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        until("each has moved", || moved.load(Ordering::SeqCst) == 0xff);
        stop.store(true, Ordering::SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// An abort is raised only where no foreign frame lies between, so of open callbacks the count must be right.
#[test]
fn a_task_can_be_aborted_afterwards() {
    each(|runtime| {
        for lands in LANDS {
            let ready = Arc::new(AtomicBool::new(false));
            let task = runtime.spawn({
                let ready = ready.clone();
                move || {
                    assert_eq!(landing(lands, || leap(None, 0)), -1);
                    ready.store(true, Ordering::SeqCst);
                    loop {
                        sortie::sleep(Duration::from_millis(1));
                    }
                }
            });
            until("it has jumped", || ready.load(Ordering::SeqCst));
            task.abort();
            assert!(task.join().unwrap_err().is_aborted(), "{lands}");
        }
    });
}

/// A place among those who may call at once is given back.
#[test]
fn a_place_in_a_bulkhead_is_not_lost() {
    each(|runtime| {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                runtime.spawn(|| {
                    for _ in 0..WARM {
                        let answer = landing(&SHORT_BLOCKS, || leap(Some(&JUMPS_ONE), 0));
                        assert_eq!(answer, -1);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}
