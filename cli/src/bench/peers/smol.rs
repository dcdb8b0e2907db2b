//! smol: the executor `async-executor` on threads of ours, and the crates that belong to it.
//!
//! A call that may block goes to the pool of the crate `blocking`, which is told to have as many threads as
//! others may have.

use super::futures::Futures;
use crate::bench::case::Peer;
use crate::bench::workload::{Failure, Setup};
use crate::bench::workloads::blocking::MAX_THREADS;
use async_channel::{Receiver, Sender};
use async_executor::{StaticExecutor, Task};
use async_lock::Mutex;
use futures_lite::future;
use std::thread::JoinHandle;
use std::time::Duration;

static EXECUTOR: StaticExecutor = StaticExecutor::new();

/// The threads that run the tasks.
pub(super) struct Smol {
    stop: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.stop.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("a thread of the executor does not fail");
        }
    }
}

impl Futures for Smol {
    const PEER: Peer = Peer::Smol;

    type Task<T: Send + 'static> = Task<T>;

    /// Opened by closing it.
    type Gate = (Sender<()>, Receiver<()>);

    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;
    type Counter = Mutex<u64>;

    fn start(setup: &Setup) -> Result<Smol, Failure> {
        let threads = (MAX_THREADS - setup.workers).to_string();
        // SAFETY: the process of a case has no other thread yet.
        unsafe { std::env::set_var("BLOCKING_MAX_THREADS", threads) };
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let run = |_| {
            let stopped = stopped.clone();
            std::thread::spawn(move || {
                let _ = future::block_on(EXECUTOR.run(stopped.recv()));
            })
        };
        Ok(Smol { stop, threads: (0..setup.workers).map(run).collect() })
    }

    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        future::block_on(EXECUTOR.spawn(work))
    }

    fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        EXECUTOR.spawn(work)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }

    async fn sleep(duration: Duration) {
        async_io::Timer::after(duration).await;
    }

    fn blocking<T: Send + 'static>(
        call: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        blocking::unblock(call)
    }

    fn gate() -> Self::Gate {
        async_channel::bounded(1)
    }

    async fn pass(gate: &Self::Gate) {
        // An error: it was closed.
        let _ = gate.1.recv().await;
    }

    fn open(gate: &Self::Gate, _tasks: usize) {
        gate.0.close();
    }

    fn channel(capacity: usize) -> (Sender<u64>, Receiver<u64>) {
        async_channel::bounded(capacity)
    }

    async fn send(sender: &Sender<u64>, message: u64) {
        sender.send(message).await.expect("the receiver stays");
    }

    async fn receive(receiver: &mut Receiver<u64>) -> Option<u64> {
        receiver.recv().await.ok()
    }

    fn counter() -> Mutex<u64> {
        Mutex::new(0)
    }

    async fn add(counter: &Mutex<u64>, more: u64) -> u64 {
        let mut counter = counter.lock().await;
        *counter += more;
        *counter
    }
}
