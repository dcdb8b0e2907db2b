//! The end of a runtime: it always comes, by a deadline, and says who was left.
//!
//! 1. *Closing*: spawns are refused, tasks that have not started are refused when they are picked,
//!    suspended tasks are woken to unwind, running ones unwind at their next suspension point.
//!    Each unwinds on a carrier that it may run on, by the ordinary means.
//! 2. *Stopping*, when all tasks have ended: carriers leave their loops, threads are joined, stacks
//!    are unmapped. Nothing is left.
//! 3. *Terminated*, at the deadline, if some have not: no worker is given any more, the report names
//!    the stragglers, and what they stand on (carrier, stack, arena) stays until they return.
//!
//! A task that catches the abort is woken again every few milliseconds, until the deadline. One that has caught
//! a hundred is named without that: if nobody else is left the deadline is not waited for.

use crate::crossing::fence;
use crate::crossing::word::Phase;
use crate::metrics::Counter;
use crate::shared::{Shared, Stage};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::task::complete::refuse;
use crate::task::join_error::Refusal;
use crate::task::{Header, Id, TaskRef, abort};
use std::time::{Duration, Instant};

/// How often the suspended are reminded.
const REMINDER: Duration = Duration::from_millis(5);

/// How long threads that have nothing left to run may take to end, if the deadline is nearer.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// How long after the deadline the threads that have nothing to do may take to end.
const GRACE: Duration = Duration::from_millis(5);

/// What came of a shutdown.
#[derive(Debug, Clone)]
#[must_use = "a shutdown that left tasks behind says so here"]
pub struct Report {
    stragglers: Vec<Straggler>,
    elapsed: Duration,
}

impl Report {
    /// There was nothing to end.
    pub(crate) fn nothing() -> Report {
        Report { stragglers: Vec::new(), elapsed: Duration::ZERO }
    }

    /// True if every task has ended and nothing of the runtime is left.
    pub fn is_clean(&self) -> bool {
        self.stragglers.is_empty()
    }

    /// The tasks that had not ended by the deadline. Their threads, stacks and memory stay until
    /// they return.
    pub fn stragglers(&self) -> &[Straggler] {
        &self.stragglers
    }

    /// How long the shutdown took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.elapsed.as_millis();
        if self.is_clean() {
            return write!(f, "shut down in {ms} ms; nothing is left");
        }
        write!(f, "shut down in {ms} ms; {} tasks were left:", self.stragglers.len())?;
        self.stragglers.iter().try_for_each(|straggler| write!(f, "\n  {straggler}"))
    }
}

/// A task that a shutdown left behind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Straggler {
    /// The task's number.
    pub id: Id,
    /// The task's name, if it has one.
    pub name: Option<Arc<str>>,
    /// Where it was at the deadline.
    pub place: Place,
}

/// Where a straggler was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In native code at this address.
    Native {
        /// The function, as the task said when it left.
        target: usize,
    },
    /// In managed code, without a suspension point.
    Managed,
    /// Suspended, or waiting in place, and not to be unwound: foreign frames lie between, or a region holds
    /// the abort back.
    Suspended,
    /// It caught each abort, and goes on.
    Swallowing,
}

impl std::fmt::Display for Straggler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {name:?} (id {}) ", self.id)?,
            None => write!(f, "task {} ", self.id)?,
        }
        match self.place {
            Place::Native { target } => write!(f, "in native code at {target:#x}"),
            Place::Managed => f.write_str("in managed code that reaches no suspension point"),
            Place::Suspended => f.write_str("suspended, and not to be unwound"),
            Place::Swallowing => f.write_str("catching each abort, and going on"),
        }
    }
}

/// Asks for the end without waiting for it: a thread of its own sees to the rest.
pub(crate) fn ask(shared: &Arc<Shared>, limit: Duration) {
    if !shared.enter_stage(Stage::Closing) {
        return;
    }
    let mut handle = shared.reaper.lock();
    let for_reaper = shared.clone();
    let reaper = std::thread::Builder::new()
        .name(format!("{}-end", shared.config.thread_name))
        .spawn(move || drop(shutdown(&for_reaper, limit)));
    match reaper {
        Ok(reaper) => *handle = Some(reaper),
        Err(error) => {
            drop(handle);
            tracing::error!(target: "sortie::runtime", %error, "no thread to end the runtime with");
        }
    }
}

/// Ends the runtime within `limit`. Not to be called on one of its carriers. A second call waits for
/// the first, and has its report.
pub(crate) fn shutdown(shared: &Arc<Shared>, limit: Duration) -> Report {
    let start = Instant::now();
    shared.enter_stage(Stage::Closing);
    let mut ending = shared.ending.lock();
    let report = match &*ending {
        Some(report) => report.clone(),
        None => {
            let deadline = start.checked_add(limit);
            let stragglers = if close(shared, deadline) && stop(shared, deadline) {
                Vec::new()
            } else {
                terminate(shared)
            };
            shared.timers.close();
            shared.recover();
            shared.fibers.clear();
            shared.native_stacks.clear();
            shared.signal_stacks.clear();
            shared.own_stacks.clear();
            ending.insert(Report { stragglers, elapsed: start.elapsed() }).clone()
        }
    };
    drop(ending);
    let reaper = shared.reaper.lock().take();
    if let Some(reaper) = reaper.filter(|it| it.thread().id() != std::thread::current().id()) {
        let _ = reaper.join();
    }
    tracing::info!(target: "sortie::runtime", %report, "end");
    report
}

/// Is the deadline past? And how long may a sleep be that looks again?
fn pause(deadline: Option<Instant>) -> Option<Duration> {
    let left = deadline.map_or(REMINDER, |it| it.saturating_duration_since(Instant::now()));
    (!left.is_zero()).then(|| left.min(REMINDER))
}

/// Aborts what is suspended until nothing lives. False: the deadline came first, or nobody is left but those that
/// catch each abort.
fn close(shared: &Shared, deadline: Option<Instant>) -> bool {
    loop {
        for task in shared.living_tasks() {
            task.abort();
        }
        // Also for tasks that are queued on workers which nobody runs.
        shared.after_queueing();
        let live = shared.live_tasks();
        if live == 0 {
            return true;
        }
        if shared.stubborn.are_left(live) {
            return false;
        }
        let Some(pause) = pause(deadline) else { return false };
        shared.closer.park_timeout(pause);
    }
}

/// All tasks have ended: ends and joins all threads. False: some have not ended in time.
fn stop(shared: &Shared, deadline: Option<Instant>) -> bool {
    shared.enter_stage(Stage::Stopping);
    let deadline = deadline.map(|deadline| deadline.max(Instant::now() + STOP_LIMIT));
    // ORDERING(shared.threads): Acquire, pairs with the Release in `end_carrier`.
    while shared.threads.load(Ordering::Acquire) > 0 {
        call_all(shared);
        let Some(pause) = pause(deadline) else { return false };
        shared.closer.park_timeout(pause);
    }
    join_monitor(shared);
    let threads = std::mem::take(&mut *shared.ended.lock());
    for thread in threads {
        let _ = thread.join();
    }
    // A foreign thread that comes now is told so.
    shared.enter_stage(Stage::Terminated);
    shared.recover();
    call_all(shared);
    drain(shared);
    true
}

/// The deadline is past: closes the lobby, ends the threads that can end, names the rest.
fn terminate(shared: &Shared) -> Vec<Straggler> {
    shared.enter_stage(Stage::Terminated);
    // A carrier that has not left its task yet will see the stage before it frees one: see `census`.
    let _ = fence::heavy();
    // Who is in native code now must not come back to a worker.
    let away: Vec<_> =
        shared.arena.all().into_iter().map(|carrier| (carrier, carrier.word.load())).collect();
    shared.retaking.take(&away, |_, worker| shared.dispose(worker));
    shared.recover();
    drain(shared);
    let grace = Instant::now() + GRACE;
    let stuck = || shared.arena.all().iter().filter(|carrier| carrier.is_occupied()).count();
    loop {
        call_all(shared);
        // ORDERING(shared.threads): Acquire, as in `stop`.
        if shared.threads.load(Ordering::Acquire) <= stuck() || Instant::now() >= grace {
            break;
        }
        shared.closer.park_timeout(Duration::from_millis(1));
    }
    let stragglers = census(shared);
    let ended: Vec<_> = {
        let mut ended = shared.ended.lock();
        ended.extract_if(.., |thread| thread.is_finished()).collect()
    };
    for thread in ended {
        let _ = thread.join();
    }
    join_monitor(shared);
    stragglers
}

fn join_monitor(shared: &Shared) {
    let monitor = shared.monitor.lock().take();
    if let Some(monitor) = monitor {
        let _ = monitor.join();
    }
}

/// Empties the queues that nobody serves any more.
pub(crate) fn drain(shared: &Shared) {
    if shared.is_forked() {
        return;
    }
    let injected = || {
        let reentering = || shared.reentry.pop().or_else(|| shared.offloaded.pop());
        shared.injector.pop().or_else(|| shared.ranks.pop_any()).or_else(reentering)
    };
    let queued = || shared.shown.iter().find_map(|shown| shown.queues.take_any());
    while let Some(task) = injected().or_else(queued) {
        refuse_or_keep(shared, task);
    }
}

/// A task in a queue that nobody serves any more.
pub(crate) fn refuse_or_keep(shared: &Shared, task: TaskRef) {
    if !task.has_begun() {
        refuse(task, Refusal::ShutDown);
        shared.metrics.add(Counter::Finished);
    } else {
        // Its frames may be borrowed by others: they stay, and with them its stack. The living
        // list names it.
        std::mem::forget(task);
    }
}

/// Wakes every thread of the runtime, so that it sees the stage.
fn call_all(shared: &Shared) {
    shared.gate.ring();
    for carrier in shared.arena.all() {
        carrier.parker.unpark();
    }
}

/// Names the tasks that are left.
///
/// A task on a carrier may end at any moment, and its header be freed. Its carrier first clears
/// `current`, then looks at the stage, and if the runtime is closing frees under the census lock. So
/// with the stage set, and a heavy fence behind that, a task that is still seen as `current` under
/// the lock is not freed before the lock is left.
fn census(shared: &Shared) -> Vec<Straggler> {
    let _lock = shared.census.lock.lock();
    let mut stragglers: Vec<Straggler> = Vec::new();
    for carrier in shared.arena.all() {
        // ORDERING: Relaxed, after the heavy fence in `terminate`; pairs with the light fence in the
        // loop's `finish`, as above.
        let task = carrier.seen_current();
        // SAFETY: as above.
        let Some(task) = (unsafe { task.as_ref() }) else {
            continue;
        };
        // ORDERING: Relaxed, a look.
        if carrier.foreign && !carrier.visited.load(Ordering::Relaxed) {
            continue;
        }
        let place = match carrier.word.load().phase() {
            Phase::Native => {
                Place::Native { target: shared.address_of(carrier.target.load(Ordering::Relaxed)) }
            }
            Phase::Run => Place::Managed,
            Phase::Waiting | Phase::Spare => Place::Suspended,
        };
        stragglers.push(Straggler::new(task, place));
    }
    // SAFETY: as above, by INVARIANT(pile.kept).
    let lenders = unsafe { shared.lenders() };
    for task in lenders.into_iter().chain(shared.living.all()) {
        if !stragglers.iter().any(|known| known.id == task.id) && !task.state.load().is_done() {
            stragglers.push(Straggler::new(&task, Place::Suspended));
        }
    }
    stragglers.sort_by_key(|straggler| straggler.id);
    stragglers
}

impl Straggler {
    fn new(task: &Header, place: Place) -> Straggler {
        let place = match place {
            Place::Managed | Place::Suspended if abort::is_stubborn(task) => Place::Swallowing,
            place => place,
        };
        Straggler { id: task.id, name: task.name().cloned(), place }
    }
}
