//! An interval ticks at its times, and does about missed ticks as it was told.

use sortie::time::{MissedTicks, interval, interval_at, timeout};
use sortie_test::{MODES, each, each_of};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(4);

#[test]
fn ticks_come_at_their_times_and_do_not_drift() {
    each(|runtime| {
        let ticks = || {
            let start = Instant::now() + PERIOD;
            let mut interval = interval_at(start, PERIOD);
            for n in 0..5 {
                let tick = interval.tick();
                assert_eq!(tick, start + n * PERIOD);
                assert!(Instant::now() >= tick);
            }
        };
        runtime.run(ticks);
        ticks();
    });
}

#[test]
fn missed_ticks_are_made_up_for_delayed_or_skipped() {
    each(|runtime| {
        runtime.run(|| {
            for missed in [MissedTicks::Burst, MissedTicks::Delay, MissedTicks::Skip] {
                let mut interval = interval(PERIOD).missed_ticks(missed);
                let first = interval.tick();
                sortie::sleep(3 * PERIOD + PERIOD / 2);
                let late = interval.tick();
                let taken = Instant::now();
                assert_eq!(late, first + PERIOD);
                let next = interval.tick();
                match missed {
                    MissedTicks::Burst => assert_eq!(next, late + PERIOD),
                    MissedTicks::Delay => {
                        assert!(next > late + 3 * PERIOD && next <= taken + PERIOD);
                    }
                    MissedTicks::Skip => {
                        assert!(next > late + 2 * PERIOD && next <= taken + PERIOD);
                        let over = (next - first).as_nanos() % PERIOD.as_nanos();
                        assert_eq!(over, 0, "on the grid");
                    }
                }
            }
        });
    });
}

#[test]
fn a_wait_that_is_ended_takes_no_tick() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        runtime.run(|| {
            let start = Instant::now() + 3 * PERIOD;
            let mut interval = interval_at(start, PERIOD);
            assert!(timeout(PERIOD, || interval.tick()).is_err());
            assert_eq!(interval.tick(), start);
        });
        let ticks = || {
            let start = Instant::now() + 3 * PERIOD;
            let mut interval = interval_at(start, PERIOD);
            assert_eq!(interval.tick_timeout(PERIOD), None);
            assert!(Instant::now() >= start - 2 * PERIOD);
            assert_eq!(interval.tick_until(start), Some(start), "who may wait until then has it");
            assert!(Instant::now() >= start);
            assert_eq!(interval.tick_timeout(Duration::MAX), Some(start + PERIOD));
        };
        runtime.run(ticks);
        ticks();
    });
}
