//! The wheel against what it promises, and against a sorted map.

use super::*;
use std::collections::BTreeMap;

fn take_all(wheel: &mut Wheel<u64>, tick: u64) -> Vec<u64> {
    let mut all = Vec::new();
    assert!(wheel.take_due(tick, usize::MAX, |_, thing| all.push(thing)));
    all
}

#[test]
fn things_come_at_their_ticks_and_not_before() {
    let mut wheel = Wheel::new();
    // At all levels, around the edges of slots.
    let mut ticks: Vec<u64> =
        (0..LEVELS as u32).flat_map(|level| [1, 2, 63].map(|n| n << (level * DIGIT))).collect();
    ticks.extend(ticks.clone().iter().map(|tick| tick - 1));
    ticks.sort_unstable();
    ticks.dedup();
    for tick in ticks.iter().rev() {
        wheel.insert(*tick, *tick);
    }
    for tick in ticks {
        assert_eq!(wheel.next(), Some(tick));
        if let Some(before) = tick.checked_sub(1) {
            assert_eq!(take_all(&mut wheel, before), [], "before {tick}");
        }
        assert_eq!(take_all(&mut wheel, tick), [tick]);
    }
    assert_eq!(wheel.next(), None);
}

#[test]
fn what_is_due_late_or_beyond_the_end_is_taken_all_the_same() {
    let mut wheel = Wheel::new();
    assert_eq!(take_all(&mut wheel, 5000), []);
    wheel.insert(3, 3);
    wheel.insert(u64::MAX, 7);
    assert_eq!(wheel.next(), Some(5000));
    assert_eq!(take_all(&mut wheel, 5000), [3]);
    assert_eq!(take_all(&mut wheel, LAST_TICK - 1), []);
    assert_eq!(take_all(&mut wheel, u64::MAX), [7]);
    // The wheel stands there for good.
    wheel.insert(4, 4);
    assert_eq!(take_all(&mut wheel, u64::MAX), [4]);
}

#[test]
fn things_of_one_tick_come_in_their_order() {
    let mut wheel = Wheel::new();
    for n in 0..10 {
        wheel.insert(70, n);
    }
    assert_eq!(take_all(&mut wheel, 100), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_key_names_nothing_that_came_later() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(1, 1);
    assert_eq!(wheel.remove(key), Some(1));
    assert_eq!(wheel.remove(key), None);
    let other = wheel.insert(1, 2);
    assert_eq!(other.index, key.index);
    assert_eq!(wheel.remove(key), None);
    assert_eq!(take_all(&mut wheel, 1), [2]);
    wheel.insert(1, 3);
    assert_eq!(wheel.remove(other), None);
    assert_eq!(take_all(&mut wheel, 1), [3]);
}

#[test]
fn an_empty_wheel_gives_its_memory_back() {
    let mut wheel = Wheel::new();
    for n in 0..10_000 {
        wheel.insert(n, n);
    }
    assert_eq!(take_all(&mut wheel, 10_000).len(), 10_000);
    assert!(wheel.notes.capacity() < 2 * KEPT_NOTES);
}

#[test]
fn effort_is_bounded_also_where_a_slot_is_spread() {
    let mut wheel = Wheel::new();
    for n in 0..1000 {
        wheel.insert(100_000 + n % 3, n);
    }
    let mut taken = 0;
    let mut rounds = 0;
    while !wheel.take_due(200_000, 10, |_, _| taken += 1) {
        // What comes meanwhile is not lost, and not taken before its time.
        wheel.insert(200_001, 0);
        assert!(wheel.next().is_some_and(|tick| tick <= 100_002 || taken == 1000));
        rounds += 1;
    }
    assert_eq!(taken, 1000);
    assert!(rounds >= 200, "{rounds}");
    assert_eq!(take_all(&mut wheel, 200_001).len(), rounds);
}

/// Against a sorted map, over random steps.
#[test]
fn it_does_what_a_sorted_map_does() {
    let mut seed = 1u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let (mut wheel, mut map, mut now) = (Wheel::new(), BTreeMap::new(), 0);
    for n in 0..100_000 {
        match random(5) {
            0 | 1 => {
                let bits = random(20);
                let tick = now + random(1 << bits);
                map.insert((tick, n), wheel.insert(tick, (tick, n)));
            }
            2 if !map.is_empty() => {
                let nth = random(map.len() as u64) as usize;
                let (thing, key) = map.iter().nth(nth).map(|(a, b)| (*a, *b)).unwrap();
                map.remove(&thing);
                assert_eq!(wheel.remove(key), Some(thing));
            }
            3 => {
                let bits = random(14);
                now += random(1 << bits);
                // Some of it, then all.
                let mut taken = Vec::new();
                wheel.take_due(now, random(10) as usize, |_, thing| taken.push(thing));
                wheel.take_due(now, usize::MAX, |_, thing| taken.push(thing));
                assert!(taken.is_sorted_by_key(|(tick, _)| tick));
                taken.sort_unstable();
                let later = map.split_off(&(now + 1, 0));
                assert!(taken.iter().eq(map.keys()), "at {now}");
                map = later;
            }
            _ => {
                let first = map.first_key_value().map(|((tick, _), _)| *tick);
                assert!(wheel.next() <= first || first.is_none(), "at {now}");
                assert_eq!(wheel.len, map.len());
            }
        }
    }
}
