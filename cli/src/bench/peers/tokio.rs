//! tokio: its runtime of one thread, and that of many with as many workers as the case has.
//!
//! A call that may block goes to its pool of threads by `spawn_blocking`, as its documentation says;
//! where a task makes one after the other, the runtime of many threads does it by `block_in_place`, which
//! is quicker there.

use super::futures::Futures;
use crate::bench::case::Peer;
use crate::bench::workload::{Failure, Setup};
use crate::bench::workloads::blocking::MAX_THREADS;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::{self, JoinHandle};

/// The runtime that has one thread: whoever waits for the task runs all of them. There is one of it
/// whatever the number of workers.
pub(super) struct CurrentThread(Runtime);

/// The runtime of many threads.
pub(super) struct ManyThreads(Runtime);

fn build(mut builder: Builder, setup: &Setup) -> Result<Runtime, Failure> {
    builder
        .max_blocking_threads(MAX_THREADS - setup.workers)
        .enable_time()
        .build()
        .map_err(Failure::start("tokio's runtime"))
}

/// A task that does not panic, and is not aborted.
pub(super) struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(|it| it.expect("the task does not fail"))
    }
}

fn run<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(async { tokio::spawn(work).await.expect("the task does not fail") })
}

/// What both have in common.
macro_rules! tokio_futures {
    () => {
        type Task<T: Send + 'static> = Task<T>;
        type Gate = Semaphore;
        type Sender = mpsc::Sender<u64>;
        type Receiver = mpsc::Receiver<u64>;
        type Counter = Mutex<u64>;

        fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
            run(&self.0, work)
        }

        fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Task<T> {
            Task(tokio::spawn(work))
        }

        fn yield_now() -> impl Future<Output = ()> + Send {
            task::yield_now()
        }

        fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
            tokio::time::sleep(duration)
        }

        fn blocking<T: Send + 'static>(
            call: impl FnOnce() -> T + Send + 'static,
        ) -> impl Future<Output = T> + Send {
            async { Task(task::spawn_blocking(call)).await }
        }

        fn gate() -> Semaphore {
            Semaphore::new(0)
        }

        async fn pass(gate: &Semaphore) {
            gate.acquire().await.expect("nobody closes it").forget();
        }

        fn open(gate: &Semaphore, tasks: usize) {
            gate.add_permits(tasks);
        }

        fn channel(capacity: usize) -> (mpsc::Sender<u64>, mpsc::Receiver<u64>) {
            mpsc::channel(capacity)
        }

        async fn send(sender: &mpsc::Sender<u64>, message: u64) {
            sender.send(message).await.expect("the receiver stays");
        }

        fn receive(receiver: &mut mpsc::Receiver<u64>) -> impl Future<Output = Option<u64>> + Send {
            receiver.recv()
        }

        fn counter() -> Mutex<u64> {
            Mutex::new(0)
        }

        async fn add(counter: &Mutex<u64>, more: u64) -> u64 {
            let mut counter = counter.lock().await;
            *counter += more;
            *counter
        }
    };
}

impl Futures for CurrentThread {
    const PEER: Peer = Peer::TokioCt;

    fn start(setup: &Setup) -> Result<CurrentThread, Failure> {
        build(Builder::new_current_thread(), setup).map(CurrentThread)
    }

    tokio_futures!();
}

impl Futures for ManyThreads {
    const PEER: Peer = Peer::Tokio;

    fn start(setup: &Setup) -> Result<ManyThreads, Failure> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(setup.workers);
        build(builder, setup).map(ManyThreads)
    }

    tokio_futures!();

    async fn blocking_again<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
        task::block_in_place(call)
    }
}
