//! Timers as those who serve them see them, without a runtime.

use super::*;
use crate::park::Parker;
use crate::sync::Arc;

fn parkers<const N: usize>() -> [Arc<Parker>; N] {
    std::array::from_fn(|_| Arc::new(Parker::new()))
}

fn is_woken(parker: &Arc<Parker>) -> bool {
    parker.park_timeout(Duration::ZERO)
}

fn set(timers: &Timers, at: Instant, parker: &Arc<Parker>, by: usize) -> TimerKey {
    timers.set(at, Waker::Thread(parker.clone()), by, true).expect("not closed").0
}

/// As [`set`], for one who may go on anywhere.
fn set_common(timers: &Timers, at: Instant, parker: &Arc<Parker>, by: usize) -> TimerKey {
    timers.set(at, Waker::Thread(parker.clone()), by, false).expect("not closed").0
}

#[test]
fn timers_of_all_shards_fire_when_due_and_not_before() {
    let timers = Timers::new(4);
    let now = Instant::now();
    let parkers = parkers::<8>();
    let at = |n: usize| now + Duration::from_millis(n as u64);
    for (n, parker) in parkers.iter().enumerate() {
        set(&timers, at(n), parker, n * 3);
    }
    for (n, parker) in parkers.iter().enumerate() {
        let by = Server::Carrier(n * 3);
        timers.fire(at(n) - Duration::from_micros(1), 1, by);
        assert!(!is_woken(parker), "{n} is woken too early");
        timers.fire(at(n) + Duration::from_micros(17), 1, by);
        assert!(is_woken(parker), "{n} is not woken in time");
    }
    assert!(!timers.fire(at(1000), 1, Server::Monitor));
}

#[test]
fn what_is_set_elsewhere_is_fired_a_little_later() {
    let tick = Duration::from_nanos(2 * TICK_NS);
    for (by, deferral) in [(Server::Carrier(0), DEFERRAL), (Server::Monitor, MONITOR_DEFERRAL)] {
        let deferral = Duration::from_nanos(deferral * TICK_NS);
        let timers = Timers::new(2);
        let now = Instant::now();
        let [parker] = parkers();
        set(&timers, now, &parker, 1);
        assert!(!timers.is_due(now + tick, Server::Carrier(0)));
        assert!(timers.is_due(now + tick, Server::Carrier(1)), "it is at home there");
        assert!(!timers.fire(now + deferral - tick, 1, by));
        assert!(timers.is_due(now + tick + deferral, by));
        assert!(timers.fire(now + tick + deferral, 1, by));
        assert!(is_woken(&parker));
    }
}

#[test]
fn one_call_fires_a_bounded_number() {
    let timers = Timers::new(1);
    let [parker] = parkers();
    let now = Instant::now();
    for _ in 0..1000 {
        set(&timers, now, &parker, 0);
    }
    let later = now + Duration::from_millis(1);
    let left = || Arc::strong_count(&parker) - 1;
    assert!(timers.fire(later, 3, Server::Carrier(0)));
    assert_eq!(left(), 1000 - BATCH * 3);
    while timers.fire(later, 1, Server::Carrier(0)) {}
    assert_eq!(left(), 0);
}

#[test]
fn a_timer_that_is_taken_back_wakes_nobody_and_keeps_nothing() {
    let timers = Timers::new(2);
    let [parker] = parkers();
    let now = Instant::now();
    let keys = [0, 1].map(|by| set(&timers, now, &parker, by));
    keys.into_iter().for_each(|key| timers.remove(key));
    assert_eq!((timers.next(), Arc::strong_count(&parker)), (NEVER, 1));
    timers.fire(now + Duration::from_millis(1), 1, Server::Monitor);
    assert!(!is_woken(&parker));
    // Once more is nothing.
    keys.into_iter().for_each(|key| timers.remove(key));
}

#[test]
fn closed_timers_keep_nothing_and_take_none() {
    let timers = Timers::new(2);
    let [parker] = parkers();
    let key = set(&timers, Instant::now(), &parker, 1);
    timers.close();
    assert_eq!(Arc::strong_count(&parker), 1);
    assert!(timers.set(Instant::now(), Waker::Thread(parker.clone()), 0, true).is_none());
    timers.remove(key);
    assert!(!timers.fire(Instant::now() + Duration::from_secs(1), 1, Server::Monitor));
    assert_eq!((timers.next(), Arc::strong_count(&parker)), (NEVER, 1));
}

#[test]
fn times_without_end_are_timers_too() {
    let timers = Timers::new(1);
    let [parker] = parkers();
    let now = Instant::now();
    set(&timers, now + Duration::from_secs(1 << 40), &parker, 0);
    set(&timers, now.checked_sub(Duration::from_secs(1)).unwrap_or(now), &parker, 0);
    timers.fire(now + Duration::from_millis(1), 1, Server::Monitor);
    assert_eq!(Arc::strong_count(&parker), 2);
    timers.fire(now + Duration::from_secs(1 << 30), 1, Server::Monitor);
    assert_eq!(Arc::strong_count(&parker), 2);
    let vigil = timers.keep(0).expect("a timer");
    assert!(vigil.left() > Duration::from_secs(1 << 30));
}

#[test]
fn the_earliest_keeps_the_time() {
    let timers = Timers::new(1);
    let [parker] = parkers();
    assert!(timers.keep(0).is_none());
    let now = Instant::now();
    set(&timers, now + Duration::from_secs(10), &parker, 0);
    let late = timers.keep(0).expect("the first");
    assert!(timers.keep(0).is_none());
    set(&timers, now + Duration::from_secs(5), &parker, 0);
    let early = timers.keep(0).expect("earlier than the other");
    assert!(early.left() < late.left());
    drop(late);
    assert!(timers.keep(0).is_none());
    drop(early);
    assert!(timers.keep(0).is_some());
}

#[test]
fn each_keeps_the_time_of_its_home_and_of_what_nobody_keeps() {
    let timers = Timers::new(2);
    let [parker] = parkers();
    let now = Instant::now();
    let [soon, late] = [5, 10].map(|seconds| now + Duration::from_secs(seconds));
    set(&timers, soon, &parker, 0);
    set(&timers, late, &parker, 1);
    let away = timers.keep(1).expect("its own, and that of the other");
    assert!(away.left() < Duration::from_secs(6), "nobody keeps the other's");
    let home = timers.keep(0).expect("its own, though another keeps it");
    assert!(home.left() < away.left(), "it is not deferred at home");
    assert!(timers.keep(2).is_none(), "one of those who are at home is enough");
    drop(away);
    let own = timers.keep(1).expect("its own");
    assert!(own.left() > Duration::from_secs(9), "the other's is kept at home");
    drop(own);
    drop(home);
    let away = timers.keep(0).expect("its own, and that of the other");
    let home = timers.keep(1).expect("its own, though another wakes before");
    assert!(away.left() < home.left());
}

#[test]
fn one_keeps_the_time_of_all_who_may_go_on_anywhere() {
    let timers = Timers::new(2);
    let [parker] = parkers();
    let now = Instant::now();
    let tick = Duration::from_nanos(2 * TICK_NS);
    let [soon, late] = [5, 10].map(|seconds| now + Duration::from_secs(seconds));
    let early = set_common(&timers, soon, &parker, 0);
    set_common(&timers, late, &parker, 1);
    let keeper = timers.keep(1).expect("nobody else does");
    assert!(timers.keep(0).is_none(), "another does, and nobody stays here");
    drop(keeper);
    assert!(timers.is_due(soon + tick, Server::Keeper(1)), "it is not deferred");
    assert!(!timers.is_due(soon + tick, Server::Carrier(1)), "it is, for who has else to do");
    assert!(timers.fire(soon + tick, 1, Server::Keeper(1)));
    assert!(is_woken(&parker));
    timers.remove(early);
    // One who stays is served at home.
    set(&timers, late, &parker, 0);
    let away = timers.keep(1).expect("its own");
    let home = timers.keep(0).expect("its own, though another wakes before");
    drop((home, away));
}

#[test]
fn one_who_keeps_the_time_of_several_rests_for_all() {
    let timers = Timers::new(2);
    let [parker] = parkers();
    let now = Instant::now();
    let later = now + Duration::from_nanos(2 * TICK_NS);
    for n in 0..20 {
        set_common(&timers, now, &parker, 0);
        set_common(&timers, later + n * Duration::from_nanos(TICK_NS), &parker, 1);
    }
    assert!(timers.fire(later, 1, Server::Keeper(0)));
    let vigil = timers.keep(0).expect("there are more");
    let rest = vigil.until * TICK_NS - timers.elapsed_ns(later);
    assert!(rest > (STEP / 2 - 1) * TICK_NS, "{rest} ns");
}

#[test]
fn who_rests_long_asks_for_the_end_of_the_next_rest_and_nobody_else() {
    let timers = Timers::new(1);
    let [parker] = parkers();
    let now = Instant::now();
    let later = now + Duration::from_nanos(2 * TICK_NS);
    let keep = || drop(timers.keep(0).expect("there are more"));
    set(&timers, now, &parker, 0);
    for n in 1..20 {
        set(&timers, later + n * Duration::from_nanos(TICK_NS), &parker, 0);
    }
    keep();
    assert!(timers.fire(later, 1, Server::Keeper(0)));
    keep();
    assert!(!timers.shards[0].ahead.was_asked(), "one timer makes no long rest");
    assert!(timers.fire(later + Duration::from_nanos(10 * TICK_NS), 1, Server::Keeper(0)));
    keep();
    assert!(timers.shards[0].ahead.was_asked());
}

#[test]
fn a_monitor_that_is_awake_or_sleeps_for_long_watches_nobody() {
    let timers = Timers::new(1);
    let [parker] = parkers();
    let now = Instant::now();
    assert!(!timers.is_watched(now), "it is awake");
    let grace = Duration::from_nanos((GRACE + 2) * TICK_NS);
    let at = now + Duration::from_secs(100);
    set(&timers, at, &parker, 0);
    assert!(timers.set_alarm(None, false).is_some());
    let fired = at + Duration::from_nanos(TICK_NS);
    assert!(!timers.is_watched(fired - grace), "it sleeps for long");
    assert!(timers.is_watched(fired), "it wakes soon");
    timers.take_alarm();
    assert!(!timers.is_watched(fired));
}

#[test]
fn the_monitor_is_told_of_what_it_would_sleep_past() {
    let timers = Timers::new(1);
    let [parker] = parkers();
    let must_wake = |after: Duration| {
        let at = Instant::now() + after;
        timers.set(at, Waker::Thread(parker.clone()), 0, true).expect("not closed").1
    };
    assert!(!must_wake(Duration::from_secs(100)), "it is awake");
    let sleep = timers.set_alarm(None, false).expect("there is a timer");
    assert!(sleep > Duration::from_secs(99) && sleep < Duration::from_secs(101), "{sleep:?}");
    assert!(!must_wake(Duration::from_secs(200)), "it wakes before");
    assert!(must_wake(Duration::from_secs(50)));
    timers.take_alarm();
    assert!(!must_wake(Duration::from_secs(40)), "it is awake");
    let nap = Duration::from_millis(2);
    assert_eq!(timers.set_alarm(Some(nap), false), Some(nap));
    assert!(!must_wake(Duration::from_secs(30)), "it only naps");
}

#[test]
fn a_lax_alarm_lets_timers_wait_and_is_no_watch() {
    let timers = Timers::new(1);
    let [parker] = parkers();
    let now = Instant::now();
    let nap = Duration::from_millis(5);
    let at = |late| now + nap - Duration::from_nanos(late * TICK_NS);
    let must_wake =
        |late| timers.set(at(late), Waker::Thread(parker.clone()), 0, true).expect("not closed").1;
    assert_eq!(timers.set_alarm(Some(nap), true), Some(nap));
    assert!(!timers.is_watched(now + nap), "it may be late");
    assert!(!must_wake(LAX_GRACE - 20), "it may be late by so much");
    assert!(must_wake(LAX_GRACE + 20));
    timers.take_alarm();
    assert!(timers.take_wish() && !timers.take_wish(), "somebody has counted on it");
    let limit = timers.set_alarm(Some(2 * nap), true).expect("a limit");
    assert!(limit > nap / 2 && limit < nap + nap / 2, "a timer is left: {limit:?}");
    timers.take_alarm();
    let limit = timers.set_alarm(Some(2 * nap), false).expect("a limit");
    assert!(limit < nap / 2, "{limit:?}");
    assert!(timers.is_watched(now + nap));
}
