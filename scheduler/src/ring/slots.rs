//! A bounded queue for any number of threads on both sides: a ring of slots, each with a stamp.
//!
//! # Positions and stamps
//!
//! `tail` is the position of the next push, `head` that of the next pop. The low bits of a position are
//! the slot, the high ones count the laps; the bit between them, in `tail` only, says that the ring is closed.
//!
//! | stamp of a slot | means |
//! |---|---|
//! | a position of that slot | free for the push of this position |
//! | a position of that slot + 1 | holds the message of this position |
//!
//! A push finds its slot free, takes the position by an exchange of `tail`, writes, and stamps; a pop does
//! the same with `head`. So no message is taken twice, and none overwritten: INVARIANT(ring.slot): between the
//! exchange and the stamp the slot belongs to the one who took its position.
//!
//! A slot whose position is taken but whose stamp is not there yet belongs to a thread that needs a few
//! instructions more. Who needs the slot waits for that, and never calls the ring empty or full meanwhile.
//!
//! # What those who sleep may rest on
//!
//! [`Ring::push`] says `Full`, and [`Ring::pop`] says `Empty`, by a look at the other side's position. Who
//! waits enters a line, which is a fence, and tries once more; who has pushed or popped looks at the line
//! (the wait list's `notify_ordered`). INVARIANT(ring.seen): the exchange of a position, the look
//! at the line and that fence are in one total order, hence one of the two sees the other. It costs nothing on
//! the side that need not wait.
//!
//! Must not: run code of others between an exchange and its stamp.

use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicUsize, Ordering, total_order};
use crate::sync::cell::Place;
use crate::sync::hint::Patience;

/// Why a push gives its message back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushError<T> {
    /// There is no room.
    Full(T),
    /// The ring is closed.
    Closed(T),
}

/// Why a pop has no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PopError {
    /// There is none now.
    Empty,
    /// There is none, and there will be none.
    Closed,
}

struct Slot<T> {
    stamp: AtomicUsize,
    message: Place<T>,
}

/// A bounded queue, first in, first out, for any number of threads on both sides.
///
/// Neither side waits for the other, but for the few instructions of one who is at the same slot.
///
/// ```
/// use sortie_scheduler::ring::{PopError, PushError, Ring};
///
/// let ring = Ring::new(2);
/// ring.push("a").unwrap();
/// ring.push("b").unwrap();
/// assert_eq!(ring.push("c"), Err(PushError::Full("c")));
/// assert_eq!(ring.pop(), Ok("a"));
/// ring.close();
/// assert_eq!(ring.pop(), Ok("b"));
/// assert_eq!(ring.pop(), Err(PopError::Closed));
/// ```
pub struct Ring<T> {
    head: CachePadded<AtomicUsize>,
    tail: CachePadded<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    /// The bit above the slots'.
    closed: usize,
}

// SAFETY: the ring hands each message from the one thread that pushes it to the one that pops it.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above; a message is reached by nobody else while it is in the ring.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// A ring with room for so many messages.
    ///
    /// # Panics
    /// If the capacity is 0, or above a quarter of what `usize` counts.
    #[must_use]
    pub fn new(capacity: usize) -> Ring<T> {
        assert!(capacity > 0, "a ring needs room for a message at least");
        assert!(
            capacity < usize::MAX / 4,
            "a ring of {capacity} messages is more than there can be"
        );
        let slots = (0..capacity)
            .map(|at| Slot { stamp: AtomicUsize::new(at), message: Place::new() })
            .collect();
        Ring {
            head: CachePadded::new(AtomicUsize::new(0)),
            tail: CachePadded::new(AtomicUsize::new(0)),
            slots,
            closed: (capacity + 1).next_power_of_two(),
        }
    }

    /// How many messages there is room for.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// From a position to that of the same slot one lap later.
    #[inline]
    fn lap(&self) -> usize {
        2 * self.closed
    }

    #[inline]
    fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[position & (self.closed - 1)]
    }

    /// The position after this one, which has no bit of a closed ring.
    #[inline]
    fn after(&self, position: usize) -> usize {
        if (position & (self.closed - 1)) + 1 < self.slots.len() {
            position + 1
        } else {
            (position & !(self.lap() - 1)).wrapping_add(self.lap())
        }
    }

    /// Puts a message in.
    ///
    /// # Errors
    /// The message, if there is no room or the ring is closed.
    #[inline]
    pub fn push(&self, message: T) -> Result<(), PushError<T>> {
        let mut patience = Patience::new();
        // ORDERING: Relaxed, a guess; the exchange decides.
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            if tail & self.closed != 0 {
                return Err(PushError::Closed(message));
            }
            let slot = self.slot(tail);
            // ORDERING(ring.free): Acquire, pairs with the Release in `pop`: what was there is out.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == tail {
                // ORDERING(ring.seen): SeqCst, see the module; a failed one is a guess.
                match self.tail.compare_exchange_weak(
                    tail,
                    self.after(tail),
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        // SAFETY: INVARIANT(ring.slot): this thread took the position.
                        unsafe { slot.message.put(message) };
                        // ORDERING(ring.message): Release, pairs with the Acquire in `pop`.
                        slot.stamp.store(tail + 1, Ordering::Release);
                        total_order();
                        return Ok(());
                    }
                    Err(now) => tail = now,
                }
                continue;
            }
            if stamp.wrapping_add(self.lap()) == tail + 1 {
                // ORDERING(ring.seen): Relaxed, a caller who stands in line brings the fence; pairs with the
                // exchange in `pop`.
                if self.head.load(Ordering::Relaxed).wrapping_add(self.lap()) == tail {
                    return Err(PushError::Full(message));
                }
            }
            patience.wait();
            // ORDERING: Relaxed, as above.
            tail = self.tail.load(Ordering::Relaxed);
        }
    }

    /// Takes the oldest message out.
    ///
    /// # Errors
    /// If there is none.
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        let mut patience = Patience::new();
        // ORDERING: Relaxed, a guess; the exchange decides.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let slot = self.slot(head);
            // ORDERING(ring.message): Acquire, pairs with the Release in `push`: the message is there.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == head + 1 {
                // ORDERING(ring.seen): SeqCst, see the module; a failed one is a guess.
                match self.head.compare_exchange_weak(
                    head,
                    self.after(head),
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        // SAFETY: INVARIANT(ring.slot): this thread took the position, and the stamp said that
                        // the message is there.
                        let message = unsafe { slot.message.take() };
                        // ORDERING(ring.free): Release, pairs with the Acquire in `push`.
                        slot.stamp.store(head.wrapping_add(self.lap()), Ordering::Release);
                        total_order();
                        return Ok(message);
                    }
                    Err(now) => head = now,
                }
                continue;
            }
            if stamp == head {
                // ORDERING(ring.seen): Relaxed, a caller who stands in line brings the fence; pairs with the
                // exchange in `push`.
                let tail = self.tail.load(Ordering::Relaxed);
                if tail == head {
                    return Err(PopError::Empty);
                }
                if tail & !self.closed == head {
                    return Err(PopError::Closed);
                }
            }
            patience.wait();
            // ORDERING: Relaxed, as above.
            head = self.head.load(Ordering::Relaxed);
        }
    }

    /// Is the ring open, and was every message taken out that was pushed before the caller's fence? Cheaper than a
    /// pop in vain. False is said without reason too.
    #[inline]
    pub fn is_drained(&self) -> bool {
        // ORDERING(ring.seen): Relaxed, the caller who stands in line brings the fence; pairs with the exchanges in
        // `push` and `close`. A head that is older than the tail says that a message is there.
        self.tail.load(Ordering::Relaxed) == self.head.load(Ordering::Relaxed)
    }

    /// Lets no further message in. False: it was closed already.
    pub fn close(&self) -> bool {
        // ORDERING(ring.seen): SeqCst, as the exchange of a push, whom who waits must see. Who finds the
        // bit sees what was pushed before: those pushes are earlier in the order of `tail`.
        let before = self.tail.fetch_or(self.closed, Ordering::SeqCst);
        total_order();
        before & self.closed == 0
    }

    /// Is it closed? There may be messages in it.
    pub fn is_closed(&self) -> bool {
        // ORDERING: Relaxed, a look.
        self.tail.load(Ordering::Relaxed) & self.closed != 0
    }

    /// How many messages are in it, at one moment.
    pub fn len(&self) -> usize {
        loop {
            // ORDERING: SeqCst, both sides at one moment: the tail has not changed around the head's load.
            let tail = self.tail.load(Ordering::SeqCst);
            // ORDERING: SeqCst, as above.
            let head = self.head.load(Ordering::SeqCst);
            // ORDERING: SeqCst, as above.
            if self.tail.load(Ordering::SeqCst) == tail {
                let (from, to) = (head & (self.closed - 1), tail & (self.closed - 1));
                return if from < to {
                    to - from
                } else if from > to {
                    self.slots.len() - from + to
                } else if tail & !self.closed == head {
                    0
                } else {
                    self.slots.len()
                };
            }
        }
    }

    /// Is no message in it?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.pop().is_ok() {}
    }
}

impl<T> std::fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
