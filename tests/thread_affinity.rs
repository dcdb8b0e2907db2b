//! A task stays on its thread while it has a bracket of thread affinity open, and is free afterwards.

use sortie::native::{self, Class, Policy, Target};
use sortie::task::{ThreadAffinity, begin_thread_affinity, end_thread_affinity, keep_thread};
use sortie_test::{Mode, each, each_of, events, until};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::current;
use std::time::Duration;

static NANOSLEEP: Target = Target::named("natives_nanosleep");

/// Is the task on this thread after each of many waits?
fn stays(rounds: u32) -> bool {
    let thread = current().id();
    (0..rounds).all(|round| {
        match round % 3 {
            0 => sortie::yield_now(),
            1 => sortie::sleep(Duration::from_micros(30)),
            _ => native::call_here(&NANOSLEEP, || sortie_natives::nanosleep(100_000)),
        }
        thread == current().id()
    })
}

#[test]
fn brackets_nest_and_each_needs_its_end() {
    each_of(&[2, 4], &[Mode::Migrating], |runtime| {
        let (stop, moved) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let (stop, moved) = (stop.clone(), moved.clone());
                runtime.spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        begin_thread_affinity();
                        begin_thread_affinity();
                        assert!(stays(9));
                        end_thread_affinity().unwrap();
                        assert!(stays(9), "one is still open");
                        end_thread_affinity().unwrap();
                        if !stays(30) {
                            moved.fetch_add(1, Ordering::SeqCst);
                        }
                        assert!(end_thread_affinity().is_err());
                    }
                })
            })
            .collect();
        until("some have moved, once they were free", || moved.load(Ordering::SeqCst) > 5);
        stop.store(true, Ordering::SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_scope_ends_with_its_value() {
    each(|runtime| {
        runtime.run(|| {
            {
                let _outer = ThreadAffinity::begin();
                let _inner = ThreadAffinity::begin();
                assert!(stays(6));
            }
            assert!(end_thread_affinity().is_err());
        });
    });
}

/// Native code may say so too, and what it has begun holds after its return.
#[test]
fn brackets_may_be_opened_and_closed_in_native_code() {
    each(|runtime| {
        runtime.run(|| {
            native::call_here(&NANOSLEEP, begin_thread_affinity);
            assert!(stays(9));
            native::call_here(&NANOSLEEP, end_thread_affinity).unwrap();
            assert!(native::call_here(&NANOSLEEP, end_thread_affinity).is_err());
        });
    });
}

/// Its calls come from its thread, also those that another could make.
#[test]
fn who_has_a_bracket_open_makes_its_calls_by_itself() {
    static LONG: Target = Target::named("long").with_policy(Policy::new().class(Class::Long));
    each(|runtime| {
        runtime.run(|| {
            let thread = current().id();
            begin_thread_affinity();
            // Pinned to this thread too: they would wait behind the call.
            let stop = Arc::new(AtomicBool::new(false));
            let others: Vec<_> = (0..4)
                .map(|_| {
                    let stop = stop.clone();
                    sortie::spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            sortie::yield_now();
                        }
                    })
                })
                .collect();
            (0..8).for_each(|_| sortie::yield_now());
            assert_eq!(native::call(&LONG, || current().id()), thread);
            assert_eq!(native::offload(&NANOSLEEP, || current().id()), thread);
            stop.store(true, Ordering::Relaxed);
            others.into_iter().for_each(|other| other.join().unwrap());
            // By this thread, which has counted its beginning.
            native::offload(&NANOSLEEP, end_thread_affinity).unwrap();
            assert!(native::offload(&NANOSLEEP, end_thread_affinity).is_err());
        });
    });
}

/// What is asked for in a callback out of a short call outlasts that.
#[test]
fn a_thread_may_be_kept_from_within_a_callback() {
    static CALLS_BACK: Target =
        Target::named("natives_call_back, keeps").with_policy(Policy::new().class(Class::Short));
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        let call_back = |f: fn()| native::call_here(&CALLS_BACK, || native::callback((), f));
        runtime.run(move || {
            // The first calls are timed, and go the general way.
            (0..4).for_each(|_| call_back(|| ()));
            call_back(|| assert!(keep_thread()));
            let (sender, receiver) = mpsc::channel();
            let _other = sortie::spawn(move || sender.send(current().id()));
            let others = loop {
                sortie::sleep(Duration::from_micros(100));
                if let Ok(thread) = receiver.try_recv() {
                    break thread;
                }
            };
            assert_ne!(others, current().id());
        });
    });
}

#[test]
fn a_thread_without_a_task_counts() {
    std::thread::spawn(|| {
        let text = end_thread_affinity().unwrap_err().to_string();
        assert!(text.contains("begin_thread_affinity"), "{text}");
        begin_thread_affinity();
        begin_thread_affinity();
        end_thread_affinity().unwrap();
        end_thread_affinity().unwrap();
        assert!(end_thread_affinity().is_err());
    })
    .join()
    .unwrap();
}

#[test]
fn what_is_open_at_the_end_is_closed_and_named() {
    each(|runtime| {
        events::record();
        for _ in 0..8 {
            runtime
                .spawn(|| {
                    begin_thread_affinity();
                    sortie::yield_now();
                })
                .join()
                .unwrap();
        }
        let named =
            events::seen().into_iter().filter(|seen| seen.text.contains("brackets")).count();
        assert_eq!(named, 8);
        // Nobody is pinned any more: the carriers serve on, and the runtime ends cleanly.
        assert!(runtime.run(|| stays(3)) || runtime.case.is_migrating());
    });
}
