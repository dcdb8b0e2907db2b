//! A worker's ready tasks in a row: its owner puts and takes at the back, thieves take at the front.
//!
//! The row has two parts. In front of the *limit* everybody takes by compare-and-exchange of one word, in which front and
//! limit stand side by side; behind it only the owner does, by plain stores. The owner gives the public part more when
//! its own has become long, and takes some back when its own is empty. A thief that finds nothing public moves the
//! limit itself, asks all processors for a fence, and looks again how far the owner has come: so nothing is hidden behind
//! an owner that computes, and an owner that pops pays for no fence. That costs the thief microseconds, and the next ones
//! nothing, since the limit stays where it is.
//!
//! An owner pops in two steps: it says how long the row is from here on, then it looks at the limit. The thief takes the
//! same two steps the other way round, with the heavy fence in between, so that one of them sees the other:
//!
//! - The owner took a task behind a limit that it had seen before the thief moved that. Then its new length was there
//!   before the fence, and the thief leaves that task out.
//! - Else it sees the thief's limit, and takes its task by an exchange which lowers that; the thief's own exchange then
//!   fails, and it looks again.
//!
//! A lower limit is safe at all times: the owner takes more by exchange than it has to as long as it knows the old one.
//!
//! Thieves keep each other out by a lock, which the owner takes only to make the row longer or shorter. Who holds it
//! moves the front, and has read what it took before it lets go; so a place is not written again before it was read. The
//! owner never waits for it: a task that finds no room meanwhile goes elsewhere.

mod owner;
mod thief;

use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded, Mutex};
use crate::task::Header;
use std::ptr::{self, NonNull};

/// For how many tasks there is room at least. A power of two.
pub(super) const ROOM: u32 = 64;

/// How many tasks the owner keeps to itself when it makes others public.
pub(super) const OWN: u32 = 8;

/// Places that are used again and again.
type Row = Box<[AtomicPtr<Header>]>;

/// The owner's side. Tasks that are left at the end are to be stolen, or leak.
#[derive(Debug)]
pub(crate) struct Deque {
    pub(super) shared: Arc<CachePadded<Shared>>,
    /// What `Shared::row` has.
    places: NonNull<AtomicPtr<Header>>,
    pub(super) mask: u32,
    /// A push to this place looks at the limit and at the room first.
    pub(super) look_at: u32,
    /// Nobody reads a place in front of this one any more, as far as the owner knows.
    pub(super) read: u32,
    /// [`OWN`], and less in models.
    own: u32,
}

// SAFETY: the places are those of the row, which stands while `shared` does and `&mut self` does not replace it; they are
// atomics, which may be touched by any thread.
unsafe impl Send for Deque {}

/// The side that everybody sees.
#[derive(Debug, Clone)]
pub(crate) struct Thief(Arc<CachePadded<Shared>>);

#[derive(Debug)]
pub(super) struct Shared {
    /// A [`Front`].
    pub(super) front: AtomicU64,
    /// The place behind the newest task. Written by the owner.
    pub(super) back: AtomicU32,
    /// Replaced by the owner, read by who holds the lock.
    pub(super) row: Mutex<Row>,
}

/// Where the row begins, and where its public part ends. Places are counted on and on, and wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Front {
    pub(super) first: u32,
    pub(super) limit: u32,
}

impl Front {
    fn unpack(word: u64) -> Front {
        Front { first: (word >> 32) as u32, limit: word as u32 }
    }

    pub(super) fn pack(self) -> u64 {
        u64::from(self.first) << 32 | u64::from(self.limit)
    }

    fn public(self) -> u32 {
        self.limit.wrapping_sub(self.first)
    }
}

/// How far `place` is behind `from`; less than nothing: it is in front of it.
#[inline]
fn behind(place: u32, from: u32) -> i32 {
    place.wrapping_sub(from) as i32
}

impl Shared {
    #[inline]
    fn len(&self) -> usize {
        // ORDERING: Relaxed, a look. Where it must not miss a push, the caller runs a fence between its own publication
        // and this look (idle.counters).
        let front = Front::unpack(self.front.load(Ordering::Relaxed));
        // ORDERING: Relaxed, as above. In front of the first while the owner looks in vain.
        behind(self.back.load(Ordering::Relaxed), front.first).max(0) as usize
    }

    fn exchange(&self, from: Front, to: Front) -> Result<(), Front> {
        // ORDERING(deque.front): Release for tasks that become public, Acquire for those that are; a failure is looked at
        // again by another exchange.
        self.front
            .compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Relaxed)
            .map(drop)
            .map_err(Front::unpack)
    }
}

fn places(room: u32) -> Row {
    (0..room).map(|_| AtomicPtr::new(ptr::null_mut())).collect()
}

fn start_of(row: &Row) -> NonNull<AtomicPtr<Header>> {
    NonNull::from(&row[..]).cast()
}

fn index(row: &Row, place: u32) -> usize {
    place as usize & (row.len() - 1)
}
