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
//! A task that catches the abort is woken again every few milliseconds, until the deadline.

use crate::crossing::fence;
use crate::crossing::word::Phase;
use crate::shared::{Shared, Stage};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::task::join::{Refusal, refuse};
use crate::task::{Header, Id, TaskRef};
use std::time::{Duration, Instant};

/// How often the suspended are reminded.
const REMINDER: Duration = Duration::from_millis(5);

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
        write!(
            f,
            "shut down in {ms} ms; {} tasks were left:",
            self.stragglers.len()
        )?;
        self.stragglers
            .iter()
            .try_for_each(|straggler| write!(f, "\n  {straggler}"))
    }
}

/// A task that a shutdown left behind.
#[derive(Debug, Clone)]
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
    /// Suspended, or waiting in place, and not to be unwound: it caught each abort, or foreign
    /// frames lie between.
    Suspended,
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
        }
    }
}

/// Asks for the end without waiting for it: a thread of its own sees to the rest.
pub(crate) fn ask(shared: &Arc<Shared>, limit: Duration) {
    shared.enter_stage(Stage::Closing);
    let shared = shared.clone();
    let reaper = std::thread::Builder::new()
        .name(format!("{}-end", shared.config.thread_name))
        .spawn(move || {
            let _ = shutdown(&shared, limit);
        });
    if let Err(error) = reaper {
        tracing::error!(target: "sortie::shutdown", %error, "no thread to end the runtime with");
    }
}

/// Ends the runtime within `limit`. Not to be called on one of its carriers.
pub(crate) fn shutdown(shared: &Arc<Shared>, limit: Duration) -> Report {
    let start = Instant::now();
    let deadline = start.checked_add(limit);
    shared.enter_stage(Stage::Closing);
    tracing::debug!(target: "sortie::shutdown", ?limit, "closing");
    let ended = close(shared, deadline);
    let stragglers = if ended {
        stop(shared);
        Vec::new()
    } else {
        terminate(shared)
    };
    clear(shared);
    let report = Report { stragglers, elapsed: start.elapsed() };
    tracing::info!(target: "sortie::runtime", %report, "end");
    report
}

/// Aborts what is suspended until nothing lives. False: the deadline came first.
fn close(shared: &Shared, deadline: Option<Instant>) -> bool {
    loop {
        for task in shared.living.all() {
            task.abort();
        }
        // Also for tasks that are queued on workers which nobody runs.
        shared.after_queueing();
        if shared.live_tasks() == 0 {
            return true;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return false;
        }
        shared
            .closer
            .park_timeout(left.unwrap_or(REMINDER).min(REMINDER));
    }
}

/// All tasks have ended: ends and joins all threads.
fn stop(shared: &Shared) {
    shared.enter_stage(Stage::Stopping);
    while shared.threads.load(Ordering::Relaxed) > 0 {
        call_all(shared);
        shared.closer.park_timeout(REMINDER);
    }
    join(shared);
    let (_line, idle) = shared.lobby.close();
    for mut worker in idle {
        shared.fibers.give(worker.take_fibers());
    }
}

/// The deadline is past: closes the lobby, ends the threads that can end, names the rest.
fn terminate(shared: &Shared) -> Vec<Straggler> {
    shared.enter_stage(Stage::Terminated);
    // Every carrier that has not left its task yet will see the stage before it frees one: see
    // `census`. Without membarrier each of them fences by itself.
    let _ = fence::heavy();
    let (_line, idle) = shared.lobby.close();
    for mut worker in idle {
        shared.fibers.give(worker.take_fibers());
        while let Some(task) = worker.queues.pop().or_else(|| worker.queues.pop_yielded()) {
            refuse_or_keep(shared, task);
        }
    }
    for queue in [&shared.injector, &shared.reentry] {
        while let Some(task) = queue.pop() {
            refuse_or_keep(shared, task);
        }
    }
    let stragglers = census(shared);
    let grace = Instant::now() + GRACE;
    let stuck = || {
        shared
            .arena
            .all()
            .iter()
            .filter(|carrier| carrier.is_occupied())
            .count()
    };
    while shared.threads.load(Ordering::Relaxed) > stuck() && Instant::now() < grace {
        call_all(shared);
        shared.closer.park_timeout(Duration::from_millis(1));
    }
    call_all(shared);
    let mut ended = shared.ended.lock();
    for thread in ended.extract_if(.., |thread| thread.is_finished()) {
        let _ = thread.join();
    }
    drop(ended);
    if let Some(monitor) = shared.monitor.lock().take() {
        let _ = monitor.join();
    }
    stragglers
}

/// A task in a queue that nobody serves any more.
fn refuse_or_keep(shared: &Shared, task: TaskRef) {
    if task.fiber.get().is_none() {
        shared.metrics.add(crate::metrics::Counter::Finished);
        refuse(task, Refusal::ShutDown);
    } else {
        // Its frames may be borrowed by others: they stay, and with them its stack. The living
        // list names it.
        shared.living.add(&task);
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

/// Joins the threads, which have all left their loops or are about to.
fn join(shared: &Shared) {
    if let Some(monitor) = shared.monitor.lock().take() {
        let _ = monitor.join();
    }
    let threads = std::mem::take(&mut *shared.ended.lock());
    for thread in threads {
        let _ = thread.join();
    }
}

/// Gives back what only the end may give back.
fn clear(shared: &Shared) {
    shared.timers.clear();
    shared.fibers.clear();
}

/// Names the tasks that are left.
///
/// A task on a carrier may end at any moment, and its header be freed. Its carrier first clears
/// `current`, then looks at the stage, and if the runtime is closing frees under the census lock. So
/// with the stage set, and a heavy fence behind that, a task that is still seen as `current` under
/// the lock is not freed before the lock is left.
fn census(shared: &Shared) -> Vec<Straggler> {
    let _lock = shared.census.lock();
    let mut stragglers: Vec<Straggler> = Vec::new();
    for carrier in shared.arena.all() {
        let task = carrier.current.load(Ordering::Relaxed);
        // SAFETY: as above.
        let Some(task) = (unsafe { task.as_ref() }) else {
            continue;
        };
        if carrier.foreign {
            continue;
        }
        let place = match carrier.word.load().phase() {
            Phase::Native | Phase::Taken => Place::Native {
                target: carrier.target.load(Ordering::Relaxed),
            },
            Phase::Run => Place::Managed,
            Phase::Waiting | Phase::Spare => Place::Suspended,
        };
        stragglers.push(Straggler::new(task, place));
    }
    for task in shared.living.all() {
        if !stragglers.iter().any(|known| known.id == task.id) && !task.state.load().is_done() {
            stragglers.push(Straggler::new(&task, Place::Suspended));
        }
    }
    stragglers.sort_by_key(|straggler| straggler.id);
    stragglers
}

impl Straggler {
    fn new(task: &Header, place: Place) -> Straggler {
        Straggler {
            id: task.id,
            name: task.name.clone(),
            place,
        }
    }
}
