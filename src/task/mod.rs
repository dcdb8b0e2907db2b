//! Tasks: which one runs here, and how the next is spawned.
//!
//! [`spawn`](crate::spawn) is enough for most; a [`Builder`] gives a task a name, a span, a group, or the right to
//! migrate.
//!
//! | for | see |
//! |---|---|
//! | tasks that borrow, and end before their owner goes on | [`scope`](fn@scope), [`join!`](crate::join) |
//! | a loop whose turns run side by side | [`par`] |
//! | many tasks, joined in the order in which they end | [`JoinSet`] |
//! | tasks under one name, with a limit, ended together | [`Group`] |
//! | a task that needs more stack than others | [`Builder::stack_bytes`], [`Stack`] |
//! | values that belong to a task | [`task_local!`](crate::task_local), [`LocalKey`] |

mod abort;
mod affinity;
mod group;
mod join;
mod join_set;
pub(crate) mod local;
mod no_suspend;
pub mod par;
mod scope;
mod stack;
mod task_local;

use crate::runtime::outside;
use sortie_scheduler::Semaphore;
use std::sync::Arc;

pub use abort::{
    AbortError, AbortHandle, DelayError, abort_current, begin_delay_abort, delay_abort,
    end_delay_abort, is_abort,
};
pub use affinity::{
    AffinityError, ThreadAffinity, begin_thread_affinity, end_thread_affinity, keep_thread,
};
pub use group::{Group, GroupStuck};
pub use join_set::JoinSet;
pub use no_suspend::NoSuspend;
pub(crate) use scope::scope_on;
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use sortie_scheduler::{Id, Priority};
pub use stack::Stack;
pub use task_local::{AccessError, LocalKey};

use crate::JoinHandle;

/// The task that this code belongs to; `None` on a thread that runs none.
///
/// Answers in managed code and in native code that a task has called.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let name = runtime.run(|| {
///     let task = sortie::task::Builder::new().name("loader").spawn(|| {
///         sortie::task::current().and_then(|task| task.name().map(str::to_owned))
///     });
///     task.join().unwrap()
/// });
/// assert_eq!(name.as_deref(), Some("loader"));
/// assert!(sortie::task::current().is_none());
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn current() -> Option<Current> {
    sortie_scheduler::current_task().map(|(id, name)| Current { id, name })
}

/// A task, as it is to be named: see [`current`].
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let task = runtime.spawn(|| sortie::task::current().unwrap());
/// let id = task.id();
/// assert_eq!(task.join().unwrap().id(), id);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    id: Id,
    name: Option<Arc<str>>,
}

impl Current {
    /// The task's number in its runtime.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let id = || sortie::task::current().unwrap().id();
    /// assert_ne!(runtime.run(id), runtime.run(id));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn id(&self) -> Id {
        self.id
    }

    /// The task's name, if it was given one.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let current = runtime.spawn(|| sortie::task::current().unwrap()).join().unwrap();
    /// assert_eq!(current.name(), None);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl std::fmt::Display for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name:?} (id {})", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

/// A point where a long computation lets the runtime in: takes an abort, and lets others run if the
/// runtime has asked for it.
///
/// It asks when a task has not switched for 10 ms while others wait. Until then this costs a few loads, so
/// it may stand in an inner loop. Who means to let others run each time calls
/// [`yield_now`](crate::yield_now).
///
/// A suspension point. Outside of a task, and in native code, it does nothing. Keeps `errno`.
///
/// # Panics
/// In debug builds, under a [`NoSuspend`] guard.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let sum = runtime.run(|| {
///     (0..1_000_000u64).inspect(|n| if n % 10_000 == 0 { sortie::task::checkpoint() }).sum::<u64>()
/// });
/// assert_eq!(sum, 499_999_500_000);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn checkpoint() {
    sortie_scheduler::check_suspension("a checkpoint");
    sortie_scheduler::checkpoint();
}

/// The current task's priority; `None` on a thread that runs none.
///
/// In managed code and in native code.
///
/// ```
/// use sortie::task::{self, Priority};
///
/// let runtime = sortie::Runtime::new()?;
/// assert_eq!(runtime.run(task::priority), Some(Priority::Normal));
/// assert_eq!(task::priority(), None);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn priority() -> Option<Priority> {
    sortie_scheduler::priority()
}

/// Changes the current task's priority, from the next time on that it becomes ready. False: no task runs here.
///
/// In managed code and in native code; does not block.
/// [`JoinHandle::set_priority`](crate::JoinHandle::set_priority) changes another's.
///
/// ```
/// use sortie::task::{self, Priority};
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     assert!(task::set_priority(Priority::Idle));
///     // What nobody waits for.
///     sortie::yield_now();
/// });
/// assert!(!task::set_priority(Priority::Idle));
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn set_priority(priority: Priority) -> bool {
    sortie_scheduler::set_priority(priority)
}

/// How a task is spawned. Made by [`Builder::new`], ended by [`Builder::spawn`].
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let answer = runtime.run(|| {
///     sortie::task::Builder::new().name("answer").spawn(|| 42).join()
/// })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder spawns nothing until `spawn`"]
pub struct Builder {
    options: sortie_scheduler::Spawn,
    /// What the task waits for before it begins: a turn in its group.
    permits: Option<Arc<Semaphore>>,
}

impl Builder {
    /// No name, no span of its own; once started it stays on its carrier, unless the runtime is
    /// `migrating`.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let task = sortie::task::Builder::new().spawn_on(&runtime.handle(), || 42);
    /// assert_eq!(task.join().unwrap(), 42);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The task's name, for messages, dumps and traces.
    ///
    /// ```
    /// use sortie::task::{self, Builder};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let greet = || task::current().unwrap().to_string();
    /// let task = Builder::new().name("greeter").spawn_on(&runtime.handle(), greet);
    /// assert!(task.join().unwrap().starts_with("\"greeter\""));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn name(self, name: impl Into<Arc<str>>) -> Builder {
        Builder { options: self.options.name(name), ..self }
    }

    /// The span that the task runs in: entered whenever the task runs, on whatever thread, and
    /// exited whenever it is suspended. Without one it gets a span `task`, at the level `debug`, of
    /// the target `sortie::task`.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let span = tracing::info_span!("request", id = 7);
    /// // What the task traces belongs to the request.
    /// let work = || tracing::info!("at work");
    /// sortie::task::Builder::new().span(span).spawn_on(&runtime.handle(), work).join().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn span(self, span: tracing::Span) -> Builder {
        Builder { options: self.options.span(span), ..self }
    }

    /// How soon the task gets its turns, beside others: [`Priority`] says how they are shared.
    ///
    /// ```
    /// use sortie::task::{self, Priority};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let priority = runtime.run(|| {
    ///     let report = task::Builder::new().priority(Priority::BelowNormal).spawn(task::priority);
    ///     report.join().unwrap()
    /// });
    /// assert_eq!(priority, Some(Priority::BelowNormal));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn priority(self, priority: Priority) -> Builder {
        Builder { options: self.options.priority(priority), ..self }
    }

    /// Usable bytes of the task's stack, in place of the runtime's
    /// ([`stack_bytes`](crate::Builder::stack_bytes)): rounded up to pages, at least 16 KiB and at most 1 GiB. It has a
    /// guard as all have.
    ///
    /// The task has its stack from its spawn on, also before it runs. It costs a few microseconds more than one of
    /// the runtime's, and memory for what of it is used. If it cannot be had, the task is refused: its join says why, as
    /// the error's [`source`](std::error::Error::source). Who would rather know before the spawn reserves a [`Stack`].
    ///
    /// ```
    /// /// How deep a list in brackets goes, by a call for each level.
    /// fn depth(text: &[u8]) -> usize {
    ///     match text.split_first() {
    ///         Some((b'[', rest)) => 1 + depth(rest),
    ///         _ => 0,
    ///     }
    /// }
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let parser = sortie::task::Builder::new().name("parser").stack_bytes(64 << 20);
    /// let depth = parser.spawn_on(&runtime.handle(), || depth(&[b'['; 20_000]));
    /// assert_eq!(depth.join()?, 20_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stack_bytes(self, bytes: usize) -> Builder {
        Builder { options: self.options.stack_bytes(bytes), ..self }
    }

    /// Lets the task be stolen after it has started, and follow a worker that was taken back.
    ///
    /// # Safety
    /// The task is never suspended while its frames hold a reference into a thread-local, a value
    /// that is not `Send` and that its thread can also reach, or a lock owned by a thread. In full:
    /// [`sortie::Builder::migrating`](crate::Builder::migrating).
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// // SAFETY: the task has nothing of its thread when it yields.
    /// let builder = unsafe { sortie::task::Builder::new().migrating() };
    /// let task = builder.spawn_on(&runtime.handle(), || (0..3).for_each(|_| sortie::yield_now()));
    /// task.join().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub unsafe fn migrating(self) -> Builder {
        // SAFETY: the promise is passed on.
        let options = unsafe { self.options.migrating() };
        Builder { options, ..self }
    }

    /// Spawns the task on the current task's runtime.
    ///
    /// Neither suspends nor blocks.
    ///
    /// # Panics
    /// On a thread that runs no task: there [`Builder::spawn_on`] says which runtime.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let sum = runtime.run(|| {
    ///     let halves = [0..50u32, 50..101]
    ///         .map(|half| sortie::task::Builder::new().name("half").spawn(move || half.sum::<u32>()));
    ///     halves.into_iter().map(|task| task.join().unwrap()).sum::<u32>()
    /// });
    /// assert_eq!(sum, 5050);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_here(f).unwrap_or_else(|()| spawned_outside())
    }

    /// Spawns the task on the current task's runtime. `Err`: there is none.
    fn spawn_here<F, T>(self, f: F) -> Result<JoinHandle<T>, ()>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let f = local::with_permits(self.permits, f);
        sortie_scheduler::spawn_current(self.options, f).map_err(drop)
    }

    /// Spawns the task on a runtime, from anywhere.
    ///
    /// Neither suspends nor blocks. If the runtime was shut down, the task is refused and its join
    /// says so.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let task = sortie::task::Builder::new().name("from outside").spawn_on(&runtime.handle(), || 1);
    /// assert_eq!(task.join().unwrap(), 1);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn spawn_on<F, T>(self, runtime: &crate::Handle, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        runtime.spawn_with(self.options, local::with_permits(self.permits, f))
    }

    /// Spawns the task on a stack that was reserved before, on the runtime whose stack it is, from anywhere. What
    /// [`Builder::stack_bytes`] said is ignored.
    ///
    /// Neither suspends nor blocks. If the runtime was shut down, the task is refused and its join says so.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let stack = runtime.handle().reserve_stack(1 << 20)?;
    /// let task = sortie::task::Builder::new().spawn_on_stack(stack, || 1);
    /// assert_eq!(task.join()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn_on_stack<F, T>(self, stack: Stack, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        stack.spawn(self.options, local::with_permits(self.permits, f))
    }
}

/// A spawn without options on the current task's runtime, as most are.
#[track_caller]
#[inline]
pub(crate) fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match sortie_scheduler::spawn_here(local::with_local(f)) {
        Ok(handle) => handle,
        Err(f) => {
            drop(f);
            spawned_outside()
        }
    }
}

#[cold]
#[track_caller]
fn spawned_outside() -> ! {
    outside("spawn", "Runtime::spawn, Handle::spawn or task::Builder::spawn_on")
}
