//! The crossing under fire: threads that do nothing but leave and come back, and takers that do nothing
//! but take, on the real words, cells and fences. A worker must have one owner at any time, and none is
//! lost.
//!
//! `SORTIE_SOAK=1` runs the long forms, in release.

mod book;
mod field;
mod owner;

use self::field::{Field, Look};
use self::owner::Owner;
use super::fence;
use super::word::Native;
use crate::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn short_or_soak(short: u64, soak: u64) -> u64 {
    let is_soak = std::env::var_os("SORTIE_SOAK").is_some_and(|value| value != "0");
    if is_soak { soak } else { short }
}

/// Without membarrier nobody leaves in mode A. A slow one will do here.
fn has_mode_a() -> bool {
    fence::register();
    let has = fence::heavy_half();
    if !has {
        println!("  no membarrier here, so no mode A");
    }
    has
}

#[test]
fn mode_a_against_one_taker() {
    if has_mode_a() {
        let calls = short_or_soak(1_000_000, 500_000_000);
        Field::new(2).run("mode A", 1, Look::Always, calls, |owner| {
            let left = owner.leave(Native::Asymmetric);
            owner.native(1 << 10);
            owner.come_back_from(left);
        });
    }
}

#[test]
fn mode_c_against_four_takers() {
    let calls = short_or_soak(100_000, 50_000_000);
    Field::new(2).run("mode C", 4, Look::Always, calls, |owner| {
        let _ = owner.leave(Native::Compare);
        owner.native(1 << 6);
        owner.come_back();
    });
}

/// Both modes, hand-offs and kept workers, callbacks that leave anew in another way, and calls that are looked at.
#[test]
fn any_way_out_against_two_takers() {
    let has_mode_a = has_mode_a();
    let leave = move |owner: &mut Owner| {
        match owner.random() % 4 {
            0 if has_mode_a => return Some(owner.leave(Native::Asymmetric)),
            0 | 1 => owner.leave(Native::Compare),
            2 => owner.leave(Native::Kept),
            _ => {
                owner.hand_over();
                return None;
            }
        };
        None
    };
    let calls = short_or_soak(100_000, 50_000_000);
    Field::new(2).run("any way out", 2, Look::Always, calls, |owner| {
        let left = leave(owner);
        owner.native(1 << 6);
        if owner.random().is_multiple_of(8) {
            owner.touch();
            owner.native(1 << 6);
        }
        if owner.random().is_multiple_of(8) {
            owner.come_back();
            owner.work();
            leave(owner);
            owner.native(1 << 6);
        }
        match left {
            Some(left) => owner.come_back_from(left),
            None => owner.come_back(),
        }
    });
}

/// Each call ends when its taker decides, within a microsecond: a call that was kept makes the next a
/// little longer, one that was taken makes it shorter.
#[test]
fn the_return_meets_the_taker() {
    if !has_mode_a() {
        return;
    }
    const JITTER: u64 = 2_000;
    let calls = short_or_soak(20_000, 1_000_000);
    let nanoseconds = AtomicUsize::new(2_000);
    Field::new(1).run("return at the take", 1, Look::OncePerCall, calls, |owner| {
        // ORDERING: Relaxed, of this thread only.
        let length = nanoseconds.load(Ordering::Relaxed);
        let jitter = (owner.random() % JITTER) as usize;
        let wait =
            Duration::from_nanos((length + jitter).saturating_sub(JITTER as usize / 2) as u64);
        let left = owner.leave(Native::Asymmetric);
        let start = Instant::now();
        while start.elapsed() < wait {}
        owner.busy = 64;
        let taken = owner.tally.taken;
        owner.come_back_from(left);
        let step = length / 64 + 1;
        let next = if owner.tally.taken == taken { length + step } else { length - step };
        // ORDERING: Relaxed, as above.
        nanoseconds.store(next.clamp(100, 50_000), Ordering::Relaxed);
    });
}
