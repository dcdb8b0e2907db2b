//! A way to a runtime that does not keep it from ending: tasks, threads that come from outside, holds.

use crate::observe::Snapshot;
use crate::shutdown::ShutdownReport;
use crate::target::ledger::Ledger;
use crate::task::local::Local;
use crate::task::{Scope, Stack, scope_on};
use crate::transition::{self, Event, Layers, TransitionError};
use crate::{Deadlock, JoinHandle, StackError};
use sortie_scheduler::{AttachError, Scheduler, Spawn};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// A way to a runtime that does not keep it from ending.
///
/// After the runtime has ended its functions say so: tasks are refused, threads are not let in.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) scheduler: Scheduler,
    pub(super) ledger: Arc<Ledger>,
}

impl Handle {
    /// A way to the runtime whose task this thread runs, in managed or native code; `None` anywhere else.
    ///
    /// ```
    /// use sortie::Handle;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let answer = runtime.run(|| {
    ///     let handle = Handle::current().expect("in a task");
    ///     // For a thread, say, that a library starts.
    ///     std::thread::spawn(move || handle.spawn(|| 42).join().unwrap()).join().unwrap()
    /// });
    /// assert_eq!(answer, 42);
    /// assert!(Handle::current().is_none());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use]
    pub fn current() -> Option<Handle> {
        let scheduler = Scheduler::current()?;
        let kept: Arc<dyn Any + Send + Sync> = scheduler.embedder()?.clone();
        let ledger = kept.downcast().ok()?;
        Some(Handle { scheduler, ledger })
    }

    /// Spawns a task, as [`Runtime::spawn`](crate::Runtime::spawn). If the runtime was shut down the task is refused, and
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

    /// Reserves a stack for one task, with at least so many usable bytes: see [`Stack`].
    ///
    /// From any thread; may map memory, and does not wait. If the runtime was shut down there is nothing to
    /// reserve, and the spawn is refused.
    ///
    /// # Errors
    /// [`StackError`]: no stack has this size, or the system has no memory, or no mapping, for another.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let stack = runtime.handle().reserve_stack(1 << 20)?;
    /// assert_eq!(stack.usable_bytes(), 1 << 20);
    /// assert!(runtime.handle().reserve_stack(0).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_stack(&self, bytes: usize) -> Result<Stack, StackError> {
        self.scheduler.take_stack(bytes).map(Stack::new)
    }

    /// Opens a scope from any thread, as [`Runtime::scope`](crate::Runtime::scope).
    ///
    /// # Panics
    /// As [`Runtime::scope`](crate::Runtime::scope).
    #[track_caller]
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

    /// As [`Runtime::deadlocks`](crate::Runtime::deadlocks).
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

    pub(super) fn end(&self, limit: Duration) -> ShutdownReport {
        ShutdownReport::new(self.scheduler.shutdown(limit))
    }
}
