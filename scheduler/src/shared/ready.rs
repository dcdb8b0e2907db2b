//! Ready tasks: where they are queued, and who is told that they wait.
//!
//! The protocol is that of [`crate::idle`]: who queues looks for an idle worker, who goes idle looks for queued work.

use super::Shared;
use crate::carrier::Carrier;
use crate::idle::Roused;
use crate::shutdown;
use crate::sync::atomic::{Ordering, fence};
use crate::task::{TaskRef, Waker};
use crate::timer::TimerKey;
use crate::worker::{Ahead, current};
use std::time::Instant;

impl Shared {
    /// Puts a ready task where it may run, and sees to it that somebody looks there.
    pub(crate) fn submit(&self, task: TaskRef) {
        // SAFETY: the arena outlives this thread's stay in its runtime.
        let here = unsafe { current::carrier().as_ref() }
            .filter(|carrier| std::ptr::eq(carrier.shared, self) && carrier.word.is_run());
        if task.is_pinned()
            && let Some(home) = task.home().map(Carrier::as_ref)
        {
            if here.is_some_and(|here| here.as_ref() == home) {
                // SAFETY: this is the home's own thread, and the word says `RUN`.
                return unsafe { home.with_ring(|ring| ring.push_woken(task)) };
            }
            if self.is_forked() {
                return std::mem::forget(task);
            }
            home.mailbox.push(task);
            // ORDERING(carrier.summons): SeqCst, between the push and the look at the word; pairs
            // with the fence in `look_once_more`.
            fence(Ordering::SeqCst);
            if home.word.load().is_spare() {
                self.summon(&home);
            }
            return;
        }
        if here.is_none() && self.is_forked() {
            // Somebody is to go on who is not here; another thread may have been at the queue.
            return std::mem::forget(task);
        }
        match (self.ranks.push(task), here) {
            (Ok(()), _) => {}
            (Err(task), Some(here)) => {
                // SAFETY: this is the carrier's own thread, and the word says `RUN`.
                unsafe { here.with_worker(|worker| worker.queues.push(task)) };
            }
            (Err(task), None) => self.injector.push(task),
        }
        self.after_queueing();
        if here.is_none() {
            self.drain_if_terminated();
        }
    }

    /// To be called after a push to a queue of all, and its fence: at the end nobody else empties it.
    #[inline]
    pub(crate) fn drain_if_terminated(&self) {
        if self.is_terminated() {
            shutdown::drain(self);
        }
    }

    /// A spare has mail: it gets an idle worker, or a place in line.
    #[cold]
    pub(crate) fn summon(&self, carrier: &Carrier) {
        match self.lobby.summon(carrier.as_ref()) {
            Some(Some(mut worker)) => {
                let by_timers = self.sends_for_timers();
                worker.serves_timers = by_timers == Some(true);
                worker.expects_mail = by_timers == Some(false);
                carrier.give(worker);
            }
            Some(None) => self.after_queueing(),
            None => {}
        }
    }

    /// To be called after work was queued where any worker may take it.
    #[inline]
    pub(crate) fn after_queueing(&self) {
        self.after_queueing_for(None);
    }

    /// [`Shared::after_queueing`]. `ahead`: what is touched by who is told, if that is known.
    #[inline]
    fn after_queueing_for(&self, ahead: Option<&Ahead>) {
        // ORDERING(idle.counters): SeqCst, between the push and the look at the counters; pairs
        // with the fence of a worker that went idle. Also the fence before the look at the gate.
        fence(Ordering::SeqCst);
        self.tell_of_work(ahead);
    }

    /// Looks for one who is to be told that work was queued. Behind the fence. `ahead`: what it will touch, if that is
    /// known.
    #[inline]
    fn tell_of_work(&self, ahead: Option<&Ahead>) {
        if self.lobby.idle() > 0 {
            if self.lobby.searching() == 0 {
                self.rouse(ahead);
            }
        } else if self.gate.is_closed() {
            self.gate.kick();
        }
    }

    /// Would [`Shared::after_queueing`] tell anybody? Behind the fence.
    #[inline]
    pub(crate) fn is_to_tell(&self) -> bool {
        if self.lobby.idle() > 0 { self.lobby.searching() == 0 } else { self.gate.is_closed() }
    }

    /// To be called by one who gives up what others may have counted on: queued work that they left
    /// to it is somebody's again.
    pub(crate) fn look_again(&self) {
        self.look_again_for(None, || self.work_waits());
    }

    /// [`Shared::look_again`]. `ahead`: what is touched by who finds work, if that is known; `work_waits`: the look.
    pub(crate) fn look_again_for(&self, ahead: Option<&Ahead>, work_waits: impl FnOnce() -> bool) {
        // ORDERING(idle.counters): SeqCst, between what was given up and the look at the queues;
        // pairs with the fence in `after_queueing`.
        fence(Ordering::SeqCst);
        if work_waits() {
            self.after_queueing_for(ahead);
        }
    }

    /// Calls a carrier for an idle worker, to search.
    #[cold]
    pub(crate) fn rouse(&self, ahead: Option<&Ahead>) {
        if !self.lobby.start_searching_alone() {
            return;
        }
        match self.lobby.rouse() {
            Some(Roused::Spare(spare)) => {
                // SAFETY: has no conditions.
                let here = unsafe { libc::sched_getcpu() };
                // ORDERING: Relaxed, a hint, read in `worker::search::step_aside`: nothing is published by it.
                self.called_on.store(here, Ordering::Relaxed);
                spare.call(ahead);
            }
            Some(Roused::NoSpare(mut worker)) => {
                worker.searching = true;
                self.start_carrier_for(worker);
            }
            None => {
                // Nobody will search after all, but others may have counted on it meanwhile.
                if self.lobby.stop_searching() {
                    self.look_again();
                }
            }
        }
    }

    /// Does any ready task wait that could run elsewhere, or anybody for a worker?
    pub(crate) fn work_waits(&self) -> bool {
        self.lobby.in_line() > 0 || self.work_is_queued()
    }

    /// As [`Shared::work_waits`], but for what this worker has queued.
    pub(crate) fn work_waits_beside(&self, worker: usize) -> bool {
        let others = || self.queues().iter().enumerate().filter(|(index, _)| *index != worker);
        self.lobby.in_line() > 0
            || self.work_is_common()
            || others().any(|(_, shown)| !shown.queues.is_empty())
    }

    /// Is any task on a queue that any worker serves?
    pub(crate) fn work_is_queued(&self) -> bool {
        self.work_is_common() || self.queues().iter().any(|shown| !shown.queues.is_empty())
    }

    /// Is any task on a queue that is no worker's?
    fn work_is_common(&self) -> bool {
        !self.injector.is_empty() || !self.reentry.is_empty() || !self.ranks.is_empty()
    }

    /// Is this a carrier whose worker came for timers? Those that it wakes elsewhere come for them, too. `None`: this
    /// is none that has a worker.
    fn sends_for_timers(&self) -> Option<bool> {
        // SAFETY: the arena outlives this thread's stay in its runtime.
        let here = unsafe { current::carrier().as_ref() }
            .filter(|carrier| std::ptr::eq(carrier.shared, self) && carrier.word.is_run());
        // SAFETY: this is the carrier's own thread, and the word says `RUN`.
        here.and_then(|here| unsafe { here.with_worker(|worker| worker.serves_timers) })
    }

    /// Sees to it that a waker is used at this time. `None`: the runtime has ended.
    pub(crate) fn set_timer(&self, at: Instant, waker: Waker) -> Option<TimerKey> {
        // SAFETY: the arena outlives this thread's stay in its runtime.
        let by = unsafe { current::carrier().as_ref() }.map_or(0, |carrier| carrier.index);
        let stays = waker.stays();
        let (key, sleeps_past) = self.timers.set(at, waker, by, stays)?;
        if sleeps_past {
            self.gate.ring();
        }
        Some(key)
    }
}
