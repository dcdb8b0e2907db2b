//! The runtime: what a program makes first and drops last.

use crate::observe::Snapshot;
use crate::shutdown::ShutdownReport;
use crate::target::ledger::Ledger;
use crate::target::policies;
use crate::task::local::{self, Local};
use crate::task::{Scope, scope_on};
use crate::transition::{self, Event, Layers, TransitionError};
use crate::{BuildError, Deadlock, JoinHandle};
use sortie_scheduler::{AttachError, Config, Scheduler, Spawn};
use std::sync::Arc;
use std::time::Duration;

/// How long a dropped runtime waits for its tasks.
const DROP_LIMIT: Duration = Duration::from_secs(5);

/// A runtime: workers, carriers, a monitor, and the tasks on them.
///
/// Several may live side by side. Dropping one shuts it down as [`Runtime::shutdown`] does, with five
/// seconds for its tasks; in one of its own tasks it asks for the shutdown and does not wait.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let sum = runtime.run(|| {
///     let tasks: Vec<_> = (1..=10).map(|n| sortie::spawn(move || n * n)).collect();
///     tasks.into_iter().map(|task| task.join().unwrap()).sum::<i32>()
/// });
/// assert_eq!(sum, 385);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
}

impl Runtime {
    /// A runtime with the defaults: see [`Builder::new`].
    ///
    /// # Errors
    /// [`BuildError`] if the system refuses threads or memory.
    pub fn new() -> Result<Runtime, BuildError> {
        Builder::new().build()
    }

    /// Options for a runtime.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs `f` as a task and waits for its output.
    ///
    /// Blocks the thread. To be called from threads that run no task, and from native code.
    ///
    /// # Panics
    /// With the panic of `f`. In managed code of a task, where `spawn` and `join` serve instead. If
    /// the runtime is shut down before `f` has ended.
    #[track_caller]
    pub fn run<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        assert!(
            !sortie_scheduler::is_managed(),
            "Runtime::run would block the worker of the task that calls it: \
             use `spawn(..)` and `join()` inside of tasks"
        );
        match self.spawn(f).join() {
            Ok(output) => output,
            Err(error) => match error.into_panic() {
                Ok(payload) => std::panic::resume_unwind(payload),
                Err(error) => panic!("Runtime::run has no output: {error}"),
            },
        }
    }

    /// Spawns a task. Neither blocks nor suspends.
    ///
    /// The task may be run by any worker at first, and then stays on the thread that started it, unless
    /// the runtime is [`migrating`](Builder::migrating).
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let task = runtime.spawn(|| 6 * 7);
    /// assert_eq!(task.join()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn(f)
    }

    /// Opens a scope from any thread, whose tasks run on this runtime: see [`task::scope`](crate::task::scope).
    ///
    /// A thread without a task sleeps until they have ended. A runtime that is shut down refuses them, and
    /// aborts those that are there; a task that the shutdown leaves behind keeps the scope waiting.
    ///
    /// # Panics
    /// As [`task::scope`](crate::task::scope), but for the thread.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let numbers = [3, 1, 2];
    /// let (least, most) = runtime.scope(|s| {
    ///     let least = s.spawn(|| numbers.iter().min());
    ///     (least.join().unwrap(), numbers.iter().max())
    /// });
    /// assert_eq!((least, most), (Some(&1), Some(&3)));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn scope<'env, F, T>(&self, f: F) -> T
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        self.handle.scope(f)
    }

    /// A handle that other threads may keep.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends the runtime: refuses spawns, unwinds what is suspended, waits for the rest until `limit`
    /// has passed, and says who was left.
    ///
    /// Tasks that sit in native code or compute without a suspension point are not interrupted: at the
    /// deadline the report names them, and their threads and stacks stay until they return. In one of
    /// the runtime's own tasks this asks for the shutdown and does not wait: the report is then empty
    /// and [`ShutdownReport::is_pending`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let sleeper = runtime.spawn(|| sortie::sleep(Duration::from_secs(3600)));
    /// let report = runtime.shutdown(Duration::from_secs(1));
    /// assert!(report.is_clean(), "{report}");
    /// assert!(sleeper.join().is_err());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn shutdown(self, limit: Duration) -> ShutdownReport {
        // Dropping `self` afterwards finds the runtime ended.
        self.handle.end(limit)
    }

    /// What the runtime has and did: read without stopping anybody.
    pub fn snapshot(&self) -> Snapshot {
        self.handle.snapshot()
    }

    /// Circles of waits in which tasks of this runtime are: each waits for what the next has, and none goes on
    /// unless one of them is aborted.
    ///
    /// Known are waits without a limit for what one other has: a [`Mutex`](crate::sync::Mutex), the writer of a
    /// [`RwLock`](crate::sync::RwLock), who does what is done [once](crate::sync::Once), the task that is joined; and of a
    /// task that is ready, the one that keeps its thread by a wait in a callback. Tasks of other runtimes, and threads, are
    /// found in a circle where they wait for locks. Waits with a limit end by themselves, and a wait for any of several
    /// tasks ends by each of them: neither is part of a circle. What is told is certain: it was seen
    /// three times alike. Stops nobody; takes time in proportion to the waits. [`Builder::report_deadlocks`] tells of each
    /// when it comes about.
    ///
    /// ```
    /// use sortie::sync::Mutex;
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let runtime = sortie::Runtime::builder().workers(2).build()?;
    /// let locks = Arc::new([Mutex::new(()), Mutex::new(())]);
    /// let tasks = [0, 1].map(|n| {
    ///     let locks = locks.clone();
    ///     runtime.spawn(move || {
    ///         let _one = locks[n].lock();
    ///         sortie::sleep(Duration::from_millis(5));
    ///         let _other = locks[1 - n].lock(); // each has what the other wants
    ///     })
    /// });
    /// let deadlock = loop {
    ///     if let Some(deadlock) = runtime.deadlocks().pop() {
    ///         break deadlock;
    ///     }
    /// };
    /// println!("{deadlock}");
    /// assert_eq!(deadlock.waits().len(), 2);
    /// tasks[0].abort();
    /// # for task in tasks { let _ = task.join(); }
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn deadlocks(&self) -> Vec<Deadlock> {
        self.handle.deadlocks()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if self.handle.scheduler.is_ended() {
            return;
        }
        let report = self.handle.end(DROP_LIMIT);
        if !report.is_clean() {
            tracing::warn!(target: "sortie::shutdown", %report, "a runtime was dropped");
        }
    }
}

/// A way to a runtime that does not keep it from ending.
///
/// After the runtime has ended its functions say so: tasks are refused, threads are not let in.
#[derive(Clone, Debug)]
pub struct Handle {
    scheduler: Scheduler,
    ledger: Arc<Ledger>,
}

impl Handle {
    /// Spawns a task, as [`Runtime::spawn`]. If the runtime was shut down the task is refused, and
    /// its join says so.
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        crate::task::Builder::new().spawn_on(self, f)
    }

    pub(crate) fn spawn_with<F, T>(&self, options: Spawn, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.scheduler.spawn_with(options, f)
    }

    /// Opens a scope from any thread, as [`Runtime::scope`].
    ///
    /// # Panics
    /// As [`Runtime::scope`].
    pub fn scope<'env, F, T>(&self, f: F) -> T
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        scope_on(self.scheduler.clone(), f)
    }

    /// What the runtime has and did.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.scheduler, &self.ledger)
    }

    /// As [`Runtime::deadlocks`].
    pub fn deadlocks(&self) -> Vec<Deadlock> {
        self.scheduler.deadlocks()
    }

    /// A thread without a task enters managed code of this runtime.
    ///
    /// Attaches the thread the first time; it stays attached until it ends. Waits for a worker. From
    /// here to the matching [`transition::reverse_leave`] the thread runs managed code as a task of its
    /// own, which can spawn, join, sleep and call native code, and waits in place. In native code that
    /// a task of this runtime has called, it is [`transition::reverse_enter`].
    ///
    /// # Errors
    /// [`TransitionError`]: the runtime was shut down, the thread is in managed code already, it belongs
    /// to another runtime's task, or it runs a signal handler.
    ///
    /// ```
    /// use sortie::transition;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let handle = runtime.handle();
    /// std::thread::spawn(move || {
    ///     handle.reverse_enter()?;
    ///     let answer = sortie::spawn(|| 42).join().unwrap();
    ///     transition::reverse_leave()?;
    ///     assert_eq!(answer, 42);
    ///     Ok::<_, transition::TransitionError>(())
    /// })
    /// .join()
    /// .unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reverse_enter(&self) -> Result<(), TransitionError> {
        self.attach()?;
        transition::reverse_enter()
    }

    /// Attaches a thread without a task, in native code: from here on it has a task of this runtime's, whose base
    /// is native, and [`transition::reverse_enter`] takes it into managed code.
    ///
    /// It stays attached until it ends. In code of a task of this runtime nothing happens. Does not block.
    ///
    /// # Errors
    /// As [`Handle::reverse_enter`], but not for managed code.
    ///
    /// ```
    /// use sortie::transition::{self, Layer};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let handle = runtime.handle();
    /// std::thread::spawn(move || {
    ///     handle.attach()?;
    ///     assert_eq!(transition::layers(), [Layer::NativeBase]);
    ///     transition::reverse_enter()?;
    ///     assert_eq!(transition::layers(), [Layer::NativeBase, Layer::Managed]);
    ///     transition::reverse_leave()
    /// })
    /// .join()
    /// .unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(&self) -> Result<(), TransitionError> {
        if self.scheduler.is_current() {
            return Ok(());
        }
        let attached = self.scheduler.attach(|| {
            let local = Box::new(Local::new(Layers::native()));
            let word = (&raw const *local).cast();
            (local, word)
        });
        attached.map_err(|error| match error {
            AttachError::ShutDown => TransitionError::ShutDown,
            AttachError::InSignalHandler => {
                TransitionError::InSignalHandler { event: Event::ReverseEnter }
            }
            _ => TransitionError::NotOwner {
                event: Event::ReverseEnter,
                found: transition::layers().last().copied(),
            },
        })
    }

    /// Tasks that wait for a worker look whether they are to go on with that.
    pub(crate) fn wake_line(&self) {
        self.scheduler.wake_line();
    }

    /// Tasks that are told of their switches begin no managed code from here on, but for the current one, if there is one.
    /// False: they do not already.
    pub(crate) fn begin_hold(&self) -> bool {
        self.scheduler.begin_hold()
    }

    /// Are they all out of it?
    pub(crate) fn is_held(&self) -> bool {
        self.scheduler.is_held()
    }

    /// They go on. False: another holds them.
    pub(crate) fn end_hold(&self) -> bool {
        self.scheduler.end_hold()
    }

    /// They go on: who held them has ended.
    pub(crate) fn abandon_hold(&self) {
        self.scheduler.abandon_hold();
    }

    /// Has a shutdown of the runtime begun?
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.scheduler.is_shut_down()
    }

    fn end(&self, limit: Duration) -> ShutdownReport {
        ShutdownReport::new(self.scheduler.shutdown(limit))
    }
}

/// Options for a runtime.
///
/// ```
/// let runtime = sortie::Runtime::builder().workers(2).stack_bytes(128 << 10).build()?;
/// assert_eq!(runtime.snapshot().workers, 2);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct Builder {
    config: Config,
}

impl Builder {
    /// The defaults: a worker for each core that the process may use, at most
    /// `max(512, 4 x workers) + workers` carriers, 64 KiB of stack for a task (256 KiB in debug
    /// builds), 8 MiB for native code, threads named `sortie`.
    pub fn new() -> Builder {
        Builder { config: Config::new() }
    }

    /// How many tasks may run managed code at once; 1 to 1024.
    pub fn workers(self, workers: usize) -> Builder {
        Builder { config: self.config.workers(workers) }
    }

    /// How many threads there may be to carry workers and native calls that block; not below
    /// `workers`. When it is reached, ready tasks wait, and an event says so.
    pub fn max_carriers(self, carriers: usize) -> Builder {
        Builder { config: self.config.max_carriers(carriers) }
    }

    /// Usable bytes of a task's stack, rounded up to pages; at least 16 KiB. A task that needs more
    /// ends the process with a message that names it.
    pub fn stack_bytes(self, bytes: usize) -> Builder {
        Builder { config: self.config.stack_bytes(bytes) }
    }

    /// Bytes of the stack on which native code runs; at least 64 KiB.
    pub fn native_stack_bytes(self, bytes: usize) -> Builder {
        Builder { config: self.config.native_stack_bytes(bytes) }
    }

    /// Usable bytes of a stack for native code whose callbacks may suspend their task
    /// ([`Callbacks`](crate::native::Callbacks)), rounded up to pages; at least 16 KiB, and 256 KiB if
    /// nothing is said. Memory is taken by touched pages only; a guard of 256 KiB lies below each.
    pub fn callback_stack_bytes(self, bytes: usize) -> Builder {
        Builder { config: self.config.callback_stack_bytes(bytes) }
    }

    /// The name of the runtime's threads; the kernel keeps the first 15 bytes.
    pub fn thread_name(self, name: impl Into<String>) -> Builder {
        Builder { config: self.config.thread_name(name) }
    }

    /// Says by an event of the target `sortie::task`, level `error`, when the wait of a task closes a circle of waits that
    /// none of them will leave ([`Runtime::deadlocks`]). For debugging: each wait for a lock or a join pays for a look.
    ///
    /// ```
    /// let runtime = sortie::Runtime::builder().report_deadlocks(cfg!(debug_assertions)).build()?;
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn report_deadlocks(self, report: bool) -> Builder {
        Builder { config: self.config.report_deadlocks(report) }
    }

    /// Lets every task be stolen after it has started, and follow its worker.
    ///
    /// Without this a started task stays on its thread, which is what makes [`spawn`](crate::spawn)
    /// safe: its frames may hold things of the thread. With it, work spreads better and a task that
    /// comes back from a blocking native call goes on on any thread.
    ///
    /// # Safety
    /// You promise that no task of the runtime is suspended while its frames hold
    /// - a reference into a `thread_local!`, or an address of one that the compiler may have kept: a
    ///   function that uses the same thread-local before and after a suspension is enough, in a
    ///   dependency too;
    /// - a value that is not `Send` and that its thread can also reach: an `Rc` of which a clone lies
    ///   in a thread-local, a `std::sync::MutexGuard`, an entered tracing span;
    /// - a lock or another thing that native code has tied to the thread.
    ///
    /// Suspension points are `join`, `sleep`, `yield_now`, `checkpoint`, and the return from a native
    /// call. [`task::NoSuspend`](crate::task::NoSuspend) finds those that a stretch of code must not have. What
    /// the compiler does with thread-locals, and which flags help, is in the README, *Thread-locals and
    /// migration*. [`spawn`](crate::spawn) stays a safe function: the promise is made here, once, for all
    /// tasks.
    pub unsafe fn migrating(self) -> Builder {
        // SAFETY: the promise is passed on.
        let config = unsafe { self.config.migrating() };
        Builder { config }
    }

    /// Starts the runtime.
    ///
    /// # Errors
    /// [`BuildError`] if an option cannot be, or the system refuses threads or memory.
    pub fn build(self) -> Result<Runtime, BuildError> {
        sortie_scheduler::crossing::fence::on_loss(policies::invalidate);
        let ledger = Arc::new(Ledger::new(local::SWITCHES));
        let scheduler = self.config.embedder(ledger.clone()).start()?;
        Ok(Runtime { handle: Handle { scheduler, ledger } })
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

/// The panic of a function that needs a runtime and has none.
#[cold]
#[track_caller]
pub(crate) fn outside(function: &str, instead: &str) -> ! {
    panic!("{function} was called on a thread that runs no task: use {instead}")
}
