//! Those who lend their turns on a carrier, for others who look for them.
//!
//! A lender is neither queued nor current, and its borrower mostly ends at once: a place on the list of the living, under
//! a lock, would be most of what the join costs. So it notes itself here, in two stores, and takes the note back before it
//! goes on.
//!
//! INVARIANT(pile.kept): whoever looks under the census lock, behind the heavy fence, may follow what it sees. A lender takes
//! its note back before it goes on, and so before its end, where its carrier runs the light fence and looks whether somebody asks
//! (`crate::census`): one whose note is seen there is freed under that lock, or after it.
//!
//! Must not: be asked whether a task lends. A lender beyond [`ROOM`] is on the list of the living, and so is each that was there
//! before.

use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::task::Header;
use std::ptr::{self, NonNull};

/// How many are noted at a time.
const ROOM: usize = 64;

/// See the module.
pub(crate) struct Pile {
    height: AtomicUsize,
    /// The lowest first; what is above the height is old.
    lenders: [AtomicPtr<Header>; ROOM],
}

impl Pile {
    pub(crate) fn new() -> Pile {
        let lenders = std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Pile { height: AtomicUsize::new(0), lenders }
    }

    /// Notes a lender. False: there is no room. On the carrier's own thread.
    #[inline]
    pub(crate) fn push(&self, lender: NonNull<Header>) -> bool {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        let height = self.height.load(Ordering::Relaxed);
        let Some(place) = self.lenders.get(height) else { return false };
        // ORDERING: Relaxed, published by the height.
        place.store(lender.as_ptr(), Ordering::Relaxed);
        // ORDERING(pile.height): Release, pairs with the Acquire in `seen`.
        self.height.store(height + 1, Ordering::Release);
        true
    }

    /// Takes the note of the uppermost lender back, if it is this one. On the carrier's own thread.
    #[inline]
    pub(crate) fn pop(&self, lender: NonNull<Header>) {
        // ORDERING: Relaxed, the thread reads what it wrote itself.
        let height = self.height.load(Ordering::Relaxed);
        let below = height.wrapping_sub(1);
        // ORDERING: Relaxed, as above.
        let is_here = self.lenders.get(below).map(|place| place.load(Ordering::Relaxed));
        if is_here == Some(lender.as_ptr()) {
            // ORDERING(pile.height): Release, pairs with the Acquire in `seen`: who does not see the note any more sees what the
            // lender has done before, its entry in the list of the living if it is to wait.
            self.height.store(below, Ordering::Release);
        }
    }

    /// Those who are noted now. By anybody; followed only as INVARIANT(pile.kept) says.
    pub(crate) fn seen(&self) -> impl Iterator<Item = NonNull<Header>> {
        // ORDERING(pile.height): Acquire, pairs with the Release in `push` and `pop`.
        let height = self.height.load(Ordering::Acquire);
        // ORDERING(pile.height): Relaxed, what was noted last below that height, or later.
        let seen = |place: &AtomicPtr<Header>| NonNull::new(place.load(Ordering::Relaxed));
        self.lenders.iter().take(height).filter_map(seen)
    }
}
