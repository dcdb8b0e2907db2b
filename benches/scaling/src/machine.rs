//! What the elementary steps cost: measured where this machine can tell.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Costs in ns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// To look at a line that is in the core's own cache.
    pub(crate) look: u64,
    /// A locked instruction on a line that the core has to itself.
    pub(crate) own: u64,
    /// To get a line that another core has.
    pub(crate) transfer: u64,
    /// What a lock is held for, beside the line's way.
    pub(crate) hold: u64,
    /// To wake a thread, for who does it.
    pub(crate) wake: u64,
    /// Until that thread runs, from the same moment.
    pub(crate) until_awake: u64,
}

impl Costs {
    /// Measures what two cores can tell: about a second.
    pub(crate) fn measure() -> Costs {
        let (wake, until_awake) = wake();
        Costs { look: 1, own: own(), transfer: transfer(), hold: hold(), wake, until_awake }
    }
}

/// The least of some runs, which others disturbed least.
fn least(mut run: impl FnMut() -> u64) -> u64 {
    (0..5).map(|_| run()).min().unwrap_or(0)
}

fn own() -> u64 {
    const TIMES: u64 = 1_000_000;
    let word = AtomicU64::new(0);
    least(|| {
        let start = Instant::now();
        for _ in 0..TIMES {
            // ORDERING: the price of a locked instruction is asked, which no ordering changes here.
            black_box(word.fetch_add(1, Ordering::SeqCst));
        }
        nanos(start.elapsed()) / TIMES
    })
}

fn hold() -> u64 {
    const TIMES: u64 = 1_000_000;
    let lock = Mutex::new(Vec::with_capacity(4));
    least(|| {
        let start = Instant::now();
        for n in 0..TIMES {
            let mut list = lock.lock().unwrap_or_else(|it| it.into_inner());
            list.push(n);
            black_box(list.pop());
        }
        nanos(start.elapsed()) / TIMES
    })
}

/// Two threads on two cores pass a line back and forth.
fn transfer() -> u64 {
    const TURNS: u64 = 200_000;
    let turn = AtomicU64::new(0);
    let both = Barrier::new(2);
    let play = |core: u64| {
        pin(core as usize);
        both.wait();
        let start = Instant::now();
        for n in 0..TURNS {
            // ORDERING(turn): Acquire and Release, of one thread's turn with the other's.
            while turn.load(Ordering::Acquire) != 2 * n + core {
                std::hint::spin_loop();
            }
            turn.store(2 * n + core + 1, Ordering::Release);
        }
        nanos(start.elapsed()) / (2 * TURNS)
    };
    least(|| {
        // ORDERING: no other thread is there.
        turn.store(0, Ordering::Relaxed);
        thread::scope(|scope| {
            let other = scope.spawn(|| play(1));
            scope.spawn(|| play(0)).join().unwrap_or(0).max(other.join().unwrap_or(0))
        })
    })
}

/// To wake a thread that is parked, and until it runs: medians.
fn wake() -> (u64, u64) {
    const TIMES: usize = 500;
    let (asleep, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let woken_at = AtomicU64::new(0);
    let zero = Instant::now();
    let mut calls = Vec::new();
    let mut waits = Vec::new();
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            pin(1);
            // ORDERING(asleep): Acquire and Release, between the sleeper and who wakes it.
            while !stop.load(Ordering::Acquire) {
                asleep.store(true, Ordering::Release);
                thread::park();
                woken_at.store(nanos(zero.elapsed()), Ordering::Release);
            }
        });
        pin(0);
        for _ in 0..TIMES {
            // ORDERING(asleep): as above.
            while !asleep.swap(false, Ordering::AcqRel) {
                thread::yield_now();
            }
            // It says so just before it sleeps.
            let pause = Instant::now();
            while pause.elapsed() < Duration::from_micros(50) {
                std::hint::spin_loop();
            }
            woken_at.store(0, Ordering::Release);
            let start = nanos(zero.elapsed());
            sleeper.thread().unpark();
            calls.push(nanos(zero.elapsed()) - start);
            let runs = loop {
                match woken_at.load(Ordering::Acquire) {
                    0 => std::hint::spin_loop(),
                    at => break at,
                }
            };
            waits.push(runs.saturating_sub(start));
        }
        stop.store(true, Ordering::Release);
        sleeper.thread().unpark();
    });
    (median(calls), median(waits))
}

/// What one barrier in all threads of the process costs who asks for it, with another thread at work; `None`
/// where the kernel has none.
pub(crate) fn membarrier() -> Option<u64> {
    const TIMES: u64 = 2_000;
    let call = |command: libc::c_int| {
        // SAFETY: the call has no pointers, and changes nothing but how the process's threads are ordered.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    };
    if !call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
        return None;
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(1);
            // ORDERING: a word to stop, which publishes nothing.
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        pin(0);
        thread::sleep(Duration::from_millis(5));
        let each = least(|| {
            let start = Instant::now();
            (0..TIMES).for_each(|_| {
                call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
            });
            nanos(start.elapsed()) / TIMES
        });
        // ORDERING: as above.
        stop.store(true, Ordering::Relaxed);
        Some(each)
    })
}

/// Keeps the thread on a processor, if there is one of that number.
fn pin(core: usize) {
    // SAFETY: a set of processors is plain bits, and all zero is the empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is far below what a set holds.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the set lives across the call. A refusal leaves the thread where it is.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn median(mut figures: Vec<u64>) -> u64 {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or(0)
}
