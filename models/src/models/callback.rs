//! The place of a callback: a call that is let in finds the closure, and the last one takes it away, once.
//!
//! The owner puts the closure there, opens the place, and closes it again; two calls come at any time. The
//! closure is a word without any order of its own. A call that is refused ends the process, so that nothing
//! is asked of what comes after it.

use crate::explore::{explore, join, spawn};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;
use std::sync::atomic::AtomicBool as Plain;

const PROMISE: &str =
    "callback: a call finds no closure, or the closure is not taken away by the last, once";

const NOTHING: u32 = 0;
const THERE: u32 = 1;
const TAKEN: u32 = 2;

/// A version of the word.
trait Word: 'static {
    fn new() -> Self;
    fn open(&self) -> u32;
    fn is_let_in(&self) -> bool;
    fn exit(&self) -> bool;
    fn close(&self) -> u64;
}

macro_rules! versions {
    ($($version:path),* $(,)?) => {$(
        impl Word for $version {
            fn new() -> Self {
                <$version>::new()
            }
            fn open(&self) -> u32 {
                self.open()
            }
            fn is_let_in(&self) -> bool {
                self.enter(None).is_ok()
            }
            fn exit(&self) -> bool {
                self.exit()
            }
            fn close(&self) -> u64 {
                self.close()
            }
        }
    )*};
}

versions!(
    crate::callback::Word,
    crate::mutants::callback_opens_relaxed::Word,
    crate::mutants::callback_enters_relaxed::Word,
    crate::mutants::callback_enters_by_load_and_add::Word,
    crate::mutants::callback_exits_relaxed::Word,
    crate::mutants::callback_exits_by_sub_and_load::Word,
    crate::mutants::callback_exits_and_overlooks_the_owner::Word,
    crate::mutants::callback_closes_relaxed::Word,
    crate::mutants::callback_closes_by_load_and_and::Word,
);

struct Place<W> {
    word: W,
    body: AtomicU32,
    /// Which call has done something with the closure.
    used: [AtomicBool; 2],
    /// Which call was let in, and whether one was refused: the model's own books.
    let_in: [Plain; 2],
    has_ended: Plain,
}

impl<W: Word> Place<W> {
    fn call(&self, n: usize) {
        if !self.word.is_let_in() {
            self.has_ended.store(true, Ordering::Relaxed);
            return;
        }
        self.let_in[n].store(true, Ordering::Relaxed);
        // ORDERING: Relaxed, here and below, so that only the word orders it.
        assert_eq!(self.body.load(Ordering::Relaxed), THERE, "{PROMISE}");
        self.used[n].store(true, Ordering::Relaxed);
        if self.word.exit() {
            self.take();
        }
    }

    fn take(&self) {
        for (used, let_in) in self.used.iter().zip(&self.let_in) {
            let let_in = let_in.load(Ordering::Relaxed);
            assert!(!let_in || used.load(Ordering::Relaxed), "{PROMISE}");
        }
        assert_eq!(self.body.swap(TAKEN, Ordering::Relaxed), THERE, "{PROMISE}");
    }
}

fn two_calls<W: Word>() {
    explore(PROMISE, 3, || {
        let place = Arc::new(Place {
            word: W::new(),
            body: AtomicU32::new(NOTHING),
            used: [AtomicBool::new(false), AtomicBool::new(false)],
            let_in: [Plain::new(false), Plain::new(false)],
            has_ended: Plain::new(false),
        });
        let calls = [0, 1].map(|n| {
            let place = place.clone();
            spawn(move || place.call(n))
        });
        place.body.store(THERE, Ordering::Relaxed);
        place.word.open();
        if place.word.close() == 0 {
            place.take();
        }
        join(calls);
        if !place.has_ended.load(Ordering::Relaxed) {
            assert_eq!(place.body.load(Ordering::Relaxed), TAKEN, "{PROMISE}");
        }
    });
}

#[test]
fn the_last_call_takes_the_closure_away() {
    two_calls::<crate::callback::Word>();
}

macro_rules! caught {
    ($($mutant:ident),* $(,)?) => {$(
        #[test]
        #[should_panic(expected = "callback: a call finds no closure, or the closure is not taken away")]
        fn $mutant() {
            two_calls::<crate::mutants::$mutant::Word>();
        }
    )*};
}

caught!(
    callback_opens_relaxed,
    callback_enters_relaxed,
    callback_enters_by_load_and_add,
    callback_exits_relaxed,
    callback_exits_by_sub_and_load,
    callback_exits_and_overlooks_the_owner,
    callback_closes_relaxed,
    callback_closes_by_load_and_and,
);
