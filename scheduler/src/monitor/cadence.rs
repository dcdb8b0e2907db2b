//! When the monitor looks again.
//!
//! Looking costs processor time that belongs to others, so looks are paid for. The monitor has a purse of credits
//! ([`Purse`]); a look after 20 us costs one, so does a gate that is left so that others may end the sleep, and a pause of
//! 2.5 ms, whatever it is for, earns one. To take a worker back costs more, and is not paid for: what blocks once is
//! mostly handed over the next time.
//!
//! | situation | next look |
//! |---|---|
//! | a call has begun, or lasts, and work waits behind it | 20 us later for a credit, else when one is earned |
//! | work waits, or a call for a thread to make it, and nobody is in native code | 2.5 ms later: a leaver kicks earlier |
//! | a task keeps others that are pinned to its carrier | 2.5 ms later, or 5 where the workers get on briskly: who queues work behind a native call kicks earlier |
//! | work waits, and the workers get on [briskly](super::pace) | 5 ms later: who leaves for a function that is not known to be short kicks earlier |
//! | so they do, but one has kicked lately | 2.5 ms later |
//! | no work waits | 2.5 ms later, twice: who queues work behind a native call kicks earlier |
//! | still none | none: the gate is closed |
//!
//! Where the workers get on briskly a call that is met at the end of a sleep is mostly over at once, so no second look
//! follows by itself. One that blocks nevertheless is met again at the end of the next sleep, or takes its thread to sleep before.
//!
//! Without a credit nobody is asked to kick, either.
//!
//! Timers end a sleep only where others have left them, so they may wait a little longer for the monitor after 64 looks at
//! which none was left, and nobody has asked it to come sooner.
//!
//! Must not: look at anything, or sleep.

use std::time::Duration;

pub(super) const FAST: Duration = Duration::from_micros(20);
pub(super) const NAP: Duration = Duration::from_micros(2500);
/// Half of what a short function may keep others waiting which turns long.
const DOZE: Duration = Duration::from_millis(5);
const QUIET_NAPS: u32 = 2;
/// For so many naps nobody is asked to kick again that leaves for a function which is not short.
const WARY: u32 = 40;

/// For so many looks timers do not wait any longer, after one that they needed.
const PUNCTUAL: u32 = 64;

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A call that another look soon would tell more of, and work waits.
    Native,
    /// Work waits, and nobody is in such a call.
    Waiting,
    /// The same, and the workers get on briskly.
    Brisk,
    /// No work waits, but a task keeps others that are pinned to its carrier.
    Pinned,
    /// The same, and the workers get on briskly.
    PinnedBrisk,
    /// No work waits.
    Quiet,
}

/// How the monitor is to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    /// Nobody is asked to end it.
    Through(Duration),
    /// With the gate ajar.
    Ajar(Duration),
    /// With the gate on the latch.
    Latched(Duration),
    /// With the gate closed for this time.
    Briefly(Duration),
    /// The same, but to those of whose tasks it is known that they keep others.
    Knowing(Duration),
    /// Until somebody ends it.
    Closed,
}

/// See the module.
pub(super) struct Cadence {
    purse: Purse,
    /// So many naps have followed each other in which no work waited.
    quiet: u32,
    /// For so many naps to come nobody is asked to kick who leaves for a function that is not short.
    wary: u32,
    /// For so many looks to come timers do not wait any longer.
    punctual: u32,
    last: Sleep,
    is_kicked: bool,
}

impl Cadence {
    pub(super) fn new() -> Cadence {
        Cadence {
            purse: Purse::new(),
            quiet: 0,
            wary: 0,
            punctual: PUNCTUAL,
            last: Sleep::Through(FAST),
            is_kicked: false,
        }
    }

    /// Does this look come at the end of a sleep that nobody has ended, and that was no short one? Then it comes at any
    /// moment of the calls that it meets.
    pub(super) fn is_by_chance(&self) -> bool {
        !self.is_kicked && self.last != Sleep::Through(FAST)
    }

    /// May timers wait longer for the next look? `are_left`: some were left to this one, or somebody wants it to come soon.
    pub(super) fn is_lax(&mut self, are_left: bool) -> bool {
        self.punctual = if are_left { PUNCTUAL } else { self.punctual.saturating_sub(1) };
        self.punctual == 0
    }

    /// How to sleep after a look that has found this.
    pub(super) fn after(&mut self, look: Look) -> Sleep {
        if look != Look::Quiet {
            self.quiet = 0;
        }
        self.last = match look {
            Look::Native => Sleep::Through(self.purse.pause()),
            // A sleep that a leaver may end, if there is a credit for the look that follows.
            Look::Waiting if self.purse.spend() => Sleep::Ajar(NAP),
            Look::Brisk if self.wary == 0 && self.purse.spend() => Sleep::Latched(DOZE),
            Look::Waiting | Look::Brisk => Sleep::Through(NAP),
            Look::Pinned if self.purse.spend() => Sleep::Knowing(NAP),
            Look::PinnedBrisk if self.purse.spend() => Sleep::Knowing(DOZE),
            Look::Pinned | Look::PinnedBrisk => Sleep::Through(NAP),
            Look::Quiet if self.quiet < QUIET_NAPS => {
                // Work that comes and goes would else open and close the gate all the time.
                self.quiet += 1;
                if self.purse.spend() { Sleep::Briefly(NAP) } else { Sleep::Through(NAP) }
            }
            Look::Quiet => Sleep::Closed,
        };
        self.last
    }

    /// The sleep is over, and the look before it: after so long, and because somebody has ended it or not.
    pub(super) fn woke(&mut self, passed: Duration, is_kicked: bool) {
        self.is_kicked = is_kicked;
        self.purse.earn(passed);
        if is_kicked {
            self.quiet = 0;
        }
        self.wary = match self.last {
            Sleep::Latched(_) if is_kicked => WARY,
            _ => self.wary.saturating_sub(u32::from(passed >= NAP / 2)),
        };
    }
}

/// What the monitor may spend: see the module.
struct Purse {
    credits: u32,
    /// Time that was not yet changed into credits.
    change: Duration,
}

impl Purse {
    const FULL: u32 = 40;

    fn new() -> Purse {
        Purse { credits: Self::FULL, change: Duration::ZERO }
    }

    fn spend(&mut self) -> bool {
        let can = self.credits > 0;
        self.credits -= u32::from(can);
        can
    }

    /// Until the next look at native calls. Without a credit that is when the next one is earned: a timer that has cut
    /// the last pause short begins no new one.
    fn pause(&mut self) -> Duration {
        if self.spend() { FAST } else { NAP.saturating_sub(self.change) }
    }

    fn earn(&mut self, passed: Duration) {
        self.change += passed;
        // A wait of days is worth no more than a full purse.
        self.change = self.change.min(NAP * Self::FULL);
        while self.change >= NAP {
            self.change -= NAP;
            self.credits = (self.credits + 1).min(Self::FULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cadence, DOZE, FAST, Look, NAP, PUNCTUAL, Purse, Sleep, WARY};
    use std::time::Duration;

    #[test]
    fn a_pause_that_a_timer_cuts_short_is_not_begun_again() {
        let mut purse = Purse::new();
        while purse.spend() {}
        assert_eq!(purse.pause(), NAP);
        let cut = Duration::from_millis(2);
        purse.earn(cut);
        assert_eq!(purse.pause(), NAP - cut);
        purse.earn(NAP - cut);
        assert_eq!(purse.pause(), FAST);
        assert_eq!(purse.pause(), NAP);
    }

    /// A cadence that has nothing left.
    fn poor() -> Cadence {
        let mut cadence = Cadence::new();
        while cadence.purse.spend() {}
        cadence
    }

    #[test]
    fn each_look_soon_and_each_kick_is_paid_for() {
        for (look, rich, poor_one) in [
            (Look::Native, Sleep::Through(FAST), Sleep::Through(NAP)),
            (Look::Waiting, Sleep::Ajar(NAP), Sleep::Through(NAP)),
            (Look::Brisk, Sleep::Latched(DOZE), Sleep::Through(NAP)),
            (Look::Pinned, Sleep::Knowing(NAP), Sleep::Through(NAP)),
            (Look::PinnedBrisk, Sleep::Knowing(DOZE), Sleep::Through(NAP)),
            (Look::Quiet, Sleep::Briefly(NAP), Sleep::Through(NAP)),
        ] {
            assert_eq!(Cadence::new().after(look), rich);
            assert_eq!(poor().after(look), poor_one);
            let mut cadence = Cadence::new();
            let paid = (0..100).filter(|_| cadence.after(look) == rich && look != Look::Quiet);
            let most = if look == Look::Quiet { 0 } else { Purse::FULL as usize };
            assert_eq!(paid.count(), most);
        }
    }

    #[test]
    fn the_gate_is_closed_after_two_quiet_naps_and_a_kick_begins_anew() {
        let mut cadence = Cadence::new();
        let nap = Sleep::Briefly(NAP);
        assert_eq!(
            [(); 4].map(|()| cadence.after(Look::Quiet)),
            [nap, nap, Sleep::Closed, Sleep::Closed]
        );
        cadence.woke(NAP, true);
        assert_eq!(cadence.after(Look::Quiet), nap);
        assert_eq!(cadence.after(Look::Waiting), Sleep::Ajar(NAP));
        assert_eq!([(); 3].map(|()| cadence.after(Look::Quiet)), [nap, nap, Sleep::Closed]);
    }

    #[test]
    fn who_was_kicked_in_a_long_sleep_has_no_other_for_a_while() {
        let mut cadence = Cadence::new();
        assert_eq!(cadence.after(Look::Brisk), Sleep::Latched(DOZE));
        cadence.woke(DOZE, false);
        assert_eq!(cadence.after(Look::Brisk), Sleep::Latched(DOZE));
        cadence.woke(FAST, true);
        for _ in 0..WARY {
            assert_eq!(cadence.after(Look::Native), Sleep::Through(FAST));
            cadence.woke(FAST, false);
            assert_eq!(cadence.after(Look::Brisk), Sleep::Through(NAP));
            cadence.woke(NAP, false);
        }
        assert_eq!(cadence.after(Look::Brisk), Sleep::Latched(DOZE));
    }

    #[test]
    fn only_a_look_that_nobody_asked_for_meets_calls_by_chance() {
        let mut cadence = Cadence::new();
        assert!(!cadence.is_by_chance());
        cadence.after(Look::Waiting);
        cadence.woke(NAP, false);
        assert!(cadence.is_by_chance());
        cadence.after(Look::Waiting);
        cadence.woke(FAST, true);
        assert!(!cadence.is_by_chance());
        assert_eq!(cadence.after(Look::Native), Sleep::Through(FAST));
        cadence.woke(FAST, false);
        assert!(!cadence.is_by_chance());
    }

    #[test]
    fn timers_wait_longer_once_none_was_left_for_long() {
        let mut cadence = Cadence::new();
        for _ in 0..2 {
            assert!((1..PUNCTUAL).all(|_| !cadence.is_lax(false)));
            assert!(cadence.is_lax(false) && cadence.is_lax(false));
            assert!(!cadence.is_lax(true));
        }
    }
}
