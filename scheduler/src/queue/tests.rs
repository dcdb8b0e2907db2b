//! A worker's deque, as one thread sees it, and under many at once. The tasks are numbers in place of addresses, which nobody follows.

use super::deque::{Deque, Front, OWN, ROOM, Thief};
use crate::task::TaskRef;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

fn task(number: usize) -> TaskRef {
    let address = NonNull::without_provenance((number + 1).try_into().unwrap());
    // SAFETY: whoever takes it gives it to `number`, and nobody looks behind it.
    unsafe { TaskRef::from_raw(address) }
}

fn number(task: TaskRef) -> usize {
    task.into_raw().addr().get() - 1
}

/// For a thief, which fences: without a registration membarrier would be lost to all tests.
fn empty() -> Deque {
    crate::crossing::fence::register();
    Deque::new()
}

/// Beside a thief there may be no room for it at times.
fn push(deque: &mut Deque, number: usize) {
    let mut wanted = task(number);
    while let Err(task) = deque.push(wanted) {
        wanted = task;
        std::thread::yield_now();
    }
}

fn filled(tasks: usize) -> (Deque, Thief) {
    let mut deque = empty();
    (0..tasks).for_each(|number| push(&mut deque, number));
    let thief = deque.thief();
    (deque, thief)
}

fn room(deque: &Deque) -> u32 {
    deque.mask + 1
}

#[test]
fn the_owner_takes_the_newest_and_thieves_the_oldest() {
    for tasks in [1, 2, 9, 40, 1_000] {
        let (mut deque, thief) = filled(tasks);
        let (mut oldest, mut newest) = (0, tasks);
        while oldest < newest {
            assert_eq!(deque.pop().map(number), Some(newest - 1));
            newest -= 1;
            if oldest < newest {
                assert_eq!(thief.steal().map(number), Some(oldest));
                oldest += 1;
            }
        }
        assert!(deque.pop().is_none() && deque.pop_front().is_none() && thief.steal().is_none());
    }
}

#[test]
fn a_thief_takes_half_but_for_those_that_are_spared() {
    for (tasks, spared, taken) in
        [(1, 0, 1), (1, 1, 0), (2, 1, 1), (9, 1, 4), (10, 0, 5), (1_000, 0, 32)]
    {
        let (mut deque, thief) = filled(tasks);
        let mut own = Deque::new();
        let first = thief.steal_many(spared, |task| push(&mut own, number(task))).map(number);
        assert_eq!(first, (taken > 0).then_some(0));
        let others: Vec<_> = std::iter::from_fn(|| own.pop_front().map(number)).collect();
        assert_eq!(others, (1..taken).collect::<Vec<_>>());
        let left: Vec<_> = std::iter::from_fn(|| deque.pop_front().map(number)).collect();
        assert_eq!(left, (taken..tasks).collect::<Vec<_>>());
    }
}

#[test]
fn the_one_before_the_newest_goes_first_if_asked_for() {
    for tasks in [2, OWN as usize + 1, 3 * OWN as usize] {
        let (mut deque, thief) = filled(tasks);
        // All are public but for the newest.
        assert_eq!(thief.steal().map(number), Some(0));
        let second = deque.pop_second().map(number);
        assert_eq!(second, (tasks > 2).then(|| tasks - 2));
        let left: Vec<_> = std::iter::from_fn(|| deque.pop().map(number)).collect();
        let others = (1..tasks - 1).filter(|number| Some(*number) != second);
        assert_eq!(left, [tasks - 1].into_iter().chain(others.rev()).collect::<Vec<_>>());
    }
}

#[test]
fn only_the_newest_is_taken_by_its_name() {
    let (mut deque, thief) = filled(2);
    let wanted = task(0);
    assert!(deque.pop_if(&wanted).is_none());
    assert_eq!(deque.pop().map(number), Some(1));
    assert_eq!(thief.steal().map(number), Some(0));
    assert!(deque.pop_if(&wanted).is_none(), "it lies there no longer");
    push(&mut deque, 0);
    assert_eq!(deque.pop_if(&wanted).map(number), Some(0));
    number(wanted);
}

#[test]
fn places_are_used_again_and_room_goes_back() {
    let mut deque = Deque::new();
    for number in 0..10 * ROOM as usize {
        push(&mut deque, number);
        assert_eq!(deque.pop_front().map(self::number), Some(number));
    }
    assert_eq!(room(&deque), ROOM);
    (0..100_000).for_each(|number| push(&mut deque, number));
    assert!(room(&deque) >= 100_000);
    (0..100_000).rev().for_each(|number| assert_eq!(deque.pop().map(self::number), Some(number)));
    assert_eq!(room(&deque), ROOM);
}

#[test]
#[should_panic(expected = "no room for more")]
fn room_ends_before_places_meet() {
    let _ = (0..u32::BITS).fold(ROOM, |room, _| Deque::doubled(room));
}

/// It waits for no thief, who may have been driven off its processor.
#[test]
fn an_owner_without_room_gets_its_task_back_while_a_thief_takes_some() {
    let (mut deque, thief) = filled(0);
    let shared = deque.shared.clone();
    let taking = shared.row.lock();
    let room = ROOM as usize;
    (0..room).for_each(|number| assert!(deque.push(task(number)).is_ok()));
    for _ in 0..2 {
        assert_eq!(deque.push(task(room)).map_err(number), Err(room));
    }
    assert_eq!(deque.pop().map(number), Some(room - 1));
    assert!(deque.push(task(room - 1)).is_ok(), "that place is its own");
    drop(taking);
    assert!(deque.push(task(room)).is_ok());
    assert_eq!(thief.steal().map(number), Some(0));
    let left: Vec<_> = std::iter::from_fn(|| deque.pop().map(number)).collect();
    assert_eq!(left, (1..=room).rev().collect::<Vec<_>>());
}

#[test]
fn places_may_wrap_around() {
    let mut deque = empty();
    let edge = u32::MAX - ROOM;
    deque.shared.back.store(edge, Ordering::Relaxed);
    deque.shared.front.store(Front { first: edge, limit: edge }.pack(), Ordering::Relaxed);
    (deque.read, deque.look_at) = (edge, edge);
    let thief = deque.thief();
    for number in 0..4 * ROOM as usize {
        push(&mut deque, number);
    }
    for number in 0..2 * ROOM as usize {
        assert_eq!(thief.steal().map(self::number), Some(number));
        assert_eq!(deque.pop().map(self::number), Some(4 * ROOM as usize - 1 - number));
    }
    assert!(deque.is_empty());
}

/// Thieves beside an owner who goes up and down, in all sizes.
#[test]
fn each_task_is_taken_once() {
    const TASKS: usize = if cfg!(miri) { 300 } else { 400_000 };
    const THIEVES: usize = 2;
    let taken: Vec<_> = (0..TASKS).map(|_| AtomicU8::new(0)).collect();
    let left = AtomicUsize::new(TASKS);
    let take = |task: Option<TaskRef>| {
        let Some(task) = task else { return false };
        assert_eq!(taken[number(task)].fetch_add(1, Ordering::Relaxed), 0, "taken twice");
        left.fetch_sub(1, Ordering::Relaxed);
        true
    };
    let mut deque = empty();
    std::thread::scope(|scope| {
        for which in 0..THIEVES {
            let (thief, take, left) = (deque.thief(), &take, &left);
            scope.spawn(move || {
                let mut own = Deque::new();
                while left.load(Ordering::Relaxed) > 0 {
                    let found = match which {
                        0 => thief.steal(),
                        _ => thief.steal_many(which as u32 - 1, |it| push(&mut own, number(it))),
                    };
                    if !take(found) {
                        std::thread::yield_now();
                    }
                    while take(own.pop()) {}
                }
            });
        }
        let mut rng = 1_u32;
        let mut made = 0;
        while left.load(Ordering::Relaxed) > 0 {
            rng = rng.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let many = (rng >> 16) as usize % [3, 20, 300][(rng >> 8) as usize % 3];
            for _ in 0..many.min(TASKS - made) {
                push(&mut deque, made);
                made += 1;
            }
            for turn in 0..many {
                let had = match turn % 16 {
                    7 => take(deque.pop_front()),
                    11 => take(deque.pop_second()),
                    _ => take(deque.pop()),
                };
                if !had && made == TASKS {
                    std::thread::yield_now();
                }
            }
        }
    });
    assert!(taken.iter().all(|times| times.load(Ordering::Relaxed) == 1));
}
