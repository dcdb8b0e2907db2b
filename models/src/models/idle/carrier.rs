//! What a carrier does: the repeated steps of `worker/` and of the crossing.

use super::lobby::{Carrier, Lobby, Next, Placed, Worker};
use super::runtime::{Runtime, Tasks};
use crate::explore::{UNTIL_REST, at_rest};
use crate::sync::atomic::Ordering;

/// No carrier goes round its loop more often than this before the model rests.
const ROUNDS: usize = 12;

impl<L: Lobby> Runtime<L> {
    // ---- `worker::run` ----

    /// The carrier's loop, until the model rests or the carrier runs a long task.
    pub(super) fn carry(&self, carrier: Carrier, tasks: Tasks) {
        let mut rounds = 0..ROUNDS;
        while !at_rest() {
            assert!(
                rounds.next().is_some(),
                "idle: a carrier never comes to rest: somebody stands in line with a worker idle \
                 (lobby.matched)"
            );
            let found = self.pop() || self.search(carrier);
            if found {
                self.found_work(carrier);
                if tasks == Tasks::Long {
                    return;
                }
                // Each pick is a sixteenth one here.
                if self.lobby.has_surplus() {
                    self.retire(carrier);
                }
            } else {
                self.retire(carrier);
            }
        }
    }

    fn pop(&self) -> bool {
        // ORDERING: Relaxed look, Acquire to take, as the injector.
        let mut queued = self.injector.load(Ordering::Relaxed);
        while queued > 0 {
            match self.injector.compare_exchange(
                queued,
                queued - 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => queued = now,
            }
        }
        false
    }

    /// `pick::places::relieved`: tasks go from another's queue to one's own, but for one that is run.
    pub(super) fn relieve(&self) {
        let taken = (0..2).filter(|_| self.pop()).count();
        if taken < 2 {
            return;
        }
        // ORDERING: Release, as the injector's push.
        self.injector.fetch_add(1, Ordering::Release);
        if self.steps.tell_of_others {
            self.after_queueing();
        }
    }

    pub(super) fn take_worker(&self, carrier: Carrier) -> Worker {
        let worker = self.seats[carrier].worker.take();
        worker.expect("idle: a carrier in its loop has a worker")
    }

    fn search(&self, carrier: Carrier) -> bool {
        let mut worker = self.take_worker(carrier);
        if !std::mem::replace(&mut worker.searching, true) {
            self.lobby.start_searching();
        }
        self.seat(carrier, worker);
        self.pop()
    }

    fn found_work(&self, carrier: Carrier) {
        let last = self.stop_searching(carrier);
        if last && self.steps.pass_the_search_on && self.work_waits_after_fence() {
            self.after_queueing();
        }
    }

    pub(super) fn stop_searching(&self, carrier: Carrier) -> bool {
        let mut worker = self.take_worker(carrier);
        let searched = std::mem::take(&mut worker.searching);
        self.seat(carrier, worker);
        searched && self.lobby.stop_searching()
    }

    fn retire(&self, carrier: Carrier) {
        self.stop_searching(carrier);
        let worker = self.take_worker(carrier);
        if let Placed::Given(worker, first) = self.lobby.retire(worker, carrier) {
            self.give(worker, first);
        }
        self.sleep_as_spare(carrier);
    }

    fn sleep_as_spare(&self, carrier: Carrier) {
        loop {
            if self.look_once_more(carrier) || !self.sleep(carrier) {
                return;
            }
            self.lobby.add_spare(carrier);
            if self.steps.give_up_in_vain {
                self.lobby.stop_searching();
            }
        }
    }

    /// True: the carrier has a worker.
    fn look_once_more(&self, carrier: Carrier) -> bool {
        if self.steps.look_when_idle && self.work_waits_after_fence() {
            if let Some(mut worker) = self.lobby.reclaim(carrier) {
                if self.steps.search_when_reclaimed {
                    worker.searching = true;
                    self.lobby.start_searching();
                }
                self.seat(carrier, worker);
                return true;
            }
            if self.steps.tell_when_none_is_left {
                self.after_queueing();
            }
        }
        false
    }

    /// A spare's sleep. True: it was called in vain.
    fn sleep(&self, carrier: Carrier) -> bool {
        loop {
            if let Some(worker) = self.take_gift(carrier) {
                self.seat(carrier, worker);
                return false;
            }
            if self.take_call(carrier) {
                let Some(mut worker) = self.lobby.take_idle() else { return true };
                worker.searching = self.steps.search_when_called;
                self.seat(carrier, worker);
                return false;
            }
            if at_rest() {
                return false;
            }
            self.seats[carrier].parker.park_timeout(UNTIL_REST);
        }
    }

    pub(super) fn wait_for_gift(&self, carrier: Carrier) {
        loop {
            if let Some(worker) = self.take_gift(carrier) {
                return self.seat(carrier, worker);
            }
            if at_rest() {
                return;
            }
            self.seats[carrier].parker.park_timeout(UNTIL_REST);
        }
    }

    /// A spare that sleeps, and then the loop.
    pub(super) fn carry_from_sleep(&self, carrier: Carrier, tasks: Tasks) {
        if self.sleep(carrier) {
            self.lobby.add_spare(carrier);
            if self.steps.give_up_in_vain {
                self.lobby.stop_searching();
            }
            self.sleep_as_spare(carrier);
        }
        self.carry(carrier, tasks);
    }

    /// `become_spare`, and then the loop.
    pub(super) fn carry_as_spare(&self, carrier: Carrier, tasks: Tasks) {
        self.lobby.add_spare(carrier);
        self.sleep_as_spare(carrier);
        self.carry(carrier, tasks);
    }

    // ---- `crossing` ----

    /// `reenter`, up to the sleep in line. True: the carrier has a worker.
    pub(super) fn reenter(&self, carrier: Carrier) -> bool {
        let worker = self.lobby.take_idle();
        match worker.or_else(|| self.lobby.request(carrier)) {
            Some(worker) => {
                self.seat(carrier, worker);
                true
            }
            None => {
                self.after_queueing();
                false
            }
        }
    }

    /// `hand_over`, the call, and the way back to a worker.
    pub(super) fn call(&self, carrier: Carrier) {
        let worker = self.take_worker(carrier);
        if !self.steps.hand_over_takes_it_out {
            self.seat(carrier, Worker { searching: false });
        }
        self.hand_on(worker);
        let has_worker = self.reenter(carrier) || self.comes_by_gift(carrier);
        assert!(has_worker, "idle: a task back from a call sleeps for ever");
    }

    /// `step_back`: a task that stays on its carrier lets others run. True: it has a worker again.
    pub(super) fn step_back(&self, carrier: Carrier) -> bool {
        let next = self.lobby.step_back(carrier, self.is_queued());
        let worker = self.take_worker(carrier);
        let Some(next) = next else {
            self.hand_on(worker);
            return self.reenter(carrier) || self.comes_by_gift(carrier);
        };
        match next {
            Next::Carrier(next) => self.give(worker, next),
            Next::NoSpare => self.start_carrier_for(worker),
        }
        if self.steps.tell_of_line {
            self.after_queueing();
        }
        self.comes_by_gift(carrier)
    }

    fn comes_by_gift(&self, carrier: Carrier) -> bool {
        self.wait_for_gift(carrier);
        let seat = &self.seats[carrier];
        let worker = seat.worker.take();
        let has_worker = worker.is_some();
        seat.worker.set(worker);
        has_worker
    }

    /// A task that yields in place to one that is short, and then the loop.
    pub(super) fn yield_in_place(&self, carrier: Carrier) {
        assert!(self.step_back(carrier), "idle: who yields in place sleeps for ever");
        self.carry(carrier, Tasks::Short);
    }
}
