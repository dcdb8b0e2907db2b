//! How a task is made that is more than a closure.

use super::{Stack, local};
use crate::JoinHandle;
use crate::runtime::outside;
use sortie_scheduler::{Priority, Semaphore};
use std::sync::Arc;

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
    pub(super) options: sortie_scheduler::Spawn,
    /// What the task waits for before it begins: a turn in its group.
    pub(super) permits: Option<Arc<Semaphore>>,
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
    #[doc(alias = "stack_size")]
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
    pub(super) fn spawn_here<F, T>(self, f: F) -> Result<JoinHandle<T>, ()>
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
