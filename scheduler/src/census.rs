//! Which task is on which carrier, asked by another thread.
//!
//! A carrier's `current` is a pointer that its thread sets and clears, and the task behind it may end,
//! and be freed, at any moment. Nothing is paid for that by a carrier but one look for each task that
//! ends:
//!
//! 1. Who asks is *counted* first, runs the heavy fence, and takes the census lock.
//! 2. A carrier clears `current`, runs the light fence, and looks at the count. If somebody asks, it
//!    gives up its reference to the task under the lock, or leaves it to the handle there (`worker/finish.rs`,
//!    `succeed` in `worker/succession.rs`; `finish_on_top` in `worker/lend.rs` leaves the task to `finish`).
//!
//! INVARIANT(census): by the two fences, either the carrier sees the count, or who asks sees `current`
//! cleared. So a task that is seen as current under the lock is not freed before the lock is left: the
//! loop that runs it still holds its reference. Where a task goes on on another carrier (it was
//! suspended, or a call of its was made elsewhere), `current` was cleared before the task was queued
//! there, hence before the fence of the carrier that ends it. One that may move and passes its turn on
//! is queued first, but the other carrier waits until it is away, and `current` is another by then, or
//! none (`worker/pass.rs`). A foreign thread clears its own under the lock.
//!
//! The lock keeps carriers from ending tasks: what is asked is read quickly, and said afterwards.

use crate::carrier::{Carrier, CarrierRef};
use crate::crossing::fence;
use crate::shared::Shared;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::{Header, Id, TaskRef};
use crate::wait::reference;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Who asks, and the lock that keeps tasks from being freed meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Census {
    asking: AtomicUsize,
    pub(crate) lock: Mutex<()>,
}

impl Census {
    /// For a carrier that is about to give up a task, after its light fence.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        // ORDERING(census): Acquire, pairs with the Release of who has asked and looks no more. After the light fence in
        // `finish`, which pairs with the heavy fence in `Shared::ask`.
        self.asking.load(Ordering::Acquire) > 0
    }
}

/// A task, to be named.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) id: Id,
    pub(crate) name: Option<Arc<str>>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {name:?} (id {})", self.id),
            None => write!(f, "task {}", self.id),
        }
    }
}

impl Shared {
    /// The tasks on these carriers, in their order. `None` for one that has none, or if it cannot be told.
    pub(crate) fn tasks_on<'a>(
        &self,
        carriers: impl IntoIterator<Item = &'a Carrier>,
    ) -> Vec<Option<Named>> {
        let mut tasks: Vec<_> = carriers.into_iter().map(|carrier| (carrier, None)).collect();
        self.ask(|| {
            for (carrier, named) in &mut tasks {
                // ORDERING(census): Relaxed, after the heavy fence and under the lock; pairs with the
                // light fence in `finish`.
                let task = carrier.seen_current();
                // SAFETY: see `census` in the module: under the lock, and with the count fenced, the
                // task of a carrier is not freed. Its number and name are never written.
                if let Some(task) = unsafe { task.as_ref() } {
                    *named = Some(Named { id: task.id, name: task.name().cloned() });
                }
            }
        });
        tasks.into_iter().map(|(_, named)| named).collect()
    }

    /// Is this task on no carrier, running or in native code? False also if it cannot be told.
    pub(crate) fn is_on_no_carrier(&self, task: &Header) -> bool {
        let carriers = self.arena.all();
        let is_on = |carrier: &CarrierRef| std::ptr::eq(carrier.seen_current(), task);
        self.ask(|| !carriers.iter().any(is_on)) == Some(true)
    }

    /// Shows the task on each of these carriers, quickly. False, and nothing is shown, if it cannot be told. Of a task only
    /// what is never written may be looked at, and atomics. May change `errno`.
    pub(crate) fn look_at_tasks<'a>(
        &self,
        carriers: impl IntoIterator<Item = &'a Carrier>,
        mut look: impl FnMut(&'a Carrier, &Header),
    ) -> bool {
        let looked = self.ask(|| {
            for carrier in carriers {
                // ORDERING(census): Relaxed, after the heavy fence and under the lock; pairs with the
                // light fence in `finish`.
                let task = carrier.seen_current();
                // SAFETY: see `census` in the module: under the lock, and with the count fenced, the
                // task of a carrier is not freed.
                if let Some(task) = unsafe { task.as_ref() } {
                    look(carrier, task);
                }
            }
        });
        looked.is_some()
    }

    /// A reference to every task that waits, was switched away, or lends its turn, and has not ended.
    pub(crate) fn living_tasks(&self) -> Vec<TaskRef> {
        // SAFETY: asked as it has to be.
        let mut lenders = self.ask(|| unsafe { self.lenders() }).unwrap_or_default();
        // Last: who has left the pile meanwhile, and is to wait, is on this list from before on.
        let mut tasks = self.living.all();
        let listed: HashSet<_> = tasks.iter().map(TaskRef::as_raw).collect();
        lenders.retain(|lender| !listed.contains(&lender.as_raw()));
        tasks.append(&mut lenders);
        tasks
    }

    /// A reference to every task that lends its turn.
    ///
    /// # Safety
    /// Under the census lock, behind the heavy fence: see INVARIANT(pile.kept).
    pub(crate) unsafe fn lenders(&self) -> Vec<TaskRef> {
        let mut lenders = Vec::new();
        for carrier in self.arena.all() {
            // SAFETY: by contract.
            lenders.extend(carrier.pile.seen().map(|task| reference(unsafe { task.as_ref() })));
        }
        lenders
    }

    /// Asks something of carriers while none of them frees a task. `None`: it cannot be told.
    fn ask<R>(&self, question: impl FnOnce() -> R) -> Option<R> {
        // ORDERING(census): Relaxed, the heavy fence orders it before the looks of the question; pairs with the light
        // fence in `finish`.
        self.census.asking.fetch_add(1, Ordering::Relaxed);
        let can_tell = fence::heavy();
        let lock = self.census.lock.lock();
        let answer = can_tell.then(question);
        drop(lock);
        // ORDERING(census): Release, pairs with the Acquire in `is_asked`: who frees a task without the lock comes after
        // this look at it.
        self.census.asking.fetch_sub(1, Ordering::Release);
        answer
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::lend::leave_warm_fibers;
    use crate::{Config, Spawn, spawn_here};
    use std::sync::mpsc;

    #[test]
    fn who_lends_its_turn_is_among_the_living() {
        let scheduler = Config::new().workers(1).start().expect("threads for a runtime");
        leave_warm_fibers(&scheduler);
        let (enter, inside) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let below = scheduler.spawn_with(Spawn::new().name("below"), move || {
            let on_top = move || {
                enter.send(()).expect("somebody waits for it");
                ended.recv().expect("somebody lets it go on");
            };
            spawn_here(on_top).ok().expect("in a task").join()
        });
        inside.recv().expect("it runs");
        let living = scheduler.living();
        end.send(()).expect("it waits for it");
        below.join().expect("a task that ends").expect("a task that ends");
        let is_found = living.iter().any(|(_, name)| name.as_deref() == Some("below"));
        assert!(is_found, "{living:?}");
    }
}
