//! Spawns: how a task is made, and how it is let in; `spawn/options.rs` has what it is spawned with.
//!
//! A task is made in one piece of memory: its header by code that knows no types and is never inlined, then its closure
//! by code that does ([`new_task`]). Then it enters its sets and is queued, or refused.

mod options;

pub use options::Spawn;

use crate::handler;
use crate::metrics::Counter;
use crate::own_stack::OwnStack;
use crate::shared::Shared;
use crate::stack::StackError;
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};
use crate::task::cell::{Conceived, Kind, new_task};
use crate::task::complete::refuse;
use crate::task::header::{Birth, Extras};
use crate::task::join_error::Refusal;
use crate::task::supply::Share;
use crate::task::{Id, JoinHandle, Priority, TaskRef};
use crate::wait;
use crate::worker::Worker;
use options::USUAL;
use tracing::level_filters::LevelFilter;

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

/// As [`spawn_current`], with nothing that most tasks do without. `Err` with the closure: this thread has no scheduler.
///
/// # Errors
/// The closure, given back.
#[inline]
pub fn spawn_here<F, T>(f: F) -> Result<JoinHandle<T>, F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let Some(conceived) = conceive_here(const { &Kind::of::<F, T>() }) else {
        return spawn_current(Spawn::new(), f).map_err(|(_, f)| f);
    };
    // SAFETY: of this very kind; nothing is borrowed.
    let (task, handle) = unsafe { new_task(conceived, f) };
    admit_here(task);
    // SAFETY: the handle's reference of a task whose output is a `T`, from `new_task`.
    Ok(unsafe { JoinHandle::new(handle) })
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
    if options.is_plain() && !is_listened_to() {
        // SAFETY: by contract.
        return unsafe { spawn_plain(shared, options.migrating, f) };
    }
    let bytes = options.stack_bytes;
    let stack = (bytes != USUAL).then(|| OwnStack::take(shared, bytes));
    // SAFETY: by contract.
    unsafe { spawn_with_all(shared, options, stack, f) }
}

/// [`spawn_task`] with all options, on this stack of its own if there is one, or without for this reason.
///
/// # Safety
/// As for [`new_task`].
pub(crate) unsafe fn spawn_with_all<F, T>(
    shared: &Arc<Shared>,
    options: Spawn,
    stack: Option<Result<OwnStack, StackError>>,
    f: F,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let priority = options.priority;
    let conceived = conceive_with(shared, const { &Kind::of::<F, T>() }, options);
    // SAFETY: of this very kind; and by contract.
    let (task, handle) = unsafe { new_task(conceived, f) };
    admit(shared, task, priority, stack);
    // SAFETY: the handle's reference of a task whose output is a `T`, from `new_task`.
    unsafe { JoinHandle::new(handle) }
}

/// [`spawn_task`] without options, and where nobody listens.
///
/// # Safety
/// As for [`new_task`].
#[inline]
unsafe fn spawn_plain<F, T>(shared: &Arc<Shared>, migrating: bool, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let conceived = conceive(shared, const { &Kind::of::<F, T>() }, migrating);
    // SAFETY: of this very kind; and by contract.
    let (task, handle) = unsafe { new_task(conceived, f) };
    admit_plain(shared, task);
    // SAFETY: the handle's reference of a task whose output is a `T`, from `new_task`.
    unsafe { JoinHandle::new(handle) }
}

/// Does a subscriber want to know of spawns, or of the tasks' spans?
#[inline]
fn is_listened_to() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// [`conceive`] for the runtime of the current task, if that has a worker of it and nobody listens. Never inlined into
/// user code, which may be switched.
#[inline(never)]
fn conceive_here(kind: &Kind) -> Option<Conceived> {
    let (carrier, task) = wait::managed()?;
    let shared = &task.shared;
    if is_listened_to() || !std::ptr::eq(carrier.shared, Arc::as_ptr(shared)) {
        return None;
    }
    if handler::is_inside(carrier) {
        handler::refuse_spawn();
    }
    // SAFETY: as in `on_worker`.
    let (id, share) = unsafe { carrier.with_worker(|worker| provide(worker, shared, kind)) }?;
    Some(kind.conceive(Birth { shared, id, migrating: shared.config.migrating, share }))
}

/// What a worker has for a task that is spawned on it.
#[inline]
fn provide(worker: &mut Worker, shared: &Shared, kind: &Kind) -> (Id, Share) {
    worker.count(Counter::Spawned);
    (worker.next_id(|| shared.id_block()), worker.supply.take(kind.room))
}

/// A task without its closure, which counts as spawned. Never inlined, as [`conceive_here`].
#[inline(never)]
fn conceive(shared: &Arc<Shared>, kind: &Kind, migrating: bool) -> Conceived {
    if handler::in_signal_handler() {
        handler::refuse_spawn();
    }
    let migrating = migrating || shared.config.migrating;
    let here = on_worker(shared, |worker| provide(worker, shared, kind));
    let (id, share) = here.unwrap_or_else(|| from_outside(shared));
    kind.conceive(Birth { shared, id, migrating, share })
}

/// What a task's spawn needs that has no worker of this runtime.
#[cold]
#[inline(never)]
fn from_outside(shared: &Shared) -> (Id, Share) {
    shared.metrics.add(Counter::Spawned);
    // ORDERING(shared.stage): SeqCst, between the count and the look at the stage; pairs with
    // the stage's change before the shutdown's look at the counts. A task that spawns lives
    // itself, and needs no fence.
    fence(Ordering::SeqCst);
    (Id(shared.ids(1).start), Share::default())
}

/// As [`conceive`], with what most do without. Never inlined, for spans and events are the subscriber's, with whatever
/// thread-locals it has.
#[inline(never)]
fn conceive_with(shared: &Arc<Shared>, kind: &Kind, options: Spawn) -> Conceived {
    let conceived = conceive(shared, kind, options.migrating);
    let id = conceived.id();
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
fn admit(
    shared: &Shared,
    task: TaskRef,
    priority: Priority,
    stack: Option<Result<OwnStack, StackError>>,
) {
    if priority != Priority::Normal {
        task.set_priority(priority);
    }
    let entered = task.sets().map_or(Ok(()), |sets| sets.enter(&task));
    match (entered, stack) {
        (Ok(()), Some(Err(error))) => refuse_without_stack(shared, task, error),
        (Ok(()), stack) => {
            if let Some(Ok(stack)) = stack {
                stack.carry(&task);
            }
            admit_plain(shared, task);
        }
        (Err(refusal), _) => refuse_now(shared, task, refusal),
    }
}

#[cold]
fn refuse_without_stack(shared: &Shared, task: TaskRef, error: StackError) {
    let id = task.id;
    refuse_now(shared, task, Refusal::Stack(error));
    tracing::error!(target: "sortie::task", task = id.get(), why = %error, "no stack");
}

/// As [`admit_plain`], for who has spawned the task by [`conceive_here`].
#[inline(never)]
fn admit_here(task: TaskRef) {
    let Some((carrier, spawner)) = wait::managed().filter(|(_, task)| !task.shared.is_closing())
    else {
        return admit_elsewhere(task);
    };
    // SAFETY: as in `on_worker`; the closure stays in the queues. The worker is of the task's runtime.
    unsafe { carrier.with_worker(|worker| worker.queues.push(task)) };
    spawner.shared.after_queueing();
}

#[cold]
#[inline(never)]
fn admit_elsewhere(task: TaskRef) {
    let shared = Arc::clone(&task.shared);
    admit_plain(&shared, task);
}

/// As [`admit`], of a task in no set.
#[inline(never)]
fn admit_plain(shared: &Shared, task: TaskRef) {
    if shared.is_closing() {
        return refuse_now(shared, task, shared.refusal());
    }
    shared.submit(task);
}

#[cold]
fn refuse_now(shared: &Shared, task: TaskRef, refusal: Refusal) {
    refuse(task, refusal);
    shared.metrics.add(Counter::Finished);
    shared.after_finish();
}

/// Does what `f` says on the worker of this thread, if it has one of this scheduler's.
#[inline]
fn on_worker<R>(shared: &Shared, f: impl FnOnce(&mut Worker) -> R) -> Option<R> {
    let (carrier, _) = wait::managed()?;
    if !std::ptr::eq(carrier.shared, shared) {
        return None;
    }
    // SAFETY: this is the carrier's own thread, the word says `RUN`, and the closure passed here
    // counts, numbers and takes memory, and does not come back.
    unsafe { carrier.with_worker(f) }
}
