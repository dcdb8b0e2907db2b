//! What a runtime is started with, and why it may not start.

use crate::stack::MAX_USABLE_BYTES;
use std::any::Any;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// What embeds a scheduler: it knows what the words mean that it gives to native calls.
pub trait Embedder: Any + Send + Sync + fmt::Debug {
    /// Writes what a target's word stands for.
    ///
    /// # Errors
    /// That of the writer.
    fn name(&self, target: usize, to: &mut dyn fmt::Write) -> fmt::Result {
        write!(to, "{target:#x}")
    }

    /// The address of the native function. Called by the signal handler of a stack overflow, too:
    /// without allocation or lock.
    fn address(&self, target: usize) -> usize {
        target
    }

    /// The monitor has seen a call of this target stand in the way of others. Called while the call
    /// lasts, or just after, on the monitor's thread.
    fn observed(&self, target: usize, how: Observed) {
        let _ = (target, how);
    }

    /// A task whose switches are told of ([`tell_of_switches`](crate::wait::tell_of_switches)) is about to be switched
    /// away: the last thing on its own stack, on its carrier. False: it must not be, now or later; it waits in place.
    /// Does not wait, and does not unwind.
    fn switched_out(&self, task_word: *const ()) -> bool {
        let _ = task_word;
        true
    }

    /// Such a task goes on: the first thing on its own stack, on the carrier that it goes on on.
    fn switched_in(&self, task_word: *const ()) {
        let _ = task_word;
    }

    /// Is the wait of this task over, though neither what it waits for nor its time has come? Asked on the task's own
    /// stack after each pause of a wait with a limit, if that was [asked for](crate::wait::ask_whether_over). Does not
    /// wait, and does not unwind.
    fn is_wait_over(&self, task_word: *const ()) -> bool {
        let _ = task_word;
        false
    }

    /// The current task has overflowed its stack, in native code or not, and that was reported. Called by the signal
    /// handler, on [`OVERFLOW_STACK_BYTES`](crate::OVERFLOW_STACK_BYTES) of stack, of a thread that was stopped
    /// anywhere: without allocation, without a wait for a lock. It need not return; if it does, the process ends by the
    /// signal.
    fn overflowed(&self, task_word: *const (), in_native_code: bool) {
        let _ = (task_word, in_native_code);
    }
}

/// How a native call was seen to spend its time, for how long so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// It waits: its thread computes nothing.
    Blocked(Duration),
    /// It computes.
    Burned(Duration),
}

/// How to start a scheduler. Every value has a default.
///
/// ```
/// let runtime = sortie_scheduler::Config::new().workers(2).start()?;
/// assert_eq!(runtime.spawn(|| 6 * 7).join().unwrap(), 42);
/// # Ok::<(), sortie_scheduler::StartError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a configuration does nothing until `start`"]
pub struct Config {
    pub(crate) workers: usize,
    pub(crate) max_carriers: Option<usize>,
    pub(crate) stack_bytes: usize,
    pub(crate) native_stack_bytes: usize,
    pub(crate) callback_stack_bytes: usize,
    pub(crate) callback_guard_bytes: usize,
    pub(crate) thread_name: String,
    pub(crate) migrating: bool,
    pub(crate) report_deadlocks: bool,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
}

/// 64 KiB, and in debug builds, whose frames are larger, 256 KiB.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };
const NATIVE_STACK_BYTES: usize = 8 << 20;
/// Memory is taken by touched pages only.
const CALLBACK_STACK_BYTES: usize = 256 << 10;
/// C code need not touch every page of a large frame.
const CALLBACK_GUARD_BYTES: usize = 256 << 10;
/// More is not meant.
const MAX_GUARD_BYTES: usize = 1 << 30;

impl Config {
    /// The defaults: a worker for each core that the process may use, 64 KiB of fiber stack
    /// (256 KiB in debug builds), 8 MiB of carrier stack, at most `max(512, 4 x workers) + workers`
    /// carriers, threads named `sortie`.
    pub fn new() -> Config {
        Config {
            workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            max_carriers: None,
            stack_bytes: STACK_BYTES,
            native_stack_bytes: NATIVE_STACK_BYTES,
            callback_stack_bytes: CALLBACK_STACK_BYTES,
            callback_guard_bytes: CALLBACK_GUARD_BYTES,
            thread_name: "sortie".to_owned(),
            migrating: false,
            report_deadlocks: false,
            embedder: None,
        }
    }

    /// What the embedder keeps with the runtime; [`with_embedder`](crate::with_embedder) finds it in a
    /// task.
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Config {
        self.embedder = Some(embedder);
        self
    }

    /// How many tasks may run managed code at once; 1 to 1024.
    ///
    /// Of more than four for each processor the rest is held back while the others keep the processors busy and each gets
    /// on.
    pub fn workers(mut self, workers: usize) -> Config {
        self.workers = workers;
        self
    }

    /// How many threads may exist to carry workers and blocked native calls; not below `workers`.
    pub fn max_carriers(mut self, carriers: usize) -> Config {
        self.max_carriers = Some(carriers);
        self
    }

    /// Usable bytes of a task's stack, rounded up to pages; at least 16 KiB.
    pub fn stack_bytes(mut self, bytes: usize) -> Config {
        self.stack_bytes = bytes;
        self
    }

    /// Bytes of a carrier's stack, on which native code runs; at least 64 KiB.
    pub fn native_stack_bytes(mut self, bytes: usize) -> Config {
        self.native_stack_bytes = bytes;
        self
    }

    /// Usable bytes of a stack for native code whose callbacks may suspend, rounded up to pages; at least
    /// 16 KiB.
    pub fn callback_stack_bytes(mut self, bytes: usize) -> Config {
        self.callback_stack_bytes = bytes;
        self
    }

    /// Bytes of the guard below such a stack, rounded up to pages; at least one page, at most 1 GiB.
    ///
    /// # Safety
    /// Code that runs on such a stack has no single frame larger than this whose pages it does not touch in turn.
    pub unsafe fn callback_guard_bytes(mut self, bytes: usize) -> Config {
        self.callback_guard_bytes = bytes;
        self
    }

    /// The name of the runtime's threads; the kernel keeps the first 15 bytes.
    pub fn thread_name(mut self, name: impl Into<String>) -> Config {
        self.thread_name = name.into();
        self
    }

    /// Says by an event when the wait of a task closes a circle, and of any other circle once nothing has run for a
    /// second. For debugging: each wait for a lock or a join pays for a look, each lock that is read under, of the whole
    /// process and from here on for good, notes who reads, and the monitor wakes each second.
    pub fn report_deadlocks(mut self, report: bool) -> Config {
        self.report_deadlocks = report;
        self
    }

    /// Promises that every task of the runtime may resume on any thread.
    ///
    /// # Safety
    /// No task of the runtime, from its spawn to its end, is suspended while its frames hold
    /// - a reference into a `thread_local!`, or one that the compiler may have kept (an access
    ///   before and one after the suspension in the same function is enough);
    /// - a value that is not `Send` and that its thread can also reach: an `Rc` cloned into a
    ///   thread-local, a `MutexGuard` of `std`, an entered tracing span;
    /// - a lock or another resource that native code has tied to the thread.
    ///
    /// A task is suspended by `join`, `sleep`, `yield_now`, `checkpoint`, and on its return from a
    /// native call. [`Scheduler::spawn`](crate::Scheduler::spawn) stays safe to call: the promise
    /// is made here, once, for all of them.
    pub unsafe fn migrating(mut self) -> Config {
        self.migrating = true;
        self
    }

    /// The most carriers, bursts aside.
    pub(crate) fn carrier_cap(&self) -> usize {
        self.max_carriers.unwrap_or_else(|| 512.max(4 * self.workers) + self.workers)
    }

    /// The most carriers, burst included.
    pub(crate) fn burst_cap(&self) -> usize {
        self.carrier_cap() + 4.max(self.carrier_cap() / 8)
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        let bad = |what, value, expected| Err(StartError::Invalid { what, value, expected });
        if !(1..=1024).contains(&self.workers) {
            return bad("workers", self.workers, "1 to 1024");
        }
        if self.carrier_cap() < self.workers {
            return bad("max_carriers", self.carrier_cap(), "at least as many as workers");
        }
        if !(1..=MAX_USABLE_BYTES).contains(&self.stack_bytes) {
            return bad("stack_bytes", self.stack_bytes, "1 byte to 1 GiB");
        }
        if self.native_stack_bytes < 64 << 10 {
            return bad("native_stack_bytes", self.native_stack_bytes, "at least 65536");
        }
        if self.callback_guard_bytes > MAX_GUARD_BYTES {
            return bad("callback_guard_bytes", self.callback_guard_bytes, "at most 1 GiB");
        }
        if self.thread_name.contains('\0') {
            return bad("thread_name", self.thread_name.len(), "a name without NUL bytes");
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

/// Why a runtime did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A value of the configuration cannot be.
    Invalid {
        /// Which value.
        what: &'static str,
        /// What it was (the length, for a name).
        value: usize,
        /// What it must be.
        expected: &'static str,
    },
    /// The stacks cannot be had as configured.
    Stack(crate::StackError),
    /// The operating system refused a thread.
    Thread(std::io::Error),
    /// This process was forked off from one in which a runtime lived.
    Forked,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Invalid { what, value, expected } => {
                write!(f, "the builder's `{what}` is {value}, but must be {expected}")
            }
            StartError::Stack(error) => write!(f, "no stacks for tasks: {error}"),
            StartError::Thread(error) => write!(
                f,
                "the system refused a thread for the runtime: {error}; look at `ulimit -u`, the \
                 cgroup's pids.max and the memory limit"
            ),
            StartError::Forked => f.write_str(
                "this process was forked off from one with a runtime, whose locks it has copied; exec \
                 first, or fork before the first runtime is built",
            ),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Invalid { .. } | StartError::Forked => None,
            StartError::Stack(error) => Some(error),
            StartError::Thread(error) => Some(error),
        }
    }
}
