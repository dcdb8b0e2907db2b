//! The workloads, one a file, and what those on a runtime of ours share.
//!
//! How a figure counts: tasks have `u64` values, joins return them, and they are checked; a run is
//! timed by the task that does it or that joins those who do, so that no thread's wake-up is in it.

pub(crate) mod blk1000;
pub(crate) mod blkstress;
pub(crate) mod callback;
pub(crate) mod fib;
pub(crate) mod foreign_attach;
pub(crate) mod idle1m;
pub(crate) mod mpsc8;
pub(crate) mod mutex;
pub(crate) mod native_nop;
pub(crate) mod native_plain;
pub(crate) mod native_yield;
pub(crate) mod offload;
pub(crate) mod pingpong;
pub(crate) mod skynet;
pub(crate) mod spawnbatch;
pub(crate) mod spawnseq;
pub(crate) mod spsc;
pub(crate) mod stall;
pub(crate) mod switch;
pub(crate) mod timers;
pub(crate) mod yield1;
pub(crate) mod yield1k;

pub(crate) mod blocking;
pub(crate) mod guards;
pub(crate) mod native;

use super::case::Mode;
use super::workload::{Failure, Setup};
use sortie::{Builder, Runtime};
use std::time::{Duration, Instant};

/// How long a runtime may take to end when its tasks are done.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A runtime as the case wants it.
fn runtime(setup: &Setup) -> Result<Runtime, Failure> {
    runtime_with(setup, |builder| builder)
}

/// The same, with further options.
fn runtime_with(setup: &Setup, options: fn(Builder) -> Builder) -> Result<Runtime, Failure> {
    let builder = options(Runtime::builder().workers(setup.workers));
    let builder = match setup.mode {
        Mode::Pinned | Mode::Own => builder,
        // SAFETY: the tasks of these workloads touch no thread-local, hold only `Send` values and
        // no lock, and call native code that ties nothing to a thread.
        Mode::Migrating => unsafe { builder.migrating() },
    };
    builder.build().map_err(Failure::start("the runtime"))
}

/// Runs `work` as a task, and says how long it took by the task's own clock.
fn timed(runtime: &Runtime, work: impl FnOnce() -> u64 + Send + 'static) -> (Duration, u64) {
    runtime.run(|| {
        let start = Instant::now();
        let value = work();
        (start.elapsed(), value)
    })
}

/// Ends a runtime and fails if anything is left.
fn end(runtime: Runtime) -> Result<(), Failure> {
    let report = runtime.shutdown(END_LIMIT);
    if report.is_clean() { Ok(()) } else { Err(Failure::Left(report.to_string())) }
}

/// One in so many children yields: a child is a real task, which could suspend.
pub(crate) const YIELDS_EVERY: u64 = 1000;

/// The child number `n`, whose value that is.
fn child(n: u64) -> u64 {
    if n.is_multiple_of(YIELDS_EVERY) {
        sortie::yield_now();
    }
    n
}
