//! The ledger says what became of the worker in calls that call back, and how calls that lost it spent their time.

use sortie::TargetRow;
use sortie::native::{self, Callbacks, Class, Policy, Target, policy};
use sortie::transition;
use sortie_natives::Gate;
use sortie_test::{Mode, Running, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Calls that are handed over before they begin.
const LONG: Policy = Policy::new().class(Class::Long);

fn row(runtime: &Running<'_>, is_it: impl Fn(&TargetRow) -> bool) -> TargetRow {
    runtime.snapshot().targets.into_iter().find(is_it).expect("it was called")
}

/// Calls, callbacks, hand-offs, offloads.
fn counts(row: &TargetRow) -> [u64; 4] {
    [row.calls, row.callbacks, row.hand_offs, row.offloads]
}

fn twice_called_back() -> u64 {
    (0..2).map(|_| native::callback(0, || 1)).sum()
}

#[test]
fn a_call_that_was_handed_over_and_calls_back() {
    static BLOCKS: Target = Target::named("ledger block").with_policy(LONG);
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        assert_eq!(runtime.run(|| native::call_here(&BLOCKS, twice_called_back)), 2);
        let row = row(runtime, |row| row.symbol.as_deref() == Some("ledger block"));
        assert_eq!(counts(&row), [1, 2, 1, 0], "{row:?}");
    });
}

#[test]
fn the_same_on_a_stack_of_the_tasks() {
    // SAFETY: the native code is a closure that holds no lock, and has nothing of the thread's.
    static SUSPENDS: Target =
        Target::named("ledger suspend").with_policy(unsafe { LONG.callbacks(Callbacks::Suspend) });
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        assert_eq!(runtime.run(|| native::call_here(&SUSPENDS, twice_called_back)), 2);
        let row = row(runtime, |row| row.symbol.as_deref() == Some("ledger suspend"));
        assert_eq!(counts(&row), [1, 2, 1, 0], "{row:?}");
    });
}

#[test]
fn the_same_by_raw_transitions() {
    let function = (libc::getppid as *const ()).addr();
    policy::for_address(function).set(LONG).unwrap();
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        runtime.run(move || {
            transition::leave(function).unwrap();
            for _ in 0..2 {
                transition::reverse_enter().unwrap();
                transition::reverse_leave().unwrap();
            }
            transition::enter().unwrap();
        });
        let row = row(runtime, |row| row.address == function);
        assert_eq!(counts(&row), [1, 2, 1, 0], "{row:?}");
    });
    policy::for_address(function).clear();
}

#[test]
fn a_call_that_another_thread_makes_was_not_handed_over() {
    static SENT: Target = Target::named("ledger offload");
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        assert_eq!(runtime.run(|| native::offload(&SENT, twice_called_back)), 2);
        let row = row(runtime, |row| row.symbol.as_deref() == Some("ledger offload"));
        assert_eq!(counts(&row), [1, 2, 0, 1], "{row:?}");
    });
}

/// Of a function that is neither short nor long no call is asked how it spends its time. Of one that lost its worker it
/// was seen.
#[test]
fn a_call_that_lost_its_worker_has_blocked_or_burned() {
    const MIXED: Policy = Policy::new().class(Class::Mixed);
    static WAITS: Target = Target::named("ledger wait").with_policy(MIXED);
    static COMPUTES: Target = Target::named("ledger compute").with_policy(MIXED);
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        let workers = runtime.snapshot().workers;
        // Each round ends by a task for which a worker must be taken. A thread that was kept from its processor on its way to
        // sleep was seen to do neither, so there may be several.
        until("a call is seen to block", || {
            let gate = Arc::new(Gate::new());
            let call = |gate: Arc<Gate>| native::call_here(&WAITS, || gate.wait());
            let calls: Vec<_> = (0..workers)
                .map(|_| {
                    let gate = gate.clone();
                    runtime.spawn(move || call(gate))
                })
                .collect();
            until("all are inside", || gate.inside() == workers);
            runtime.run(move || gate.open());
            calls.into_iter().for_each(|call| call.join().unwrap());
            let row = row(runtime, |row| row.symbol.as_deref() == Some("ledger wait"));
            assert!(row.blocked + row.burned <= row.retakes && row.burned == 0, "{row:?}");
            row.blocked > 0
        });
        // One that computes is seen to, if its thread has most of a processor.
        let done = Arc::new(AtomicBool::new(false));
        let calls: Vec<_> = (0..workers)
            .map(|_| {
                let done = done.clone();
                let compute = move || {
                    while !done.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                };
                runtime.spawn(move || native::call_here(&COMPUTES, compute))
            })
            .collect();
        runtime.run(move || done.store(true, Ordering::Relaxed));
        calls.into_iter().for_each(|call| call.join().unwrap());
        let row = row(runtime, |row| row.symbol.as_deref() == Some("ledger compute"));
        assert!(row.burned <= row.retakes && row.blocked == 0, "{row:?}");
    });
}

#[test]
fn targets_that_are_dropped_are_told_of_by_their_names() {
    fn call(name: &'static str, times: u32) {
        let target = Target::named(name);
        (0..times).for_each(|_| native::call_here(&target, || ()));
    }
    each_of(&[1, 2], &[Mode::Pinned, Mode::Migrating], |runtime| {
        runtime.run(|| (0..3).for_each(|_| call("ledger first", 10)));
        runtime.run(|| call("ledger second", 3));
        let tasks: Vec<_> = (0..8).map(|_| runtime.spawn(|| call("ledger third", 100))).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        for (name, calls) in [("ledger first", 30), ("ledger second", 3), ("ledger third", 800)] {
            let row = row(runtime, |row| row.symbol.as_deref() == Some(name));
            assert_eq!((row.calls, row.running, row.class), (calls, 0, Class::Unknown), "{row:?}");
            assert!(row.timed > 0 && row.p50 <= row.longest, "{row:?}");
        }
    });
}
