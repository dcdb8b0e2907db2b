//! A task that has lent its turn, to one that does not end, is named among the stragglers with it: neither runs nor waits for
//! anything that the runtime could end.
//!
//! Their frames stay for good, and with them the memory of stacks, so this is a file of its own.

use sortie_test::{Case, Mode, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Keeps its turn until `stop`, once it has said that it does.
fn keep(keeps: &AtomicBool, stop: &AtomicBool) {
    keeps.store(true, Ordering::SeqCst);
    while !stop.load(Ordering::SeqCst) {
        std::hint::spin_loop();
    }
}

/// The lender joins the one that keeps the turn, or another that was spawned before it.
fn both_are_named(joins_another: bool) {
    let runtime = Case::new(1, Mode::Pinned).runtime();
    let [keeps, stop] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    // A fiber is kept that is warm: only on such a one the next runs at once.
    runtime.run(|| sortie::spawn(|| ()).join().unwrap());
    let (its, stops) = (keeps.clone(), stop.clone());
    let lends = runtime.spawn(move || {
        let another = joins_another.then(|| sortie::spawn(|| ()));
        let keeps = sortie::spawn(move || keep(&its, &stops));
        another.unwrap_or(keeps).join().unwrap();
    });
    until("the other one keeps the turn", || keeps.load(Ordering::SeqCst));
    let report = runtime.shutdown(Duration::from_millis(20));
    stop.store(true, Ordering::SeqCst);
    let named: Vec<_> = report.stragglers().iter().map(|it| it.id).collect();
    assert!(named.contains(&lends.id()) && named.len() >= 2, "{report}");
}

#[test]
fn who_joins_the_one_that_keeps_the_turn() {
    both_are_named(false);
}

#[test]
fn who_joins_another_one() {
    both_are_named(true);
}
