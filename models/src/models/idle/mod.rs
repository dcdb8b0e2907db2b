//! Idle workers: work never waits with a worker idle and a spare asleep, and if no worker is idle
//! the monitor knows of it.
//!
//! The true lobby, parker and gate are under test. What stands between them in `shared.rs` and
//! `worker/run.rs` needs the whole scheduler and is repeated here, each step under its own name;
//! [`Steps`] says which of them a mutant leaves out.
//!
//! Tasks lie in one injector, a counter whose looks are Relaxed. A task is short (the carrier goes
//! on with its loop) or long (it keeps its worker for good). The monitor is the gate alone: closed
//! at the start, as if it slept, and open once somebody has kicked it.

mod lobby;

use crate::explore::{UNTIL_REST, at_rest, explore, join, spawn};
use crate::gate::Gate;
use crate::park::Parker;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use lobby::{Carrier, Lobby, Placed, Roused, Worker};
use std::cell::Cell;
use std::sync::Arc;

const NOBODY_SLEEPS: &str = "idle: a thread sleeps without limit, but none of this model may";

type TrueLobby = crate::idle::Lobby<Worker, Carrier>;

/// The repeated steps, each of which a mutant leaves out.
#[derive(Clone, Copy)]
struct Steps {
    /// `Shared::after_queueing`: the fence between the push and the look at the counters.
    fence_after_push: bool,
    /// `sleep_as_spare`: the look at the queues after the worker went idle.
    look_when_idle: bool,
    /// `sleep_as_spare`: work waits, and no worker is idle for it any more: somebody is told.
    tell_when_none_is_left: bool,
    /// `sleep_as_spare`: the worker that it takes back counts as searching, so that what else
    /// was queued meanwhile is passed on.
    search_when_reclaimed: bool,
    /// `found_work`: the last searcher passes the search on.
    pass_the_search_on: bool,
    /// `Shared::rouse`: it held the search and found no idle worker: it looks once more.
    look_when_rouse_fails: bool,
    /// `Shared::start_carrier_for`: no carrier could be had: it looks once more for a spare.
    look_when_refused: bool,
    /// `Shared::hand_on`: a worker that nobody wanted is idle: it looks once more.
    look_when_handed_on: bool,
    /// `sleep_as_spare`: a spare that was called in vain does not count as searching any more.
    give_up_in_vain: bool,
    /// `sleep`: a spare that was called, and finds a worker, goes on as the searcher.
    search_when_called: bool,
    /// `crossing::hand_over`: the worker is out of the cell before it goes elsewhere.
    hand_over_takes_it_out: bool,
}

const TRUE_STEPS: Steps = Steps {
    fence_after_push: true,
    look_when_idle: true,
    tell_when_none_is_left: true,
    search_when_reclaimed: true,
    pass_the_search_on: true,
    look_when_rouse_fails: true,
    look_when_refused: true,
    look_when_handed_on: true,
    give_up_in_vain: true,
    search_when_called: true,
    hand_over_takes_it_out: true,
};

/// How long tasks run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tasks {
    Short,
    Long,
}

const CARRIERS: usize = 4;
/// No carrier goes round its loop more often than this before the model rests.
const ROUNDS: usize = 12;
const NO_GIFT: usize = 0;

struct Seat {
    worker: Cell<Option<Worker>>,
    gift: AtomicUsize,
    /// 1: it was called.
    called: AtomicUsize,
    parker: Parker,
}

struct Runtime<L> {
    lobby: L,
    gate: Gate,
    injector: AtomicUsize,
    seats: [Seat; CARRIERS],
    /// How many workers there are.
    workers: Cell<usize>,
    steps: Steps,
}

impl<L: Lobby> Runtime<L> {
    fn new(steps: Steps) -> Arc<Self> {
        let runtime = Runtime {
            lobby: L::new(),
            gate: Gate::new(),
            injector: AtomicUsize::new(0),
            seats: std::array::from_fn(|_| Seat {
                worker: Cell::new(None),
                gift: AtomicUsize::new(NO_GIFT),
                called: AtomicUsize::new(0),
                parker: Parker::new(),
            }),
            workers: Cell::new(0),
            steps,
        };
        assert!(runtime.gate.close());
        Arc::new(runtime)
    }

    fn with_idle(self: Arc<Self>, workers: usize) -> Arc<Self> {
        for _ in 0..workers {
            self.workers.set(self.workers.get() + 1);
            let _ = self.lobby.put_idle(Worker { searching: false });
        }
        self
    }

    fn with_worker(self: Arc<Self>, carrier: Carrier) -> Arc<Self> {
        self.workers.set(self.workers.get() + 1);
        self.seat(carrier, Worker { searching: false });
        self
    }

    /// The next worker that is placed goes to a spare first, if work is queued.
    fn before_a_queue_first(self: Arc<Self>) -> Arc<Self> {
        for _ in 1..crate::idle::QUEUE_FIRST_EVERY {
            let _ = self.lobby.place(Worker { searching: false }, false);
            let _ = self.lobby.take_idle();
        }
        self
    }

    fn seat(&self, carrier: Carrier, worker: Worker) {
        let before = self.seats[carrier].worker.replace(Some(worker));
        assert!(before.is_none(), "idle: a carrier has two workers");
    }

    // ---- `Carrier` ----

    fn give(&self, worker: Worker, carrier: Carrier) {
        let seat = &self.seats[carrier];
        // ORDERING(carrier.gift): Release, pairs with the Acquire swap in `take_gift`.
        let gift = 1 + usize::from(worker.searching);
        let before = seat.gift.swap(gift, Ordering::AcqRel);
        assert_eq!(before, NO_GIFT, "idle: a carrier is given two workers");
        seat.parker.unpark();
    }

    fn take_gift(&self, carrier: Carrier) -> Option<Worker> {
        // ORDERING(carrier.gift): Acquire, pairs with the Release swap in `give`.
        match self.seats[carrier].gift.swap(NO_GIFT, Ordering::AcqRel) {
            NO_GIFT => None,
            gift => Some(Worker { searching: gift == 2 }),
        }
    }

    fn call_spare(&self, carrier: Carrier) {
        // ORDERING: Relaxed, the parker's token orders it.
        let before = self.seats[carrier].called.swap(1, Ordering::Relaxed);
        assert_eq!(before, 0, "idle: a spare is called twice");
        self.seats[carrier].parker.unpark();
    }

    fn take_call(&self, carrier: Carrier) -> bool {
        // ORDERING: Relaxed, the parker's token orders it.
        self.seats[carrier].called.swap(0, Ordering::Relaxed) == 1
    }

    // ---- `Shared` ----

    fn submit(&self) {
        // ORDERING: Release, as the injector's push.
        self.injector.fetch_add(1, Ordering::Release);
        self.after_queueing();
    }

    fn after_queueing(&self) {
        if self.steps.fence_after_push {
            // ORDERING(idle.counters): SeqCst, between the push and the look at the counters.
            fence(Ordering::SeqCst);
        }
        if self.lobby.idle() > 0 {
            if self.lobby.searching() == 0 {
                self.rouse();
            }
        } else if self.gate.is_closed() {
            self.gate.kick();
        }
    }

    fn rouse(&self) {
        if !self.lobby.start_searching_alone() {
            return;
        }
        match self.lobby.rouse() {
            Some(Roused::Spare(spare)) => self.call_spare(spare),
            Some(Roused::NoSpare(mut worker)) => {
                worker.searching = true;
                self.start_carrier_for(worker);
            }
            None => {
                let last = self.lobby.stop_searching();
                if self.steps.look_when_rouse_fails && last && self.work_waits_after_fence() {
                    self.after_queueing();
                }
            }
        }
    }

    fn hand_on(&self, mut worker: Worker) {
        if std::mem::take(&mut worker.searching) {
            self.lobby.stop_searching();
        }
        // ORDERING: Relaxed, the weakest look.
        let queued = self.injector.load(Ordering::Relaxed) > 0;
        match self.lobby.place(worker, queued) {
            Placed::Given(worker, carrier) => self.give(worker, carrier),
            Placed::NoSpare(worker) => self.start_carrier_for(worker),
            Placed::Idle => {
                if self.steps.look_when_handed_on && self.work_waits_after_fence() {
                    self.after_queueing();
                }
            }
        }
    }

    /// The cap is reached in this model.
    fn start_carrier_for(&self, mut worker: Worker) {
        let was_searching = std::mem::take(&mut worker.searching);
        if let Placed::Given(worker, carrier) = self.lobby.put_idle(worker) {
            self.give(worker, carrier);
        }
        if was_searching {
            self.lobby.stop_searching();
        }
        if self.steps.look_when_refused
            && self.work_waits_after_fence()
            && self.lobby.spares() > 0
            && self.lobby.searching() == 0
        {
            self.rouse();
        }
    }

    fn work_waits(&self) -> bool {
        // ORDERING: Relaxed, the weakest look.
        self.lobby.in_line() > 0 || self.injector.load(Ordering::Relaxed) > 0
    }

    fn work_waits_after_fence(&self) -> bool {
        // ORDERING(idle.counters): SeqCst, between the worker's or the search's count and the look
        // at the queues; pairs with the fence in `after_queueing`.
        fence(Ordering::SeqCst);
        self.work_waits()
    }

    // ---- `worker::run` ----

    /// The carrier's loop, until the model rests or the carrier runs a long task.
    fn carry(&self, carrier: Carrier, tasks: Tasks) {
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

    fn take_worker(&self, carrier: Carrier) -> Worker {
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

    fn stop_searching(&self, carrier: Carrier) -> bool {
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

    fn wait_for_gift(&self, carrier: Carrier) {
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
    fn carry_from_sleep(&self, carrier: Carrier, tasks: Tasks) {
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
    fn carry_as_spare(&self, carrier: Carrier, tasks: Tasks) {
        self.lobby.add_spare(carrier);
        self.sleep_as_spare(carrier);
        self.carry(carrier, tasks);
    }

    // ---- `crossing` ----

    /// `reenter`, up to the sleep in line. True: the carrier has a worker.
    fn reenter(&self, carrier: Carrier) -> bool {
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
    fn call(&self, carrier: Carrier) {
        let worker = self.take_worker(carrier);
        if !self.steps.hand_over_takes_it_out {
            self.seat(carrier, Worker { searching: false });
        }
        self.hand_on(worker);
        if self.reenter(carrier) {
            return;
        }
        self.wait_for_gift(carrier);
        let seat = &self.seats[carrier];
        let worker = seat.worker.take();
        assert!(worker.is_some(), "idle: a task back from a call sleeps for ever");
        seat.worker.set(worker);
    }

    // ---- at rest ----

    fn check(&self) {
        let mut roused = false;
        let mut workers = self.lobby.idle();
        for seat in &self.seats {
            let given = seat.gift.load(Ordering::Relaxed) != NO_GIFT;
            let worker = seat.worker.take();
            let has_worker = worker.is_some();
            assert!(!given || !has_worker, "idle: a carrier has two workers");
            workers += usize::from(given || has_worker);
            // ORDERING: Relaxed, everybody rests.
            let called = seat.called.load(Ordering::Relaxed) == 1;
            assert!(!called || !has_worker, "idle: a carrier is called that has a worker");
            roused |= given || called;
        }
        assert_eq!(workers, self.workers.get(), "idle: a worker is lost, or has two owners");
        // A spare without a thread of its own in the model was roused, and will look.
        if roused {
            return;
        }
        // One that was woken by the rest itself still stands in the lobby: that is what "asleep"
        // means below.
        let waits = self.injector.load(Ordering::Relaxed) > 0;
        let (idle, in_line) = (self.lobby.idle(), self.lobby.in_line());
        assert!(
            idle == 0 || in_line == 0,
            "idle: a worker is idle and somebody stands in line (lobby.matched)"
        );
        assert!(
            !waits || idle == 0 || self.lobby.spares() == 0,
            "idle: work waits, with a worker idle and a spare asleep"
        );
        assert!(
            !(waits || in_line > 0) || idle > 0 || !self.gate.is_closed(),
            "idle: work waits, no worker is idle, and nobody has told the monitor"
        );
    }
}

/// Starts the others, does `this` on the first thread, and looks at what is left at rest.
fn run<L: Lobby>(
    runtime: &Arc<Runtime<L>>,
    others: &[fn(&Runtime<L>)],
    this: impl FnOnce(&Runtime<L>),
) {
    let threads: Vec<_> = others
        .iter()
        .copied()
        .map(|other| {
            let runtime = runtime.clone();
            spawn(move || other(&runtime))
        })
        .collect();
    this(runtime);
    join(threads);
    runtime.check();
}

/// A push while the only worker goes idle.
fn going_idle<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        run(&runtime, &[|runtime| runtime.carry(0, Tasks::Short)], Runtime::submit);
    });
}

/// Two pushes of long tasks while one worker searches and another is idle.
fn two_pushes<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| runtime.carry(0, Tasks::Long),
                |runtime| runtime.carry_from_sleep(1, Tasks::Long),
            ],
            |runtime| {
                runtime.submit();
                runtime.submit();
            },
        );
    });
}

/// Two pushes from two threads while a task back from native code takes the idle worker, and gives
/// it back.
fn borrowed_worker<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| {
                    if !runtime.reenter(0) {
                        runtime.wait_for_gift(0);
                    }
                    runtime.carry(0, Tasks::Short);
                },
                Runtime::submit,
            ],
            Runtime::submit,
        );
    });
}

/// Two pushes of long tasks with two workers idle and two spares, one of whom is called.
fn called<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(2);
        runtime.lobby.add_spare(2);
        runtime.lobby.add_spare(1);
        run(&runtime, &[|runtime| runtime.carry_from_sleep(1, Tasks::Long)], |runtime| {
            runtime.submit();
            runtime.submit();
        });
    });
}

/// A spare is called for a worker that a task back from native code takes, and gives back; then
/// another task is queued.
fn called_in_vain<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| runtime.carry_from_sleep(1, Tasks::Short),
                |runtime| {
                    if !runtime.reenter(0) {
                        runtime.wait_for_gift(0);
                    }
                    runtime.carry(0, Tasks::Short);
                },
            ],
            |runtime| {
                runtime.submit();
                runtime.submit();
            },
        );
    });
}

/// A push that counts on an idle worker, which a task back from native code takes for good.
fn taken_worker<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[|runtime| {
                runtime.reenter(0);
            }],
            Runtime::submit,
        );
    });
}

/// A push that counts on a searcher, which goes idle while tasks back from native code take all
/// idle workers for good.
fn taken_workers<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_idle(1);
        run(
            &runtime,
            &[
                |runtime| runtime.carry(0, Tasks::Long),
                |runtime| {
                    runtime.reenter(2);
                    runtime.reenter(3);
                },
            ],
            Runtime::submit,
        );
    });
}

/// A push at the cap of carriers, while one becomes a spare.
fn saturated<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_idle(1);
        run(&runtime, &[|runtime| runtime.carry_as_spare(0, Tasks::Short)], Runtime::submit);
    });
}

/// A task back from native code while the only worker goes idle.
fn line<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        run(&runtime, &[|runtime| runtime.carry(0, Tasks::Short)], |runtime| {
            runtime.reenter(1);
        });
    });
}

/// A call whose worker is handed over, while a spare sleeps and work comes.
fn handed_over<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        runtime.lobby.add_spare(1);
        run(
            &runtime,
            &[
                |runtime| {
                    runtime.call(0);
                    runtime.carry(0, Tasks::Short);
                },
                |runtime| runtime.carry_from_sleep(1, Tasks::Short),
            ],
            Runtime::submit,
        );
    });
}

/// The same, and the call lasts.
fn handed_over_for_good<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 3, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0);
        runtime.lobby.add_spare(1);
        let call: fn(&Runtime<L>) = |runtime| {
            let worker = runtime.take_worker(0);
            runtime.hand_on(worker);
        };
        run(&runtime, &[call], Runtime::submit);
    });
}

/// Two calls whose workers are handed over, with work before them and one spare.
fn two_handed_over<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(1).before_a_queue_first();
        runtime.lobby.add_spare(2);
        runtime.submit();
        run(
            &runtime,
            &[
                |runtime| {
                    runtime.call(0);
                    runtime.carry(0, Tasks::Short);
                },
                |runtime| runtime.carry_from_sleep(2, Tasks::Short),
            ],
            |runtime| {
                runtime.call(1);
                runtime.carry(1, Tasks::Short);
            },
        );
    });
}

/// Two calls that last, whose workers are handed over with two long tasks before them and one spare.
fn handed_over_to_a_spare<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(2).before_a_queue_first();
        runtime.lobby.add_spare(1);
        runtime.submit();
        runtime.submit();
        run(&runtime, &[|runtime| runtime.carry_from_sleep(1, Tasks::Long)], |runtime| {
            for carrier in [0, 2] {
                let worker = runtime.take_worker(carrier);
                runtime.hand_on(worker);
            }
        });
    });
}

/// A worker is handed over while another goes idle, and a task comes.
fn handed_over_beside_idle<L: Lobby>(steps: Steps) {
    explore(NOBODY_SLEEPS, 2, move || {
        let runtime = Runtime::<L>::new(steps).with_worker(0).with_worker(1);
        run(
            &runtime,
            &[
                |runtime| {
                    runtime.call(0);
                    runtime.carry(0, Tasks::Short);
                },
                |runtime| runtime.carry(1, Tasks::Short),
            ],
            Runtime::submit,
        );
    });
}

macro_rules! kept {
    ($($name:ident: $model:ident;)*) => {$(
        #[test]
        fn $name() {
            $model::<TrueLobby>(TRUE_STEPS);
        }
    )*};
}

kept! {
    a_push_finds_the_worker_that_goes_idle: going_idle;
    the_last_searcher_passes_on: two_pushes;
    a_borrowed_worker_is_no_excuse: borrowed_worker;
    a_worker_that_is_gone_is_no_excuse: taken_worker;
    a_searcher_that_gives_up_tells: taken_workers;
    a_refused_carrier_looks_for_a_spare: saturated;
    who_is_called_searches: called;
    who_is_called_in_vain_gives_up: called_in_vain;
    idle_and_line_are_matched: line;
    a_worker_is_handed_over: handed_over;
    a_worker_is_handed_over_for_good: handed_over_for_good;
    two_workers_are_handed_over: two_handed_over;
    a_worker_is_handed_over_to_a_spare: handed_over_to_a_spare;
    a_worker_is_handed_over_beside_an_idle_one: handed_over_beside_idle;
}

macro_rules! caught {
    ($($name:ident, $expected:literal: $run:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $name() {
            $run;
        }
    )*};
}

caught! {
    push_without_fence, "idle: work waits, with a worker idle and a spare asleep":
        going_idle::<TrueLobby>(Steps { fence_after_push: false, ..TRUE_STEPS });
    no_look_when_idle, "idle: work waits, with a worker idle and a spare asleep":
        going_idle::<TrueLobby>(Steps { look_when_idle: false, ..TRUE_STEPS });
    a_reclaimed_worker_does_not_search, "idle: work waits, with a worker idle and a spare asleep":
        two_pushes::<TrueLobby>(Steps { search_when_reclaimed: false, ..TRUE_STEPS });
    the_last_searcher_keeps_quiet, "idle: work waits, with a worker idle and a spare asleep":
        two_pushes::<TrueLobby>(Steps { pass_the_search_on: false, ..TRUE_STEPS });
    rouse_fails_and_a_borrower_sleeps, "idle: work waits, with a worker idle and a spare asleep":
        borrowed_worker::<TrueLobby>(Steps { look_when_rouse_fails: false, ..TRUE_STEPS });
    rouse_fails_and_nobody_is_told, "no worker is idle, and nobody has told the monitor":
        taken_worker::<TrueLobby>(Steps { look_when_rouse_fails: false, ..TRUE_STEPS });
    a_searcher_gives_up_and_nobody_is_told, "no worker is idle, and nobody has told the monitor":
        taken_workers::<TrueLobby>(Steps { tell_when_none_is_left: false, ..TRUE_STEPS });
    a_refused_carrier_overlooks_a_spare, "idle: work waits, with a worker idle and a spare asleep":
        saturated::<TrueLobby>(Steps { look_when_refused: false, ..TRUE_STEPS });
    lobby_settle_overlooks_the_line, "lobby.matched":
        line::<crate::mutants::lobby_settle_overlooks_the_line::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_reclaim_leaves_a_spare, "idle: a carrier":
        two_pushes::<crate::mutants::lobby_reclaim_leaves_a_spare::Lobby<Worker, Carrier>>(TRUE_STEPS);
    who_was_called_does_not_search, "idle: work waits, with a worker idle and a spare asleep":
        called::<TrueLobby>(Steps { search_when_called: false, ..TRUE_STEPS });
    who_was_called_in_vain_keeps_the_search, "idle: work waits, with a worker idle and a spare asleep":
        called_in_vain::<TrueLobby>(Steps { give_up_in_vain: false, ..TRUE_STEPS });
    no_look_when_handed_on, "idle: work waits, with a worker idle and a spare asleep":
        handed_over_for_good::<TrueLobby>(Steps { look_when_handed_on: false, ..TRUE_STEPS });
    hand_over_keeps_the_worker, "idle: a":
        handed_over::<TrueLobby>(Steps { hand_over_takes_it_out: false, ..TRUE_STEPS });
    lobby_place_leaves_a_spare, "idle: a carrier":
        handed_over_to_a_spare::<crate::mutants::lobby_place_leaves_a_spare::Lobby<Worker, Carrier>>(TRUE_STEPS);
    lobby_settle_overlooks_the_line_for_a_call, "idle: a":
        handed_over::<crate::mutants::lobby_settle_overlooks_the_line::Lobby<Worker, Carrier>>(TRUE_STEPS);
}
