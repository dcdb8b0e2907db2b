//! The wait that is not left before its end: what makes borrowing from a scope's owner sound.
//!
//! Members of the set may borrow from the frames of who waits here, so this returns or unwinds only when all of
//! them have left. What ends other waits does not end this one:
//!
//! | what happens | what is done |
//! |---|---|
//! | the waiting task is aborted, its time is up, or its runtime is shut down | the members are aborted, those to come too, and the wait goes on; the abort is raised behind it, by the caller |
//! | the runtime's deadline passes (the waiting task is a straggler) | suspended, it is kept with its stack, as any; in place, or in native code, its thread waits on, and goes on without a worker, by unwinding, once the last member has returned |
//! | a `NoSuspend` of the task is alive | its panic comes behind the wait |
//! | a member is pinned to the carrier that the task holds | it cannot end: an event says so |
//! | a tracing subscriber panics | the wait goes on; where it cannot, the process ends |
//!
//! An abort that the task cannot be unwound for, because it unwinds already, foreign frames lie between, or a region
//! holds it back, is not passed on: what is spawned there belongs to the cleaning up, or to the region.

use super::header::Header;
use super::set::{TaskSet, Watch};
use super::waker::Waker;
use crate::carrier::Carrier;
use crate::crossing;
use crate::fiber::Reason;
use crate::sync::atomic::Ordering;
use crate::task::abort::{self, Asked};
use crate::task::state::Suspend;
use crate::wait;
use crate::wait::joining::note_end_of_scope;
use crate::worker::current;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr;

impl TaskSet {
    /// Waits until no task is left, whatever happens to the waiting one: see the module. A suspension point
    /// that raises nothing; the caller looks for an abort behind it ([`checkpoint`](crate::checkpoint)).
    ///
    /// Unwinds after its end only, if the task is a straggler of a runtime that is gone. May never return: if
    /// a member never ends.
    #[inline(never)]
    #[track_caller]
    pub fn wait_out(&self) {
        if let Some((_, task)) = wait::managed() {
            // Also if nobody is left: what depends on the moment would be found on somebody else's machine. The
            // wait goes on in any case: to wait in place might be to wait for oneself.
            let _ = task.no_suspend.postpone("the end of a scope");
        }
        if self.is_empty() {
            return;
        }
        let bomb = Bomb(self);
        let place = Location::caller();
        // What a subscriber does, who is told that this closes a circle, must not end the wait.
        let noted = catch_unwind(AssertUnwindSafe(|| note_end_of_scope(self.mark(), place)));
        let watch = Watch::new(self);
        match wait::managed() {
            Some((_, task)) => {
                // What a subscriber does must not end the wait.
                let _ = catch_unwind(AssertUnwindSafe(|| wait::announce(task)));
                let is_over = wait::is_switchable(task) && self.wait_out_suspended(&watch, task);
                // Anew: it may have been switched.
                if !is_over && let Some((carrier, task)) = wait::managed() {
                    self.wait_out_in_place(&watch, carrier, task);
                }
            }
            None => {
                let parker = current::thread_parker();
                while !watch.is_empty(|| Waker::Thread(parker.clone())) {
                    parker.park();
                }
            }
        }
        drop(noted);
        std::mem::forget(bomb);
    }

    /// False: the embedder wants the rest of the wait in place.
    fn wait_out_suspended(&self, watch: &Watch<'_>, task: &Header) -> bool {
        loop {
            self.pass_abort_on(task);
            if watch.is_empty(|| Waker::Task(wait::reference(task))) {
                return true;
            }
            if !wait::is_to_switch(task) {
                return false;
            }
            wait::switch_away(task, Reason::Suspended);
        }
    }

    /// As `wait::block_in_place`, but for what the module says. Without a worker until all is over: an abort
    /// is passed on from here as from a foreign thread.
    #[cold]
    fn wait_out_in_place(&self, watch: &Watch<'_>, carrier: &Carrier, task: &Header) {
        if let Some(member) = watch.find(|member| is_pinned_to(member, carrier)) {
            let _ = catch_unwind(AssertUnwindSafe(|| report_deadlock(task, member)));
        }
        // ORDERING: Relaxed, the owner reads what an owner wrote before it; what it writes is published to
        // the winner of the wake by the state word (task.state).
        let home = task.home.load(Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        task.home.store(ptr::from_ref(carrier).cast_mut(), Ordering::Relaxed);
        // From here on only its wakers know it, and the shutdown must.
        carrier.shared().living.add(task);
        let mut has_worker = true;
        loop {
            self.pass_abort_on(task);
            if watch.is_empty(|| Waker::Task(wait::reference(task))) {
                break;
            }
            if task.state.transition_to_blocked() == Suspend::Suspended {
                if std::mem::take(&mut has_worker) {
                    crossing::give_away(carrier);
                }
                while task.state.load().is_blocked() {
                    carrier.parker.park();
                }
            }
        }
        // ORDERING: Relaxed, as above.
        task.home.store(home, Ordering::Relaxed);
        if !has_worker {
            crossing::regain_or_stop(carrier, task);
        }
    }

    fn pass_abort_on(&self, task: &Header) {
        let asked = Asked::of(task);
        if wait::is_abort_wanted(task) && abort::is_due(task) && self.begin_to_abort() {
            self.abort_all();
        }
        // What a subscriber does, who is told of a deadlock, must not end the wait.
        let _ = catch_unwind(AssertUnwindSafe(|| wait::look_if_held_back(task, asked)));
    }
}

/// A subscriber that panics in the middle of giving a worker away would end the wait before its end.
struct Bomb<'a>(&'a TaskSet);

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            eprintln!(
                "sortie: a panic, probably in a tracing subscriber, where a scope waits for its tasks"
            );
            std::process::abort();
        }
    }
}

fn is_pinned_to(member: &Header, carrier: &Carrier) -> bool {
    // ORDERING: Relaxed, a look. This carrier's own writes, the only ones that matter, are seen.
    member.is_pinned() && ptr::eq(member.home.load(Ordering::Relaxed), carrier)
}

#[cold]
fn report_deadlock(task: &Header, member: super::Id) {
    tracing::error!(
        target: "sortie::task",
        task = task.id.get(),
        member = member.get(),
        "a scope ends inside a callback and waits for a task that is pinned to the carrier which the callback \
         holds: it never ends; open the scope inside the callback, or spawn the task with `migrating`"
    );
}
