//! Joins, and waits at the end of a scope, as a task notes them: in two words of its own header, because they are many.
//!
//! The words are compared, and never followed: a joined task may be gone, and a set with its scope. Who looks has a
//! reference to the task, and finds the members of a set by asking tasks which sets they are in.
//!
//! Where somebody looks at each wait that begins, whether it closes a circle, these are in the table, too (`blocked.rs`), as
//! those of threads are.

use super::blocked::{Ender, Kind, Noted, Owned, Wait, is_looked_at};
use super::owner::Owner;
use super::task;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::task::membership::SetMark;
use crate::task::{Header, abort};
use std::panic::Location;
use std::ptr::{self, NonNull};

const JOIN: &str = "a join";
const END_OF_SCOPE: &str = "a wait for the end of a scope";

/// What a task notes in its header while it joins another, or waits at the end of a scope.
pub(crate) struct Joining {
    /// The task that is joined, as an owner's number, or the mark of the scope's set; 0: none.
    joined: AtomicUsize,
    place: AtomicPtr<Location<'static>>,
}

impl Joining {
    pub(crate) const fn new() -> Joining {
        Joining { joined: AtomicUsize::new(0), place: AtomicPtr::new(ptr::null_mut()) }
    }

    fn set(&self, joined: usize, place: *const Location<'static>) {
        // ORDERING: Relaxed, both are addresses of what is there all the time, or only compared.
        self.place.store(place.cast_mut(), Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.joined.store(joined, Ordering::Relaxed);
    }
}

/// Runs `wait`, which joins `joined`, and notes that meanwhile.
#[inline]
pub(crate) fn blocked_in_join<R>(
    joined: &Header,
    place: &'static Location<'static>,
    wait: impl FnOnce() -> R,
) -> R {
    let owner = Owner::of_task(joined);
    match task() {
        Some(joiner) if abort::has_limit(joiner) => wait(),
        Some(joiner) if notes_in_header(joiner) => {
            let _joins = Joins::new(joiner, owner.get(), place);
            wait()
        }
        _ => {
            let _noted = Noted::new(JOIN, Owned::By(owner), place, Kind::Ordinary);
            wait()
        }
    }
}

/// Does the task note joins, and ends of scopes, in its header? Nobody looks whether they close a circle.
#[inline]
fn notes_in_header(task: &Header) -> bool {
    !task.shared.config.report_deadlocks && !is_looked_at()
}

/// Notes that the current task, which may move, joins another that runs on top of it, and so is in no wait that others
/// would see. `None`: such notes are not in its header, and it had better wait.
#[inline]
pub(crate) fn note_join_from_below(
    joiner: &'static Header,
    joined: &Header,
    place: &'static Location<'static>,
) -> Option<Joins> {
    let joined = Owner::of_task(joined).get();
    notes_in_header(joiner).then(|| Joins::new(joiner, joined, place))
}

/// A note in the current task's header, while this lives.
pub(crate) struct Joins(&'static Joining);

impl Joins {
    #[inline]
    fn new(task: &'static Header, joined: usize, place: &'static Location<'static>) -> Joins {
        task.joining.set(joined, place);
        // The task's own frames keep its header.
        Joins(&task.joining)
    }
}

impl Drop for Joins {
    #[inline]
    fn drop(&mut self) {
        self.0.set(0, ptr::null());
    }
}

/// A wait for the end of a scope, noted while this lives.
#[must_use]
pub(crate) struct NotedEnd {
    _in_header: Option<Joins>,
    _in_table: Option<Noted>,
}

/// Notes that the current task or thread waits at the end of a scope until each task of this set has ended.
// Not inlined: it is called around pauses.
#[inline(never)]
pub(crate) fn note_end_of_scope(set: SetMark, place: &'static Location<'static>) -> NotedEnd {
    let (in_header, in_table) = match task() {
        Some(task) if abort::has_limit(task) => (None, None),
        Some(task) if notes_in_header(task) => (Some(Joins::new(task, set.get(), place)), None),
        _ => (None, Some(Noted::new(END_OF_SCOPE, Owned::Each(set), place, Kind::Ordinary))),
    };
    NotedEnd { _in_header: in_header, _in_table: in_table }
}

/// The wait that a task notes in its header, unless it is about to end by an abort. The caller has a reference to it.
pub(crate) fn join_of(task: &Header) -> Option<Wait> {
    if abort::has_not_looked(task) {
        return None;
    }
    // ORDERING: Relaxed, a look; who needs more looks again, with the references in hand.
    let joined = task.joining.joined.load(Ordering::Relaxed);
    let (what, ender) = match SetMark::of(joined) {
        Some(set) => (END_OF_SCOPE, Ender::Each(set)),
        None => (JOIN, Ender::One(Owner::of(joined)?)),
    };
    // ORDERING: Relaxed, as above.
    let place = NonNull::new(task.joining.place.load(Ordering::Relaxed))?;
    Some(Wait {
        waiter: Owner::of_task(task),
        // A handle is joined once, and a scope has one end.
        number: joined as u64,
        reports: false,
        runtime: Arc::as_ptr(&task.shared).addr(),
        id: Some(task.id),
        name: task.name().cloned(),
        what,
        // SAFETY: only ever set from a `&'static Location`.
        place: unsafe { place.as_ref() },
        ender,
    })
}
