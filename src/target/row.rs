//! What one carrier knows of the calls of one native function, and where a call finds it.
//!
//! Calls are counted, every one. How long they take is known of some: each call of a target that is
//! timed, else one in 64 on average, of targets that are called very often one in 256 or 1024, at
//! random, so that no rhythm of the program's hides from it.
//! A timed call stands for those since the one before (its *weight*); one that lost its worker was
//! seen by the monitor, and stands for itself.
//!
//! INVARIANT(ledger.writer): a row is written by the thread of its carrier only. A carrier's
//! structure may serve one thread after another; the arena orders them.

use super::Profile;
use super::class::Kind;
use super::decision::Decision;
use super::histogram::Histogram;
use super::ledger::{self, Ledger};
use parking_lot::Mutex;
use sortie_scheduler::crossing::{Back, Errno};
use std::cell::{Cell, UnsafeCell};
use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Row {
    pub(super) profile: &'static Profile,
    pub(super) calls: AtomicU64,
    /// The call by this number is timed.
    due: AtomicU64,
    /// Calls that times were written down for, their own or another's.
    accounted: AtomicU64,
    pub(super) times: Histogram,
    pub(super) timed: AtomicU64,
    pub(super) total_ns: AtomicU64,
    pub(super) longest_ns: AtomicU64,
    pub(super) blocked: AtomicU64,
    pub(super) burned: AtomicU64,
    pub(super) retakes: AtomicU64,
    pub(super) hand_offs: AtomicU64,
    pub(super) offloads: AtomicU64,
    pub(super) callbacks: AtomicU64,
}

/// How a call that is under way is to be written down.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    profile: &'static Profile,
    clock: Clock,
    /// When it began; `None` if it is not timed, or has not begun.
    start: Option<Start>,
    /// What was said of the page's call before.
    outer: u64,
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    None,
    Wall,
    /// Also what the thread has used, for so many calls.
    Usage {
        stands_for: u8,
    },
}

impl Clock {
    fn stands_for(self) -> u8 {
        match self {
            Clock::Usage { stands_for } => stands_for,
            Clock::None | Clock::Wall => 0,
        }
    }
}

#[derive(Clone, Copy)]
struct Start {
    wall: Instant,
    /// For targets that may be long.
    usage: Option<Usage>,
}

/// What the thread has used so far.
#[derive(Clone, Copy)]
struct Usage {
    processor: Duration,
    /// How often it went to sleep by itself.
    sleeps: i64,
}

impl Usage {
    /// A system call of 0.3 us.
    fn now() -> Option<Usage> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the place is borrowed for the call, which writes to it.
        let answer = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
        // SAFETY: zeroes are a value, and so is what the kernel has written.
        let usage = unsafe { usage.assume_init() };
        let duration = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
        };
        let processor = duration(usage.ru_utime) + duration(usage.ru_stime);
        (answer == 0).then_some(Usage { processor, sleeps: usage.ru_nvcsw })
    }

    /// How a call that took so long, and ends now, has spent its time: a thread that was kept from a
    /// processor has neither computed nor waited.
    fn since(self, took: Duration) -> Kind {
        match Usage::now() {
            Some(now) if 2 * now.processor.saturating_sub(self.processor) > took => Kind::Burned,
            Some(now) if now.sleeps > self.sleeps => Kind::Blocked,
            _ => Kind::Timed,
        }
    }
}

/// From here on it is worth knowing how a call has spent its time.
const LONG: Duration = Duration::from_micros(20);

impl Timing {
    /// Counts a call that is about to begin on this page's carrier; it is timed if its target's calls
    /// all are, or if it is due.
    pub(crate) fn begin(page: &Page, profile: &'static Profile, decision: Decision) -> Timing {
        let due = page.row(profile).count();
        let clock = match (decision.is_timed(), due) {
            (true, _) => page.clock(decision),
            (false, true) => Clock::Wall,
            (false, false) => Clock::None,
        };
        Timing::with_clock(page, profile, clock)
    }

    /// As [`Timing::begin`], for a call that another thread makes: nobody else sees how long it takes.
    pub(crate) fn begin_offloaded(
        page: &Page,
        profile: &'static Profile,
        decision: Decision,
    ) -> Timing {
        page.row(profile).count();
        Timing::with_clock(page, profile, page.clock(decision))
    }

    fn with_clock(page: &Page, profile: &'static Profile, clock: Clock) -> Timing {
        let is_timed = clock != Clock::None;
        let since = is_timed.then(|| ledger::with(Ledger::now)).flatten().unwrap_or(0);
        Timing { profile, clock, start: None, outer: page.set_since(since) }
    }

    /// The native function is called next: looks at the clock if the call is timed. After the way out,
    /// which is no part of the call: who gives its worker away may be put off by whoever gets it. Keeps
    /// `errno`.
    pub(crate) fn start(&mut self) {
        if self.clock != Clock::None {
            let usage = (self.clock.stands_for() > 0).then(Usage::now).flatten();
            self.start = Some(Start { wall: Instant::now(), usage });
        }
    }

    /// The call is not made.
    #[cold]
    pub(crate) fn abandon(&self) {
        if let Some(page) = ledger::page() {
            page.set_since(self.outer);
            page.row(self.profile).uncount();
        }
    }

    /// The call has returned, and its task is still on the same carrier: what is known of it.
    ///
    /// `called_back`: how long managed code ran in between.
    pub(crate) fn end(self, called_back: Duration) -> Ended {
        if let Some(page) = ledger::page() {
            page.set_since(self.outer);
        }
        let took = self.start.map(|start| start.wall.elapsed().saturating_sub(called_back));
        let kind = match (took, self.start.and_then(|start| start.usage)) {
            // With callbacks in between the thread's figures are not the call's.
            (Some(took), Some(before)) if took >= LONG && called_back.is_zero() => {
                before.since(took)
            }
            _ => Kind::Timed,
        };
        Ended { profile: self.profile, took, kind, stands_for: self.clock.stands_for() }
    }
}

/// A call that has returned.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    profile: &'static Profile,
    took: Option<Duration>,
    kind: Kind,
    /// So many calls are taken to be of that kind.
    stands_for: u8,
}

impl Ended {
    /// A call that nobody timed.
    pub(crate) fn untimed(profile: &'static Profile) -> Ended {
        Ended { profile, took: None, kind: Kind::Timed, stands_for: 0 }
    }

    /// Writes a call down that another thread has made for its task.
    pub(crate) fn record_offloaded(self) {
        if let Some(page) = ledger::page() {
            add(&page.row(self.profile).offloads, 1);
        }
        self.record(Back::Kept);
    }

    /// Writes the call down, on whatever carrier its task is now, and learns from it.
    #[inline]
    pub(crate) fn record(self, back: Back) {
        if self.took.is_none() && back == Back::Kept {
            return;
        }
        self.write(back);
    }

    #[cold]
    #[inline(never)]
    fn write(self, back: Back) {
        let errno = Errno::save();
        if let Some(page) = ledger::page() {
            let row = page.row(self.profile);
            match (self.took, back) {
                (Some(took), back) => row.record(took, back, page),
                // The monitor has learned from it already.
                (None, Back::Retaken { seen }) => row.write(seen, 1, back),
                (None, _) => {}
            }
            match self.kind {
                Kind::Timed => {}
                Kind::Blocked => add(&row.blocked, self.stands_for.into()),
                Kind::Burned => add(&row.burned, self.stands_for.into()),
            }
        }
        if let Some(took) = self.took {
            let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.profile.observe(ns, self.kind, self.stands_for);
        }
        errno.restore();
    }
}

impl Row {
    fn new(profile: &'static Profile) -> Row {
        let zero = || AtomicU64::new(0);
        Row {
            profile,
            calls: zero(),
            due: AtomicU64::new(1),
            accounted: zero(),
            times: Histogram::default(),
            timed: zero(),
            total_ns: zero(),
            longest_ns: zero(),
            blocked: zero(),
            burned: zero(),
            retakes: zero(),
            hand_offs: zero(),
            offloads: zero(),
            callbacks: zero(),
        }
    }

    /// Counts a call that is not to be timed; false, and nothing was done, if it is.
    #[inline(always)]
    pub(crate) fn count_untimed(&self) -> bool {
        let next = get(&self.calls) + 1;
        if next >= get(&self.due) {
            return false;
        }
        // ORDERING: Relaxed, as in `add`.
        self.calls.store(next, Ordering::Relaxed);
        true
    }

    #[inline(always)]
    pub(crate) fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// Counts a call. True: it is due to be timed.
    fn count(&self) -> bool {
        let next = get(&self.calls) + 1;
        // ORDERING: Relaxed, as in `add`.
        self.calls.store(next, Ordering::Relaxed);
        next >= get(&self.due)
    }

    /// A call that was counted is not made.
    fn uncount(&self) {
        // ORDERING: Relaxed, as in `add`.
        self.calls.store(get(&self.calls).saturating_sub(1), Ordering::Relaxed);
    }

    /// Writes down how long a call took that was timed.
    fn record(&self, took: Duration, back: Back, page: &Page) {
        let calls = get(&self.calls);
        // ORDERING: Relaxed, as in `add`.
        self.due.store(calls + page.interval(calls), Ordering::Relaxed);
        let since = calls.saturating_sub(get(&self.accounted)).max(1);
        let weight = match back {
            Back::Kept => u32::try_from(since).unwrap_or(u32::MAX),
            // It is no example for the others.
            _ => 1,
        };
        self.write(took, weight, back);
    }

    fn write(&self, took: Duration, weight: u32, back: Back) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        add(&self.accounted, u64::from(weight));
        add(&self.timed, 1);
        self.times.add(ns, weight);
        add(&self.total_ns, ns.saturating_mul(u64::from(weight)));
        if get(&self.longest_ns) < ns {
            // ORDERING: Relaxed, as in `add`.
            self.longest_ns.store(ns, Ordering::Relaxed);
        }
        self.count_back(back);
    }

    /// Writes a callback down, and what became of the worker on the way to it.
    pub(crate) fn record_callback(&self, back: Back) {
        self.count_callback();
        self.count_back(back);
    }

    /// Writes a callback down that found its worker.
    #[inline(always)]
    pub(crate) fn count_callback(&self) {
        // ORDERING: Relaxed, as in `add`.
        self.callbacks.store(get(&self.callbacks).wrapping_add(1), Ordering::Relaxed);
    }

    pub(crate) fn count_back(&self, back: Back) {
        match back {
            // An offloaded call is counted when it has ended.
            Back::Kept | Back::Offloaded => {}
            Back::HandedOver => add(&self.hand_offs, 1),
            Back::Retaken { .. } => add(&self.retakes, 1),
        }
    }
}

/// By the one writer, or as a look.
#[inline(always)]
pub(super) fn get(word: &AtomicU64) -> u64 {
    // ORDERING: Relaxed, as in `add`.
    word.load(Ordering::Relaxed)
}

/// By the one writer.
#[inline]
fn add(word: &AtomicU64, more: u64) {
    // ORDERING: Relaxed, a count stands for itself, and has one writer (ledger.writer).
    word.store(word.load(Ordering::Relaxed).saturating_add(more), Ordering::Relaxed);
}

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
    fn clock(&self, decision: Decision) -> Clock {
        if decision.is_timed() && !decision.is_handed_over() {
            Clock::Usage { stands_for: 1 }
        } else if self.random().is_multiple_of(8) {
            Clock::Usage { stands_for: 8 }
        } else {
            Clock::Wall
        }
    }

    /// How many calls are to pass before the next is timed: 32 to 95, or a multiple.
    fn interval(&self, calls: u64) -> u64 {
        let random = self.random();
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

    /// The row of this profile. On the carrier's own thread. Keeps `errno` if the row is near.
    #[inline]
    pub(crate) fn row(&self, profile: &'static Profile) -> &Row {
        self.near(profile).unwrap_or_else(|| self.find(profile))
    }

    #[cold]
    fn find(&self, profile: &'static Profile) -> &Row {
        // SAFETY: the carrier's own thread, and nothing below comes back here (ledger.writer).
        let index = unsafe { &mut *self.index.get() };
        let row = index.entry(profile).or_insert_with(|| {
            let row = Arc::new(Row::new(profile));
            self.rows.lock().push(row.clone());
            row
        });
        let row = Arc::as_ptr(row);
        self.near[Self::place(profile)].set((profile, row));
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
        let row = self.find(Profile::at(address));
        near.set((address, row));
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
