//! How such a callback ends in other ways than by its value: panics, aborts, and raw transitions within it.

use super::{BLOCKS, MIGRATES, SUSPENDS, WARM, through};
use sortie::native;
use sortie::transition::{self, Event, Layer, TransitionError};
use sortie_natives::with_callback;
use sortie_test::{each, panic_text, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn a_panic_goes_round_the_native_frames() {
    each(|runtime| {
        for target in [&BLOCKS, &SUSPENDS, &MIGRATES] {
            runtime.run(move || {
                for _ in 0..WARM {
                    let sums = AtomicUsize::new(0);
                    let text = panic_text(|| {
                        // The outer call is noted when the inner one's callback panics.
                        through(&BLOCKS, || {
                            native::call_here(target, || {
                                let sum = with_callback(3, |turn| {
                                    native::callback(7, || {
                                        assert!(turn < 1, "on purpose");
                                        sortie::yield_now();
                                        turn
                                    })
                                });
                                // Two callbacks gave their fallback, one of them without running.
                                sums.fetch_add(sum as usize, Ordering::SeqCst);
                            });
                            1
                        });
                    });
                    assert_eq!(sums.load(Ordering::SeqCst), 14);
                    assert!(text.contains("on purpose"), "{text}");
                    assert_eq!(transition::layers(), [Layer::ManagedBase]);
                }
            });
        }
    });
}

#[test]
fn an_abort_goes_round_the_native_frames() {
    each(|runtime| {
        for target in [&BLOCKS, &SUSPENDS, &MIGRATES] {
            let inside = Arc::new(AtomicBool::new(false));
            let fallback = Arc::new(AtomicBool::new(false));
            let (there, seen) = (inside.clone(), fallback.clone());
            let task = runtime.spawn(move || {
                (0..WARM).for_each(|_| assert_eq!(through(target, || 1), 1));
                native::call_here(target, || {
                    let answer = with_callback(1, |_| {
                        native::callback(-7, || {
                            there.store(true, Ordering::SeqCst);
                            sortie::sleep(Duration::from_secs(3_600));
                            1
                        })
                    });
                    seen.store(answer == -7, Ordering::SeqCst);
                });
            });
            until("it is in its callback", || inside.load(Ordering::SeqCst));
            task.abort();
            assert!(task.join().is_err());
            assert!(fallback.load(Ordering::SeqCst));
        }
    });
}

/// Raw transitions within a callback are balanced, and its own layers are still there.
#[test]
fn raw_transitions_are_made_in_callbacks() {
    each(|runtime| {
        for target in [&BLOCKS, &SUSPENDS, &MIGRATES] {
            runtime.run(move || {
                for _ in 0..WARM {
                    let sum = through(target, || {
                        transition::leave(1).unwrap();
                        transition::reverse_enter().unwrap();
                        sortie::yield_now();
                        transition::reverse_leave().unwrap();
                        transition::enter().unwrap();
                        5
                    });
                    assert_eq!(sum, 5);
                    assert_eq!(transition::layers(), [Layer::ManagedBase]);
                }
            });
        }
    });
}

/// A callback ends when its closure does, and not before, whatever raw transitions say.
#[test]
fn no_raw_transition_ends_a_callback() {
    let refused =
        Err(TransitionError::NotOwner { event: Event::ReverseLeave, found: Some(Layer::Managed) });
    each(|runtime| {
        for target in [&BLOCKS, &SUSPENDS, &MIGRATES] {
            runtime.run(move || {
                for _ in 0..WARM {
                    let sum = through(target, || {
                        assert_eq!(transition::reverse_leave(), refused);
                        sortie::yield_now();
                        assert_eq!(transition::reverse_leave(), refused);
                        5
                    });
                    assert_eq!(sum, 5);
                    assert_eq!(transition::layers(), [Layer::ManagedBase]);
                }
            });
        }
    });
}

/// A callback whose closure leaves for native code and does not come back has no layer to pop; its panic is not lost.
#[test]
fn a_panic_under_a_layer_that_is_left_open_is_raised() {
    each(|runtime| {
        for target in [&BLOCKS, &SUSPENDS, &MIGRATES] {
            for warm in [0, WARM] {
                let text = panic_text(|| {
                    runtime.run(move || {
                        (0..warm).for_each(|_| assert_eq!(through(target, || 1), 1));
                        through(target, || {
                            transition::leave(1).unwrap();
                            panic!("in native code")
                        });
                    });
                });
                assert_eq!(text, "in native code", "{target}, after {warm}");
            }
        }
        // All workers are there still.
        let tasks: Vec<_> = (0..8).map(|_| runtime.spawn(|| through(&BLOCKS, || 1))).collect();
        tasks.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 1));
    });
}
