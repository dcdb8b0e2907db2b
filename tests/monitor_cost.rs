//! What the monitor itself costs: little, whatever others do.
//!
//! The worst that they can do to it is to block in each call, for so long that their worker is to be taken, and never
//! be learned: the policy says so.

use sortie::native::{self, Class, Policy, Target};
use sortie_test::figures::within;
use sortie_test::{MODES, Running, WORKERS, each_of, threads, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static MIXED: Target =
    Target::named("natives_nanosleep").with_policy(Policy::new().class(Class::Mixed));

/// How long is measured.
const FOR: Duration = Duration::from_millis(400);
/// What may be saved up: 40 looks of 25 us.
const PURSE: Duration = Duration::from_micros(40 * 25);
/// What the code costs more that is not optimized.
const UNOPTIMIZED: u32 = if cfg!(debug_assertions) { 10 } else { 1 };

/// The processor time of the monitor so far.
fn of_monitor(runtime: &Running<'_>) -> Duration {
    let name = format!("{}-mon", runtime.case.thread_name);
    threads::named(&name)[0].cpu
}

#[test]
fn calls_that_always_block_and_are_not_learned_cost_it_half_a_percent() {
    each_of(&WORKERS, &MODES, |runtime| {
        let workers = runtime.case.workers;
        let name = format!("{}-mon", runtime.case.thread_name);
        until("there is one monitor", || threads::named(&name).len() == 1);
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..8 * workers)
            .map(|_| {
                let stop = stop.clone();
                runtime.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        native::call_here(&MIXED, || sortie_natives::nanosleep(150_000));
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        let bound = (FOR * 5 / 1000 + PURSE) * UNOPTIMIZED;
        within("what the monitor takes", bound, || {
            let (before, looks) = (of_monitor(runtime), runtime.snapshot());
            std::thread::sleep(FOR);
            let (cpu, after) = (of_monitor(runtime) - before, runtime.snapshot());
            println!(
                "  {workers} workers: {} looks, {} retakes",
                after.monitor_wakeups - looks.monitor_wakeups,
                after.retakes - looks.retakes
            );
            cpu
        });
        stop.store(true, Ordering::Relaxed);
        callers.into_iter().for_each(|task| task.join().unwrap());
    });
}
