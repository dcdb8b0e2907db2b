//! The workloads on runtimes of futures, written once: what differs is how such a runtime spawns, yields,
//! waits and moves calls that block away. Each runtime says that as [`Futures`].
//!
//! Everything is chosen at compile time, so that a runtime pays nothing for being one of several.

mod blocking;
mod idle;
mod spawns;
mod talk;
mod timers;
mod turns;

use super::Entry;
use super::work::{entry, work};
use crate::bench::case::Peer;
use crate::bench::workload::{Failure, Sample, Setup, Trial, check};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

/// A runtime of futures.
pub(super) trait Futures: Sized + 'static {
    const PEER: Peer;

    /// A spawned task, which ends with its value.
    type Task<T: Send + 'static>: Future<Output = T> + Send + 'static;

    /// What tasks wait at until it is opened.
    type Gate: Send + Sync + 'static;

    /// The ends of a channel of numbers.
    type Sender: Clone + Send + Sync + 'static;
    type Receiver: Send + 'static;

    /// A number under a lock.
    type Counter: Send + Sync + 'static;

    fn start(setup: &Setup) -> Result<Self, Failure>;

    /// Runs `work` as a task, and waits for its end.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T;

    fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Self::Task<T>;

    fn yield_now() -> impl Future<Output = ()> + Send;

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// Makes a call that may block elsewhere.
    fn blocking<T: Send + 'static>(
        call: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// The same where a task makes such calls one after the other, if there is a quicker way.
    fn blocking_again<T: Send + 'static>(
        call: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        Self::blocking(call)
    }

    fn gate() -> Self::Gate;

    fn pass(gate: &Self::Gate) -> impl Future<Output = ()> + Send;

    /// Opens it for so many, who may wait already.
    fn open(gate: &Self::Gate, tasks: usize);

    fn channel(capacity: usize) -> (Self::Sender, Self::Receiver);

    fn send(sender: &Self::Sender, message: u64) -> impl Future<Output = ()> + Send;

    /// Nothing when nobody can send any more.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send;

    fn counter() -> Self::Counter;

    /// Adds to it, and gives the sum.
    fn add(counter: &Self::Counter, more: u64) -> impl Future<Output = u64> + Send;
}

/// The workloads that a runtime of futures enters.
pub(super) struct Entries<E>(PhantomData<E>);

impl<E: Futures> Entries<E> {
    pub(super) const ALL: &'static [Entry] = &[
        entry(E::PEER, "yield1", turns::yield1::<E>),
        entry(E::PEER, "yield1k", turns::yield1k::<E>),
        entry(E::PEER, "native_yield", turns::native_yield::<E>),
        entry(E::PEER, "spawnseq", spawns::spawnseq::<E>),
        entry(E::PEER, "spawnbatch", spawns::spawnbatch::<E>),
        entry(E::PEER, "skynet", spawns::skynet::<E>),
        entry(E::PEER, "fib", spawns::fib::<E>),
        entry(E::PEER, "pingpong", talk::pingpong::<E>),
        entry(E::PEER, "spsc", talk::spsc::<E>),
        entry(E::PEER, "mpsc8", talk::mpsc8::<E>),
        entry(E::PEER, "mutex", talk::mutex::<E>),
        entry(E::PEER, "native_nop", blocking::moved_calls::<E>),
        entry(E::PEER, "offload", blocking::moved_calls::<E>),
        entry(E::PEER, "stall", blocking::stall::<E>),
        entry(E::PEER, "blk1000", blocking::blk1000::<E>),
        entry(E::PEER, "blkstress", blocking::blkstress::<E>),
        entry(E::PEER, "idle1m", idle::idle1m::<E>),
        entry(E::PEER, "timers", timers::timers::<E>),
    ];
}

/// A trial whose runs are one task each, timed by itself, with a value that is checked.
fn timed<E: Futures, W: Future<Output = u64> + Send + 'static>(
    setup: &Setup,
    what: &'static str,
    expected: impl Fn(u64) -> u64 + 'static,
    make: impl Fn(u64) -> W + 'static,
) -> Result<Box<dyn Trial>, Failure> {
    let runtime = E::start(setup)?;
    work(move |ops| {
        let task = make(ops);
        let (took, value) = runtime.run(async move {
            let start = Instant::now();
            let value = task.await;
            (start.elapsed(), value)
        });
        check(what, expected(ops), value)?;
        Ok(Sample::new(took))
    })
}
