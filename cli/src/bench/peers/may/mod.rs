//! may: stackful coroutines. Its scheduler does not know of native calls, which so stall their worker.
//!
//! Its channels have no capacity: who sends never waits. Its scheduler starts with the first coroutine and
//! stays to the end of the process.

mod blocking;
mod spawns;
mod talk;
mod turns;

use super::Entry;
use super::work::{entry, work};
use crate::bench::case::Peer;
use crate::bench::workload::{Failure, Sample, Setup, Trial, check};
use may::coroutine::JoinHandle;
use may::go;
use std::time::Instant;

pub(super) const ENTRIES: &[Entry] = &[
    entry(Peer::May, "switch", turns::switch),
    entry(Peer::May, "yield1", turns::yield1),
    entry(Peer::May, "yield1k", turns::yield1k),
    entry(Peer::May, "native_yield", turns::native_yield),
    entry(Peer::May, "spawnseq", spawns::spawnseq),
    entry(Peer::May, "spawnbatch", spawns::spawnbatch),
    entry(Peer::May, "skynet", spawns::skynet),
    entry(Peer::May, "fib", spawns::fib),
    entry(Peer::May, "pingpong", talk::pingpong),
    entry(Peer::May, "spsc", talk::spsc),
    entry(Peer::May, "mpsc8", talk::mpsc8),
    entry(Peer::May, "mutex", talk::mutex),
    entry(Peer::May, "stall", blocking::stall),
    entry(Peer::May, "blk1000", blocking::blk1000),
    entry(Peer::May, "blkstress", blocking::blkstress),
    entry(Peer::May, "idle1m", spawns::idle1m),
    entry(Peer::May, "timers", spawns::timers),
];

/// In words: 64 KiB, as Sortie's tasks have.
const STACK_WORDS: usize = 8 << 10;

fn start(setup: &Setup) {
    may::config().set_workers(setup.workers).set_stack_size(STACK_WORDS);
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    go!(work)
}

/// Runs `work` as a coroutine.
fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    join(spawn(work))
}

fn join<T>(task: JoinHandle<T>) -> T {
    task.join().expect("a task does not fail")
}

/// A trial whose runs are one coroutine each, timed by itself, with a value that is checked.
fn timed(
    setup: &Setup,
    what: &'static str,
    expected: impl Fn(u64) -> u64 + 'static,
    body: impl Fn(u64) -> u64 + Clone + Send + 'static,
) -> Result<Box<dyn Trial>, Failure> {
    start(setup);
    work(move |ops| {
        let body = body.clone();
        let (took, value) = run(move || {
            let start = Instant::now();
            let value = body(ops);
            (start.elapsed(), value)
        });
        check(what, expected(ops), value)?;
        Ok(Sample::new(took))
    })
}
