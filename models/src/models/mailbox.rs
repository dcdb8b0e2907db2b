//! Mail for a carrier that gives its worker away: no task waits in the box of a spare that nobody calls.
//!
//! Two submitters put one pinned task each, as `Shared::submit` does, and call the carrier if they find it among
//! the spares. The carrier says that it is a spare, looks once more, as `look_once_more` does, and sleeps if there
//! is nothing, until it has had both. A call is a token of its parker: the lobby's lock, which decides who gives a
//! spare its worker, is the model of the idle protocol's. Links of the list are loom's cells, so that an order that
//! is missing is seen.

use crate::crossing::word::Word;
use crate::explore::{explore, join, spawn};
use crate::park::Parker;
use crate::sync::atomic::{Ordering, fence};
use crate::task::TaskRef;
use std::collections::VecDeque;
use std::sync::Arc;

const PROMISE: &str = "mailbox: a spare sleeps, and nobody calls it to the task in its mailbox";

/// A version of the mailbox.
trait Mailbox: 'static {
    fn new() -> Self;
    fn is_empty(&self) -> bool;
    fn push(&self, task: TaskRef);
    fn take_all(&self, to: &mut VecDeque<TaskRef>);
}

macro_rules! versions {
    ($($version:path),* $(,)?) => {$(
        impl Mailbox for $version {
            fn new() -> Self {
                <$version>::new()
            }
            fn is_empty(&self) -> bool {
                self.is_empty()
            }
            fn push(&self, task: TaskRef) {
                self.push(task);
            }
            fn take_all(&self, to: &mut VecDeque<TaskRef>) {
                self.take_all(to);
            }
        }
    )*};
}

versions!(
    crate::mailbox::Mailbox,
    crate::mutants::mailbox_pushes_relaxed::Mailbox,
    crate::mutants::mailbox_pushes_by_load_and_store::Mailbox,
    crate::mutants::mailbox_takes_relaxed::Mailbox,
);

/// The steps that the model repeats.
#[derive(Clone, Copy)]
struct Steps {
    fence_of_the_submitter: bool,
    fence_of_the_spare: bool,
    look_once_more: bool,
}

const TRUE: Steps =
    Steps { fence_of_the_submitter: true, fence_of_the_spare: true, look_once_more: true };

struct Carrier<M> {
    word: Word,
    mailbox: M,
    parker: Parker,
}

impl<M: Mailbox> Carrier<M> {
    /// `Shared::submit`.
    fn submit(&self, task: TaskRef, steps: Steps) {
        self.mailbox.push(task);
        if steps.fence_of_the_submitter {
            // ORDERING(carrier.summons): SeqCst, as in the scheduler.
            fence(Ordering::SeqCst);
        }
        if self.word.load().is_spare() {
            self.parker.unpark();
        }
    }

    /// A worker goes, and the carrier sleeps among the spares, unless it has mail.
    fn retire(&self, steps: Steps) {
        self.word.spare();
        if steps.fence_of_the_spare {
            // ORDERING(carrier.summons): SeqCst, as in the scheduler.
            fence(Ordering::SeqCst);
        }
        if !steps.look_once_more || self.mailbox.is_empty() {
            self.parker.park();
        }
        // Called, or by itself: there is a worker for it.
        self.word.run();
    }
}

fn two_submitters<M: Mailbox>(steps: Steps) {
    explore(PROMISE, 3, move || {
        let carrier =
            Arc::new(Carrier::<M> { word: Word::new(), mailbox: M::new(), parker: Parker::new() });
        carrier.word.run();
        let submitters = [1, 2].map(|number| {
            let carrier = carrier.clone();
            spawn(move || carrier.submit(TaskRef::new(number), steps))
        });
        let mut ring = VecDeque::new();
        let mut had = 0;
        loop {
            if !carrier.mailbox.is_empty() {
                carrier.mailbox.take_all(&mut ring);
            }
            had += ring.drain(..).map(|task| task.number).sum::<usize>();
            if had == 3 {
                break;
            }
            carrier.retire(steps);
        }
        join(submitters);
    });
}

#[test]
fn no_task_is_left_in_the_mailbox_of_a_spare() {
    two_submitters::<crate::mailbox::Mailbox>(TRUE);
}

macro_rules! caught {
    ($($mutant:ident: $words:literal),* $(,)?) => {$(
        #[test]
        #[should_panic(expected = $words)]
        fn $mutant() {
            two_submitters::<crate::mutants::$mutant::Mailbox>(TRUE);
        }
    )*};
}

caught!(
    mailbox_pushes_relaxed: "Causality violation",
    mailbox_pushes_by_load_and_store: "mailbox: a spare sleeps",
    mailbox_takes_relaxed: "Causality violation",
);

#[test]
#[should_panic(expected = "mailbox: a spare sleeps, and nobody calls it to the task")]
fn a_submitter_without_its_fence() {
    two_submitters::<crate::mailbox::Mailbox>(Steps { fence_of_the_submitter: false, ..TRUE });
}

#[test]
#[should_panic(expected = "mailbox: a spare sleeps, and nobody calls it to the task")]
fn a_spare_without_its_fence() {
    two_submitters::<crate::mailbox::Mailbox>(Steps { fence_of_the_spare: false, ..TRUE });
}

#[test]
#[should_panic(expected = "mailbox: a spare sleeps, and nobody calls it to the task")]
fn a_spare_that_does_not_look_once_more() {
    two_submitters::<crate::mailbox::Mailbox>(Steps { look_once_more: false, ..TRUE });
}
