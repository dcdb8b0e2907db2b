//! The C functions of `cli/native`, the targets that they are announced by, and the tasks beside.

use crate::bench::workload::{Failure, check};
use sortie::native::{Class, Policy, Target};
use sortie::{JoinHandle, Runtime};
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What all of them are in C.
pub(crate) type Function = extern "C" fn(u64) -> u64;

// SAFETY: `native/nop.c` defines it so; it adds one and touches no memory.
unsafe extern "C" {
    safe fn sortie_cli_nop(x: u64) -> u64;
}

// SAFETY: `native/nap.c` defines it so; it puts its thread to sleep and touches no memory.
unsafe extern "C" {
    safe fn sortie_cli_nap(ns: u64) -> u64;
}

/// The trivial function: adds one.
pub(crate) const NOP: Function = sortie_cli_nop;

/// Blocks its thread for so many nanoseconds, and gives them back.
pub(crate) const NAP: Function = sortie_cli_nap;

/// More than a function without a frame can need.
const NOP_STACK_BYTES: u32 = 4096;

/// How calls of the trivial function are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On the task's own stack; the class is learned, and is short.
    TaskStack,
    /// As any function's: on the carrier's stack; the class is learned, and is short.
    ThreadStack,
    /// On the task's own stack, and the class says that it may block.
    Compare,
}

impl Way {
    fn policy(self) -> Policy {
        // SAFETY: `native/nop.c` adds two integers: it needs no stack but for its return address, and
        // calls nobody.
        let task_stack = || unsafe { Policy::new().task_stack(NOP_STACK_BYTES) };
        match self {
            Way::TaskStack => task_stack(),
            Way::ThreadStack => Policy::new(),
            Way::Compare => task_stack().class(Class::Mixed),
        }
    }

    /// On whose stack the function runs, for the record.
    pub(super) fn stack(self) -> &'static str {
        match self {
            Way::TaskStack | Way::Compare => "task",
            Way::ThreadStack => "thread",
        }
    }
}

/// A function as a runtime's ledger knows it.
pub(super) struct Announced {
    pub(super) target: Arc<Target>,
    /// All announced calls, warm-up included.
    made: u64,
}

impl Announced {
    /// The trivial function. One [`Way`] in a process: a policy is the function's, not the target's.
    pub(super) fn nop(way: Way) -> Announced {
        Announced::at("sortie_cli_nop", NOP as usize, way.policy())
    }

    /// The function that blocks: what is known of it is learned.
    pub(super) fn nap() -> Announced {
        Announced::at("sortie_cli_nap", NAP as usize, Policy::new())
    }

    /// The function at this address.
    pub(super) fn at(name: &str, address: usize, policy: Policy) -> Announced {
        let target = Target::dynamic(name.to_owned(), "sortie".to_owned(), address);
        Announced { target: Arc::new(target.with_policy(policy)), made: 0 }
    }

    /// Checks that the ledger has counted these `calls`, and those before, each once.
    pub(super) fn count(&mut self, calls: u64, runtime: &Runtime) -> Result<(), Failure> {
        self.made += calls;
        check("calls in the ledger", self.made, self.in_ledger(runtime))
    }

    /// Calls that the ledger knows of.
    pub(super) fn in_ledger(&self, runtime: &Runtime) -> u64 {
        let rows = runtime.snapshot().targets;
        rows.iter().filter(|row| row.address == self.target.address()).map(|row| row.calls).sum()
    }
}

/// So many take less than a millisecond.
const SPINS: u32 = 10_000;

/// Those who have work beside a calling task.
pub(super) struct Company {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<u64>>,
}

#[derive(Default)]
struct Shared {
    started: AtomicUsize,
    is_over: AtomicBool,
}

impl Shared {
    fn is_over(&self) -> bool {
        // ORDERING: Relaxed, the flag publishes nothing but itself.
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Company {
    /// Keeps `others` workers busy, and one more task runnable.
    pub(super) fn new(others: usize) -> Company {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for _ in 0..others {
            let shared = shared.clone();
            tasks.push(sortie::spawn(move || {
                // ORDERING: Relaxed, a count that publishes nothing.
                shared.started.fetch_add(1, Ordering::Relaxed);
                while !shared.is_over() {
                    (0..SPINS).for_each(|_| spin_loop());
                    // The monitor lets another thread stand in for a task that keeps its worker for 10 ms.
                    sortie::yield_now();
                }
                1
            }));
        }
        // A busy task that this worker took first would let nobody else run on it: the worker is
        // kept until all of them run elsewhere.
        // ORDERING: Relaxed, as above.
        while shared.started.load(Ordering::Relaxed) < others {
            spin_loop();
        }
        let second = shared.clone();
        tasks.push(sortie::spawn(move || {
            while !second.is_over() {
                sortie::yield_now();
            }
            1
        }));
        Company { shared, tasks }
    }

    pub(super) fn end(self) {
        // ORDERING: Relaxed, see `Shared::is_over`.
        self.shared.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.join().expect("company does not fail");
        }
    }
}
