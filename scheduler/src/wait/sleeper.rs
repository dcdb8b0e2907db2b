//! Who stands in a line, or sits before it: how it is woken, and where it can run.

use super::due::{Sitter, Waiting};
use super::line::Ticket;
use super::list::List;
use super::order::LEVELS;
use super::{Owner, Waiter, Who, is_switchable, kept_task, managed, reference, task};
use crate::carrier::Carrier;
use crate::park::Parker;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::task::header::Marks;
use crate::task::priority::Priority;
use crate::task::state::Wake;
use crate::task::{Header, TaskRef};
use crate::worker::{aside, current};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// See the module. Two words: a million tasks that are suspended stand in lines.
#[derive(Clone)]
pub(crate) enum Sleeper {
    /// A task, and the address of the only carrier that it can go on on, or 0; with [`HELD`] it waits in place there.
    Task(TaskRef, usize),
    Thread(Box<Thread>),
}

/// Who sleeps as a thread does.
#[derive(Clone)]
pub(crate) struct Thread {
    parker: Arc<Parker>,
    /// As of a task.
    place: usize,
    /// Who it is, for those who look for deadlocks.
    owner: Owner,
}

/// Beside a place: nobody else runs there while the sleeper waits.
const HELD: usize = 1;

const _: () = assert!(align_of::<Carrier>() > HELD);
const _: () = assert!(size_of::<Sleeper>() == 2 * size_of::<usize>());

impl Sleeper {
    pub(crate) fn new(waiter: &Waiter) -> Sleeper {
        let kept = kept_task();
        let place = |in_place| {
            kept.map_or(0, |(carrier, task)| {
                if in_place {
                    std::ptr::from_ref(carrier).addr() | HELD
                } else {
                    Sitter::home(task)
                }
            })
        };
        match &waiter.who {
            Who::Task(waiter) => {
                let in_place = kept.is_some_and(|(_, task)| !is_switchable(task));
                Sleeper::Task(reference(waiter.task()), place(in_place))
            }
            // A task in native code waits as a thread does, and its carrier with it.
            Who::Thread(parker) => Sleeper::Thread(Box::new(Thread {
                parker: parker.clone(),
                place: place(true),
                owner: Owner::current(),
            })),
        }
    }

    /// Who sleeps.
    pub(crate) fn owner(&self) -> Owner {
        match self {
            Sleeper::Task(task, _) => Owner::of_task(task),
            Sleeper::Thread(thread) => thread.owner,
        }
    }

    fn place(&self) -> usize {
        match self {
            Sleeper::Task(_, place) => *place,
            Sleeper::Thread(thread) => thread.place,
        }
    }
}

/// What [`Waiting::holds`] says of the current task or thread if it waits here.
pub(crate) fn held_here() -> usize {
    let in_place = |(_, task): &(_, &Header)| managed().is_none() || !is_switchable(task);
    kept_task().filter(in_place).map_or(0, |(carrier, _)| std::ptr::from_ref(carrier).addr())
}

impl Waiting for Sleeper {
    fn wake(&self) {
        // A subscriber that panics has said so by the hook. Let through, its panic would end a wait
        // between a permit and its holder, or a second one the process. An abort that is raised
        // in a subscriber which waits is raised again at the next suspension point.
        let _ = catch_unwind(AssertUnwindSafe(|| match self {
            Sleeper::Task(task, _) => task.wake(),
            Sleeper::Thread(thread) => thread.parker.unpark(),
        }));
    }

    fn is_lost(&self) -> bool {
        match self {
            Sleeper::Task(task, _) => task.shared.is_terminated(),
            // A thread that sleeps as a thread outlives every runtime.
            Sleeper::Thread(_) => false,
        }
    }

    fn home(&self) -> usize {
        self.place() & !HELD
    }

    fn holds(&self) -> usize {
        if self.place() & HELD != 0 { self.home() } else { 0 }
    }

    fn level(&self) -> u8 {
        // A thread without a task is an ordinary one.
        task().map_or(Priority::default(), Header::level) as u8
    }
}

const _: () = assert!(LEVELS as usize == Priority::ALL.len());

/// Where a task was moved to from its seat.
pub(crate) struct Seating(Cell<Option<Ticket>>);

impl Seating {
    pub(crate) const fn new() -> Seating {
        Seating(Cell::new(None))
    }
}

impl Header {
    /// Sits down before this list, if nobody waits there and the task sits nowhere. By the task.
    #[inline]
    pub(super) fn sit_in(&self, list: &List<Header>) -> bool {
        if self.sits() {
            return false;
        }
        self.seating.0.set(None);
        let sits = list.sit(self);
        self.marks.set(Marks::SITS, sits);
        sits
    }

    /// The seat was left. By the task.
    #[inline]
    pub(super) fn stand_up(&self) {
        self.marks.set(Marks::SITS, false);
    }

    /// The task ends. Did it leave no seat, because its place was leaked? Its header must stay then. By its owner.
    #[inline]
    pub(crate) fn sits(&self) -> bool {
        self.marks.has(Marks::SITS)
    }
}

/// What is left of a task's wake.
pub(crate) enum Owed {
    /// The scheduler's reference, which the winner of the wake has.
    Submit(TaskRef),
    /// It was kept aside on this carrier, the current thread's, with the scheduler's reference.
    Queue(&'static Carrier, TaskRef),
    Unpark(TaskRef),
    Nothing,
}

impl Sitter for Header {
    type Who = Sleeper;
    type Owed = Owed;

    #[inline]
    fn begin_wake(&self) -> Owed {
        if let Some((carrier, task)) = aside::take(self) {
            return Owed::Queue(carrier, task);
        }
        match self.state.transition_to_woken() {
            // SAFETY: the winner of the wake owns the scheduler's reference, which the task kept while it was
            // suspended.
            Wake::Submit => Owed::Submit(unsafe { TaskRef::from_raw(NonNull::from(self)) }),
            Wake::Unpark => Owed::Unpark(reference(self)),
            Wake::Nothing => Owed::Nothing,
        }
    }

    #[inline]
    fn end_wake(owed: Owed) {
        // As in `Sleeper::wake`.
        let _ = catch_unwind(AssertUnwindSafe(|| match owed {
            Owed::Submit(task) => submit(task),
            Owed::Queue(carrier, task) => queue(carrier, task),
            Owed::Unpark(task) => task.settle(Wake::Unpark),
            Owed::Nothing => {}
        }));
    }

    fn is_lost(&self) -> bool {
        self.shared.is_terminated()
    }

    fn home(&self) -> usize {
        // ORDERING: Relaxed, who holds the task in its seat, or is the task, sees what its owner wrote.
        if self.is_pinned() { self.home.load(Ordering::Relaxed).addr() } else { 0 }
    }

    fn stand(&self) -> Sleeper {
        Sleeper::Task(reference(self), Sitter::home(self))
    }

    fn move_to(&self, ticket: Ticket) {
        self.seating.0.set(Some(ticket));
    }

    fn moved_to(&self) -> Option<Ticket> {
        self.seating.0.get()
    }
}

/// Queues a task that was kept aside on this thread's carrier.
#[inline]
fn queue(carrier: &Carrier, task: TaskRef) {
    let id = task.id;
    // SAFETY: this is the carrier's thread, and the closure stays in the ring.
    unsafe { carrier.with_ring(|ring| ring.push_woken(task)) };
    tracing::trace!(target: "sortie::task", task = id.0, "wake");
}

/// Queues a task whose wake was won.
#[inline]
fn submit(task: TaskRef) {
    let id = task.id;
    let shared = Arc::as_ptr(&task.shared);
    // SAFETY: the arena outlives this thread's stay in its runtime.
    let here = unsafe { current::carrier().as_ref() };
    if here.is_some_and(|carrier| std::ptr::eq(carrier.shared, shared) && !carrier.foreign) {
        // SAFETY: the runtime is there as long as its carriers, one of which is this thread. The task may be gone
        // before this returns.
        unsafe { &*shared }.submit(task);
    } else {
        // Keeps the header, and through it the runtime, until the queue is told.
        let kept = TaskRef::clone(&task);
        kept.shared.submit(task);
    }
    tracing::trace!(target: "sortie::task", task = id.0, "wake");
}
