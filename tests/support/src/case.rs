//! One case of a test: a worker count and a mode, and a runtime for them.

use crate::leaks::Inventory;
use crate::watchdog;
use sortie::{Builder, Handle, Runtime};
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The worker counts of every test.
pub const WORKERS: [usize; 4] = [1, 2, 4, 8];

/// Both modes.
pub const MODES: [Mode; 2] = [Mode::Pinned, Mode::Migrating];

/// How long a case's runtime may take to shut down.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// Whether started tasks stay on their thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They do: the default.
    Pinned,
    /// They may move.
    Migrating,
}

/// One case: how its runtime is made.
#[derive(Clone, Debug)]
pub struct Case {
    /// The worker count.
    pub workers: usize,
    /// The mode.
    pub mode: Mode,
    /// What the names of the runtime's threads begin with: no other thread's does.
    pub thread_name: String,
}

impl Case {
    /// The runtime's options.
    ///
    /// In the mode `Migrating` the test promises what that asks for: no task keeps things of its
    /// thread over a suspension.
    pub fn builder(&self) -> Builder {
        let builder =
            Runtime::builder().workers(self.workers).thread_name(self.thread_name.clone());
        match self.mode {
            Mode::Pinned => builder,
            // SAFETY: the tests keep the promise, see above.
            Mode::Migrating => unsafe { builder.migrating() },
        }
    }

    /// A runtime of the test's own.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn runtime(&self) -> Runtime {
        self.builder().build().expect("a runtime")
    }

    /// May started tasks move?
    #[must_use]
    pub fn is_migrating(&self) -> bool {
        self.mode == Mode::Migrating
    }
}

/// A case with its runtime, which the fixture shuts down after the test.
#[derive(Debug)]
pub struct Running<'a> {
    /// How it was made.
    pub case: &'a Case,
    runtime: Runtime,
}

impl Deref for Running<'_> {
    type Target = Runtime;
    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}

/// Runs a test once for each worker count in each mode, on a runtime made for it.
///
/// # Panics
/// With the test; if the runtime does not shut down cleanly; if anything is left.
pub fn each(test: impl Fn(&Running<'_>)) {
    each_of(&WORKERS, &MODES, test);
}

/// As [`each`], for these worker counts and modes.
///
/// # Panics
/// As [`each`].
pub fn each_of(workers: &[usize], modes: &[Mode], test: impl Fn(&Running<'_>)) {
    run_cases(workers, modes, |case| {
        let running = Running { case, runtime: case.runtime() };
        let handle = running.handle();
        watchdog::show(&handle);
        test(&running);
        let report = running.runtime.shutdown(SHUTDOWN);
        assert!(report.is_clean(), "after the test: {report}");
        check_ended(&handle);
    });
}

/// As [`each`], for tests that make and end runtimes themselves, out of the case's
/// [`builder`](Case::builder).
///
/// # Panics
/// As [`each`].
pub fn each_setting(test: impl Fn(&Case)) {
    run_cases(&WORKERS, &MODES, test);
}

/// Runs a test alone in this process, with the watchdog and the leak check.
///
/// # Panics
/// With the test; if anything is left.
pub fn exclusively(case: &Case, test: impl FnOnce(&Case)) {
    let _alone = alone();
    run_case(case, test);
}

fn run_cases(workers: &[usize], modes: &[Mode], test: impl Fn(&Case)) {
    let _alone = alone();
    for &workers in workers {
        for &mode in modes {
            run_case(&case(workers, mode), &test);
        }
    }
}

impl Case {
    /// A case beside those of [`WORKERS`] and [`MODES`].
    #[must_use]
    pub fn new(workers: usize, mode: Mode) -> Case {
        case(workers, mode)
    }

    /// The case with this name: `4 Migrating`, say. Its name is what a child is told.
    ///
    /// # Panics
    /// If there is no such mode.
    #[must_use]
    pub fn named(name: &str) -> Case {
        let (workers, mode) = name.split_once(' ').expect("workers and mode");
        let mode = MODES.into_iter().find(|one| format!("{one:?}") == mode).expect("a mode");
        case(workers.parse().expect("a number"), mode)
    }

    /// Lets the watchdog look into the runtime until the end of the case.
    #[must_use]
    pub fn watched(&self, runtime: Runtime) -> Runtime {
        watchdog::show(&runtime.handle());
        runtime
    }
}

fn case(workers: usize, mode: Mode) -> Case {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // The kernel keeps 15 bytes, of which four are for what the runtime adds.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Case { workers, mode, thread_name: format!("st{number:x}-w") }
}

fn run_case(case: &Case, test: impl FnOnce(&Case)) {
    let watch = watchdog::watch(case);
    let before = Inventory::take(&case.thread_name);
    test(case);
    watchdog::forget();
    before.check_nothing_left();
    drop(watch);
}

/// What a runtime says of itself after its end.
fn check_ended(handle: &Handle) {
    let snapshot = handle.snapshot();
    println!(
        "{} carriers started, {} retakes, {} hand-offs, {} steals",
        snapshot.carriers_started, snapshot.retakes, snapshot.hand_offs, snapshot.steals
    );
    assert_eq!(snapshot.tasks_live(), 0, "live tasks: {snapshot:?}");
    assert_eq!(snapshot.tasks_queued, 0, "queued tasks: {snapshot:?}");
    assert_eq!(snapshot.stacks_out, 0, "stacks in use: {snapshot:?}");
    assert_eq!(snapshot.carriers, 0, "threads left: {snapshot:?}");
    assert!(
        snapshot.carriers_started >= snapshot.workers as u64,
        "fewer carriers than workers: {snapshot:?}"
    );
}

/// Cases count threads and descriptors of the whole process, so they run one after the other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
