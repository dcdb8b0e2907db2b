//! What the workers are given to do.

/// A task, as far as it costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) work_ns: u64,
    pub(crate) children: u32,
    depth: u32,
}

/// A kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Threads from outside spawn tasks as fast as they are taken.
    Outside,
    /// One task spawns two, and each of them two, down to leaves; all workers but one are asleep at first.
    Tree,
    /// Tasks that work, and then call a native function that is known to block for so long, again and again. There
    /// are so many of them that every worker has something to do.
    Blocking { native_ns: u64 },
}

/// A load, as it is worked off.
#[derive(Debug)]
pub(crate) struct Load {
    kind: Kind,
    work_ns: u64,
    /// Tasks that are still to come.
    left: u64,
    depth: u32,
}

/// How much work of a tree there is for each worker.
const WORK_NS: u64 = 5_000_000;

/// A spawn by a worker: what `sortie bench spawnbatch` sees of it without first touches of memory.
const SPAWN_NS: u64 = 40;

impl Load {
    pub(crate) fn new(kind: Kind, work_ns: u64, workers: usize) -> Load {
        let each = (20_000_000 / work_ns).clamp(200, 4_000);
        // Some milliseconds of work for each worker.
        let leaves = (WORK_NS / (work_ns + 2 * SPAWN_NS)).max(64) * workers as u64;
        Load { kind, work_ns, left: each * workers as u64, depth: leaves.ilog2() }
    }

    pub(crate) fn injected(&mut self, workers: usize) -> u64 {
        match self.kind {
            Kind::Outside => self.left,
            Kind::Tree => 0,
            Kind::Blocking { native_ns } => {
                // Twice what would keep all workers at work.
                let alive = 2 * workers as u64 * (self.work_ns + native_ns) / self.work_ns;
                self.left = self.left.max(4 * alive) - alive;
                alive
            }
        }
    }

    pub(crate) fn starts_asleep(&self) -> bool {
        matches!(self.kind, Kind::Tree)
    }

    pub(crate) fn root(&self) -> Option<Task> {
        matches!(self.kind, Kind::Tree).then(|| self.node(self.depth))
    }

    fn node(&self, depth: u32) -> Task {
        match depth {
            0 => Task { work_ns: self.work_ns, children: 0, depth },
            _ => Task { work_ns: 0, children: 2, depth },
        }
    }

    pub(crate) fn child(&self, parent: Task) -> Task {
        self.node(parent.depth - 1)
    }

    /// A task from outside: half to one and a half of the work.
    pub(crate) fn task(&self, random: &mut fastrand::Rng) -> Task {
        let work_ns = random.u64(self.work_ns / 2..=self.work_ns + self.work_ns / 2);
        Task { work_ns, children: 0, depth: 0 }
    }

    /// What a task does after its native call, if it goes on.
    pub(crate) fn again(&mut self, random: &mut fastrand::Rng) -> Option<Task> {
        self.left = self.left.checked_sub(1)?;
        Some(self.task(random))
    }

    pub(crate) fn spawn_ns(&self) -> u64 {
        SPAWN_NS
    }

    pub(crate) fn native_ns(&self) -> Option<u64> {
        match self.kind {
            Kind::Blocking { native_ns } => Some(native_ns),
            _ => None,
        }
    }
}
