//! Tasks: what is spawned, runs on a fiber, is joined or aborted.
//!
//! - `state.rs`: the state word; says where a task is, and what each change owes.
//! - `header.rs`: the part of a task that does not know its types; `reference.rs`: counted references to it.
//! - `cell.rs`: the typed rest: closure, then output.
//! - `complete.rs`: the end, and whom it is owed to; `join.rs`: the right to the output, and the wait for it;
//!   `join_error.rs`: what went wrong.
//! - `waker.rs`: who is told of the end of a wait; `watch_end.rs`: of the end of a task, beside other waits.
//! - `no_suspend.rs`: stretches in which a task must not be suspended, checked in debug builds.
//! - `abort/`: how a task is asked to unwind, and when it does.
//! - `hook.rs`, `cancel.rs`: native calls that an abort cuts short.
//! - `set.rs`, `membership.rs`, `wait_out.rs`: tasks whose ends one waits for together, a task's side of that, and the
//!   wait that is not left before.
//! - `rare.rs`: what most tasks never have.
//! - `callbacks.rs`: how many callbacks are open.
//! - `supply.rs`: what a worker keeps of ended tasks for the next ones.
//! - `priority.rs`: how soon a ready task gets its turn; `lent.rs`: levels that waiters lend.
//! - `living.rs`: the list of tasks that have been suspended, for shutdown and dumps.
//!
//! # Who may touch which field of a header
//!
//! 1. `state`, `refs` and `rare`, but for its fields, and `hook` and `yield_watcher` there: anybody with a reference.
//! 2. `id`, `migrating`, `has_span`, `vtable`, `shared`, and `name` and `span` in `rare`: constant.
//! 3. `fiber`, `embedder`, `stack_low`, `callbacks`, `guarded_layers`, `marks`, `no_suspend`, and `own_stack`, `job`,
//!    `cancellable`, `cancellable_at`, `penalty`, `aborting` in `rare`: the *owner*. While a task is `ACTIVE` that is
//!    whoever took it from a queue, or runs it; while `BLOCKED` the carrier that it waits on; while `SUSPENDED` nobody.
//! 4. `home`: written by the owner, read by the winner of a wake.
//! 5. `joiner`: the joiner until it has set `JOINER`, then the completer.
//!    `seating`: the owner; where it was moved to, who holds the seat (INVARIANT(seat.alive)).
//! 6. `next`: whoever owns the mailbox entry.
//! 7. `joining`: written by the owner, read by anybody with a reference. `living_place`: the owner's; `sets` in `rare`:
//!    each set's part under that set's lock.
//! 8. `stage`, and what is in the cell: the body while it runs; from `DONE` on the join handle, or the
//!    completer if the handle is gone.

pub mod abort;
pub(crate) mod callbacks;
pub(crate) mod cancel;
pub(crate) mod cell;
pub(crate) mod complete;
pub(crate) mod header;
pub(crate) mod hook;
mod join;
pub(crate) mod join_error;
pub(crate) mod lent;
pub(crate) mod living;
pub(crate) mod membership;
pub(crate) mod no_suspend;
pub(crate) mod priority;
pub(crate) mod rare;
mod reference;
mod set;
pub(crate) mod state;
pub(crate) mod supply;
mod wait_out;
mod waker;
mod watch_end;

pub(crate) use cancel::is_cancellable_above;
pub use cancel::{Cancelled, Hook, cancellable};
pub(crate) use header::Header;
pub use join::JoinHandle;
pub use join_error::JoinError;
pub use no_suspend::{NoSuspend, check_suspension, raise_postponed};
pub use priority::{Priority, priority, set_priority};
pub(crate) use reference::TaskRef;
pub use set::{Next, NextWatch, TaskSet};
pub(crate) use waker::Waker;
pub use watch_end::EndWatch;

/// A task's number, unique in its runtime. Tasks get them in about the order of their spawns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) u64);

impl Id {
    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
