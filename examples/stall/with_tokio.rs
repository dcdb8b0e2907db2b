//! tokio: the program moves the call away, by `spawn_blocking` or by `block_in_place`.

use crate::contender::{Contender, Crowd, Kind, Spare, Trial};
use crate::round::{PRIMED, PRIMERS, Round, Sample, Setup};
use std::io;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};
use tokio::task;

/// By which function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// A thread of the pool makes the call; the task is suspended.
    SpawnBlocking,
    /// The task makes the call; a thread of the pool becomes the worker.
    BlockInPlace,
}

/// Calls before the first trial, after which the pool has its threads.
const WARM_UP: u32 = 16;

pub(crate) struct Tokio {
    runtime: Runtime,
    workers: usize,
    how: How,
    setup: Arc<Setup>,
}

impl Tokio {
    pub(crate) fn start(workers: usize, how: How, setup: &Arc<Setup>) -> io::Result<Tokio> {
        let runtime = Builder::new_multi_thread().worker_threads(workers).build()?;
        let contender = Tokio { runtime, workers, how, setup: setup.clone() };
        let setup = setup.clone();
        contender.run(async move {
            for _ in 0..WARM_UP {
                call(how, &Arc::new(Round::blocking(&setup))).await;
            }
        });
        Ok(contender)
    }

    /// Runs a future as a task: `block_on` alone would run it on this thread.
    fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let task = self.runtime.spawn(future);
        self.runtime.block_on(task).expect("a task does not panic")
    }
}

impl Contender for Tokio {
    fn name(&self) -> &'static str {
        match self.how {
            How::SpawnBlocking => "tokio, spawn_blocking",
            How::BlockInPlace => "tokio, block_in_place",
        }
    }

    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Any, Kind::Burning]
    }

    fn spares(&self) -> &'static [Spare] {
        &[Spare::Hot, Spare::Parked]
    }

    fn prepare(&self, kind: Kind, spare: Spare) -> Trial<'_> {
        let (how, setup) = (self.how, self.setup.clone());
        Box::new(move || {
            let _crowd = Crowd::gather(self.workers - 1, |crowd| {
                drop(self.runtime.spawn(async move { crowd.occupy() }));
            });
            self.run(async move {
                let round = match kind {
                    Kind::Burning => Round::burning(&setup),
                    _ => Round::blocking(&setup),
                };
                trial(how, round, spare, &setup).await
            })
        })
    }
}

async fn trial(how: How, round: Round, spare: Spare, setup: &Setup) -> Sample {
    let round = Arc::new(round);
    let free = match spare {
        Spare::Hot => Some(prime(how, setup).await),
        _ => None,
    };
    call(how, &round).await;
    round.sample(free)
}

/// Calls until a thread of the pool is hot, and says since when that is free.
async fn prime(how: How, setup: &Setup) -> Instant {
    let mut primers = 0;
    loop {
        let primer = Arc::new(Round::blocking(setup));
        call(how, &primer).await;
        primers += 1;
        // Either way it is the thread on which the call was made.
        if primer.returned().elapsed() < PRIMED || primers == PRIMERS {
            return primer.returned();
        }
    }
}

/// A native call with a task behind it.
async fn call(how: How, round: &Arc<Round>) {
    let next = round.clone();
    let next = tokio::spawn(async move { next.next_task() });
    match how {
        How::SpawnBlocking => {
            let moved = round.clone();
            round.leave();
            task::spawn_blocking(move || moved.call()).await.expect("the call does not panic");
        }
        How::BlockInPlace => {
            round.leave();
            task::block_in_place(|| round.call());
            // The worker is elsewhere now: to it, so that the next call has something to give away.
            task::yield_now().await;
        }
    }
    next.await.expect("the next task does not panic");
}
