//! What the monitor may spend: its own processor time.
//!
//! Each of its turns is charged with what the thread has really used, workers that were taken and threads that were woken
//! included, and time that passes earns a share of itself. What is not spent is saved, up to a limit: so some calls in a
//! row are noticed at once after a quiet time, and in the long run the monitor takes no more than its share however often
//! work comes and goes.
//!
//! Must not: be asked for more than one look at the clock a turn.

use super::NAP;
use crate::vitals::own_processor_time;
use std::time::{Duration, Instant};

/// Of the time that passes, one in so many is earned: 0.4 % of a core.
const SHARE: u32 = 250;
/// What is saved at most.
const FULL: i64 = 600_000;
/// What a turn is taken for if the kernel does not tell: a look, and a worker that is taken.
const TURN: u64 = 25_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Purse {
    /// In nanoseconds of processor time. Below nothing: it was spent before it was earned.
    balance: i64,
    /// Until when time has earned, and what the thread had used then.
    at: Instant,
    used: u64,
}

impl Purse {
    /// A full one.
    pub(super) fn new(now: Instant) -> Purse {
        Purse { balance: FULL, at: now, used: own_processor_time().unwrap_or(0) }
    }

    /// A turn that began at `now` is paid.
    pub(super) fn settle(&mut self, now: Instant) {
        let used = own_processor_time().unwrap_or(self.used + TURN);
        self.turn(now, used);
    }

    fn turn(&mut self, now: Instant, used: u64) {
        let earned = now.saturating_duration_since(self.at) / SHARE;
        let cost = used.saturating_sub(self.used);
        (self.at, self.used) = (now, used);
        // A wait of days is worth no more than a full purse.
        let earned = i64::try_from(earned.as_nanos()).unwrap_or(FULL);
        let cost = i64::try_from(cost).unwrap_or(i64::MAX);
        self.balance = self.balance.saturating_add(earned).min(FULL).saturating_sub(cost);
    }

    /// Is anything left?
    pub(super) fn is_solvent(&self) -> bool {
        self.balance > 0
    }

    /// May the monitor look again at once? What comes in while it looks now and then is not enough for that.
    pub(super) fn is_rich(&self) -> bool {
        self.balance > FULL / 4
    }

    /// May more be spent than is there, because somebody has called?
    pub(super) fn may_borrow(&self) -> bool {
        self.balance > -FULL
    }

    /// How long it sleeps where there is no hurry: until what it owes is earned, and not longer than `longest`.
    pub(super) fn nap(&self, longest: Duration) -> Duration {
        let owed = Duration::from_nanos(self.balance.min(0).unsigned_abs());
        (owed.saturating_mul(SHARE)).clamp(NAP, longest)
    }
}

#[cfg(test)]
mod tests {
    use super::{FULL, Purse, SHARE};
    use crate::monitor::{LONGEST_NAP, NAP};
    use std::time::{Duration, Instant};

    fn full(at: Instant) -> Purse {
        Purse { balance: FULL, at, used: 0 }
    }

    #[test]
    fn what_is_saved_is_spent_and_then_earned() {
        let mut at = Instant::now();
        let mut purse = full(at);
        purse.turn(at, FULL as u64 - 1);
        assert!(purse.is_solvent());
        assert_eq!(purse.nap(LONGEST_NAP), NAP);
        purse.turn(at, FULL as u64);
        assert!(!purse.is_solvent());
        at += Duration::from_micros(1);
        purse.turn(at, FULL as u64);
        assert!(purse.is_solvent());
        // Days are worth no more than what may be saved.
        at += Duration::from_secs(172_800);
        purse.turn(at, FULL as u64);
        assert_eq!(purse.balance, FULL);
    }

    #[test]
    fn what_is_owed_is_slept_off() {
        let at = Instant::now();
        let mut purse = full(at);
        let used = FULL as u64 + 20_000;
        purse.turn(at, used);
        assert_eq!(purse.nap(LONGEST_NAP), SHARE * Duration::from_micros(20));
        purse.turn(at, 2 * used);
        assert_eq!(purse.nap(LONGEST_NAP), LONGEST_NAP);
        // Not for ever, though a turn may cost more than is earned meanwhile.
        purse.turn(at + LONGEST_NAP, u64::MAX);
        assert_eq!(purse.nap(LONGEST_NAP), LONGEST_NAP);
    }

    #[test]
    fn turns_take_their_share_in_the_long_run() {
        let start = Instant::now();
        let (mut at, mut used) = (start, 0);
        let mut purse = full(at);
        while at < start + Duration::from_secs(10) {
            used += 30_000;
            purse.turn(at, used);
            at +=
                if purse.is_solvent() { Duration::from_micros(20) } else { purse.nap(LONGEST_NAP) };
        }
        let earned = ((at - start) / SHARE).as_nanos() as u64;
        assert!(used <= earned + FULL as u64 + 30_000, "{used} of {earned}");
        assert!(used >= earned, "{used} of {earned}");
    }
}
