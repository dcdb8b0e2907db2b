//! The public face: a running scheduler, what is spawned on it, and what is asked of it from outside.

use crate::config::{Config, StartError};
use crate::crossing::fence;
use crate::crossing::word::Phase;
use crate::foreign::{self, AttachError};
use crate::fork;
use crate::lock::note_readers;
use crate::own_stack::OwnStack;
use crate::shared::Shared;
use crate::shutdown::{self, Report};
use crate::spawn::{Spawn, spawn_on, spawn_task};
use crate::stack::StackError;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::task::{Id, JoinHandle};
use crate::{monitor, wait};
use std::any::Any;
use std::thread;
use std::time::Duration;

impl Config {
    /// Starts the scheduler's threads.
    ///
    /// # Errors
    /// [`StartError`] if a value of the configuration cannot be, or the system refuses a thread.
    pub fn start(self) -> Result<Scheduler, StartError> {
        if fork::is_child() {
            return Err(StartError::Forked);
        }
        // Before the first thread: it costs milliseconds once there are others.
        fence::register();
        if self.report_deadlocks {
            note_readers();
        }
        let shared = Arc::new(Shared::new(self)?);
        fork::register(&shared);
        let for_monitor = shared.clone();
        let thread = thread::Builder::new()
            .name(format!("{}-mon", shared.config.thread_name))
            .spawn(move || monitor::main(&for_monitor))
            .map_err(StartError::Thread)?;
        *shared.monitor.lock() = Some(thread);
        for _ in 0..shared.config.workers {
            if let Err(error) = shared.start_first_carrier() {
                let _ = shutdown::shutdown(&shared, Duration::ZERO);
                return Err(StartError::Thread(error));
            }
        }
        tracing::info!(
            target: "sortie::runtime",
            workers = shared.config.workers,
            max_carriers = shared.config.carrier_cap(),
            stack_bytes = shared.fibers.stack_bytes(),
            migrating = shared.config.migrating,
            "start"
        );
        Ok(Scheduler { shared })
    }
}

/// A running scheduler. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Scheduler {
    pub(crate) shared: Arc<Shared>,
}

/// A native call that is under way.
#[derive(Clone, Copy, Debug)]
pub struct NativeCall {
    /// The carrier's calls are counted.
    pub number: u64,
    /// The word that the task left with.
    pub target: usize,
    /// The word that the embedder keeps with the carrier.
    pub carrier_word: *mut (),
}

impl Scheduler {
    /// Spawns a task.
    ///
    /// It may be run by any worker at first, and then stays on the carrier that started it. After
    /// [`Scheduler::shutdown`] has begun the task is refused: its closure is dropped, and its join
    /// says so.
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(Spawn::new(), f)
    }

    /// Spawns a task with options.
    pub fn spawn_with<F, T>(&self, options: Spawn, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_on(&self.shared, options, f)
    }

    /// Takes a stack for a task that is to be spawned on it ([`OwnStack::spawn`]), with at least so many usable bytes.
    ///
    /// # Errors
    /// [`StackError`]: no stack has this size, or there is no memory, or no mapping, for another.
    pub fn take_stack(&self, usable_bytes: usize) -> Result<OwnStack, StackError> {
        OwnStack::take(&self.shared, usable_bytes)
    }

    /// Spawns a task that may borrow.
    ///
    /// # Safety
    /// What `F` and `T` borrow outlives the task's stay in the set of its owner
    /// ([`TaskSet::wait_out`](crate::TaskSet::wait_out) has returned or unwound), and the handle, unless that is leaked.
    pub unsafe fn spawn_borrowing<F, T>(&self, options: Spawn, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        // SAFETY: the promise is passed on.
        unsafe { spawn_task(&self.shared, options, f) }
    }

    /// The circles of waits in which tasks of this scheduler are. Does not stop anybody.
    pub fn deadlocks(&self) -> Vec<crate::Deadlock> {
        crate::deadlock::find(&self.shared)
    }

    /// The scheduler whose carrier this thread is, in managed or native code.
    pub fn current() -> Option<Scheduler> {
        wait::task().map(|task| Scheduler { shared: Arc::clone(&task.shared) })
    }

    /// What the embedder keeps with the scheduler: see [`Config::embedder`].
    pub fn embedder(&self) -> Option<&Arc<dyn crate::Embedder>> {
        self.shared.config.embedder.as_ref()
    }

    /// Ends the scheduler: refuses spawns, aborts suspended tasks, waits for the rest until `limit`
    /// has passed, and says who was left.
    ///
    /// Called by one of its own tasks it asks for the end and does not wait: then `None`. In the child of a
    /// `fork` nothing of the scheduler is there to end, and the report is empty.
    pub fn shutdown(&self, limit: Duration) -> Option<Report> {
        if self.shared.is_forked() {
            return Some(Report::nothing());
        }
        if self.is_current() {
            shutdown::ask(&self.shared, limit);
            return None;
        }
        Some(shutdown::shutdown(&self.shared, limit))
    }

    /// True in the child of a `fork`: the scheduler's threads are the parent's.
    pub fn is_forked(&self) -> bool {
        self.shared.is_forked()
    }

    /// True once a shutdown has begun.
    pub fn is_shut_down(&self) -> bool {
        self.shared.is_closing()
    }

    /// True once the shutdown is over, or nearly: no task runs any more but stragglers.
    pub fn is_ended(&self) -> bool {
        self.shared.is_stopping()
    }

    /// Is this thread one of this scheduler's carriers, or attached to it?
    pub fn is_current(&self) -> bool {
        wait::task().is_some_and(|task| Arc::ptr_eq(&task.shared, &self.shared))
    }

    /// Attaches this thread, which is none of the scheduler's, in native code. See
    /// [`crossing::call_back`](crate::crossing::call_back) for its way into managed code.
    ///
    /// # Errors
    /// [`AttachError`] if the scheduler was shut down, or the thread is another's.
    pub fn attach(
        &self,
        embedder: impl FnOnce() -> (Box<dyn Any>, *const ()),
    ) -> Result<(), AttachError> {
        foreign::attach(&self.shared, embedder)
    }

    /// Whoever waits for a worker in place looks again whether it is to go on with that: see
    /// [`Bound::is_cancelled`](crate::crossing::Bound::is_cancelled). Does not block.
    pub fn wake_line(&self) {
        self.shared.hold.wake_parked();
        for carrier in self.shared.lobby.line() {
            carrier.parker.unpark();
        }
    }

    /// Begins a hold of the current task's, or of this thread's if it carries none: from here on tasks that are told of
    /// their switches ([`tell_of_switches`](crate::wait::tell_of_switches)) begin no managed code. What they do in
    /// native code goes on; where they would come back they wait. The current task is not switched away meanwhile.
    /// False: there is a hold already. Does not block.
    ///
    /// For embedders that stop the world: [`is_held`](Scheduler::is_held) says when it stands.
    pub fn begin_hold(&self) -> bool {
        self.shared.begin_hold()
    }

    /// Are all tasks that the hold concerns out of managed code? They stay so until [`end_hold`](Scheduler::end_hold).
    /// One look; those in managed code are to come to a wait, or to native code, by themselves. A system call or two;
    /// does not block.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.shared.is_held()
    }

    /// Ends the hold. False: it is not the current task's, or this thread's. Does not block.
    pub fn end_hold(&self) -> bool {
        self.shared.end_hold()
    }

    /// Ends the hold of a task, or a thread, that has ended without doing so. Does not block.
    pub fn abandon_hold(&self) {
        self.shared.abandon_hold();
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.shared.config.workers
    }

    /// The native calls that are under way. Read without stopping anybody. None in the child of a `fork`.
    pub fn native_calls(&self) -> Vec<NativeCall> {
        if self.shared.is_forked() {
            return Vec::new();
        }
        let calls = self.shared.arena.all().into_iter().filter_map(|carrier| {
            let word = carrier.word.load();
            // ORDERING: Relaxed, after the Acquire look at the word, and checked by a second one.
            let target = carrier.target.load(Ordering::Relaxed);
            // ORDERING: Relaxed, a word that stays.
            let carrier_word = carrier.embedder.load(Ordering::Relaxed);
            let is_call = word.phase() == Phase::Native && carrier.word.load() == word;
            let call = NativeCall { number: word.epoch(), target, carrier_word };
            is_call.then_some(call)
        });
        calls.collect()
    }

    /// Every task that was suspended at least once and has not ended, by number.
    pub fn living(&self) -> Vec<(Id, Option<Arc<str>>)> {
        if self.shared.is_forked() {
            return Vec::new();
        }
        let tasks = self.shared.living_tasks();
        let mut tasks: Vec<_> = tasks.iter().map(|task| (task.id, task.name().cloned())).collect();
        tasks.sort_by_key(|(id, _)| *id);
        tasks
    }
}

impl Shared {
    fn start_first_carrier(&self) -> std::io::Result<()> {
        let Some(worker) = self.lobby.take_idle() else {
            return Ok(());
        };
        self.start_carrier(Some(worker)).map_err(|(worker, error)| {
            worker.map(|worker| self.lobby.put_idle(worker));
            error
        })
    }
}
