//! Where the kernel refuses threads nothing is lost: what waits goes on with the threads that there
//! are, and with new ones as soon as there are some.

use sortie::native::{self, Target};
use sortie::{JoinHandle, Runtime};
use sortie_natives::Gate;
use sortie_test::figures::short_or_soak;
use sortie_test::mixture::Steps;
use sortie_test::seccomp::{self, Answer};
use sortie_test::{Case, child, events, exclusively, limits, mixture, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CLONE: [libc::c_long; 2] = [libc::SYS_clone, libc::SYS_clone3];

static GATE: Target = Target::named("natives_gate_wait");

/// Each case in a child of its own: worker count and mode.
const CASES: [&str; 4] = ["1 Pinned", "2 Pinned", "1 Migrating", "4 Migrating"];

/// Puts a supervisor before every start of a thread: it is refused while the flag says so. Returns the
/// flag and how often it was.
fn refuse_threads() -> (Arc<AtomicBool>, Arc<AtomicU64>) {
    let (refuse, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (flag, count) = (refuse.clone(), refused.clone());
    seccomp::supervise(&CLONE, move |_| {
        if !flag.load(Ordering::SeqCst) {
            return Answer::Continue;
        }
        count.fetch_add(1, Ordering::SeqCst);
        Answer::Fail(libc::EAGAIN)
    });
    (refuse, refused)
}

/// More calls than there are threads, all of them at the gate.
fn callers(runtime: &Runtime, case: &Case, gate: &Arc<Gate>) -> Vec<JoinHandle<()>> {
    let caller = |_| {
        let gate = gate.clone();
        runtime.spawn(move || native::call(&GATE, || gate.wait()))
    };
    (0..8 * case.workers).map(caller).collect()
}

#[test]
fn for_a_while() {
    child::each("for_a_while", &CASES, |case| {
        let (refuse, refused) = refuse_threads();
        events::record();
        exclusively(&Case::named(case), |case| {
            let runtime = case.watched(case.runtime());
            refuse.store(true, Ordering::SeqCst);

            let gate = Arc::new(Gate::new());
            let callers = callers(&runtime, case, &gate);
            let tasks = mixture::spawn(&runtime.handle(), 1, 48);
            until("a thread was refused", || refused.load(Ordering::SeqCst) > 0);
            std::thread::sleep(Duration::from_millis(short_or_soak(300, 5_000)));
            let snapshot = runtime.snapshot();
            assert!(snapshot.saturations > 0, "{snapshot:?}");
            let said = events::seen().into_iter().any(|event| event.text.contains("saturated"));
            assert!(said, "{:?}", events::seen());

            // Now there are threads again: whoever is queued gets one, though no call returns.
            refuse.store(false, Ordering::SeqCst);
            let start = Instant::now();
            mixture::join(tasks);
            until("all are inside", || gate.inside() == callers.len());
            println!("  {refused:?} refused; all is done {:?} after that", start.elapsed());
            gate.open();
            callers.into_iter().for_each(|caller| caller.join().unwrap());
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    });
}

/// In the midst of everything, callbacks that need a thread for what they wait for among it: it may
/// stand still while there is none.
#[test]
fn on_and_off() {
    child::each("on_and_off", &CASES, |case| {
        let (refuse, refused) = refuse_threads();
        exclusively(&Case::named(case), |case| {
            let runtime = case.watched(case.runtime());
            let end = Instant::now() + Duration::from_millis(short_or_soak(500, 60_000));
            let mut round = 0;
            while Instant::now() < end {
                let tasks = mixture::spawn(&runtime.handle(), round, 48);
                for refused in [true, false, true, false] {
                    refuse.store(refused, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(10));
                }
                mixture::join(tasks);
                round += 1;
            }
            println!("  {round} rounds, {refused:?} refused");
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    });
}

#[test]
fn a_runtime_that_cannot_start_says_so_and_leaves_nothing() {
    let test = "a_runtime_that_cannot_start_says_so_and_leaves_nothing";
    child::each(test, &CASES, |case| {
        let (refuse, _) = refuse_threads();
        exclusively(&Case::named(case), |case| {
            refuse.store(true, Ordering::SeqCst);
            let error = case.builder().build().unwrap_err().to_string();
            assert!(error.contains("thread"), "{error}");
            refuse.store(false, Ordering::SeqCst);
            assert_eq!(case.runtime().run(|| 7), 7);
        });
    });
}

/// `RLIMIT_NPROC`, or what a cgroup would say: two threads more than there are.
#[test]
fn but_for_two() {
    child::each("but_for_two", &CASES, |case| {
        exclusively(&Case::named(case), |case| {
            let runtime = case.watched(case.runtime());
            // Whatever starts with the runtime has started.
            assert_eq!(runtime.run(|| 7), 7);
            limits::allow_threads(2);
            for round in 0..short_or_soak(3, 1_000) {
                let gate = Arc::new(Gate::new());
                let callers = callers(&runtime, case, &gate);
                let handle = runtime.handle();
                let tasks = mixture::spawn_with(&handle, round, 48, Steps::NoCallbacks);
                let all = case.workers + 1;
                until("the threads are in native code", || gate.inside() >= all.min(callers.len()));
                gate.open();
                callers.into_iter().for_each(|caller| caller.join().unwrap());
                mixture::join(tasks);
            }
            let snapshot = runtime.snapshot();
            println!("  {} carriers, {} saturations", snapshot.carriers, snapshot.saturations);
            assert!(snapshot.saturations > 0, "{snapshot:?}");
            assert!(snapshot.carriers <= case.workers + 2, "{snapshot:?}");
            assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        });
    });
}
