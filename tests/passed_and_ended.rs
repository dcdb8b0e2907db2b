//! A task that has passed its turn on, for the first time, to one that lets it have no other, is named among the stragglers.
//!
//! Its frames stay for good, and with them the memory of stacks, so this is a file of its own. One that may move another worker
//! would run meanwhile.

use sortie_test::{Case, Mode, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn both_are_named() {
    let runtime = Case::new(1, Mode::Pinned).runtime();
    let [passing, kept, stop] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
    let (seen, keeping, stops) = (passing.clone(), kept.clone(), stop.clone());
    let keeps = runtime.spawn(move || {
        while !seen.load(Ordering::SeqCst) {
            sortie::yield_now();
        }
        keeping.store(true, Ordering::SeqCst);
        while !stops.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
    });
    let passes = runtime.spawn(move || {
        passing.store(true, Ordering::SeqCst);
        sortie::yield_now();
    });
    // It may have said so before it has yielded, but the other one was not back before that.
    until("the other one keeps the turn", || kept.load(Ordering::SeqCst));
    let report = runtime.shutdown(Duration::from_millis(20));
    stop.store(true, Ordering::SeqCst);
    let named: Vec<_> = report.stragglers().iter().map(|it| it.id).collect();
    assert!(named.contains(&keeps.id()) && named.contains(&passes.id()), "{report}");
}
