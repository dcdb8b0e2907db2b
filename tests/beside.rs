//! A task begins on the thread of who made it, if that waits for it next: two that talk to each other are not carried apart.

use sortie::sync::channel;
use sortie_test::figures::at_least;
use sortie_test::{Case, Mode, exclusively};
use std::thread;

const PAIRS: u64 = 2_000;
/// Pairs that are together, of all.
const PROMISE: u64 = 98;

#[test]
fn who_is_spawned_and_waited_for_begins_here() {
    for workers in [2, 4] {
        exclusively(&Case::new(workers, Mode::Pinned), |case| {
            let runtime = case.watched(case.runtime());
            at_least(PROMISE, || (runtime.run(pairs), PAIRS));
            drop(runtime);
        });
    }
}

/// How many of them were together. Others are awake between two pairs, and look for something to do.
fn pairs() -> u64 {
    let together = (0..PAIRS).filter(|_| {
        let (answer, answers) = channel::bounded(1);
        let _ = sortie::spawn(move || answer.send(thread::current().id()));
        answers.recv().unwrap() == thread::current().id()
    });
    together.count() as u64
}
