//! A task that has started and was woken from elsewhere goes before tasks that have not: it is late already.

use sortie::sync::Event;
use sortie_test::{Case, Mode, exclusively, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Tasks that are queued when the other is woken.
const QUEUED: usize = 1_000;
/// So many of them may go first.
const BEFORE: usize = 8;

#[test]
fn it_does_not_wait_for_what_is_queued() {
    // With one worker all that is queued is ahead of it; where tasks may move the one that is woken comes from outside.
    exclusively(&Case::new(1, Mode::Pinned), |case| {
        let runtime = case.watched(case.runtime());
        let woken = Arc::new(Event::manual());
        let ran = Arc::new(AtomicUsize::new(0));
        let sleeper = {
            let (woken, ran) = (woken.clone(), ran.clone());
            runtime.spawn(move || {
                woken.wait();
                ran.load(Ordering::Relaxed)
            })
        };
        until("it waits", || runtime.snapshot().idle_workers == 1);
        let tasks = runtime.run(move || {
            let queue = |ran: &Arc<AtomicUsize>| {
                let ran = ran.clone();
                sortie::spawn(move || ran.fetch_add(1, Ordering::Relaxed))
            };
            let tasks: Vec<_> = (0..QUEUED).map(|_| queue(&ran)).collect();
            // By a thread, while this task keeps the worker.
            std::thread::spawn(move || woken.set()).join().unwrap();
            tasks
        });
        let before = sleeper.join().unwrap();
        assert!(before <= BEFORE, "{before} tasks that were only queued went first");
        for task in tasks {
            task.join().unwrap();
        }
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}
