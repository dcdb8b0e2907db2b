//! Coroutines that have to do with each other.

use super::{join, spawn, timed};
use crate::bench::workload::{Failure, Setup, Trial};
use crate::bench::workloads::mutex::TASKS;
use crate::bench::workloads::{mpsc8, spsc};
use may::sync::{Mutex, mpsc};
use std::sync::Arc;

pub(super) fn mutex(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    let tasks = setup.tasks.unwrap_or(TASKS);
    timed(
        setup,
        "additions by all tasks",
        |ops| ops,
        move |ops| {
            let counter = Arc::new(Mutex::new(0));
            let all: Vec<_> = (0..tasks)
                .map(|_| {
                    let counter = counter.clone();
                    spawn(move || add(&counter, ops / tasks))
                })
                .collect();
            let done: u64 = all.into_iter().map(join).sum();
            // Both are what was asked for, or the lock let two in.
            done.min(*counter.lock().expect("nobody panics under it"))
        },
    )
}

fn add(counter: &Mutex<u64>, rounds: u64) -> u64 {
    for _ in 0..rounds {
        *counter.lock().expect("nobody panics under it") += 1;
    }
    rounds
}

pub(super) fn pingpong(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    timed(
        setup,
        "round trips",
        |ops| ops,
        |ops| {
            let (ask, questions) = mpsc::channel();
            let (answer, answers) = mpsc::channel();
            let other = spawn(move || {
                let mut answered = 0;
                for question in questions.iter() {
                    answer.send(question).expect("the one who asks waits for it");
                    answered += 1;
                }
                answered
            });
            let mut trips = 0;
            for trip in 0..ops {
                ask.send(trip).expect("the other answers until nobody asks");
                trips += u64::from(answers.recv() == Ok(trip));
            }
            drop(ask);
            trips.min(join(other))
        },
    )
}

pub(super) fn spsc(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    messages(setup, 1)
}

pub(super) fn mpsc8(setup: &Setup) -> Result<Box<dyn Trial>, Failure> {
    messages(setup, setup.tasks.unwrap_or(mpsc8::SENDERS))
}

/// So many tasks send, one receives.
fn messages(setup: &Setup, senders: u64) -> Result<Box<dyn Trial>, Failure> {
    let expected = move |ops| spsc::sum_of(ops, senders);
    timed(setup, "the sum of all messages", expected, move |ops| {
        let (sender, receiver) = mpsc::channel();
        let tasks: Vec<_> = (0..senders)
            .map(|_| {
                let sender = sender.clone();
                spawn(move || {
                    (0..ops / senders).for_each(|n| sender.send(n).expect("the receiver stays"));
                })
            })
            .collect();
        drop(sender);
        let total = spawn(move || receiver.iter().sum::<u64>());
        tasks.into_iter().for_each(join);
        join(total)
    })
}
