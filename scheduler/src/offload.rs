//! Native calls on another thread: the task is suspended, and a carrier without a worker makes its
//! call.
//!
//! For a task that may not move while others are pinned to its carrier: they go on. And for one that may, if others
//! wait on its worker: they go on at once, where they would else wait for the thread that is woken. While it is
//! offloaded the task is `ACTIVE`, and *owned* by the carrier that makes the call: it is that
//! carrier's current task, so that code inside finds itself in the task's native code, and a
//! callback runs there, as a callback anywhere: it waits for a worker and waits in place. The fiber
//! rests meanwhile, which is why the call may borrow from its stack.
//!
//! ```text
//!   the fiber                                 a spare
//!   offload: sets the job, suspends
//!   its loop: settle -> Shared::offload  -->  takes the task, says AWAY, runs the job
//!   goes on where it may            <------  Shared::submit
//! ```
//!
//! Jobs go to a spare directly, or wait: for a thread that comes back from another, if one is expected at once, or
//! for one that is started ([`Backlog`], `offload/backlog.rs`). Every carrier looks there before it becomes a spare.
//! INVARIANT(offload.matched): no job that is due waits while a spare sleeps that may serve it: the giver looks for a
//! spare once more after it has queued the job, and the spare looks at the queue once more after it has become one;
//! the lobby's lock orders the two. For a job that becomes due later looks whoever passes by
//! ([`Shared::hurry_calls`]): at the next one, at every 16th pick, before a worker goes idle; and the monitor, which is
//! awake while calls wait. A carrier with live pinned tasks does not serve: they would wait behind the call.
//! Only where no thread can be had at all the monitor makes it ([`Shared::press_spares`]).

mod backlog;

pub(crate) use self::backlog::Backlog;

use crate::carrier::{Carrier, CarrierRef};
use crate::crossing::{Parting, end_without_worker};
use crate::fiber::Reason;
use crate::fork;
use crate::shared::Shared;
use crate::sync::atomic::{Ordering, fence};
use crate::task::{Header, TaskRef};
use crate::wait;
use crate::worker::run::queue_last;
use std::time::Instant;

/// What the carrier runs for the task: a function and its argument, on the task's stack.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    run: unsafe fn(*const ()),
    argument: *const (),
    target: usize,
}

/// Would a native call of the current task, if it blocks, keep others from running that are pinned
/// to the same carrier, and can it be made elsewhere?
pub fn blocks_others() -> bool {
    wait::managed().is_some_and(|(carrier, task)| {
        task.is_pinned() && carrier.pinned() > 1 && may_be_offloaded(task)
    })
}

/// Do others wait on the worker of the current task, which can be suspended here and may go on anywhere? No where far
/// more workers are at work than there are processors.
pub fn others_wait() -> bool {
    wait::managed().is_some_and(|(carrier, task)| {
        !task.is_pinned()
            && wait::is_switchable(task)
            && !carrier.shared().is_crowded()
            // SAFETY: this is the carrier's thread, in managed code, and the closure stays in the queues.
            && unsafe { carrier.with_worker(|worker| !worker.queues.is_empty()) } == Some(true)
    })
}

/// Can the current task be suspended here, and a call of its be made by another thread?
pub fn is_offloadable() -> bool {
    wait::managed().is_some_and(|(_, task)| may_be_offloaded(task) && !wait::is_told(task))
}

/// Who has a bracket of thread affinity open makes its calls by itself: they are to come from that thread.
fn may_be_offloaded(task: &Header) -> bool {
    task.brackets.get() == 0 && wait::is_switchable(task)
}

/// Runs `job` on another thread as native code of the current task, which is suspended meanwhile.
/// False: the task cannot be suspended here, or there is none; nothing was done.
///
/// The job acts as native code does. It is not given up: an abort is raised after it.
///
/// # Panics
/// In debug builds, if a [`NoSuspend`](crate::NoSuspend) of the task is alive.
///
/// # Safety
/// `job` does not unwind.
pub unsafe fn offload(target: usize, job: impl FnOnce() + Send) -> bool {
    unsafe fn run<F: FnOnce()>(job: *const ()) {
        let job = job.cast::<Option<F>>().cast_mut();
        // SAFETY: the job lies on the stack of the task, which is suspended until this has run, once.
        let job = unsafe { &mut *job }.take();
        job.expect("a job is run once")();
    }
    fn with<F: FnOnce()>(_: &Option<F>) -> unsafe fn(*const ()) {
        run::<F>
    }

    let Some((_, task)) = wait::managed() else { return false };
    if !may_be_offloaded(task) || wait::is_told(task) {
        return false;
    }
    task.no_suspend.check("an offloaded native call");
    let mut job = Some(job);
    let job = Job { run: with(&job), argument: (&raw mut job).cast(), target };
    task.own_rare().job.set(Some(job));
    wait::switch_away(task, Reason::Offloading);
    true
}

impl Shared {
    /// A task was suspended to be offloaded: somebody makes its call.
    pub(crate) fn offload(&self, task: TaskRef) {
        let task = match self.leave_call(task) {
            Ok(()) => return,
            Err(task) => task,
        };
        if self.offloaded.is_empty()
            && let Some(spare) = self.lobby.take_spare(may_serve)
        {
            return spare.give_job(task);
        }
        self.offloaded.push(task);
        // See `offload.matched`; the push comes before the look, by the lobby's lock.
        self.hurry_calls();
        self.drain_if_terminated();
    }

    /// Leaves the call to a thread that comes back from another, if the processors are busy till then.
    ///
    /// # Errors
    /// The task: its call is not to wait.
    fn leave_call(&self, task: TaskRef) -> Result<(), TaskRef> {
        if !self.offloaded.is_paced() || self.lobby.idle() > 0 {
            return Err(task);
        }
        self.offloaded.leave(task, self.start.elapsed())?;
        // ORDERING(gate.word): SeqCst, between the push and the look at the gate; pairs with the heavy fence in
        // `Gate::close`.
        fence(Ordering::SeqCst);
        if self.gate.is_closed_or_latched() {
            self.gate.kick();
        }
        self.drain_if_terminated();
        Ok(())
    }

    /// Sees to it that calls which are due get a thread: a spare, or one that is started. False: there is none.
    #[cold]
    pub(crate) fn hurry_calls(&self) -> bool {
        // Where a worker is idle a call need not wait for its sake.
        let is_due = || {
            let is_late = || self.offloaded.is_due(self.start.elapsed());
            !self.offloaded.is_empty() && (self.lobby.idle() > 0 || is_late())
        };
        while is_due() {
            if !self.give_queued_job() {
                // A thread begins as a spare. Refused: who becomes one next finds the queue.
                return !self.offloaded.begin_start(self.processors) || self.start_counted();
            }
        }
        true
    }

    /// Gives the oldest queued job to a spare, if there are both.
    pub(crate) fn give_queued_job(&self) -> bool {
        let Some(spare) = self.lobby.take_spare(may_serve) else { return false };
        match self.offloaded.pop() {
            Some(task) => spare.give_job(task),
            // Somebody was faster. The spare looks for itself, and becomes one again.
            None => spare.recall(),
        }
        true
    }

    /// No thread can be had for calls that wait for one: the spares make them, though they hold tasks.
    #[cold]
    pub(crate) fn press_spares(&self) {
        while !self.offloaded.is_empty()
            && let Some(spare) = self.lobby.take_spare(|_| true)
        {
            match self.offloaded.pop() {
                Some(task) => spare.give_job(task),
                // Somebody was faster.
                None => spare.recall(),
            }
        }
    }
}

/// May this carrier make calls for others?
fn may_serve(carrier: &CarrierRef) -> bool {
    carrier.pinned() == 0
}

/// Makes the calls that wait, on a carrier that is in its loop without a worker.
pub(crate) fn serve(carrier: &Carrier) {
    let queued = || {
        let may = may_serve(&carrier.as_ref());
        may.then(|| carrier.shared().offloaded.pop()).flatten()
    };
    while !carrier.word.is_run()
        && let Some(task) = carrier.take_job().or_else(queued)
    {
        if !carrier.shared().offloaded.is_empty() {
            // This thread is not here for the others before they are due.
            carrier.shared().hurry_calls();
        }
        make_call(carrier, task);
    }
}

/// Runs the job of an offloaded task.
fn make_call(carrier: &Carrier, task: TaskRef) {
    let job = task.rare().and_then(|rare| rare.job.take()).expect("an offloaded task has a job");
    // ORDERING(crossing.word): Relaxed, as in `crossing::publish`.
    carrier.target.store(job.target, Ordering::Relaxed);
    carrier.parting.set(Parting::Offloaded);
    carrier.word.away();
    let span = task.span().map(tracing::Span::enter);
    carrier.begin(&task, 0);
    let start = Instant::now();
    // SAFETY: the task is suspended on its own stack, where the argument lies, until `back` below; and
    // it owes one run.
    unsafe { (job.run)(job.argument) };
    let end = Instant::now();
    if carrier.shared().is_forked() {
        fork::end_of_child();
    }
    // With a worker only if a callback has got one, and nobody took it since.
    if !carrier.come_back() {
        end_without_worker(carrier);
    }
    carrier.end();
    drop(span);
    let shared = carrier.shared();
    shared.offloaded.came_back(end.saturating_duration_since(shared.start), end - start);
    back(carrier, task);
}

/// The call is over: the task goes on where it may. If that is anywhere, and a worker is idle, here: to wake
/// another for it costs more than the call did.
fn back(carrier: &Carrier, task: TaskRef) {
    let shared = carrier.shared();
    if task.is_pinned() {
        return shared.submit(task);
    }
    if !carrier.word.is_run() {
        let Some(worker) = shared.lobby.take_idle() else {
            shared.reentry.push(task);
            shared.after_queueing();
            return shared.drain_if_terminated();
        };
        // SAFETY: this is the carrier's thread, in its loop, without a worker.
        unsafe { carrier.put_worker(worker) };
    }
    queue_last(carrier, task);
}
