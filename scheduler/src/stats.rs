//! What a scheduler did, and has.

use crate::metrics::Counter;
use crate::scheduler::Scheduler;
use crate::stack::StackStats;
use crate::sync::atomic::Ordering;

/// What a scheduler did, and has. Read without stopping anybody: values of one moment each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Workers.
    pub workers: usize,
    /// Workers that nobody runs.
    pub idle_workers: usize,
    /// Carriers that have a thread.
    pub carriers: usize,
    /// Carriers that sleep without a worker.
    pub spare_carriers: usize,
    /// The most carriers there may be.
    pub max_carriers: usize,
    /// Tasks spawned so far.
    pub tasks_spawned: u64,
    /// Tasks ended so far.
    pub tasks_finished: u64,
    /// Times that a worker found work at another.
    pub steals: u64,
    /// Workers taken back from carriers in native code.
    pub retakes: u64,
    /// Workers given away by their carriers: before a native call, or because their task waits in place.
    pub hand_offs: u64,
    /// Returns from native code without a worker.
    pub reentries: u64,
    /// Carriers started so far.
    pub carriers_started: u64,
    /// Carriers ended so far.
    pub carriers_ended: u64,
    /// Times that work waited and no carrier could be had.
    pub saturations: u64,
    /// Tasks that were asked to let others run: they had not switched for 10 ms while others waited.
    pub yield_requests: u64,
    /// Times that a task which was asked to has let others run, at a [checkpoint](crate::checkpoint).
    pub forced_yields: u64,
    /// Extra workers sent out so far, to stand in for one whose task does not switch.
    pub compensations: u64,
    /// Extra workers that are out now: so many more tasks than workers may be in managed code.
    pub compensating: usize,
    /// Carriers started beyond the cap, because everything stood still at it.
    pub bursts: u64,
    /// Layers of tasks that nobody has closed, as the embedder has said.
    pub layers_left_open: u64,
    /// Times that the monitor woke.
    pub monitor_wakeups: u64,
    /// Ready tasks on queues that any worker serves.
    pub queued: usize,
    /// Timers that are set.
    pub timers: usize,
    /// Usable bytes of a task's stack.
    pub stack_bytes: usize,
    /// Stacks.
    pub stacks: StackStats,
}

impl Scheduler {
    /// What happened so far, and what is there now. In the child of a `fork`: what had happened by then.
    pub fn stats(&self) -> Stats {
        let shared = &*self.shared;
        let is_here = !shared.is_forked();
        let sum = |counter| shared.sum(counter);
        let finished = sum(Counter::Finished);
        Stats {
            workers: shared.config.workers,
            timers: if is_here { shared.timers.len() } else { 0 },
            idle_workers: shared.lobby.idle() + shared.lobby.reserve(),
            // ORDERING: Relaxed, a count that stands for itself.
            carriers: shared.threads.load(Ordering::Relaxed),
            spare_carriers: if is_here { shared.lobby.spares() } else { 0 },
            max_carriers: shared.config.carrier_cap(),
            tasks_spawned: sum(Counter::Spawned),
            tasks_finished: finished,
            steals: sum(Counter::Steals),
            retakes: sum(Counter::Retakes),
            hand_offs: sum(Counter::HandOffs),
            reentries: sum(Counter::Reentries),
            carriers_started: sum(Counter::CarriersStarted),
            carriers_ended: sum(Counter::CarriersEnded),
            saturations: sum(Counter::Saturations),
            yield_requests: sum(Counter::YieldRequests),
            forced_yields: sum(Counter::ForcedYields),
            compensations: sum(Counter::Compensations),
            compensating: shared.extras.out(),
            bursts: sum(Counter::Bursts),
            layers_left_open: sum(Counter::LayersLeftOpen),
            monitor_wakeups: sum(Counter::MonitorTicks),
            queued: shared.injector.len()
                + shared.ranks.len()
                + shared.shown.iter().map(|shown| shown.queues.len()).sum::<usize>(),
            stack_bytes: shared.fibers.stack_bytes(),
            stacks: if is_here {
                [shared.fibers.stats(), shared.own_stacks.stats()].into_iter().sum()
            } else {
                StackStats::default()
            },
        }
    }
}
