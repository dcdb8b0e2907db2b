//! The runtime: what a program makes first and drops last.
//!
//! - `builder`: its options, and how it is started. `handle`: what is kept of it by those who do not own it; the
//!   runtime does what it does by one.

mod builder;
mod handle;

pub use builder::Builder;
pub use handle::Handle;

use crate::observe::Snapshot;
use crate::shutdown::ShutdownReport;
use crate::task::Scope;
use crate::{BuildError, Deadlock, JoinHandle};
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
    #[doc(alias = "block_on")]
    #[track_caller]
    pub fn run<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        assert!(
            !sortie_scheduler::is_managed(),
            "Runtime::run would block the worker of the task that calls it: \
             use `spawn(..)` and `join()` inside of tasks"
        );
        match self.spawn(f).join() {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
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
    #[track_caller]
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

    /// Waits of this runtime's tasks that have no end: each is for others of them, mostly in a circle, and none goes on
    /// unless one of them is aborted.
    ///
    /// Known are waits without a limit
    /// - for what one other has: a [`Mutex`](crate::sync::Mutex), the writer of a [`RwLock`](crate::sync::RwLock), who does
    ///   what is done [once](crate::sync::Once), the task that is joined;
    /// - for each of several: all tasks of a [scope](crate::task::scope()) or a [group](crate::task::Group), those who read
    ///   under a [`RwLock`](crate::sync::RwLock), and, for one who wants to read, the writers before it. Who reads is noted
    ///   from there on where a runtime of the process [reports deadlocks](Builder::report_deadlocks);
    /// - for any of several tasks ([`JoinSet::join_next`](crate::task::JoinSet::join_next), a [`select!`](crate::select) of
    ///   nothing but joins): that is part of a deadlock when all of them are;
    /// - of a task that is ready, for the one that keeps its thread by a wait in a callback.
    ///
    /// Tasks of other runtimes, and threads, are found where they wait for locks, for any of several tasks, or at the
    /// end of a scope. Waits with a limit, their own or one around their code ([`timeout`](crate::time::timeout)), end
    /// by themselves, and those for permits, messages, events and conditions may be ended by anybody: none is part of a
    /// deadlock. Of those that share a wait one is told. What is told is certain: it was seen three times alike. Stops
    /// nobody; takes time in proportion to the waits. [`Builder::report_deadlocks`] tells of each by itself.
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

/// The panic of a function that needs a runtime and has none.
#[cold]
#[track_caller]
pub(crate) fn outside(function: &str, instead: &str) -> ! {
    panic!("{function} was called on a thread that runs no task: use {instead}")
}
