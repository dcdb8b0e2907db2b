//! The work-stealing fiber scheduler under Sortie: tasks, fibers, workers, carriers.
//!
//! This crate knows tasks that leave for native code and come back, and nothing of what the code
//! means: managed and unmanaged layers, targets and hosting are `sortie`'s, which embeds it. Its
//! interface serves that crate first. A program uses `sortie`.
//!
//! The rooms, from the ground up. What stands above `task` uses nothing below it, but for the crossing's fence and one
//! of its numbers; from `task` on they know each other, for a task, its waits, its worker, its carrier and the crossing
//! are one machine: who may touch which field is at the top of each.
//!
//! | room | what |
//! |---|---|
//! | `sync`, `config`, `metrics`, `vitals`, `ebb`, `fetch` | the door to atomics and locks; options; counters; what is to be seen of a thread; what stores need no more; lines that are fetched ahead |
//! | `stack` | slabs of guarded stacks, overflow reports |
//! | `block` | memory for tasks |
//! | `fiber` | the context switch |
//! | `ring` | a bounded queue of messages |
//! | `task` | the state word, the header, join, aborts, sets, the living |
//! | `park`, `queue`, `timer`, `idle`, `gate` | sleeping, ready tasks, wake-ups by time, who is idle, the monitor's sleep |
//! | `carrier`, `handler`, `worker`, `wait` | threads, their signal handlers, what travels between them, the loop, how code waits |
//! | `lock`, `semaphore` | protocols of locks and permits |
//! | `affinity`, `native_stack`, `own_stack` | what keeps a task on its carrier; stacks for native code, and for tasks that ask for a size |
//! | `crossing`, `offload`, `foreign`, `fork` | leave and come back; calls on another thread; threads from outside; what a forked child has |
//! | `census`, `hold`, `deadlock`, `overflow` | which task is where; tasks that begin nothing meanwhile; who waits for whom; what is told of a full stack |
//! | `monitor`, `request`, `penalty`, `shutdown` | retakes; requests to yield, and what ignoring them costs; the end |
//! | `shared`, `spawn`, `this_task`, `stats`, `scheduler` | what the threads of a runtime share; how tasks are made; the public face |
#![deny(missing_docs)]

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "sortie runs on Linux on x86-64 and aarch64 only: its stacks, guards, futexes and context \
     switches are written for those two. Build for one of them, or cfg the dependency out."
);

pub mod affinity;
mod block;
mod carrier;
mod census;
mod config;
pub mod crossing;
mod deadlock;
mod ebb;
mod fetch;
mod fiber;
mod foreign;
mod fork;
#[doc(hidden)]
pub mod fp_env;
mod gate;
mod handler;
mod hold;
mod idle;
mod lock;
mod metrics;
mod monitor;
mod native_stack;
mod offload;
mod overflow;
mod own_stack;
mod park;
mod penalty;
mod queue;
mod request;
pub mod ring;
mod scheduler;
mod semaphore;
mod shared;
mod shutdown;
mod spawn;
mod stack;
mod stats;
mod sync;
mod task;
mod this_task;
mod timer;
mod vitals;
pub mod wait;
mod worker;

pub use config::{Config, Embedder, Observed, StartError};
pub use deadlock::{BlockedWait, Deadlock};
/// Doors for benchmarks. They promise nothing.
#[doc(hidden)]
pub mod bench {
    pub use crate::fiber::bench::switches;
    pub use crate::queue::bench::{pushes_and_pops, steals};
}
pub use fiber::{Frame, Outcome};
pub use foreign::AttachError;
pub use fork::is_child as is_forked_child;
pub use handler::in_signal_handler;
pub use lock::{Lock, SharedLock};
pub use native_stack::NativeStack;
pub use offload::{blocks_others, is_offloadable, offload, others_wait};
pub use own_stack::OwnStack;
pub use request::{YieldWatcher, forget_yield_request, watch_yield_requests};
pub use scheduler::{NativeCall, Scheduler};
pub use semaphore::{ArcPermit, AutoReset, CountingSemaphore, InLine, Permit, Semaphore};
pub use shutdown::{Place, Report, Straggler};
pub use spawn::{Spawn, spawn_current, spawn_here};
pub use stack::{GuardKind, OVERFLOW_STACK_BYTES, StackError, StackStats, probe_guard};
pub use stats::Stats;
pub use task::abort;
pub use task::{
    Cancelled, EndWatch, Hook, Id, JoinError, JoinHandle, Next, NextWatch, NoSuspend, Priority,
    TaskSet, cancellable, check_suspension, priority, raise_postponed, set_priority,
};
pub use this_task::{
    carrier_word, checkpoint, current_task, guard, is_managed, on_carrier_stack, raise,
    set_carrier_word, set_task_word, sleep, sleep_until, stack_left, task_word, with_embedder,
    yield_now,
};
pub use worker::current::stack_pointer;
