//! The seat in front of a line: one who waits alone takes no lock, and nobody counts references to it.
//!
//! The word is the waiter's address, and in its low bits how it stands:
//!
//! | word | means | who changes it |
//! |---|---|---|
//! | null | nobody sits | who comes to sit |
//! | `SITS` | it waits | itself; a notifier; who moves it to the line |
//! | `HELD` | a notifier wakes it | that notifier |
//! | `TOLD`, `TOLD_ALL` | it was notified, and has not taken that up | itself; who looks whether it is lost |
//! | `TOLD_ALL`, and no waiter | nobody sits here, ever | |
//! | `MOVING` | it is moved to the line, or looked at, under the line's lock | that one |
//!
//! - INVARIANT(seat.alive): a waiter's memory stays until its owner has left the seat, and the owner does not leave
//!   while the word says `HELD` or `MOVING`: it waits for these few instructions. So who holds the waiter may look
//!   at it; nobody else may.
//! - INVARIANT(seat.once): a waiter has one seat at a time, and only its owner puts it there. So who finds another
//!   word than its own there was moved to the line, or is lost.
//!
//! Must not: run code of others while a waiter is held.

use crate::sync::atomic::{AtomicPtr, Ordering, exchange_fence};
use crate::sync::hint::Patience;
use crate::wait::due::Sitter;
use std::ptr;

/// In the tags of those whom a notifier must not overlook.
const WAITS: usize = 0b001;
const SITS: usize = 0b001;
const MOVING: usize = 0b011;
const HELD: usize = 0b010;
const TOLD: usize = 0b100;
const TOLD_ALL: usize = 0b110;
const TAGS: usize = 0b111;

/// How its owner finds a waiter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stand {
    Waits,
    Told,
    /// With all others: the notification is its own.
    ToldAll,
    /// It sits no more: it was moved to the line, or given up for lost.
    Gone,
}

/// What came of telling who sits.
pub(crate) enum Tell<O> {
    Told(O),
    Nobody,
    /// Somebody is just being moved: who has the line's lock sees where to.
    Moving,
}

/// See the module.
pub(crate) struct Seat<S>(AtomicPtr<S>);

/// The word of a waiter who stands so.
fn word<S>(sitter: *const S, tag: usize) -> *mut S {
    sitter.cast_mut().map_addr(|address| address | tag)
}

/// The waiter in a word, and how it stands.
fn split<S>(word: *mut S) -> (*const S, usize) {
    (word.map_addr(|address| address & !TAGS), word.addr() & TAGS)
}

impl<S: Sitter> Seat<S> {
    /// Takes the word made, and null, because the models' cannot be made in a constant.
    pub(crate) const fn new(word: AtomicPtr<S>) -> Seat<S> {
        Seat(word)
    }

    /// Nobody ever sits here: of a list whose order is not that of arrival.
    pub(crate) fn closed() -> Seat<S> {
        Seat::new(AtomicPtr::new(word(ptr::null(), TOLD_ALL)))
    }

    /// Does somebody wait here, or is just being moved? No fence: see the module `list`.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        // ORDERING(list.count): SeqCst, as the look at the count, and Acquire: who was moved from here is counted.
        self.0.load(Ordering::SeqCst).addr() & WAITS != 0
    }

    /// Does somebody sit here who was not notified?
    pub(crate) fn is_taken(&self) -> bool {
        // ORDERING: Relaxed, a look.
        split(self.0.load(Ordering::Relaxed)).1 == SITS
    }

    /// Sits down, if the seat is free. The caller looks at its condition after this.
    #[inline]
    pub(crate) fn sit(&self, me: &S) -> bool {
        let sits = word(me, SITS);
        // ORDERING(seat.word): AcqRel, Release for what the owner wrote into the waiter before, Acquire for what
        // was done while another sat here. SeqCst for the fence below.
        let taken =
            self.0.compare_exchange(ptr::null_mut(), sits, Ordering::SeqCst, Ordering::Relaxed);
        // ORDERING(list.fence): SeqCst, pairs with the fence in `List::notify`: between the word and the caller's
        // look at its condition.
        exchange_fence();
        taken.is_ok()
    }

    /// Notifies who sits, alone or with all others.
    #[inline]
    pub(crate) fn tell(&self, with_all: bool) -> Tell<S::Owed> {
        // ORDERING(list.count): SeqCst, as the look at the count.
        let mut now = self.0.load(Ordering::SeqCst);
        loop {
            let (sitter, tag) = split(now);
            match tag {
                SITS => {}
                MOVING => return Tell::Moving,
                _ => return Tell::Nobody,
            }
            let held = word(sitter, HELD);
            // ORDERING(seat.word): Acquire, pairs with the Release in `sit`; a failure with that in `free`: who was
            // moved from here is counted. Release, so that who comes next sees what came before.
            match self.0.compare_exchange(now, held, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(changed) => now = changed,
            }
        }
        let told = if with_all { TOLD_ALL } else { TOLD };
        let sitter = split(now).0;
        // SAFETY: INVARIANT(seat.alive): it is held here.
        let (is_lost, owed) = unsafe {
            let sitter = &*sitter;
            if sitter.is_lost() { (true, None) } else { (false, Some(sitter.begin_wake())) }
        };
        let next = if is_lost { ptr::null_mut() } else { word(sitter, told) };
        // ORDERING(seat.word): Release, pairs with the Acquire of the owner: it may leave, and end.
        self.0.store(next, Ordering::Release);
        owed.map_or(Tell::Nobody, Tell::Told)
    }

    /// How the caller's waiter stands. Waits while it is held.
    #[inline]
    pub(crate) fn stand(&self, me: &S) -> Stand {
        self.look(me).0
    }

    #[inline]
    fn look(&self, me: &S) -> (Stand, *mut S) {
        let mut patience = Patience::new();
        loop {
            // ORDERING(seat.word): Acquire, pairs with the Release of who held it, or moved it.
            let now = self.0.load(Ordering::Acquire);
            let (sitter, tag) = split(now);
            if !ptr::eq(sitter, me) {
                return (Stand::Gone, now);
            }
            match tag {
                SITS => return (Stand::Waits, now),
                TOLD => return (Stand::Told, now),
                TOLD_ALL => return (Stand::ToldAll, now),
                _ => patience.wait(),
            }
        }
    }

    /// Leaves the seat, unless the caller's waiter was moved: how it stood.
    #[inline]
    pub(crate) fn leave(&self, me: &S) -> Stand {
        loop {
            let (stand, now) = self.look(me);
            if stand == Stand::Gone || self.vacate(now) {
                return stand;
            }
        }
    }

    /// Leaves the seat if the caller's waiter was notified: how it stood.
    #[inline]
    pub(crate) fn take_up(&self, me: &S) -> Stand {
        loop {
            let (stand, now) = self.look(me);
            if matches!(stand, Stand::Gone | Stand::Waits) || self.vacate(now) {
                return stand;
            }
        }
    }

    #[inline]
    fn vacate(&self, now: *mut S) -> bool {
        let free = ptr::null_mut();
        // ORDERING(seat.word): Release, pairs with the Acquire in `sit`; Acquire, pairs with the Release in
        // `put_back`: the waiter may have been held once more since it was looked at.
        self.0.compare_exchange(now, free, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Holds who waits here, to move it to the line: then [`Seat::free`]. Under the line's lock.
    pub(crate) fn hold_waiting(&self) -> Option<&S> {
        self.hold(SITS)
    }

    /// Holds who was notified here alone: then [`Seat::free`] or [`Seat::put_back`]. Under the line's lock.
    pub(crate) fn hold_told(&self) -> Option<&S> {
        self.hold(TOLD)
    }

    fn hold(&self, wanted: usize) -> Option<&S> {
        // ORDERING: Relaxed, a look; the exchange decides.
        let now = self.0.load(Ordering::Relaxed);
        let (sitter, tag) = split(now);
        if tag != wanted {
            return None;
        }
        // ORDERING(seat.word): AcqRel, as in `tell`.
        self.0
            .compare_exchange(now, word(sitter, MOVING), Ordering::AcqRel, Ordering::Relaxed)
            .ok()?;
        // SAFETY: INVARIANT(seat.alive): it is held from here on.
        Some(unsafe { &*sitter })
    }

    /// Who was held sits here no more.
    pub(crate) fn free(&self) {
        // ORDERING(seat.word): Release, pairs with the Acquire in `look` and `tell`: its place in line is there, and
        // counted.
        self.0.store(ptr::null_mut(), Ordering::Release);
    }

    /// Who was held, and was notified, is not held any more.
    pub(crate) fn put_back(&self, sitter: &S) {
        // ORDERING(seat.word): Release, pairs with the Acquire in `look`.
        self.0.store(word(sitter, TOLD), Ordering::Release);
    }
}
