//! An abort that comes just as a call returns, by a barrier between the two: it hits that call or none, and its hook is
//! over before the call is.

use super::{Defer, Wrong};
use sortie::native::{self, Cancelled, Target};
use sortie_test::figures::short_or_soak;
use sortie_test::{MODES, each_of};
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

static RETURNS: Target = Target::named("native code that returns as it is cancelled");

/// Spins until it is so; who keeps the other side from a processor lets it have one.
fn spin_until(holds: impl Fn() -> bool) {
    while !holds() {
        if !(0..1_000).any(|_| {
            spin_loop();
            holds()
        }) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_abort_that_meets_the_return_hits_that_call_or_none() {
    let rounds = short_or_soak(1_500, 250_000);
    each_of(&[1, 2], &MODES, |runtime| {
        let (inside, hooked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let wrong = Wrong::default();
        {
            let (inside, hooked, wrong) = (inside.clone(), hooked.clone(), wrong.clone());
            native::on_cancel(&RETURNS, move |_: &Cancelled| {
                hooked.fetch_add(1, SeqCst);
                (0..400).for_each(|_| {
                    wrong.unless(inside.load(SeqCst));
                    spin_loop();
                });
            });
        }
        let at = Arc::new(AtomicUsize::new(0));
        for round in 0..rounds {
            let (arrived, met, before) = (2 * round + 1, 2 * round + 2, hooked.load(SeqCst));
            let task = {
                let (inside, at) = (inside.clone(), at.clone());
                runtime.spawn(move || {
                    let after = || inside.store(false, SeqCst);
                    let _after = Defer(&after);
                    inside.store(true, SeqCst);
                    native::call_here(&RETURNS, || {
                        at.store(arrived, SeqCst);
                        spin_until(|| at.load(SeqCst) == met);
                        (0..round % 32).for_each(|_| spin_loop());
                    });
                })
            };
            spin_until(|| at.load(SeqCst) == arrived);
            at.store(met, SeqCst);
            (0..round / 32 % 32).for_each(|_| spin_loop());
            task.abort();
            let ended = task.join();
            let hits = hooked.load(SeqCst) - before;
            wrong.unless(hits <= 1);
            wrong.unless(hits == 0 || ended.is_err_and(|error| error.is_aborted()));
        }
        println!("{} of {rounds} aborts met the call, the rest its end", hooked.load(SeqCst));
        assert!(native::clear_on_cancel(&RETURNS));
    });
}
