//! Each rule of the classes by itself, and random sequences for what holds always.

use super::*;

const US: u64 = 1_000;

/// What `n` calls make of it; all changes on the way.
fn feed(learned: &Learned, n: usize, ns: u64, kind: Kind) -> Vec<Change> {
    (0..n).filter_map(|_| learned.observe(ns, kind, 1)).collect()
}

/// A function of which `n` calls took `ns`.
fn after(n: usize, ns: u64) -> Learned {
    let learned = Learned::new();
    feed(&learned, n, ns, Kind::Timed);
    learned
}

#[test]
fn the_word_keeps_every_state() {
    for class in [Class::Unknown, Class::Short, Class::Mixed, Class::Long] {
        for burning in [false, true] {
            for since in 0..ENOUGH as u8 {
                let burning = burning && class == Class::Long;
                let bands = [255, 1, 2, 3, 128];
                let state = State { bands, blocked: 255, burned: 7, class, burning, since };
                assert_eq!(State::unpack(state.pack()), state);
            }
        }
    }
    assert_eq!(
        Learned::new().verdict(),
        Verdict { class: Class::Unknown, burning: false, untried: true }
    );
}

#[test]
fn a_function_is_unknown_until_32_calls() {
    for (ns, class) in [
        (0, Class::Short),
        (20 * US, Class::Mixed),
        (100 * US, Class::Long),
        (u64::MAX, Class::Long),
    ] {
        let learned = after(31, ns);
        assert_eq!(learned.class(), Class::Unknown, "{ns}");
        let change = learned.observe(ns, Kind::Timed, 1).expect("a change");
        assert_eq!((change.from.class, change.to.class), (Class::Unknown, class));
        assert!(!change.why.is_empty());
        assert_eq!(learned.class(), class);
    }
}

#[test]
fn a_short_function_takes_less_than_20_us_99_times_of_100() {
    assert_eq!(after(32, 20 * US - 1).class(), Class::Short);
    assert_eq!(after(32, 20 * US).class(), Class::Mixed);
    // One of 32 is more than one of 100.
    let learned = after(31, US);
    learned.observe(30 * US, Kind::Timed, 1);
    assert_eq!(learned.class(), Class::Mixed);
    // One of 100 is not.
    feed(&learned, 67, US, Kind::Timed);
    assert_eq!(learned.class(), Class::Mixed);
    feed(&learned, 1, US, Kind::Timed);
    assert_eq!(learned.class(), Class::Short);
}

#[test]
fn a_short_function_stays_short_up_to_40_us() {
    let learned = after(32, US);
    assert_eq!(feed(&learned, 1_000, 40 * US - 1, Kind::Timed), []);
    assert_eq!(learned.class(), Class::Short);
    // It has three of a hundred above.
    let changes = feed(&learned, 8, 40 * US, Kind::Timed);
    assert_eq!(changes.len(), 1);
    assert_eq!(learned.class(), Class::Mixed);
    // And does not come back for less than it took to become one.
    assert_eq!(feed(&learned, 1_000, 30 * US, Kind::Timed), []);
    assert_eq!(learned.class(), Class::Mixed);
}

#[test]
fn one_long_call_ends_the_shortness_of_a_function_until_32_more_say_otherwise() {
    for kind in [Kind::Timed, Kind::Blocked, Kind::Burned] {
        let learned = after(200, US);
        // One that is seen to block need not take as long.
        let harmless = if kind == Kind::Blocked { 20 } else { 100 };
        assert_eq!(feed(&learned, 1, harmless * US - 1, kind), []);
        let change = learned.observe(100 * US, kind, 1).expect("a change");
        let burning = kind == Kind::Burned;
        // Of one that was timed only, nobody knows whether its thread was kept from a processor.
        let class = if kind == Kind::Timed { Class::Mixed } else { Class::Long };
        assert_eq!(change.to, Verdict { class, burning, untried: false });
        assert_eq!(feed(&learned, 31, US, Kind::Timed), []);
        let change = learned.observe(US, Kind::Timed, 1).expect("a change");
        assert_eq!(change.to, Verdict { class: Class::Short, burning: false, untried: false });
    }
}

#[test]
fn an_unknown_function_that_blocks_once_is_long_at_once() {
    let learned = after(5, US);
    assert_eq!(feed(&learned, 1, 20 * US - 1, Kind::Blocked), []);
    assert_eq!(feed(&learned, 1, 10_000 * US, Kind::Burned), []);
    let change = learned.observe(20 * US, Kind::Blocked, 1).expect("a change");
    assert_eq!((change.from.class, change.to.class), (Class::Unknown, Class::Long));
    // Long for its next 31 calls in any case.
    assert_eq!(feed(&learned, 31, US, Kind::Timed), []);
    assert_eq!(feed(&learned, 1, US, Kind::Timed).len(), 1);
}

#[test]
fn a_long_function_takes_more_than_100_us_half_of_the_time() {
    let learned = after(16, US);
    feed(&learned, 16, 100 * US, Kind::Timed);
    assert_eq!(learned.class(), Class::Mixed);
    feed(&learned, 1, 100 * US, Kind::Timed);
    assert_eq!(learned.class(), Class::Mixed, "32 observations since the last change first");
    feed(&learned, 31, 100 * US, Kind::Timed);
    assert_eq!(learned.class(), Class::Long);
}

#[test]
fn a_long_function_stays_long_down_to_50_us() {
    let learned = after(32, 100 * US);
    assert_eq!(feed(&learned, 1_000, 50 * US, Kind::Timed), []);
    assert_eq!(learned.class(), Class::Long);
    // While it is so for a quarter of them.
    for _ in 0..500 {
        assert_eq!(feed(&learned, 3, US, Kind::Timed), []);
        assert_eq!(feed(&learned, 1, 50 * US, Kind::Timed), []);
    }
    let changes = feed(&learned, 1_000, 50 * US - 1, Kind::Timed);
    assert_eq!(changes.len(), 1);
    assert_eq!(learned.class(), Class::Mixed);
    assert_eq!(feed(&learned, 1_000, 99 * US, Kind::Timed), []);
}

#[test]
fn a_function_that_blocks_mostly_is_long_however_short() {
    let learned = after(32, 30 * US);
    assert_eq!(learned.class(), Class::Mixed);
    let changes = feed(&learned, 32, 20 * US, Kind::Blocked);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].to, Verdict { class: Class::Long, burning: false, untried: false });
    // Shorter waits are none.
    let learned = after(32, US);
    assert_eq!(feed(&learned, 1_000, 20 * US - 1, Kind::Blocked), []);
    assert_eq!(learned.class(), Class::Short);
}

#[test]
fn a_long_function_burns_if_its_long_calls_were_seen_to() {
    let learned = after(32, 200 * US);
    assert!(!learned.verdict().burning);
    let change = learned.observe(200 * US, Kind::Burned, 1).expect("a change");
    assert!(change.to.burning);
    assert_eq!(feed(&learned, 1, 200 * US, Kind::Blocked), [], "once each: as it was");
    let change = learned.observe(200 * US, Kind::Blocked, 1).expect("a change");
    assert!(!change.to.burning);
    assert_eq!(feed(&learned, 3, 200 * US, Kind::Burned), [], "not twice as often");
    assert_eq!(feed(&learned, 2, 200 * US, Kind::Burned).len(), 1);
    // A short stretch says nothing.
    let learned = after(32, 200 * US);
    assert_eq!(feed(&learned, 1, 99 * US, Kind::Burned), []);
}

#[test]
fn a_mixed_function_that_blocks_once_is_long_until_32_more_say_otherwise() {
    let learned = after(FULL as usize, 30 * US);
    assert_eq!(learned.class(), Class::Mixed);
    assert_eq!(feed(&learned, 1, 20 * US - 1, Kind::Blocked), []);
    let change = learned.observe(20 * US, Kind::Blocked, 1).expect("a change");
    assert_eq!(change.to, Verdict { class: Class::Long, burning: false, untried: false });
    assert_eq!(feed(&learned, 31, US, Kind::Timed), []);
    assert_eq!(learned.observe(US, Kind::Timed, 1).expect("a change").to.class, Class::Short);
}

#[test]
fn one_call_of_eight_that_is_asked_stands_for_all_of_them() {
    let learned = after(32, 200 * US);
    for _ in 0..100 {
        learned.observe(200 * US, Kind::Burned, 8);
        feed(&learned, 7, 200 * US, Kind::Timed);
    }
    assert!(learned.verdict().burning);
    for _ in 0..100 {
        learned.observe(30 * US, Kind::Blocked, 8);
        feed(&learned, 7, 30 * US, Kind::Timed);
    }
    assert_eq!(learned.verdict(), Verdict { class: Class::Long, burning: false, untried: false });
}

#[test]
fn what_is_old_counts_less() {
    let learned = after(10_000, 200 * US);
    let changes = feed(&learned, 2 * FULL as usize, US, Kind::Timed);
    assert_eq!(changes[0].to.class, Class::Mixed, "{changes:?}");
    feed(&learned, 2 * FULL as usize, US, Kind::Timed);
    // Blocked and burned calls of old too.
    feed(&learned, 1_000, 30 * US, Kind::Blocked);
    assert_eq!(learned.class(), Class::Long);
    feed(&learned, 1_000, 30 * US, Kind::Timed);
    assert_eq!(learned.class(), Class::Mixed);
}

#[test]
fn forgetting_begins_anew() {
    let learned = after(100, US);
    learned.reset();
    assert!(learned.verdict().untried);
    let first = learned.observe(US, Kind::Timed, 1).expect("a change");
    assert_eq!((first.to.class, first.to.untried), (Class::Unknown, false));
    assert_eq!(feed(&learned, 30, US, Kind::Timed), []);
    assert_eq!(feed(&learned, 1, US, Kind::Timed).len(), 1);
}

#[test]
fn threads_lose_no_observation() {
    let learned = Learned::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| feed(&learned, 8, US, Kind::Timed));
        }
    });
    assert_eq!(learned.class(), Class::Short);
}

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn random_sequences_keep_the_counts_and_the_pace() {
    for seed in 1..200 {
        let mut random = Random(seed << 32 | 0x9e37_79b9);
        let mut state = State::unpack(0);
        let mut since_change = 0;
        for _ in 0..2_000 {
            let ns = 1 << random.below(30);
            let kind = [Kind::Timed, Kind::Blocked, Kind::Burned][random.below(3) as usize];
            let before = state;
            state = before.observe(ns, kind, 1).0;
            assert!(state.total() < FULL, "{state:?}");
            assert!(u32::from(state.blocked) <= state.total() + 1, "{state:?}");
            assert!(!state.burning || state.class == Class::Long);
            assert_eq!(State::unpack(state.pack()), state);
            since_change += 1;
            if state.class != before.class {
                let is_demotion = state.class == Class::Long
                    && (before.class == Class::Short && ns >= LONG
                        || kind == Kind::Blocked && ns >= SHORT);
                assert!(is_demotion || since_change >= ENOUGH, "{before:?} to {state:?}");
                since_change = 0;
            }
            assert!(before.class == Class::Unknown || state.class != Class::Unknown);
        }
    }
}

/// At each limit, in a distribution that stays the same, a class goes and comes back at most once in 32
/// observations; and where the hysteresis is wide enough, next to never.
#[test]
fn no_class_flaps_at_a_limit() {
    // Above the limit once in so many calls, below it otherwise.
    for limit in [SHORT, STILL_SHORT, STILL_LONG, LONG] {
        for one_in in [2, 3, 10, 50, 100, 200] {
            for kind in [Kind::Timed, Kind::Blocked] {
                let (most, runs) = flaps(limit, one_in, kind);
                assert!(most <= 1, "{limit} ns, one in {one_in}, {kind:?}: {most} in 32");
                if kind == Kind::Timed && limit != LONG {
                    assert!(runs <= 30, "{limit} ns, one in {one_in}: {runs} in 30,000");
                }
            }
        }
    }
}

/// The most times in 32 observations, and the times in all, that a class was come back to.
fn flaps(limit: u64, one_in: u64, kind: Kind) -> (usize, usize) {
    let learned = Learned::new();
    let mut random = Random(limit * one_in);
    let mut left = None;
    let mut at = Vec::new();
    for turn in 0..30_000_usize {
        let is_above = random.below(one_in) == 0;
        let change = if is_above {
            learned.observe(limit + 1, kind, 1)
        } else {
            learned.observe(limit - 1, Kind::Timed, 1)
        };
        let Some(change) = change.filter(|it| it.from.class != it.to.class) else { continue };
        if left == Some(change.to.class) {
            at.push(turn);
            left = None;
        } else {
            left = Some(change.from.class);
        }
    }
    let most = at.iter().map(|from| at.iter().filter(|it| (*from..from + 32).contains(it)).count());
    (most.max().unwrap_or(0), at.len())
}
