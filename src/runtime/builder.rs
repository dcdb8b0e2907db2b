//! Options for a runtime, and its start.

use super::{Handle, Runtime};
use crate::BuildError;
use crate::target::ledger::Ledger;
use crate::target::policies;
use crate::task::local;
use crate::transition::trace;
use sortie_scheduler::Config;

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
    ///
    /// Of more than four for each processor the rest is held back while the others keep the processors busy and each of
    /// them goes from task to task. A task that computes, or blocks in code that it has not announced, for 10 ms keeps
    /// nobody waiting: another worker comes out for it.
    #[doc(alias = "worker_threads")]
    pub fn workers(self, workers: usize) -> Builder {
        Builder { config: self.config.workers(workers) }
    }

    /// How many threads there may be to carry workers and native calls that block; not below
    /// `workers`. When it is reached, ready tasks wait, and an event says so.
    pub fn max_carriers(self, carriers: usize) -> Builder {
        Builder { config: self.config.max_carriers(carriers) }
    }

    /// Usable bytes of a task's stack, rounded up to pages; at least 16 KiB, at most 1 GiB. A task that needs more
    /// ends the process with a message that names it.
    #[doc(alias = "thread_stack_size")]
    pub fn stack_bytes(self, bytes: usize) -> Builder {
        Builder { config: self.config.stack_bytes(bytes) }
    }

    /// Bytes of the stack on which native code runs; at least 64 KiB.
    pub fn native_stack_bytes(self, bytes: usize) -> Builder {
        Builder { config: self.config.native_stack_bytes(bytes) }
    }

    /// Usable bytes of a stack for native code whose callbacks may suspend their task
    /// ([`Callbacks`](crate::native::Callbacks)), rounded up to pages; at least 16 KiB, and 256 KiB if
    /// nothing is said. Memory is taken by touched pages only; a guard lies below each
    /// ([`Builder::callback_guard_bytes`]).
    pub fn callback_stack_bytes(self, bytes: usize) -> Builder {
        Builder { config: self.config.callback_stack_bytes(bytes) }
    }

    /// Bytes of the guard below a stack for native code whose callbacks may suspend their task, rounded up to pages; at
    /// least one page, at most 1 GiB, and 256 KiB if nothing is said.
    ///
    /// A guard turns an overflow into a message that names the task, instead of a write to another task's stack, as long
    /// as no frame steps over it. Code that touches the pages of a large frame in turn steps over none: Rust does, and C
    /// that is compiled with `-fstack-clash-protection`. For such code one page is enough, which is what threads of the
    /// C library have. All that a guard takes is page tables, 8 bytes a page, which count where a hundred thousand
    /// tasks are suspended in callbacks.
    ///
    /// # Safety
    /// You promise that native code with callbacks that suspend ([`Callbacks`](crate::native::Callbacks)), called by
    /// tasks of this runtime, has no single frame larger than this whose pages it does not touch in turn.
    ///
    /// ```
    /// // SAFETY: the only library that calls back is compiled with `-fstack-clash-protection`.
    /// let builder = unsafe { sortie::Runtime::builder().callback_guard_bytes(4 << 10) };
    /// let runtime = builder.build()?;
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub unsafe fn callback_guard_bytes(self, bytes: usize) -> Builder {
        // SAFETY: the promise is passed on.
        let config = unsafe { self.config.callback_guard_bytes(bytes) };
        Builder { config }
    }

    /// The name of the runtime's threads; the kernel keeps the first 15 bytes.
    pub fn thread_name(self, name: impl Into<String>) -> Builder {
        Builder { config: self.config.thread_name(name) }
    }

    /// Says by an event of the target `sortie::task`, level `error`, when the wait of a task closes a circle of waits
    /// that none of them will leave ([`Runtime::deadlocks`]). A circle that is closed otherwise, by a thread without a
    /// task or by a task that is ready and has no thread to run on, is told once no task has had a turn for a second.
    /// Each is told once. For debugging: each wait for a lock or a join pays for a look, each
    /// [`RwLock`](crate::sync::RwLock) of the process notes from here on for good who reads, and the runtime's monitor
    /// wakes each second.
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
    /// the compiler does with thread-locals, and which flags help, is in the guide, *Thread-locals and tasks that
    /// migrate*. [`spawn`](crate::spawn) stays a safe function: the promise is made here, once, for all
    /// tasks.
    pub unsafe fn migrating(self) -> Builder {
        // SAFETY: the promise is passed on.
        let config = unsafe { self.config.migrating() };
        Builder { config }
    }

    /// Starts the runtime.
    ///
    /// The first one of a process asks the kernel for membarrier, by which short native calls need no fence. The
    /// environment variable `SORTIE_MEMBARRIER`, which is read then, takes it away: `missing` has the runtime go on as
    /// where there is none, `slow` as where it has proved slow. Any other value changes nothing, and a warning says so.
    ///
    /// # Errors
    /// [`BuildError`] if an option cannot be, or the system refuses threads or memory.
    pub fn build(self) -> Result<Runtime, BuildError> {
        sortie_scheduler::crossing::fence::on_loss(policies::invalidate);
        trace::watch();
        let ledger = Ledger::new(local::SWITCHES);
        let scheduler = self.config.embedder(ledger.clone()).start()?;
        Ok(Runtime { handle: Handle { scheduler, ledger } })
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}
