//! What the calls of a function were like decides what its next call costs.

use sortie::TargetRow;
use sortie::native::{self, Class, Target};
use sortie_test::{Mode, Running, each, each_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn row(runtime: &Running<'_>, name: &str) -> TargetRow {
    let rows = runtime.snapshot().targets;
    rows.into_iter().find(|row| row.symbol.as_deref() == Some(name)).expect("it was called")
}

#[test]
fn a_short_function_is_short_and_its_calls_are_counted_exactly() {
    static SHORT: Target = Target::named("learned short");
    each(|runtime| {
        runtime.run(|| (0..5_000).for_each(|_| native::call_here(&SHORT, || ())));
        let row = row(runtime, "learned short");
        assert_eq!(row.calls, 5_000);
        assert!(row.timed >= 32 && row.timed < 1_000, "{row:?}");
        assert!(row.p50 <= row.p99 && row.p99 <= row.longest, "{row:?}");
    });
    // The machine may have been busy with others for a while.
    assert!(matches!(SHORT.class(), Class::Short | Class::Mixed), "{}", SHORT.class());
}

#[test]
fn a_function_that_blocks_is_long_at_its_first_calls() {
    static LONG: Target = Target::named("learned long");
    each_of(&[1, 2], &[Mode::Migrating, Mode::Pinned], |runtime| {
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                runtime.spawn(|| {
                    native::call_here(&LONG, || sortie_natives::nanosleep(2_000_000));
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let row = row(runtime, "learned long");
        assert_eq!(row.class, Class::Long);
        assert_eq!(row.calls, 40);
        assert!(row.hand_offs > 0 && row.blocked > 0, "{row:?}");
        assert!(row.p50.as_millis() >= 1, "{row:?}");
    });
}

#[test]
fn a_function_whose_first_call_did_not_block_keeps_its_worker_at_the_next() {
    each(|runtime| {
        let target: &Target = Box::leak(Box::new(Target::named("tried")));
        let handle = runtime.handle();
        runtime.run(move || {
            let is_over = Arc::new(AtomicBool::new(false));
            let its = is_over.clone();
            // Ready all the time, so that who gives its worker away gives it to this one.
            let other = handle.spawn(move || {
                while !its.load(Ordering::Relaxed) {
                    sortie::yield_now();
                }
            });
            (0..20).for_each(|_| native::call_here(target, || ()));
            is_over.store(true, Ordering::Relaxed);
            other.join().unwrap();
        });
        let row = row(runtime, "tried");
        assert_eq!((row.class, row.calls), (Class::Unknown, 20));
        assert!(row.hand_offs <= 1, "{row:?}");
    });
}

#[test]
fn a_call_under_way_is_seen() {
    static STUCK: Target = Target::named("seen under way");
    each(|runtime| {
        let gate = std::sync::Arc::new(sortie_natives::Gate::new());
        let inside = gate.clone();
        let task = runtime.spawn(move || native::call_here(&STUCK, || inside.wait()));
        sortie_test::until("it is inside", || gate.inside() == 1);
        let first = row(runtime, "seen under way");
        assert_eq!((first.calls, first.running), (1, 1), "{first:?}");
        let then = row(runtime, "seen under way").longest_running;
        assert!(then >= first.longest_running && then.is_some());
        gate.open();
        task.join().unwrap();
        assert_eq!(row(runtime, "seen under way").running, 0);
    });
}
