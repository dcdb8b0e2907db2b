//! What all threads of one runtime share, and the decisions that need more than one room.
//!
//! - `ready.rs`: a task has become ready: where it is queued, and who is told.
//! - `carriers.rs`: a worker is free: which thread gets it, and when a new one is started.
//! - `stage.rs`: how far the end of the runtime has come.

mod carriers;
mod ready;
mod stage;

use crate::block::Blocks;
use crate::carrier::{Arena, CarrierRef};
use crate::census::Census;
use crate::config::{Config, Observed, StartError};
use crate::crossing::retake::Retaking;
use crate::crossing::{Burning, Patience, Unproven};
use crate::fiber::Depot;
use crate::fork;
use crate::fp_env;
use crate::gate::Gate;
use crate::hold::Hold;
use crate::idle::Lobby;
use crate::metrics::{Counter, Counts};
use crate::monitor::calls::Calls;
use crate::monitor::passing::Passing;
use crate::monitor::tide::Watched;
use crate::offload::Backlog;
use crate::park::Parker;
use crate::penalty::Bench;
use crate::queue::{Injector, Ranks};
use crate::shutdown::Report;
use crate::stack::{SizedStacks, StackShape, Stacks};
use crate::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering, fence};
use crate::sync::{Arc, Mutex};
use crate::task::TaskRef;
use crate::task::abort::Stubborn;
use crate::task::living::Living;
use crate::timer::{Slack, Timers};
use crate::worker::extra::Extras;
use crate::worker::{Shown, Worker};
use crossbeam_utils::CachePadded;
pub(crate) use stage::Stage;
use std::ops::Range;
use std::thread;
use std::time::Instant;

/// How many task numbers a worker takes at a time.
const ID_BLOCK: u64 = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) start: Instant,
    /// That of the thread which has made the runtime. Its threads begin with it.
    pub(crate) environment: fp_env::Environment,
    /// How many processors the process may use.
    pub(crate) processors: usize,
    /// A spare looks out for work without sleeping.
    pub(crate) has_hot_spare: CachePadded<AtomicBool>,
    /// The processor on which a spare was called last. A hint, for the one that was called.
    pub(crate) called_on: CachePadded<AtomicI32>,
    pub(crate) lobby: CachePadded<Lobby<Box<Worker>, CarrierRef>>,
    pub(crate) injector: Injector,
    /// Ready tasks of other priorities than the ordinary one.
    pub(crate) ranks: CachePadded<Ranks>,
    pub(crate) reentry: Injector,
    /// Tasks whose native call waits for another thread to make it.
    pub(crate) offloaded: Backlog<TaskRef>,
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
    /// Of tasks that have asked for a size.
    pub(crate) own_stacks: SizedStacks,
    /// For handlers of signals, one for each carrier.
    pub(crate) signal_stacks: Stacks,
    pub(crate) arena: Arena,
    pub(crate) retaking: Retaking,
    /// What was seen of native calls; held by who looks.
    pub(crate) calls: Mutex<Calls>,
    pub(crate) passing: Passing,
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
    /// While it lasts, certain tasks begin no managed code.
    pub(crate) hold: Hold,
    /// Tasks that forgo turns, because they were made to yield.
    pub(crate) bench: Bench,
    /// Are there tasks of which somebody is told that they are asked to yield?
    pub(crate) has_yield_watchers: AtomicBool,
    /// The last time that a carrier was wanted, none could be had.
    saturated: AtomicBool,
    /// Who waits for the runtime's tasks to end.
    pub(crate) closer: Parker,
    /// Tasks that have swallowed so many aborts that the end does not wait for them.
    pub(crate) stubborn: Stubborn,
    stage: AtomicUsize,
    ids: AtomicU64,
}

// What changes under its locks runs no code of others.
impl std::panic::UnwindSafe for Shared {}
impl std::panic::RefUnwindSafe for Shared {}

impl Shared {
    pub(crate) fn new(config: Config) -> Result<Shared, StartError> {
        config.check()?;
        let shape = StackShape::fiber(config.stack_bytes).map_err(StartError::Stack)?;
        let native_shape =
            StackShape::native(config.callback_stack_bytes, config.callback_guard_bytes)
                .map_err(StartError::Stack)?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let side_by_side = processors.min(config.workers);
        let lobby = Lobby::new();
        let mut extras = Vec::new();
        let shown: Box<[_]> = (0..2 * config.workers)
            .map(|index| {
                let worker = Box::new(Worker::new(index, side_by_side));
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
        let calls = Calls::new(shown.len());
        let shared = Shared {
            extras: Extras::new(extras, config.workers),
            thread_limit: AtomicUsize::new(config.carrier_cap()),
            timers: Timers::new(config.workers),
            sleep_slack: Slack::of_thread(),
            config,
            start: Instant::now(),
            environment: fp_env::save(),
            processors,
            has_hot_spare: CachePadded::new(AtomicBool::new(false)),
            called_on: CachePadded::new(AtomicI32::new(i32::MIN)),
            lobby: CachePadded::new(lobby),
            injector: Injector::new(),
            ranks: CachePadded::new(Ranks::new()),
            reentry: Injector::new(),
            offloaded: Backlog::new(),
            gate: CachePadded::new(Gate::new()),
            shown,
            living: Living::new(),
            fibers: Depot::new(shape),
            blocks: Blocks::new(),
            watched: Watched::default(),
            native_stacks: Stacks::new(native_shape),
            own_stacks: SizedStacks::default(),
            signal_stacks: Stacks::new(StackShape::signal()),
            arena: Arena::default(),
            retaking: Retaking::default(),
            calls: Mutex::new(calls),
            passing: Passing::default(),
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
            hold: Hold::new(),
            bench: Bench::default(),
            has_yield_watchers: AtomicBool::new(false),
            saturated: AtomicBool::new(false),
            closer: Parker::new(),
            stubborn: Stubborn::default(),
            stage: AtomicUsize::new(Stage::Open as usize),
            ids: AtomicU64::new(1),
        };
        shared.lobby.hold_back(shared.most_held_back());
        Ok(shared)
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

    /// The sum of a counter.
    pub(crate) fn sum(&self, counter: Counter) -> u64 {
        let workers = self.shown.iter().map(|shown| shown.metrics.get(counter)).sum::<u64>();
        workers + self.metrics.get(counter)
    }

    /// Of all workers: changes whenever one gets on.
    pub(crate) fn turns(&self) -> u64 {
        self.shown.iter().map(|shown| shown.turn().sum()).fold(0, u64::wrapping_add)
    }

    /// Tasks that were spawned and have not ended, and foreign threads that are in managed code. Exact
    /// when nothing changes.
    pub(crate) fn live_tasks(&self) -> u64 {
        let finished = self.sum(Counter::Finished);
        // ORDERING(shared.stage): SeqCst, pairs with the fence between a spawn's count, or a visitor's mark, and its look at
        // the stage; also keeps the two sums in this order.
        fence(Ordering::SeqCst);
        let visitors = self.arena.visitors();
        // After that: what a visitor has spawned who is not seen any more is counted.
        let spawned = self.sum(Counter::Spawned);
        visitors + spawned.saturating_sub(finished)
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
