//! A hundred thousand parked tasks are alive at once, each on a guarded stack of its own.

use sortie_test::{Case, MODES, exclusively, leaks, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Fewer with AddressSanitizer, whose frames are large.
const TASKS: u64 = if cfg!(feature = "sanitizer") { 10_000 } else { 100_000 };
const STACK_BYTES: usize = if cfg!(feature = "sanitizer") { 64 << 10 } else { 16 << 10 };

/// Keeps something on its stack while it waits.
fn wait_for_the_next(n: u64, next: Option<sortie::JoinHandle<u64>>, waiting: &AtomicU64) -> u64 {
    let kept = std::hint::black_box([n; 16]);
    waiting.fetch_add(1, Ordering::Relaxed);
    let sum = match next {
        Some(next) => next.join().unwrap(),
        None => {
            sortie::sleep(Duration::ZERO);
            0
        }
    };
    assert_eq!(kept, [n; 16]);
    sum + kept[0]
}

/// Each waits for the one before it, and the first for a lock that the test holds by not sending.
#[test]
fn they_are_all_woken() {
    for mode in MODES {
        for workers in [2, 8] {
            exclusively(&Case::new(workers, mode), |case| {
                let runtime = case.builder().stack_bytes(STACK_BYTES).build().unwrap();
                let waiting = Arc::new(AtomicU64::new(0));
                let gate = Arc::new(sortie_natives::Gate::new());
                let at = gate.clone();
                static GATE: sortie::native::Target = sortie::native::Target::named("gate");
                let mut last = runtime.spawn(move || {
                    sortie::native::call(&GATE, || at.wait());
                    0
                });
                for n in 0..TASKS {
                    let waiting = waiting.clone();
                    last = runtime.spawn(move || wait_for_the_next(n, Some(last), &waiting));
                }
                until("all are waiting", || waiting.load(Ordering::Relaxed) == TASKS);
                until("all are parked", || runtime.snapshot().tasks_queued == 0);
                let snapshot = runtime.snapshot();
                assert!(snapshot.tasks_live() > TASKS);
                assert!(snapshot.stacks_out as u64 > TASKS, "{snapshot:?}");
                assert!(snapshot.guard.is_some());
                let slabs = leaks::slabs() * 1024;
                assert!(slabs > TASKS * STACK_BYTES as u64 || !leaks::slabs_are_told());
                gate.open();
                assert_eq!(last.join().unwrap(), TASKS * (TASKS - 1) / 2);
                let report = runtime.shutdown(Duration::from_secs(20));
                assert!(report.is_clean(), "{report}");
            });
        }
    }
}
