//! A snapshot of a runtime.

use crate::native::policy::Scope;
use crate::target::governed::{self, PolicyRow};
use crate::target::ledger::Ledger;
use crate::target::target_row::TargetRow;
use sortie_scheduler::{GuardKind, Scheduler};

/// What a runtime has and did. Values are of one moment each, read one after the other.
///
/// ```
/// let runtime = sortie::Runtime::builder().workers(2).build()?;
/// runtime.run(|| sortie::spawn(|| ()).join().unwrap());
/// let snapshot = runtime.snapshot();
/// assert_eq!(snapshot.workers, 2);
/// assert_eq!(snapshot.tasks_spawned, 2);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Workers: how many tasks may run managed code at once.
    pub workers: usize,
    /// Workers that nobody runs, those that are [held back](crate::Builder::workers) among them.
    pub idle_workers: usize,
    /// Threads that carry workers and native calls.
    pub carriers: usize,
    /// Carriers that sleep without a worker.
    pub spare_carriers: usize,
    /// The most carriers there may be.
    pub max_carriers: usize,
    /// Carriers started so far.
    pub carriers_started: u64,
    /// Tasks spawned so far.
    pub tasks_spawned: u64,
    /// Tasks ended so far.
    pub tasks_finished: u64,
    /// Ready tasks on queues that any worker serves.
    pub tasks_queued: usize,
    /// Timers that are set: of sleeps, time limits, and waits that have one.
    pub timers: usize,
    /// Times that a worker found work at another.
    pub steals: u64,
    /// Workers taken back from carriers in native code.
    pub retakes: u64,
    /// Workers given away by their carriers: before a native call that was expected to block, or because their task
    /// waits in place.
    pub hand_offs: u64,
    /// Returns from native code without a worker.
    pub reentries: u64,
    /// Times that work began to wait because no carrier could be had.
    pub saturations: u64,
    /// Tasks that were asked to let others run: they had not switched for 10 ms while others waited.
    pub yield_requests: u64,
    /// Times that a task which was asked to has let others run, at a [checkpoint](crate::task::checkpoint).
    pub forced_yields: u64,
    /// Extra workers sent out so far, to stand in for one whose task does not switch.
    pub compensations: u64,
    /// Extra workers that are out now: so many more tasks than workers may be in managed code.
    pub compensating: usize,
    /// Carriers started beyond the cap, because everything stood still at it.
    pub bursts: u64,
    /// Layers of tasks that nobody has closed: left open when their task ended, or by a jump (`longjmp`) out of
    /// native code.
    pub layers_left_open: u64,
    /// Times that the monitor woke.
    pub monitor_wakeups: u64,
    /// Usable bytes of a task's stack.
    pub stack_bytes: usize,
    /// Stacks in use, warm ones among them.
    pub stacks_out: usize,
    /// Bytes of address space that stacks take.
    pub stacks_mapped_bytes: usize,
    /// How stacks are guarded; `None` before the first.
    pub guard: Option<GuardKind>,
    /// What native calls cost, a row for each target.
    pub targets: Vec<TargetRow>,
    /// The same by policy: a row for each that is set, in the order in which they count for a function; and last
    /// one for the default.
    pub policies: Vec<PolicyRow>,
}

impl Snapshot {
    pub(crate) fn new(scheduler: &Scheduler, ledger: &Ledger) -> Snapshot {
        let stats = scheduler.stats();
        // A forked child does not know who holds the locks.
        let is_forked = scheduler.is_forked();
        let rows = if is_forked { Vec::new() } else { ledger.merge(scheduler) };
        Snapshot {
            workers: stats.workers,
            idle_workers: stats.idle_workers,
            carriers: stats.carriers,
            spare_carriers: stats.spare_carriers,
            max_carriers: stats.max_carriers,
            carriers_started: stats.carriers_started,
            tasks_spawned: stats.tasks_spawned,
            tasks_finished: stats.tasks_finished,
            tasks_queued: stats.queued,
            timers: stats.timers,
            steals: stats.steals,
            retakes: stats.retakes,
            hand_offs: stats.hand_offs,
            reentries: stats.reentries,
            saturations: stats.saturations,
            yield_requests: stats.yield_requests,
            forced_yields: stats.forced_yields,
            compensations: stats.compensations,
            compensating: stats.compensating,
            bursts: stats.bursts,
            layers_left_open: stats.layers_left_open,
            monitor_wakeups: stats.monitor_wakeups,
            stack_bytes: stats.stack_bytes,
            stacks_out: stats.stacks.stacks_out,
            stacks_mapped_bytes: stats.stacks.mapped_bytes,
            guard: stats.stacks.guard,
            policies: if is_forked { Vec::new() } else { governed::by_policy(&rows) },
            targets: rows.into_iter().map(|(_, row)| row).collect(),
        }
    }

    /// What the calls cost of the functions that a policy is in force for, which was set for these; of all of which
    /// nothing is said, for [`by_default`](crate::native::policy::by_default). `None`: nothing was set for these.
    ///
    /// ```
    /// use sortie::native::policy;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let snapshot = runtime.snapshot();
    /// assert!(snapshot.policy(&policy::by_default()).is_some());
    /// assert!(snapshot.policy(&policy::for_range(0x9000..0xa000)).is_none());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use]
    pub fn policy(&self, scope: &Scope) -> Option<&PolicyRow> {
        self.policies.iter().find(|row| scope.is(&row.governs))
    }

    /// Tasks that have not ended.
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// assert_eq!(runtime.snapshot().tasks_live(), 0);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn tasks_live(&self) -> u64 {
        self.tasks_spawned.saturating_sub(self.tasks_finished)
    }
}
