//! A yield on a thread that the task keeps lets others run, as any other does.

use sortie::native::{self, Target};
use sortie::task::keep_thread;
use sortie_test::{MODES, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

static NATIVE: Target = Target::named("native code");

/// Also if a thread is there that sleeps, and takes longer to wake than it takes to look for a worker.
#[test]
fn what_is_queued_runs_before_who_yields_in_place_goes_on() {
    each_of(&[1], &MODES, |runtime| {
        let (meet, goes): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let (met, may_go) = (meet.clone(), goes.clone());
        let task = runtime.spawn(move || {
            assert!(keep_thread());
            // Another thread is needed meanwhile, and has nothing to do afterwards.
            let other = sortie::spawn(move || meet.store(true, Ordering::SeqCst));
            native::call(&NATIVE, || until("another ran", || met.load(Ordering::SeqCst)));
            other.join().unwrap();
            native::call(&NATIVE, || until("a thread is spare", || may_go.load(Ordering::SeqCst)));
            for turn in 0..100 {
                let ran = Arc::new(AtomicBool::new(false));
                let runs = ran.clone();
                let task = sortie::spawn(move || runs.store(true, Ordering::SeqCst));
                sortie::yield_now();
                assert!(ran.load(Ordering::SeqCst), "it goes first, in turn {turn}");
                task.join().unwrap();
            }
        });
        until("a thread is spare", || runtime.snapshot().spare_carriers > 0);
        goes.store(true, Ordering::SeqCst);
        task.join().unwrap();
    });
}

/// An extra worker is wanted for as long as a task computes in whose place it runs others, not for as long as those run.
#[test]
fn who_yields_in_place_lets_an_extra_worker_go_back() {
    each_of(&[1], &MODES, |runtime| {
        let (stop, is_over): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let (computes, ends) = (stop.clone(), is_over.clone());
        let runaway = runtime.spawn(move || {
            while !computes.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let yields = [(); 3].map(|()| {
            let ends = ends.clone();
            runtime.spawn(move || {
                assert!(keep_thread());
                while !ends.load(Ordering::Relaxed) {
                    sortie::yield_now();
                }
            })
        });
        until("one stands in", || runtime.snapshot().compensating > 0);
        stop.store(true, Ordering::Relaxed);
        runaway.join().unwrap();
        until("it has gone back", || runtime.snapshot().compensating == 0);
        is_over.store(true, Ordering::Relaxed);
        yields.into_iter().for_each(|task| task.join().unwrap());
    });
}
