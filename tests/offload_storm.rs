//! Many calls at once that other threads are to make: threads for them are started a few at a time, and some calls
//! wait for a thread that comes back from another. None waits for what does not happen.

use sortie::native::{self, Class, Policy, Target};
use sortie_natives::Gate;
use sortie_test::{MODES, Mode, WORKERS, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

static GATE: Target = Target::named("natives_gate_wait");

const CALLS: usize = 96;

#[test]
fn all_are_under_way_at_once() {
    each_of(&WORKERS, &MODES, |runtime| {
        let gate = Arc::new(Gate::new());
        let tasks: Vec<_> = (0..CALLS)
            .map(|_| {
                let gate = gate.clone();
                runtime.spawn(move || native::offload(&GATE, || gate.wait()))
            })
            .collect();
        until("all are inside", || gate.inside() == CALLS);
        gate.open();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Known to block, so that others on the worker have it made elsewhere.
static NAP: Target = Target::named("nanosleep").with_policy(Policy::new().class(Class::Long));

#[test]
fn those_that_wait_for_one_who_comes_back_need_not_when_none_does() {
    each_of(&[1, 2], &[Mode::Migrating], |runtime| {
        let gate = Arc::new(Gate::new());
        let is_over = Arc::new(AtomicBool::new(false));
        // Keeps the processor busy beside them, first with others in turn and then, once nobody comes back, alone.
        let busy: Vec<_> = (0..runtime.case.workers)
            .map(|_| {
                let (gate, is_over) = (gate.clone(), is_over.clone());
                runtime.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        if gate.inside() == 0 {
                            sortie::yield_now();
                        }
                    }
                })
            })
            .collect();
        let tasks: Vec<_> = (0..CALLS)
            .map(|_| {
                let gate = gate.clone();
                runtime.spawn(move || {
                    for _ in 0..4 {
                        native::call(&NAP, || sortie_natives::nanosleep(4_000_000));
                        sortie::yield_now();
                    }
                    native::call(&NAP, || gate.wait());
                })
            })
            .collect();
        until("all are inside", || gate.inside() == CALLS);
        is_over.store(true, Ordering::Relaxed);
        gate.open();
        tasks.into_iter().chain(busy).for_each(|task| task.join().unwrap());
    });
}
