//! The public face: a running scheduler, what is spawned on it, and what code on it may ask.

use crate::config::{Config, StartError};
use crate::crossing::fence;
use crate::crossing::word::Phase;
use crate::foreign::{self, AttachError};
use crate::fork;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::shutdown::{self, Report};
use crate::spawn::{Spawn, spawn_on, spawn_task};
use crate::stack::StackStats;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::task::{Id, JoinHandle};
use crate::worker::current;
use crate::{monitor, wait};
use std::any::Any;
use std::thread;
use std::time::{Duration, Instant};

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
    shared: Arc<Shared>,
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
    /// their switches ([`tell_of_switches`](crate::wait::tell_of_switches)) begin no managed code. What they do in native
    /// code goes on; where they would come back they wait. The current task is not switched away meanwhile. False: there is a
    /// hold already. Does not block.
    ///
    /// For embedders that stop the world: [`is_held`](Scheduler::is_held) says when it stands.
    pub fn begin_hold(&self) -> bool {
        self.shared.begin_hold()
    }

    /// Are all tasks that the hold concerns out of managed code? They stay so until [`end_hold`](Scheduler::end_hold). One
    /// look; those in managed code are to come to a wait, or to native code, by themselves. A system call or two; does not block.
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

    /// What happened so far, and what is there now. In the child of a `fork`: what had happened by then.
    pub fn stats(&self) -> Stats {
        let shared = &*self.shared;
        let is_here = !shared.is_forked();
        let sum = |counter| shared.sum(counter);
        let finished = sum(Counter::Finished);
        Stats {
            workers: shared.config.workers,
            timers: if is_here { shared.timers.len() } else { 0 },
            idle_workers: shared.lobby.idle(),
            // ORDERING: Relaxed, a count that stands for itself.
            carriers: shared.threads.load(Ordering::Relaxed),
            spare_carriers: if is_here { shared.lobby.spares() } else { 0 },
            max_carriers: shared.config.carrier_cap(),
            tasks_spawned: sum(Counter::Spawned),
            tasks_finished: finished,
            steals: sum(Counter::Steals),
            retakes: sum(Counter::Retakes),
            hand_offs: sum(Counter::HandOffs),
            reentries: sum(Counter::Reentries),
            carriers_started: sum(Counter::CarriersStarted),
            carriers_ended: sum(Counter::CarriersEnded),
            saturations: sum(Counter::Saturations),
            yield_requests: sum(Counter::YieldRequests),
            compensations: sum(Counter::Compensations),
            compensating: shared.extras.out(),
            bursts: sum(Counter::Bursts),
            layers_left_open: sum(Counter::LayersLeftOpen),
            monitor_wakeups: sum(Counter::MonitorTicks),
            queued: shared.injector.len()
                + shared.ranks.len()
                + shared.shown.iter().map(|shown| shown.queues.len()).sum::<usize>(),
            stack_bytes: shared.fibers.stack_bytes(),
            stacks: if is_here { shared.fibers.stats() } else { StackStats::default() },
        }
    }

    /// Every task that was suspended at least once and has not ended, by number.
    pub fn living(&self) -> Vec<(Id, Option<Arc<str>>)> {
        if self.shared.is_forked() {
            return Vec::new();
        }
        let tasks = self.shared.living.all();
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

/// Lets others run. True if somebody else did, false if nobody could, or this is no managed code.
///
/// A suspension point of a task.
#[inline(always)]
pub fn yield_now() -> bool {
    wait::yield_now()
}

/// Waits until `duration` has passed. A suspension point of a task; any other thread sleeps.
pub fn sleep(duration: Duration) {
    wait::sleep(duration);
}

/// Waits until this time has come. A suspension point of a task; any other thread sleeps.
pub fn sleep_until(until: Instant) {
    wait::sleep_until(until);
}

/// Takes an abort that somebody asked for, and lets others run if the monitor has asked for that.
///
/// A suspension point of a task. Keeps `errno`.
pub fn checkpoint() {
    wait::checkpoint();
}

/// The task that this thread's code belongs to, in managed or native code.
pub fn current_task() -> Option<(Id, Option<Arc<str>>)> {
    wait::task().map(|task| (task.id, task.name().cloned()))
}

/// Does this thread run managed code of a task?
pub fn is_managed() -> bool {
    wait::managed().is_some()
}

/// The word that the embedder keeps with the current task; null outside of a task.
#[inline]
pub fn task_word() -> *const () {
    wait::kept_task().map_or(std::ptr::null(), |(_, task)| task.embedder.get())
}

/// Sets the word that the embedder keeps with the current task. The scheduler never follows it.
pub fn set_task_word(word: *const ()) {
    if let Some((carrier, task)) = wait::carrier_and_task() {
        task.embedder.set(word);
        carrier.set_task_word(word);
    }
}

/// The word that the embedder keeps with this thread's carrier; null at first, `None` on a thread that
/// is no carrier. It is kept until the runtime's memory is freed.
#[inline]
pub fn carrier_word() -> Option<*mut ()> {
    // SAFETY: the arena outlives this thread's stay in its runtime.
    let carrier = unsafe { current::carrier().as_ref() }?;
    // ORDERING: Relaxed, the carrier's thread reads what it wrote.
    Some(carrier.embedder.load(Ordering::Relaxed))
}

/// Sets the word that the embedder keeps with this thread's carrier. The scheduler never follows it.
pub fn set_carrier_word(word: *mut ()) {
    // SAFETY: as in `carrier_word`.
    if let Some(carrier) = unsafe { current::carrier().as_ref() } {
        // ORDERING: Relaxed, as in `carrier_word`.
        carrier.embedder.store(word, Ordering::Relaxed);
    }
}

/// Runs `f` on what the embedder keeps with the current task's runtime ([`Config::embedder`]).
pub fn with_embedder<R>(f: impl FnOnce(&dyn Any) -> R) -> Option<R> {
    let shared = Arc::clone(&wait::task()?.shared);
    shared.config.embedder.as_deref().map(|embedder| f(embedder))
}

/// Runs `f` on the carrier's own stack if the current task is on its fiber's, else plainly.
///
/// # Safety
/// `f` does not unwind. The task has left for native code ([`crossing::leave`](crate::crossing::leave))
/// and comes back after this returns, so that nothing in `f` can switch the fiber.
#[inline]
pub unsafe fn on_carrier_stack<R>(f: impl FnOnce() -> R) -> R {
    let Some((carrier, _)) = wait::kept_task() else { return f() };
    let Some(inside) = carrier.lowest.get() else { return f() };
    let low = carrier.stack_low.replace(0);
    if low == 0 {
        return f();
    }
    // SAFETY: there was a low end, so this is a fiber's own stack, or one of its native stacks; the fiber is the
    // lowest or on top of it, and no frame but the loop's is on the carrier's stack. The rest is the contract.
    let value = unsafe { inside.on_carrier_stack(f) };
    carrier.stack_low.set(low);
    value
}

/// Bytes left on the current task's own stack; very many for code that is not on one.
pub fn stack_left() -> usize {
    let carrier = wait::kept_task().map(|(carrier, _)| carrier);
    carrier.map_or(usize::MAX, |carrier| current::stack_pointer() - carrier.stack_low.get())
}

/// Runs managed code that native code called back, and catches what unwinds out of it: while `f`
/// runs, an abort may be raised up to here.
///
/// # Errors
/// The payload of the panic, or of the abort: pass it to [`raise`] once no foreign frame lies
/// between.
pub fn guard<R>(f: impl FnOnce() -> R) -> thread::Result<R> {
    let Some(task) = wait::task() else {
        return std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    };
    let before = task.guarded_layers.replace(task.callbacks.get());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    if let Some(task) = wait::task() {
        task.guarded_layers.set(before);
    }
    result
}

/// Goes on unwinding with a payload that [`guard`] caught.
pub fn raise(payload: Box<dyn Any + Send>) -> ! {
    std::panic::resume_unwind(payload)
}

/// What a scheduler did, and has. Read without stopping anybody: values of one moment each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Workers.
    pub workers: usize,
    /// Workers that nobody runs.
    pub idle_workers: usize,
    /// Carriers that have a thread.
    pub carriers: usize,
    /// Carriers that sleep without a worker.
    pub spare_carriers: usize,
    /// The most carriers there may be.
    pub max_carriers: usize,
    /// Tasks spawned so far.
    pub tasks_spawned: u64,
    /// Tasks ended so far.
    pub tasks_finished: u64,
    /// Times that a worker found work at another.
    pub steals: u64,
    /// Workers taken back from carriers in native code.
    pub retakes: u64,
    /// Workers given away by carriers whose task waits in place.
    pub hand_offs: u64,
    /// Returns from native code without a worker.
    pub reentries: u64,
    /// Carriers started so far.
    pub carriers_started: u64,
    /// Carriers ended so far.
    pub carriers_ended: u64,
    /// Times that work waited and no carrier could be had.
    pub saturations: u64,
    /// Tasks that were asked to let others run: they had not switched for 10 ms while others waited.
    pub yield_requests: u64,
    /// Extra workers sent out so far, to stand in for one whose task does not switch.
    pub compensations: u64,
    /// Extra workers that are out now: so many more tasks than workers may be in managed code.
    pub compensating: usize,
    /// Carriers started beyond the cap, because everything stood still at it.
    pub bursts: u64,
    /// Layers of tasks that nobody has closed, as the embedder has said.
    pub layers_left_open: u64,
    /// Times that the monitor woke.
    pub monitor_wakeups: u64,
    /// Ready tasks on queues that any worker serves.
    pub queued: usize,
    /// Timers that are set.
    pub timers: usize,
    /// Usable bytes of a task's stack.
    pub stack_bytes: usize,
    /// Stacks.
    pub stacks: StackStats,
}
