//! The rows of one carrier, and where a call finds its own.
//!
//! A call looks in a few cells, by the profile or by the native function's address; only the first of a function on a
//! carrier, and one whose cell another function has, searches. Readers have a list of their own, under a lock
//! that the writer takes for a new row only.
//!
//! A page belongs to its carrier's thread, as its rows do: see INVARIANT(ledger.writer).

use super::Profile;
use super::decision::Decision;
use super::row::{Row, get};
use super::timing::Clock;
use parking_lot::Mutex;
use sortie_scheduler::crossing::Errno;
use std::cell::{Cell, UnsafeCell};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How many rows a page finds without a search: a power of two.
const NEAR: usize = 16;

/// The rows of one carrier.
pub(crate) struct Page {
    /// Rows that were used last, by the profile's address.
    near: [Cell<(*const Profile, *const Row)>; NEAR],
    /// The same, by the native function's.
    near_addresses: [Cell<(usize, *const Row)>; NEAR],
    /// Where each row is; the writer's own.
    index: UnsafeCell<HashMap<*const Profile, Arc<Row>>>,
    random: Cell<u32>,
    /// The rows, for readers.
    pub(super) rows: Mutex<Vec<Arc<Row>>>,
    /// When the call began that is on the carrier now, in nanoseconds from the ledger's start; 0 if
    /// it is not timed.
    pub(super) since: AtomicU64,
    /// The call that a reader saw on the carrier last, and when first.
    pub(super) sighted: Mutex<Option<(u64, Instant)>>,
}

// SAFETY: the cells and `index` are touched by the carrier's thread only (ledger.writer).
unsafe impl Sync for Page {}
// SAFETY: as above; the rest is `Send`.
unsafe impl Send for Page {}

impl Page {
    pub(super) fn new(seed: u32) -> Page {
        Page {
            near: [const { Cell::new((ptr::null(), ptr::null())) }; NEAR],
            near_addresses: [const { Cell::new((0, ptr::null())) }; NEAR],
            index: UnsafeCell::new(HashMap::new()),
            random: Cell::new(seed.wrapping_mul(0x9E37_79B9) | 1),
            rows: Mutex::new(Vec::new()),
            since: AtomicU64::new(0),
            sighted: Mutex::new(None),
        }
    }

    /// A random number: xorshift.
    fn random(&self) -> u32 {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        self.random.set(random);
        random
    }

    /// For a call that is timed anyhow. What the thread has used is asked by system calls, so if the
    /// target is known, for one call in eight.
    pub(super) fn clock(&self, decision: Decision) -> Clock {
        if decision.is_timed() && !decision.is_handed_over() {
            Clock::Usage { stands_for: 1 }
        } else if self.random().is_multiple_of(8) {
            Clock::Usage { stands_for: 8 }
        } else {
            Clock::Wall
        }
    }

    /// How many calls are to pass before the next is timed: 32 to 95, or a multiple; of a function that has
    /// one call in `sampled` announced, half as many to one and a half times.
    pub(super) fn interval(&self, calls: u64, sampled: Option<NonZeroU32>) -> u64 {
        let random = self.random();
        if let Some(n) = sampled {
            let half = n.get() / 2;
            return u64::from(n.get() - half + random % (2 * half + 1));
        }
        let often = match calls {
            ..4_096 => 1,
            4_096..65_536 => 4,
            _ => 16,
        };
        u64::from(32 + random % 64) * often
    }

    fn place(profile: *const Profile) -> usize {
        profile.addr() / align_of::<Profile>() % NEAR
    }

    /// The row of this profile, if it is near. On the carrier's own thread.
    #[inline(always)]
    pub(crate) fn near(&self, profile: &'static Profile) -> Option<&Row> {
        let (known, row) = self.near[Self::place(profile)].get();
        // SAFETY: the row of a profile that is known here. Rows stay as long as their page: they are
        // in `index`, and never removed.
        ptr::eq(known, profile).then(|| unsafe { &*row })
    }

    /// The row of this profile. On the carrier's own thread. Keeps `errno`.
    #[inline]
    pub(crate) fn row(&self, profile: &'static Profile) -> &Row {
        self.near(profile).unwrap_or_else(|| self.find(profile))
    }

    #[cold]
    fn find(&self, profile: &'static Profile) -> &Row {
        // A new row is allocated.
        let errno = Errno::save();
        // SAFETY: the carrier's own thread, and nothing below comes back here (ledger.writer).
        let index = unsafe { &mut *self.index.get() };
        let row = index.entry(profile).or_insert_with(|| {
            let row = Arc::new(Row::new(profile));
            self.rows.lock().push(row.clone());
            row
        });
        let row = Arc::as_ptr(row);
        self.near[Self::place(profile)].set((profile, row));
        errno.restore();
        // SAFETY: the row stays as long as the page.
        unsafe { &*row }
    }

    /// The row of the function at this address. On the carrier's own thread.
    #[inline]
    pub(crate) fn row_at(&self, address: usize) -> &Row {
        let near = &self.near_addresses[address / 16 % NEAR];
        let (known, row) = near.get();
        if known == address
            // SAFETY: as in `near`; a profile stays with its address for ever.
            && let Some(row) = unsafe { row.as_ref() }
        {
            return row;
        }
        let profile = Profile::at(address);
        let row = self.row(profile);
        // As in `Target::find_profile`; without an address nobody gets another.
        if address == 0 || !profile.is_shared() {
            near.set((address, row));
        }
        row
    }

    /// The call on this carrier began at this time; 0: it is not timed, or over. Returns what was
    /// said before.
    pub(crate) fn set_since(&self, ns: u64) -> u64 {
        let before = get(&self.since);
        // ORDERING: Relaxed, a look of readers may be late.
        self.since.store(ns, Ordering::Relaxed);
        before
    }
}
