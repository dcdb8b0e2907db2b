//! In native code whose worker was taken, each of our functions works as from a foreign thread.
//!
//! Every test here holds a native call open until the runtime's snapshot shows that the worker was
//! taken, then calls one function in it.

use sortie::native::{self, Target};
use sortie::task;
use sortie::transition::{self, Event, Layer, TransitionError};
use sortie::{Handle, Runtime};
use sortie_natives::Gate;
use sortie_test::{Case, Running, each, each_setting, panic_text, until};
use std::sync::Arc;
use std::time::{Duration, Instant};

static NATIVE: Target = Target::named("native code");

/// Runs `f` in native code of a task, on a thread whose worker is gone for as long as `f` runs: all
/// workers run tasks that do not suspend.
fn taken<R: Send + 'static>(
    runtime: &Running<'_>,
    f: impl FnOnce(&Handle) -> R + Send + 'static,
) -> R {
    let handle = runtime.handle();
    let workers = runtime.case.workers;
    runtime.run(move || {
        let busy = Arc::new(Gate::new());
        let (result, tasks) = native::call_here(&NATIVE, || {
            let tasks: Vec<_> = (0..workers)
                .map(|_| {
                    let busy = busy.clone();
                    // Managed code that blocks its worker, which nothing may take.
                    handle.spawn(move || busy.wait())
                })
                .collect();
            until("every worker is at work elsewhere", || busy.inside() == workers);
            let result = f(&handle);
            assert_eq!(busy.inside(), workers, "nobody has given a worker back");
            busy.open();
            (result, tasks)
        });
        assert_eq!(transition::layers(), [Layer::ManagedBase]);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        result
    })
}

#[test]
fn spawn_queues() {
    each(|runtime| {
        let task = taken(runtime, |_| sortie::spawn(|| 7));
        assert_eq!(task.join().unwrap(), 7);
        let task = taken(runtime, |handle| handle.spawn(|| 8));
        assert_eq!(task.join().unwrap(), 8);
        let task = taken(runtime, |_| task::Builder::new().name("n").spawn(|| 9));
        assert_eq!(task.join().unwrap(), 9);
    });
}

#[test]
fn join_blocks_the_thread_and_no_worker() {
    each(|runtime| {
        let joined = runtime.run(|| {
            let task = sortie::spawn(|| {
                sortie::sleep(Duration::from_millis(2));
                11
            });
            native::call_here(&NATIVE, || task.join().unwrap())
        });
        assert_eq!(joined, 11);
        // And with every worker away: the task that is joined has ended before.
        let done = runtime.spawn(|| 12);
        until("the task has ended", || done.is_finished());
        assert_eq!(taken(runtime, |_| done.join().unwrap()), 12);
    });
}

#[test]
fn sleep_blocks_the_thread() {
    each(|runtime| {
        let slept = taken(runtime, |_| {
            let start = Instant::now();
            sortie::sleep(Duration::from_millis(2));
            sortie::sleep(Duration::ZERO);
            start.elapsed()
        });
        assert!(slept >= Duration::from_millis(2));
    });
}

#[test]
fn yield_now_and_checkpoint_return() {
    each(|runtime| {
        taken(runtime, |_| {
            sortie::yield_now();
            task::checkpoint();
        });
    });
}

#[test]
fn current_and_layers_answer() {
    each(|runtime| {
        let (current, layers) = taken(runtime, |_| (task::current(), transition::layers()));
        assert!(current.is_some());
        assert!(matches!(layers[..], [Layer::ManagedBase, Layer::Native { .. }]), "{layers:?}");
    });
}

#[test]
fn a_native_call_in_a_native_call_runs_plainly() {
    each(|runtime| {
        let depth = taken(runtime, |_| {
            native::call(&NATIVE, || native::call_here(&NATIVE, || transition::layers().len()))
        });
        assert_eq!(depth, 2);
    });
}

#[test]
fn leave_and_reverse_leave_are_refused() {
    each(|runtime| {
        let (leave, reverse_leave, layers) = taken(runtime, |_| {
            let leave = transition::leave(1);
            let reverse_leave = transition::reverse_leave();
            (leave, reverse_leave, transition::layers().len())
        });
        assert!(matches!(
            leave,
            Err(TransitionError::NotOwner {
                event: Event::Leave,
                found: Some(Layer::Native { .. })
            })
        ));
        assert!(matches!(
            reverse_leave,
            Err(TransitionError::NotOwner { event: Event::ReverseLeave, .. })
        ));
        assert_eq!(layers, 2);
    });
}

#[test]
fn a_callback_waits_for_a_worker_and_runs() {
    each(|runtime| {
        let workers = runtime.case.workers;
        let handle = runtime.handle();
        let output = runtime.run(move || {
            let busy = Arc::new(Gate::new());
            let at = busy.clone();
            native::call_here(&NATIVE, move || {
                let tasks: Vec<_> = (0..workers)
                    .map(|_| {
                        let busy = at.clone();
                        handle.spawn(move || busy.wait())
                    })
                    .collect();
                until("every worker is at work elsewhere", || at.inside() == workers);
                // Somebody lets the workers go while the callback waits for one.
                let opener = std::thread::spawn(move || busy.open());
                let output = native::callback(0, || {
                    tasks.into_iter().for_each(|task| task.join().unwrap());
                    sortie::spawn(|| 21).join().unwrap()
                });
                opener.join().unwrap();
                output
            })
        });
        assert_eq!(output, 21);
    });
}

#[test]
fn run_blocks_the_thread() {
    each_setting(|case| {
        let runtime = Arc::new(case.runtime());
        let own = runtime.clone();
        let task = runtime.spawn(move || {
            let output =
                native::call_here(&NATIVE, || own.run(|| sortie::spawn(|| 5).join().unwrap()));
            (output, own)
        });
        let (output, own) = task.join().unwrap();
        assert_eq!(output, 5);
        drop(own);
        end(runtime);
    });
}

/// Ends a runtime whose last other owner is gone.
fn end(runtime: Arc<Runtime>) {
    let runtime = Arc::into_inner(runtime).expect("the last owner");
    let report = runtime.shutdown(Duration::from_secs(10));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn run_in_managed_code_panics_and_names_spawn() {
    each_setting(|case| {
        let runtime = Arc::new(case.runtime());
        let own = runtime.clone();
        let (text, own) =
            runtime.spawn(move || (panic_text(|| own.run(|| 1)), own)).join().unwrap();
        assert!(text.contains("use `spawn(..)` and `join()`"), "{text}");
        // In a callback as well, and of another runtime.
        let other = Runtime::builder().workers(1).build().unwrap();
        let (text, own) = runtime
            .spawn(move || {
                let text = native::call_here(&NATIVE, || {
                    native::callback(String::new(), || panic_text(|| other.run(|| 1)))
                });
                (text, own)
            })
            .join()
            .unwrap();
        assert!(text.contains("use `spawn(..)` and `join()`"), "{text}");
        drop(own);
        end(runtime);
    });
}

/// A runtime other than the case's.
fn other(case: &Case) -> Runtime {
    case.builder().workers(1).build().unwrap()
}

#[test]
fn another_runtime_is_made_used_and_dropped_there() {
    each(|runtime| {
        let other = other(runtime.case);
        let output = taken(runtime, move |_| {
            let task = other.spawn(|| 30);
            let output = other.run(|| 1) + task.join().unwrap();
            drop(other);
            let last = Runtime::builder().workers(1).build().unwrap();
            output + last.run(|| 2)
        });
        assert_eq!(output, 33);
    });
}
