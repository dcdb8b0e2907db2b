//! Tasks that have to do with each other.

use super::turns::sum;
use super::{Futures, timed};
use crate::bench::workload::{Failure, Setup, Trial};
use crate::bench::workloads::mutex::TASKS;
use crate::bench::workloads::{mpsc8, spsc};
use std::sync::Arc;

pub(super) fn mutex<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(TASKS);
    timed::<E, _>(
        setup,
        "additions by all tasks",
        |ops| ops,
        move |ops| async move {
            let counter = Arc::new(E::counter());
            let spawn = |_| E::spawn(add::<E>(counter.clone(), ops / tasks));
            let done = sum((0..tasks).map(spawn).collect()).await;
            // Both are what was asked for, or the lock let two in.
            done.min(E::add(&counter, 0).await)
        },
    )
}

async fn add<E: Futures>(counter: Arc<E::Counter>, rounds: u64) -> u64 {
    for _ in 0..rounds {
        E::add(&counter, 1).await;
    }
    rounds
}

pub(super) fn pingpong<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed::<E, _>(
        setup,
        "round trips",
        |ops| ops,
        |ops| async move {
            let (ask, questions) = E::channel(1);
            let (answer, mut answers) = E::channel(1);
            let other = E::spawn(answer_all::<E>(questions, answer));
            let mut trips = 0;
            for trip in 0..ops {
                E::send(&ask, trip).await;
                trips += u64::from(E::receive(&mut answers).await == Some(trip));
            }
            drop(ask);
            trips.min(other.await)
        },
    )
}

async fn answer_all<E: Futures>(mut questions: E::Receiver, answer: E::Sender) -> u64 {
    let mut answered = 0;
    while let Some(question) = E::receive(&mut questions).await {
        E::send(&answer, question).await;
        answered += 1;
    }
    answered
}

pub(super) fn spsc<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    messages::<E>(setup, 1)
}

pub(super) fn mpsc8<E: Futures>(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    messages::<E>(setup, setup.tasks.unwrap_or(mpsc8::SENDERS))
}

/// So many tasks send, one receives.
fn messages<E: Futures>(setup: &Setup, senders: u64) -> Result<Box<dyn Trial>, Failure> {
    let expected = move |ops| spsc::sum_of(ops, senders);
    timed::<E, _>(setup, "the sum of all messages", expected, move |ops| async move {
        let (sender, receiver) = E::channel(spsc::CAPACITY);
        let spawn = |_| E::spawn(send_all::<E>(sender.clone(), ops / senders));
        let tasks: Vec<_> = (0..senders).map(spawn).collect();
        drop(sender);
        let total = E::spawn(receive_all::<E>(receiver));
        sum(tasks).await;
        total.await
    })
}

async fn send_all<E: Futures>(sender: E::Sender, messages: u64) -> u64 {
    for n in 0..messages {
        E::send(&sender, n).await;
    }
    messages
}

async fn receive_all<E: Futures>(mut receiver: E::Receiver) -> u64 {
    let mut total = 0;
    while let Some(n) = E::receive(&mut receiver).await {
        total += n;
    }
    total
}
