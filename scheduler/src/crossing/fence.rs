//! The asymmetric fence: a free light side for the many, a heavy side for the few.
//!
//! [`light`] and [`heavy`] order a store before a load as two `fence(SeqCst)` do: if one thread
//! stores X, calls `light`, loads Y, and another stores Y, calls `heavy`, loads X, at least one of
//! them sees the other's store. `heavy` asks the kernel (`membarrier(PRIVATE_EXPEDITED)`) to run a
//! full fence on every thread of the process, so `light` needs to hold the compiler back only.
//!
//! Where the kernel has no membarrier, `light` and `heavy` are full fences, and nobody leaves in
//! mode A, whose return has [`light_half`] alone. The same once membarrier proves *slow*: a filter
//! or a hypervisor may make a call of a microsecond one of milliseconds. A watchdog notices, and it
//! is never trusted again; calls that are under way in mode A can still be asked by it.
//!
//! Reference: membarrier(2). Registering costs 0.6 us in a process with one thread and
//! milliseconds once threads run, so [`register`] is called by the builder, before the first one.

use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::OnceLock;
use std::sync::atomic::compiler_fence;
use std::time::{Duration, Instant};

const UNKNOWN: u32 = 0;
/// There is a membarrier, and it is quick.
const QUICK: u32 = 1;
/// There is one, and it has just proved slow.
const SLOWING: u32 = 2;
/// There is one, and it is slow. Each light side that took it for quick has met one since.
const SLOW: u32 = 3;
/// The kernel has refused one, and [`GRACE`] is not over.
const FAILING: u32 = 4;
/// There is none.
const MISSING: u32 = 5;

/// How the process fences, for ever after the first [`register`]; it only goes up.
static MEANS: AtomicU32 = AtomicU32::new(UNKNOWN);

/// Of the last calls of membarrier, which were slow: a bit each.
static SLOW_ONES: AtomicU32 = AtomicU32::new(0);

/// A membarrier takes 1 to 5 us.
const LIMIT: Duration = Duration::from_micros(50);
/// Who has read [`QUICK`] before a refusal may have a store on its way that no fence has sent off. It has arrived by then:
/// that takes nanoseconds, and whoever is driven off the processor meanwhile is fenced by the kernel.
const GRACE: Duration = Duration::from_millis(1);
/// How many of the last 16 must be slow.
const TOO_MANY: u32 = 8;

/// Mode A has ended, and nobody has said so yet.
static UNTOLD: AtomicBool = AtomicBool::new(false);

/// Told when mode A ends.
static ON_LOSS: OnceLock<fn()> = OnceLock::new();

/// Names the environment variable that takes mode A away: `missing` or `slow`. It is read once.
const VARIABLE: &str = "SORTIE_MEMBARRIER";

/// Registers the process once. True if mode A may be used.
pub fn register() -> bool {
    // ORDERING: Relaxed, the word stands for itself: threads that read it were started later, or
    // run `register` themselves.
    if MEANS.load(Ordering::Relaxed) == UNKNOWN {
        // SAFETY: membarrier with a registration command touches no memory of ours.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_membarrier,
                libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                0,
                0,
            )
        };
        let means = if answer == 0 { wanted() } else { MISSING };
        // ORDERING: Relaxed, as above; two first registrations get the same answer.
        MEANS.fetch_max(means, Ordering::Relaxed);
        if means != QUICK {
            tracing::info!(
                target: "sortie::crossing",
                membarrier = if means == SLOW { "slow" } else { "missing" },
                "no membarrier to rely on: native calls are announced by compare-and-exchange"
            );
        }
    }
    is_asymmetric()
}

/// What the environment makes of a membarrier that is there.
fn wanted() -> u32 {
    match std::env::var_os(VARIABLE) {
        None => QUICK,
        Some(value) if value.is_empty() => QUICK,
        Some(value) if value == "slow" => SLOW,
        Some(value) if value == "missing" => MISSING,
        Some(value) => {
            tracing::warn!(
                target: "sortie::crossing",
                found = ?value,
                "{VARIABLE} changes nothing, as its value is not known: use `missing` or `slow`, or leave it out"
            );
            QUICK
        }
    }
}

/// Says who is to be told when mode A may not be used any more. The first answer counts.
pub fn on_loss(told: fn()) {
    let _ = ON_LOSS.set(told);
}

/// May a task leave in mode A? No again once it was no.
#[inline]
pub fn is_asymmetric() -> bool {
    // ORDERING: Relaxed, see `register`.
    MEANS.load(Ordering::Relaxed) == QUICK
}

/// The side of those who cross often.
#[inline]
pub(crate) fn light() {
    if is_asymmetric() {
        light_half();
    } else {
        // ORDERING(asymmetric): SeqCst, pairs with `heavy`.
        fence(Ordering::SeqCst);
    }
}

/// The light side of those who have asked [`is_asymmetric`] before, however long ago. Should membarrier be lost in
/// between, [`heavy_half`], which alone may rely on this one, says so: each of its answers is a membarrier's own. Not
/// [`heavy`], which is a mere fence from then on.
#[inline]
pub(crate) fn light_half() {
    // ORDERING(asymmetric): a fence for the compiler, pairs with `heavy`.
    compiler_fence(Ordering::SeqCst);
}

/// The side of those who ask rarely, against [`light`]. May change `errno`.
///
/// False: membarrier was lost just now (a seccomp filter may be put over the process later). From
/// then on the light side is a full fence too, but those that ran before may have been missed: the
/// caller must not rely on this one. It has waited for a [`GRACE`], so that the next one may be relied on.
#[must_use]
pub(crate) fn heavy() -> bool {
    // ORDERING: Relaxed, see `register`.
    let fences = MEANS.load(Ordering::Relaxed) == MISSING;
    // ORDERING(asymmetric): SeqCst, pairs with `light`.
    fence(Ordering::SeqCst);
    fences || barrier()
}

/// [`heavy`] against nothing but [`light`], for those who ask more often: they wait for no membarrier that is slow.
#[must_use]
pub(crate) fn heavy_to_light() -> bool {
    // ORDERING: Relaxed, see `register`.
    if MEANS.load(Ordering::Relaxed) == SLOW {
        // ORDERING(asymmetric): SeqCst, pairs with `light`, which is a full fence by now.
        fence(Ordering::SeqCst);
        return true;
    }
    heavy()
}

/// The side of those who ask rarely, against [`light_half`]. May change `errno`. False: there is no
/// membarrier, and nothing is ordered.
#[must_use]
pub(crate) fn heavy_half() -> bool {
    // ORDERING: Relaxed, see `register`.
    if MEANS.load(Ordering::Relaxed) == MISSING {
        return false;
    }
    // ORDERING(asymmetric): SeqCst, what the caller stored comes before the barrier; pairs with
    // `light_half`.
    fence(Ordering::SeqCst);
    barrier()
}

/// A full fence on every thread of the process; false if the kernel refuses.
fn barrier() -> bool {
    let start = Instant::now();
    let interruptions = interruptions();
    if !call() {
        lose(FAILING);
        std::thread::sleep(GRACE);
        // ORDERING: Relaxed, behind the grace; see `register`.
        MEANS.fetch_max(MISSING, Ordering::Relaxed);
        return false;
    }
    if is_asymmetric() {
        let took = start.elapsed();
        // A thread that was kept from its processor meanwhile says nothing of membarrier.
        watch(took > LIMIT && self::interruptions() == interruptions);
    }
    true
}

/// False: the kernel refuses.
fn call() -> bool {
    // SAFETY: membarrier touches no memory of ours.
    let answer = unsafe {
        libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)
    };
    answer == 0
}

/// How often this thread was made to wait for a processor.
fn interruptions() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the place is borrowed for the call, which writes to it.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    // SAFETY: zeroes are a value, and so is what the kernel has written.
    unsafe { usage.assume_init() }.ru_nivcsw
}

/// The watchdog.
fn watch(was_slow: bool) {
    let slow = u32::from(was_slow);
    // ORDERING: Relaxed, a guess; an update that is lost to another monitor's is made up for.
    let ones = (SLOW_ONES.load(Ordering::Relaxed) << 1 | slow) & 0xFFFF;
    // ORDERING: Relaxed, as above.
    SLOW_ONES.store(ones, Ordering::Relaxed);
    if ones.count_ones() >= TOO_MANY {
        lose(SLOWING);
        if call() {
            // ORDERING: Relaxed, behind the barrier; see `register`.
            MEANS.fetch_max(SLOW, Ordering::Relaxed);
        }
    }
}

#[cold]
fn lose(means: u32) {
    // ORDERING: Relaxed, see `register`.
    if MEANS.fetch_max(means, Ordering::Relaxed) < means {
        // ORDERING: Relaxed, as above.
        UNTOLD.store(true, Ordering::Relaxed);
    }
}

/// Says so if mode A has ended: for the monitor, which comes by often. Who runs into it may hold a lock.
pub(crate) fn tell_loss() {
    // ORDERING: Relaxed, see `register`.
    if !UNTOLD.load(Ordering::Relaxed) || !UNTOLD.swap(false, Ordering::Relaxed) {
        return;
    }
    if let Some(told) = ON_LOSS.get() {
        told();
    }
    // ORDERING: Relaxed, see `register`.
    let why = if MEANS.load(Ordering::Relaxed) <= SLOW { "is slow" } else { "fails" };
    tracing::warn!(
        target: "sortie::crossing",
        "membarrier {why}: native calls are announced by compare-and-exchange from here on"
    );
}
