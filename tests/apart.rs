//! Two tasks that talk to each other from different carriers keep these awake: each has its answer sooner than a sleep
//! begins.

use sortie::sync::channel;
use sortie_test::figures::{at_least, cores};
use sortie_test::{Case, Mode, exclusively, threads};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const TRIPS: u64 = 500;
/// Round trips for which nobody sleeps, of all.
const PROMISE: u64 = 80;
/// Two carriers that others keep from the processors cannot both be awake: the best of so many rounds.
const ROUNDS: usize = 20;

#[test]
fn who_answers_at_once_finds_the_other_awake() {
    if cores() < 2 {
        return println!("  two carriers at a time need two processors");
    }
    exclusively(&Case::new(2, Mode::Pinned), |case| {
        let runtime = case.watched(case.runtime());
        let sleeps = || threads::named(&case.thread_name).iter().map(|it| it.sleeps).sum::<u64>();
        at_least(PROMISE, || {
            let without_sleep = (0..ROUNDS).map(|_| {
                let before = sleeps();
                runtime.run(talk);
                TRIPS.saturating_sub(sleeps() - before)
            });
            (without_sleep.max().unwrap(), TRIPS)
        });
        drop(runtime);
    });
}

/// So many questions and answers of two tasks, each of which stays on the carrier where it has begun.
fn talk() {
    let (ask, questions) = channel::bounded(1);
    let (answer, answers) = channel::bounded(1);
    let has_begun = Arc::new(AtomicBool::new(false));
    let other = {
        let has_begun = has_begun.clone();
        sortie::spawn(move || {
            has_begun.store(true, Ordering::SeqCst);
            questions.iter().for_each(|question| answer.send(question).unwrap());
        })
    };
    // While this one does not wait, the other can begin on the other carrier only.
    while !has_begun.load(Ordering::SeqCst) {
        std::hint::spin_loop();
    }
    for trip in 0..TRIPS {
        ask.send(trip).unwrap();
        assert_eq!(answers.recv(), Ok(trip));
    }
    drop(ask);
    other.join().unwrap();
}
