//! What all threads of one runtime share, and the decisions that need more than one room.

use crate::block::Blocks;
use crate::carrier::{Arena, Carrier, CarrierRef};
use crate::census::Census;
use crate::config::{Config, Observed, StartError};
use crate::crossing::retake::Retaking;
use crate::crossing::{Burning, Patience, Unproven};
use crate::fiber::Depot;
use crate::fork;
use crate::gate::Gate;
use crate::idle::{Lobby, Placed, Roused};
use crate::metrics::{Counter, Counts};
use crate::monitor::standstill::Crowds;
use crate::monitor::tide::Watched;
use crate::native_stack;
use crate::park::Parker;
use crate::queue::{Injector, Ranks, Ring};
use crate::shutdown::{self, Report};
use crate::stack::{StackShape, Stacks};
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use crate::sync::{Arc, Mutex};
use crate::task::abort::Stubborn;
use crate::task::join::Refusal;
use crate::task::living::Living;
use crate::task::{TaskRef, Waker};
use crate::timer::{Slack, TimerKey, Timers};
use crate::worker::extra::Extras;
use crate::worker::run::carrier_main;
use crate::worker::{Shown, Worker, current};
use crossbeam_utils::CachePadded;
use std::ops::Range;
use std::thread;
use std::time::Instant;

/// How far the end of the runtime has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(usize)]
pub(crate) enum Stage {
    /// Tasks are spawned and run.
    Open,
    /// Spawns are refused, suspended tasks are aborted.
    Closing,
    /// All tasks have ended: carriers end.
    Stopping,
    /// The deadline is past: no worker is given any more, tasks that are left are stragglers.
    Terminated,
    /// This is the child of a `fork`, and the runtime's threads are not here: see [`crate::fork`].
    Forked,
}

/// How many task numbers a worker takes at a time.
const ID_BLOCK: u64 = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) start: Instant,
    /// How many processors the process may use.
    pub(crate) processors: usize,
    /// A spare looks out for work without sleeping.
    pub(crate) has_hot_spare: AtomicBool,
    pub(crate) lobby: CachePadded<Lobby<Box<Worker>, CarrierRef>>,
    pub(crate) injector: Injector,
    /// Ready tasks of other priorities than the ordinary one.
    pub(crate) ranks: CachePadded<Ranks>,
    pub(crate) reentry: Injector,
    /// Tasks whose native call is to be made by another thread, and no thread was there.
    pub(crate) offloaded: Injector,
    pub(crate) gate: CachePadded<Gate>,
    /// What is to be seen of each worker, by its index; the extra ones come last.
    pub(crate) shown: Box<[Arc<CachePadded<Shown>>]>,
    pub(crate) extras: Extras,
    pub(crate) timers: Timers,
    /// How late the sleeps of carriers may end.
    pub(crate) sleep_slack: Slack,
    pub(crate) living: Living,
    pub(crate) fibers: Depot,
    /// Memory for tasks.
    pub(crate) blocks: Blocks,
    /// Do stores hold more than they keep for good?
    pub(crate) watched: Watched,
    /// For native code whose callbacks may suspend their task.
    pub(crate) native_stacks: Stacks,
    pub(crate) arena: Arena,
    pub(crate) retaking: Retaking,
    pub(crate) unproven: Unproven,
    pub(crate) burning: Burning,
    pub(crate) patience: Patience,
    /// Carriers that have a thread, foreign ones aside.
    pub(crate) threads: AtomicUsize,
    /// How many there may be now: the cap, and more while everything stands still.
    pub(crate) thread_limit: AtomicUsize,
    /// What is not counted by a worker.
    pub(crate) metrics: Counts,
    /// Threads that have left their loops and were not joined.
    pub(crate) ended: Mutex<Vec<thread::JoinHandle<()>>>,
    pub(crate) monitor: Mutex<Option<thread::JoinHandle<()>>>,
    /// Held by the one who ends the runtime; then what came of it.
    pub(crate) ending: Mutex<Option<Report>>,
    /// The thread that ends the runtime when one of its own tasks has asked for that.
    pub(crate) reaper: Mutex<Option<thread::JoinHandle<()>>>,
    /// Who asks which task is on which carrier.
    pub(crate) census: Census,
    /// The last time that a carrier was wanted, none could be had.
    saturated: AtomicBool,
    /// Who waits for the runtime's tasks to end.
    pub(crate) closer: Parker,
    /// Tasks that have swallowed so many aborts that the end does not wait for them.
    pub(crate) stubborn: Stubborn,
    stage: AtomicUsize,
    ids: AtomicU64,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Result<Shared, StartError> {
        config.check()?;
        let shape = StackShape::fiber(config.stack_bytes).map_err(StartError::Stack)?;
        let native_shape =
            StackShape::native(config.callback_stack_bytes).map_err(StartError::Stack)?;
        let lobby = Lobby::new();
        let mut extras = Vec::new();
        let shown = (0..2 * config.workers)
            .map(|index| {
                let worker = Box::new(Worker::new(index));
                let shown = worker.shown.clone();
                if index < config.workers {
                    // Nobody is in line yet, so the worker is idle.
                    let _ = lobby.put_idle(worker);
                } else {
                    extras.push(worker);
                }
                shown
            })
            .collect();
        Ok(Shared {
            extras: Extras::new(extras, config.workers),
            thread_limit: AtomicUsize::new(config.carrier_cap()),
            timers: Timers::new(config.workers),
            sleep_slack: Slack::of_thread(),
            config,
            start: Instant::now(),
            processors: thread::available_parallelism().map_or(1, usize::from),
            has_hot_spare: AtomicBool::new(false),
            lobby: CachePadded::new(lobby),
            injector: Injector::new(),
            ranks: CachePadded::new(Ranks::new()),
            reentry: Injector::new(),
            offloaded: Injector::new(),
            gate: CachePadded::new(Gate::new()),
            shown,
            living: Living::new(),
            fibers: Depot::new(shape),
            blocks: Blocks::new(),
            watched: Watched::default(),
            native_stacks: Stacks::new(native_shape),
            arena: Arena::default(),
            retaking: Retaking::default(),
            unproven: Unproven::default(),
            burning: Burning::default(),
            patience: Patience::new(),
            threads: AtomicUsize::new(0),
            metrics: Counts::default(),
            ended: Mutex::new(Vec::new()),
            monitor: Mutex::new(None),
            ending: Mutex::new(None),
            reaper: Mutex::new(None),
            census: Census::default(),
            saturated: AtomicBool::new(false),
            closer: Parker::new(),
            stubborn: Stubborn::default(),
            stage: AtomicUsize::new(Stage::Open as usize),
            ids: AtomicU64::new(1),
        })
    }

    /// The next numbers for tasks.
    pub(crate) fn ids(&self, count: u64) -> Range<u64> {
        // ORDERING: Relaxed, only the numbers must differ.
        let first = self.ids.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    pub(crate) fn id_block(&self) -> Range<u64> {
        self.ids(ID_BLOCK)
    }

    // ---- the stages of the end ----

    pub(crate) fn enter_stage(&self, stage: Stage) -> bool {
        // ORDERING(shared.stage): SeqCst, before the look at queues and counts that follows.
        self.stage.fetch_max(stage as usize, Ordering::SeqCst) < stage as usize
    }

    #[inline]
    fn has_reached(&self, stage: Stage) -> bool {
        // ORDERING(shared.stage): Acquire, pairs with `enter_stage`.
        self.stage.load(Ordering::Acquire) >= stage as usize
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.has_reached(Stage::Closing)
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.has_reached(Stage::Stopping)
    }

    #[inline]
    pub(crate) fn is_terminated(&self) -> bool {
        self.has_reached(Stage::Terminated)
    }

    /// Is this a child of `fork`, in which the runtime's locks and queues must not be touched?
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        self.has_reached(Stage::Forked)
    }

    /// Why a task is refused once the runtime is closing.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.is_forked() { Refusal::Forked } else { Refusal::ShutDown }
    }

    // ---- ready tasks ----

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
            // with the fence in `sleep_as_spare`.
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
            Some(Some(worker)) => carrier.give(worker),
            Some(None) => self.after_queueing(),
            None => {}
        }
    }

    /// To be called after work was queued where any worker may take it.
    #[inline]
    pub(crate) fn after_queueing(&self) {
        // ORDERING(idle.counters): SeqCst, between the push and the look at the counters; pairs
        // with the fence of a worker that went idle. Also the fence before the look at the gate.
        fence(Ordering::SeqCst);
        if self.lobby.idle() > 0 {
            if self.lobby.searching() == 0 {
                self.rouse();
            }
        } else if self.gate.is_closed() {
            self.gate.kick();
        }
    }

    /// To be called by one who gives up what others may have counted on: queued work that they left
    /// to it is somebody's again.
    pub(crate) fn look_again(&self) {
        // ORDERING(idle.counters): SeqCst, between what was given up and the look at the queues;
        // pairs with the fence in `after_queueing`.
        fence(Ordering::SeqCst);
        if self.work_waits() {
            self.after_queueing();
        }
    }

    /// Calls a carrier for an idle worker, to search.
    #[cold]
    pub(crate) fn rouse(&self) {
        if !self.lobby.start_searching_alone() {
            return;
        }
        match self.lobby.rouse() {
            Some(Roused::Spare(spare)) => spare.call(),
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

    /// Is any task on a queue that any worker serves?
    pub(crate) fn work_is_queued(&self) -> bool {
        !self.injector.is_empty()
            || !self.reentry.is_empty()
            || !self.ranks.is_empty()
            || self.queues().iter().any(|shown| !shown.queues.is_empty())
    }

    // ---- timers ----

    /// Sees to it that a waker is used at this time. `None`: the runtime has ended.
    pub(crate) fn set_timer(&self, at: Instant, waker: Waker) -> Option<TimerKey> {
        // SAFETY: the arena outlives this thread's stay in its runtime.
        let by = unsafe { current::carrier().as_ref() }.map_or(0, |carrier| carrier.index);
        let (key, sleeps_past) = self.timers.set(at, waker, by)?;
        if sleeps_past {
            self.gate.ring();
        }
        Some(key)
    }

    // ---- workers and carriers ----

    /// Are so many workers at work that one more thread only waits for a processor?
    #[inline]
    pub(crate) fn is_crowded(&self) -> bool {
        self.config.workers > 2 * self.processors
            && self.config.workers.saturating_sub(self.lobby.idle()) > 2 * self.processors
    }

    /// A worker is free and its carrier will not run it: it goes to whoever can use it.
    pub(crate) fn hand_on(&self, mut worker: Box<Worker>) {
        if std::mem::take(&mut worker.searching) {
            self.lobby.stop_searching();
        }
        if worker.is_extra() {
            self.hand_on_extra(worker);
            return;
        }
        match self.lobby.place(worker, self.work_is_queued()) {
            Placed::Given(worker, carrier) => carrier.give(worker),
            Placed::NoSpare(worker) => drop(self.start_carrier_for(worker)),
            Placed::Idle => self.look_again(),
        }
    }

    /// Starts a thread for a worker; if none can be had the worker goes to the idle ones, where a
    /// carrier that comes back will find it, and its queued work stays stealable. An extra one goes back.
    /// True if there was one.
    pub(crate) fn start_carrier_for(&self, worker: Box<Worker>) -> bool {
        let Err((worker, why)) = self.start_carrier(Some(worker)) else {
            return true;
        };
        let mut worker = worker.expect("given back with the error");
        let was_searching = std::mem::take(&mut worker.searching);
        if worker.is_extra() {
            self.take_back(worker);
        } else if let Placed::Given(worker, carrier) = self.lobby.put_idle(worker) {
            carrier.give(worker);
        }
        if was_searching {
            self.lobby.stop_searching();
        }
        // A carrier may have become a spare while this worker was nobody's.
        if self.lobby.spares() > 0 {
            self.look_again();
        }
        self.say_saturated(&why);
        false
    }

    /// Work waits, and a carrier for it was refused: once until the next that was not.
    fn say_saturated(&self, why: &std::io::Error) {
        // Whoever asks in vain is not the last to do so: the monitor asks again.
        if self.gate.is_closed() {
            self.gate.kick();
        }
        // ORDERING: Relaxed, it only keeps the event from being repeated.
        if self.saturated.swap(true, Ordering::Relaxed) {
            return;
        }
        self.metrics.add(Counter::Saturations);
        // ORDERING: Relaxed, a count for the record.
        let carriers = self.threads.load(Ordering::Relaxed);
        tracing::warn!(
            target: "sortie::carrier",
            carriers,
            cap = self.config.carrier_cap(),
            targets = %Crowds::new(self),
            %why,
            "saturated: work waits and no carrier can be had for it"
        );
    }

    /// Starts a carrier without a worker, so that the next worker that is taken back, or the next call
    /// that is to be made elsewhere, finds a thread. False: there is none.
    pub(crate) fn start_spare(&self) -> bool {
        let refused = self.start_carrier(None).err();
        if let Some((_, why)) = &refused
            && !self.offloaded.is_empty()
        {
            self.say_saturated(why);
        }
        refused.is_none()
    }

    /// Was the last carrier that was wanted refused?
    pub(crate) fn is_saturated(&self) -> bool {
        // ORDERING: Relaxed, a look.
        self.saturated.load(Ordering::Relaxed)
    }

    /// Would a burst not help where no carrier can be had?
    pub(crate) fn is_beyond_bursts(&self) -> bool {
        // ORDERING: Relaxed, a look.
        let threads = self.threads.load(Ordering::Relaxed);
        threads < self.config.carrier_cap() || threads >= self.config.burst_cap()
    }

    /// Are there more carriers than there may be in the long run?
    pub(crate) fn is_beyond_cap(&self) -> bool {
        // ORDERING: Relaxed, a look.
        self.threads.load(Ordering::Relaxed) > self.config.carrier_cap()
    }

    /// Starts a thread, with a worker or as a spare.
    ///
    /// # Errors
    /// The worker, given back, and why the thread was refused.
    pub(crate) fn start_carrier(
        &self,
        worker: Option<Box<Worker>>,
    ) -> Result<(), (Option<Box<Worker>>, std::io::Error)> {
        // ORDERING: Relaxed, a count with a limit; the thread itself is what matters.
        let limit = self.thread_limit.load(Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        let room = self.threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |threads| {
            (threads < limit).then_some(threads + 1)
        });
        let Ok(before) = room else {
            return Err((worker, std::io::Error::other("max_carriers is reached")));
        };
        let carrier = self.arena.acquire(self, false);
        // SAFETY: `self` is inside an `Arc`: a `Shared` is made by `start` only.
        unsafe { Arc::increment_strong_count(self) };
        // SAFETY: takes over the count of the line above.
        let shared = unsafe { Arc::from_raw(self) };
        // The worker travels by the gift, so that a refused thread does not swallow it.
        if let Some(worker) = worker {
            carrier.give(worker);
        }
        // Held over the start, so that the thread finds its own handle when it ends.
        let mut handle = carrier.thread.lock();
        let started = thread::Builder::new()
            .name(self.config.thread_name.clone())
            .stack_size(self.config.native_stack_bytes)
            .spawn(move || {
                let _stack = crate::overflow::on_carrier();
                let worker = carrier.take_gift();
                carrier_main(shared, carrier, worker);
            });
        match started {
            Ok(thread) => {
                *handle = Some(thread);
                drop(handle);
                // ORDERING: Relaxed, it publishes nothing.
                self.saturated.store(false, Ordering::Relaxed);
                self.metrics.add(Counter::CarriersStarted);
                tracing::debug!(target: "sortie::carrier", carrier = carrier.index, "start");
                if before >= self.config.carrier_cap() {
                    self.metrics.add(Counter::Bursts);
                    tracing::info!(
                        target: "sortie::carrier",
                        carriers = before + 1,
                        cap = self.config.carrier_cap(),
                        "burst: everything stands still at the cap, so one more carrier starts"
                    );
                }
                Ok(())
            }
            Err(error) => {
                let worker = carrier.take_gift();
                // ORDERING: Relaxed, as above.
                self.threads.fetch_sub(1, Ordering::Relaxed);
                drop(handle);
                self.arena.release(carrier);
                Err((worker, error))
            }
        }
    }

    /// A carrier's thread has left its loop.
    pub(crate) fn end_carrier(&self, carrier: &Carrier) {
        let had_worker = carrier.word.is_run();
        carrier.word.wait();
        if had_worker
            // SAFETY: this is the carrier's own thread, out of its loop.
            && let Some(mut worker) = unsafe { carrier.take_worker() }
        {
            // It may be idle for good, and must not keep the runtime.
            worker.supply.clear(self);
            if worker.is_extra() {
                self.take_back(worker);
            } else if let Placed::Given(worker, first) = self.lobby.put_idle(worker) {
                first.give(worker);
            }
        }
        // SAFETY: as above.
        while let Some(task) = unsafe { carrier.with_ring(Ring::pop_any) } {
            shutdown::refuse_or_keep(self, task);
        }
        carrier.take_recall();
        if carrier.take_call() {
            self.lobby.stop_searching();
        }
        if let Some(task) = carrier.take_job() {
            shutdown::refuse_or_keep(self, task);
        }
        native_stack::give_all(carrier, self);
        self.metrics.add(Counter::CarriersEnded);
        tracing::debug!(target: "sortie::carrier", carrier = carrier.index, "end");
        let mut ended = self.ended.lock();
        let gone: Vec<_> = ended.extract_if(.., |thread| thread.is_finished()).collect();
        ended.extend(carrier.thread.lock().take());
        drop(ended);
        for thread in gone {
            let _ = thread.join();
        }
        self.arena.release(carrier.as_ref());
        // ORDERING(shared.threads): Release, pairs with the Acquire in the shutdown: who finds none
        // left finds all their handles.
        self.threads.fetch_sub(1, Ordering::Release);
        self.closer.unpark();
    }

    /// Takes the fibers back from workers that nobody will run again: idle ones, and such as were
    /// given to a carrier that ended before it took them in.
    pub(crate) fn recover(&self) {
        let gifts = self.arena.all().into_iter().filter_map(|carrier| carrier.take_gift());
        for worker in self.lobby.close().into_iter().chain(gifts) {
            self.dispose(worker);
        }
    }

    /// A task has ended; if the runtime is closing, whoever waits for that looks again.
    #[inline]
    pub(crate) fn after_finish(&self) {
        if self.is_closing() {
            self.closer.unpark();
        }
    }

    // ---- targets ----

    /// The address of the native function that a target's word stands for.
    pub(crate) fn address_of(&self, target: usize) -> usize {
        self.config.embedder.as_ref().map_or(target, |embedder| embedder.address(target))
    }

    /// The name of the native function that a target's word stands for, to be written.
    pub(crate) fn named(&self, target: usize) -> impl std::fmt::Display {
        std::fmt::from_fn(move |f| match &self.config.embedder {
            Some(embedder) => embedder.name(target, f),
            None => write!(f, "{target:#x}"),
        })
    }

    /// The monitor has seen a call of this target.
    pub(crate) fn observed(&self, target: usize, how: Observed) {
        if let Some(embedder) = &self.config.embedder {
            embedder.observed(target, how);
        }
    }

    // ---- counts ----

    /// The sum of a counter.
    pub(crate) fn sum(&self, counter: Counter) -> u64 {
        let workers = self.shown.iter().map(|shown| shown.metrics.get(counter)).sum::<u64>();
        workers + self.metrics.get(counter)
    }

    /// Tasks that were spawned and have not ended, and foreign threads that are in managed code. Exact
    /// when nothing changes.
    pub(crate) fn live_tasks(&self) -> u64 {
        let finished = self.sum(Counter::Finished) + self.sum(Counter::VisitsEnded);
        // ORDERING(shared.stage): SeqCst, pairs with the fence between a spawn's count and its look at
        // the stage; also keeps the two sums in this order.
        fence(Ordering::SeqCst);
        let spawned = self.sum(Counter::Spawned) + self.sum(Counter::Visits);
        spawned.saturating_sub(finished)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        fork::forget(self);
        if self.is_forked() {
            // A copy, whose threads are another process's. What they held is not to be waited for.
            return;
        }
        self.recover();
    }
}
