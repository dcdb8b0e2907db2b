//! Spawns: what a task is spawned with, how it is made, and how it is let in.
//!
//! A task is made in one piece of memory: its header by code that knows no types and is never inlined, then its closure
//! by code that does ([`new_task`]). Then it enters its sets and is queued, or refused.

use crate::handler;
use crate::metrics::Counter;
use crate::shared::Shared;
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};
use crate::task::cell::{Conceived, Kind, new_task};
use crate::task::header::{Birth, Extras};
use crate::task::join::refuse;
use crate::task::set::Sets;
use crate::task::{Id, JoinHandle, Priority, TaskRef, TaskSet};
use crate::wait;
use crate::worker::Worker;
use tracing::level_filters::LevelFilter;

/// What a task is spawned with.
#[derive(Clone, Debug)]
pub struct Spawn {
    name: Option<Arc<str>>,
    span: Option<tracing::Span>,
    migrating: bool,
    priority: Priority,
    sets: Sets,
}

impl Spawn {
    /// No name, the default span, pinned once started unless the runtime is `migrating`.
    pub const fn new() -> Spawn {
        Spawn {
            name: None,
            span: None,
            migrating: false,
            priority: Priority::Normal,
            sets: Sets::new(),
        }
    }

    /// Names the task.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Spawn {
        self.name = Some(name.into());
        self
    }

    /// The span that the task runs in.
    pub fn span(mut self, span: tracing::Span) -> Spawn {
        self.span = Some(span);
        self
    }

    /// How soon the task gets its turns, beside others.
    pub fn priority(mut self, priority: Priority) -> Spawn {
        self.priority = priority;
        self
    }

    /// Makes the task a member of its owner's set, which knows it by `key`.
    pub fn owner(mut self, owner: Arc<TaskSet>, key: u32) -> Spawn {
        self.sets.set_owner(owner, key);
        self
    }

    /// Makes the task a member of a group, besides, whose name it has if it is given none of its own.
    pub fn group(mut self, group: Arc<TaskSet>, name: &Arc<str>) -> Spawn {
        self.sets.set_group(group);
        self.name.get_or_insert_with(|| name.clone());
        self
    }

    /// Promises that the task may resume on any thread.
    ///
    /// # Safety
    /// As for [`Config::migrating`](crate::Config::migrating), for this one task.
    pub unsafe fn migrating(mut self) -> Spawn {
        self.migrating = true;
        self
    }
}

impl Default for Spawn {
    fn default() -> Spawn {
        Spawn::new()
    }
}

/// Spawns on the current task's scheduler. `Err` with what was given: this thread has none.
///
/// # Errors
/// The options and the closure, given back.
pub fn spawn_current<F, T>(options: Spawn, f: F) -> Result<JoinHandle<T>, (Spawn, F)>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match wait::task() {
        Some(task) => Ok(spawn_on(&task.shared, options, f)),
        None => Err((options, f)),
    }
}

/// Spawns on this scheduler.
pub(crate) fn spawn_on<F, T>(shared: &Arc<Shared>, options: Spawn, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: nothing is borrowed.
    unsafe { spawn_task(shared, options, f) }
}

/// Spawns a task that may borrow.
///
/// # Safety
/// As for [`new_task`].
pub(crate) unsafe fn spawn_task<F, T>(shared: &Arc<Shared>, options: Spawn, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let priority = options.priority;
    let conceived = conceive(shared, options, const { &Kind::of::<F, T>() });
    // SAFETY: of this very kind; and by contract.
    let (task, handle) = unsafe { new_task(conceived, f) };
    admit(shared, task, priority);
    // SAFETY: the handle's reference of a task whose output is a `T`, from `new_task`.
    unsafe { JoinHandle::new(handle) }
}

/// A task without its closure. Never inlined into user code, which may be switched: spans and
/// events are the subscriber's, with whatever thread-locals it has.
#[inline(never)]
fn conceive(shared: &Arc<Shared>, options: Spawn, kind: &Kind) -> Conceived {
    if handler::in_signal_handler() {
        handler::refuse_spawn();
    }
    let id = next_id(shared);
    let migrating = options.migrating || shared.config.migrating;
    let conceived = kind.conceive(Birth { shared, id, migrating });
    let is_plain = options.name.is_none() && options.span.is_none() && options.sets.are_none();
    if is_plain && LevelFilter::current() < LevelFilter::DEBUG {
        return conceived;
    }
    conceived.with(extras(id, options))
}

/// What a task has beside its closure, if it was given anything or somebody listens.
#[cold]
fn extras(id: Id, options: Spawn) -> Extras {
    let Spawn { name, span, sets, .. } = options;
    let span = span.unwrap_or_else(|| {
        let name = name.as_deref();
        tracing::debug_span!(target: "sortie::task", "task", id = id.get(), name)
    });
    tracing::trace!(target: "sortie::task", task = id.get(), name = name.as_deref(), "spawn");
    Extras { name, span, sets }
}

/// Lets a task in, or refuses it. Never inlined, as [`conceive`].
#[inline(never)]
fn admit(shared: &Shared, task: TaskRef, priority: Priority) {
    count_spawn(shared);
    if priority != Priority::Normal {
        task.set_priority(priority);
    }
    let refusal = if shared.is_closing() { Some(shared.refusal()) } else { None };
    match task.sets.enter(&task).err().or(refusal) {
        None => shared.submit(task),
        Some(refusal) => {
            refuse(task, refusal);
            shared.metrics.add(Counter::Finished);
            shared.after_finish();
        }
    }
}

/// Does what `f` says on the worker of this thread, if it has one of this scheduler's.
#[inline]
fn on_worker<R>(shared: &Shared, f: impl FnOnce(&mut Worker) -> R) -> Option<R> {
    let (carrier, _) = wait::managed()?;
    if !std::ptr::eq(carrier.shared, shared) {
        return None;
    }
    // SAFETY: this is the carrier's own thread, the word says `RUN`, and the closures passed here
    // count and number, and do not come back.
    unsafe { carrier.with_worker(f) }
}

/// A number for a new task.
fn next_id(shared: &Shared) -> Id {
    on_worker(shared, |worker| worker.next_id(|| shared.id_block()))
        .unwrap_or_else(|| Id(shared.ids(1).start))
}

/// A task lives from here on.
fn count_spawn(shared: &Shared) {
    if on_worker(shared, |worker| worker.count(Counter::Spawned)).is_none() {
        shared.metrics.add(Counter::Spawned);
        // ORDERING(shared.stage): SeqCst, between the count and the look at the stage; pairs with
        // the stage's change before the shutdown's look at the counts. A task that spawns lives
        // itself, and needs no fence.
        fence(Ordering::SeqCst);
    }
}
