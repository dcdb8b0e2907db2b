//! What the carriers share, and how it is looked at when all rest: the repeated steps of `shared/`.

use super::lobby::{Carrier, Lobby, Placed, Roused, Worker};
use super::steps::Steps;
use crate::explore::{join, spawn};
use crate::gate::Gate;
use crate::park::Parker;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use std::cell::Cell;
use std::sync::Arc;

/// How long tasks run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tasks {
    Short,
    Long,
}

const CARRIERS: usize = 4;
const NO_GIFT: usize = 0;

pub(super) struct Seat {
    pub(super) worker: Cell<Option<Worker>>,
    gift: AtomicUsize,
    /// 1: it was called.
    called: AtomicUsize,
    pub(super) parker: Parker,
}

pub(super) struct Runtime<L> {
    pub(super) lobby: L,
    gate: Gate,
    pub(super) injector: AtomicUsize,
    pub(super) seats: [Seat; CARRIERS],
    /// How many workers there are.
    workers: Cell<usize>,
    /// How many are to be held back at rest.
    held_back: Cell<usize>,
    pub(super) steps: Steps,
}

impl<L: Lobby> Runtime<L> {
    pub(super) fn new(steps: Steps) -> Arc<Self> {
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
            held_back: Cell::new(0),
            steps,
        };
        assert!(runtime.gate.close());
        Arc::new(runtime)
    }

    pub(super) fn with_idle(self: Arc<Self>, workers: usize) -> Arc<Self> {
        for _ in 0..workers {
            self.workers.set(self.workers.get() + 1);
            let _ = self.lobby.put_idle(Worker { searching: false });
        }
        self
    }

    pub(super) fn with_worker(self: Arc<Self>, carrier: Carrier) -> Arc<Self> {
        self.workers.set(self.workers.get() + 1);
        self.seat(carrier, Worker { searching: false });
        self
    }

    /// So many workers are to be held back.
    pub(super) fn holding_back(self: Arc<Self>, workers: usize) -> Arc<Self> {
        self.held_back.set(workers);
        self.lobby.hold_back(workers);
        self
    }

    /// From here on none is: [`holding_back`](Self::holding_back) is done, and the rest finds none.
    pub(super) fn holds_none_back_at_rest(self: Arc<Self>) -> Arc<Self> {
        self.held_back.set(0);
        self
    }

    /// The next worker that is placed goes to a spare first, if work is queued.
    pub(super) fn before_a_queue_first(self: Arc<Self>) -> Arc<Self> {
        self.after_placing(crate::idle::QUEUE_FIRST_EVERY - 1)
    }

    /// So many workers have been placed.
    pub(super) fn after_placing(self: Arc<Self>, workers: u32) -> Arc<Self> {
        for _ in 0..workers {
            let _ = self.lobby.place(Worker { searching: false }, false);
            let _ = self.lobby.take_idle();
        }
        self
    }

    pub(super) fn seat(&self, carrier: Carrier, worker: Worker) {
        let before = self.seats[carrier].worker.replace(Some(worker));
        assert!(before.is_none(), "idle: a carrier has two workers");
    }

    // ---- `Carrier` ----

    pub(super) fn give(&self, worker: Worker, carrier: Carrier) {
        let seat = &self.seats[carrier];
        // ORDERING(carrier.gift): Release, pairs with the Acquire swap in `take_gift`.
        let gift = 1 + usize::from(worker.searching);
        let before = seat.gift.swap(gift, Ordering::AcqRel);
        assert_eq!(before, NO_GIFT, "idle: a carrier is given two workers");
        seat.parker.unpark();
    }

    pub(super) fn take_gift(&self, carrier: Carrier) -> Option<Worker> {
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

    pub(super) fn take_call(&self, carrier: Carrier) -> bool {
        // ORDERING: Relaxed, the parker's token orders it.
        self.seats[carrier].called.swap(0, Ordering::Relaxed) == 1
    }

    // ---- `Shared` ----

    pub(super) fn submit(&self) {
        // ORDERING: Release, as the injector's push.
        self.injector.fetch_add(1, Ordering::Release);
        self.after_queueing();
    }

    pub(super) fn after_queueing(&self) {
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

    pub(super) fn hand_on(&self, mut worker: Worker) {
        if std::mem::take(&mut worker.searching) {
            self.lobby.stop_searching();
        }
        match self.lobby.place(worker, self.is_queued()) {
            Placed::Given(worker, carrier) => self.give(worker, carrier),
            Placed::NoSpare(worker) => self.start_carrier_for(worker),
            Placed::Idle => {
                if self.steps.look_when_handed_on && self.work_waits_after_fence() {
                    self.after_queueing();
                }
            }
        }
    }

    /// `monitor::reserve`: no worker is to be held back any more.
    pub(super) fn let_out(&self) {
        self.lobby.hold_back(0);
        while let Some(worker) = self.lobby.recruit() {
            self.hand_on(worker);
        }
    }

    /// The cap is reached in this model.
    pub(super) fn start_carrier_for(&self, mut worker: Worker) {
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

    pub(super) fn is_queued(&self) -> bool {
        // ORDERING: Relaxed, the weakest look.
        self.injector.load(Ordering::Relaxed) > 0
    }

    fn work_waits(&self) -> bool {
        self.lobby.in_line() > 0 || self.is_queued()
    }

    /// The monitor means to sleep, and looks once more.
    pub(super) fn close_gate(&self) {
        if !self.gate.close() || self.work_waits() {
            self.gate.open();
        }
    }

    pub(super) fn work_waits_after_fence(&self) -> bool {
        // ORDERING(idle.counters): SeqCst, between the worker's or the search's count and the look
        // at the queues; pairs with the fence in `after_queueing`.
        fence(Ordering::SeqCst);
        self.work_waits()
    }

    // ---- at rest ----

    fn check(&self) {
        let mut roused = false;
        let mut workers = self.lobby.idle() + self.lobby.reserve();
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
        assert_eq!(
            self.lobby.reserve(),
            self.held_back.get(),
            "idle: another number of workers is held back than is to be (lobby.reserve)"
        );
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
pub(super) fn run<L: Lobby>(
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
