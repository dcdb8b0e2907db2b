//! The state word of a place: is a callback there, which one, and how many calls are inside it.
//!
//! ```text
//!  63        32  31   30        0
//! | generation |LIVE| calls inside |
//! ```
//!
//! - **Vacant** (no `LIVE`, no calls): nobody reads the body. Left by [`Word::open`] only, whose caller
//!   took the place from the list of the vacant ones, and so is alone.
//! - **Live**: the owner and any number of calls. Calls read the body.
//! - **Closing** (no `LIVE`, calls inside): the owner is gone, the calls that are left still read the body.
//!
//! INVARIANT(word.last): of one generation, exactly one of [`Word::close`] and the [`Word::exit`]s finds
//! that it is the last. Without `LIVE` nobody enters, so that the count only falls, and one
//! read-modify-write makes it both "not live" and "none inside".
//!
//! A call that is refused has counted itself, and is never taken back: whoever is refused ends the process.
//!
//! `sortie-models` explores this file, over an `atomic` of loom's.

use super::atomic::{AtomicU64, Ordering};
use std::fmt;

/// A callback is here, and its owner holds it.
const LIVE: u64 = 1 << 31;
/// How many calls are inside. Each has frames on a stack, so that they never reach `LIVE`.
const CALLS: u64 = LIVE - 1;

pub(crate) struct Word(AtomicU64);

/// Why a call was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The callback that was meant is the last that was here, and was dropped.
    Dropped,
    /// Another generation is here, or was the last.
    Another,
}

impl Word {
    pub(crate) fn new() -> Word {
        Word(AtomicU64::new(0))
    }

    /// The generation that is here, or was the last; 0 if there was none.
    pub(crate) fn generation(&self) -> u32 {
        // ORDERING: Relaxed, for a message or by who owns the generation; nothing is read because of it.
        generation(self.0.load(Ordering::Relaxed))
    }

    /// The calls that are inside now.
    pub(crate) fn calls(&self) -> u64 {
        // ORDERING: Relaxed, for `Debug`.
        self.0.load(Ordering::Relaxed) & CALLS
    }

    /// Makes a vacant place live, and returns the new generation. The body was written before.
    pub(crate) fn open(&self) -> u32 {
        let next = self.generation() + 1;
        // ORDERING(closure.body): Release, pairs with the Acquire in `enter`, which then reads the body.
        // What is lost of the old word are late calls, which end the process.
        self.0.swap(u64::from(next) << 32 | LIVE, Ordering::Release);
        next
    }

    /// Lets a call in, if the callback is live and, if asked, of this generation.
    pub(crate) fn enter(&self, asked: Option<u32>) -> Result<(), Refusal> {
        // ORDERING(closure.body): Acquire, pairs with the Release in `open`.
        let before = self.0.fetch_add(1, Ordering::Acquire);
        if asked.is_some_and(|asked| asked != generation(before)) {
            Err(Refusal::Another)
        } else if before & LIVE == 0 {
            Err(Refusal::Dropped)
        } else {
            Ok(())
        }
    }

    /// Lets a call out. True if it was the last one of a callback that was dropped: it takes the body away.
    #[must_use]
    pub(crate) fn exit(&self) -> bool {
        // ORDERING(closure.last): Release, so that what this call did with the body comes before its end, and
        // Acquire for who is the last: pairs with the other calls' exits, and with `close`.
        let before = self.0.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before & CALLS > 0, "a call ended that had not begun");
        before & (LIVE | CALLS) == 1
    }

    /// Lets nobody in from now on. Returns how many calls are inside: if none, the caller takes the body
    /// away.
    #[must_use]
    pub(crate) fn close(&self) -> u64 {
        // ORDERING(closure.last): as in `exit`.
        let before = self.0.fetch_and(!LIVE, Ordering::AcqRel);
        debug_assert!(before & LIVE != 0, "a callback was dropped twice");
        before & CALLS
    }
}

fn generation(word: u64) -> u32 {
    (word >> 32) as u32
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed, one look for a reader.
        let word = self.0.load(Ordering::Relaxed);
        f.debug_struct("Word")
            .field("generation", &generation(word))
            .field("is_live", &(word & LIVE != 0))
            .field("calls", &(word & CALLS))
            .finish()
    }
}
