//! A rude abort takes the waits from a task's cleaning up, and runs each destructor all the same.

use sortie::native::{self, Target};
use sortie_natives::Gate;
use sortie_test::drops::{Counted, Drops};
use sortie_test::{each, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");

/// Cleans up by what takes an hour, and then by what must be.
struct Slow {
    reached: Arc<AtomicUsize>,
    gate: Arc<Gate>,
    _counted: Counted,
}

impl Drop for Slow {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        self.reached.store(2, SeqCst);
        sortie::sleep(Duration::from_secs(3600));
        sortie::yield_now();
        native::call_cancellable(&NATIVE, |_| self.gate.open(), || self.gate.wait());
        // Others' work is waited for: what it gives is needed.
        let task = sortie::task::Builder::new().spawn(|| 7);
        assert_eq!(task.join().unwrap(), 7);
        self.reached.store(3, SeqCst);
    }
}

#[test]
fn it_ends_what_an_abort_leaves_waiting() {
    each(|runtime| {
        for after in [false, true] {
            let drops = Drops::new();
            let reached = Arc::new(AtomicUsize::new(0));
            let slow = Slow {
                reached: reached.clone(),
                gate: Arc::new(Gate::new()),
                _counted: drops.value(),
            };
            let start = Instant::now();
            let task = runtime.spawn(move || {
                let slow = slow;
                slow.reached.store(1, SeqCst);
                sortie::sleep(Duration::MAX);
            });
            until("it waits", || reached.load(SeqCst) == 1);
            if after {
                task.abort();
                until("it cleans up", || reached.load(SeqCst) == 2);
                assert!(!task.is_finished());
            }
            task.abort_rudely();
            let error = task.join().unwrap_err();
            assert!(error.is_aborted(), "{error}");
            assert_eq!(reached.load(SeqCst), 3);
            assert!(start.elapsed() < Duration::from_secs(60));
            drops.check();
        }
    });
}

/// Before it has started, and after its end, it is an abort as any other; and by a handle that outlives the task.
#[test]
fn by_a_handle() {
    each(|runtime| {
        let task = runtime.spawn(|| sortie::sleep(Duration::MAX));
        let handle = task.abort_handle();
        assert_eq!(handle.id(), task.id());
        assert!(!handle.is_finished());
        handle.clone().abort_rudely();
        assert!(task.join().unwrap_err().is_aborted());
        assert!(handle.is_finished());
        handle.abort();
        handle.try_abort().unwrap();

        let task = runtime.spawn(|| 5);
        let handle = task.abort_handle();
        assert_eq!(task.join().unwrap(), 5);
        handle.abort_rudely();
    });
}
