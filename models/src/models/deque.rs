//! A worker's deque: each task is taken by one, whoever takes it, and its taker sees what its maker did.
//!
//! The owner puts and takes at the back, thieves take at the front. Each of them leaves its mark in the task that it has
//! taken, which loom's cells let nobody do out of turn.

use crate::explore::{explore, join, spawn};
use crate::task::{Header, TaskRef};
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

const ONCE: &str = "deque: a task is taken twice, or lost";

/// A version of the deque.
trait Deque: Send + 'static {
    type Thief: Send + 'static;
    fn with(room: u32, own: u32) -> Self;
    fn thief(&self) -> Self::Thief;
    fn push(&mut self, task: TaskRef) -> Result<(), TaskRef>;
    fn pop(&mut self) -> Option<TaskRef>;
    fn pop_front(&mut self) -> Option<TaskRef>;
    fn pop_second(&mut self) -> Option<TaskRef>;
    fn steal(thief: &Self::Thief) -> Option<TaskRef>;
    fn steal_many(thief: &Self::Thief, to: impl FnMut(TaskRef)) -> Option<TaskRef>;
}

macro_rules! versions {
    ($($($module:ident)::+),* $(,)?) => {$(
        impl Deque for $($module)::+::Deque {
            type Thief = $($module)::+::Thief;
            fn with(room: u32, own: u32) -> Self {
                <$($module)::+::Deque>::with(room, own)
            }
            fn thief(&self) -> Self::Thief {
                self.thief()
            }
            fn push(&mut self, task: TaskRef) -> Result<(), TaskRef> {
                self.push(task)
            }
            fn pop(&mut self) -> Option<TaskRef> {
                self.pop()
            }
            fn pop_front(&mut self) -> Option<TaskRef> {
                self.pop_front()
            }
            fn pop_second(&mut self) -> Option<TaskRef> {
                self.pop_second()
            }
            fn steal(thief: &Self::Thief) -> Option<TaskRef> {
                thief.steal()
            }
            fn steal_many(thief: &Self::Thief, to: impl FnMut(TaskRef)) -> Option<TaskRef> {
                thief.steal_many(0, to)
            }
        }
    )*};
}

versions!(
    crate::deque,
    crate::mutants::deque_pops_without_fence,
    crate::mutants::deque_opens_without_fence,
    crate::mutants::deque_opens_without_a_second_look,
    crate::mutants::deque_pops_without_a_look,
    crate::mutants::deque_lowers_by_store,
    crate::mutants::deque_advances_by_store,
    crate::mutants::deque_pushes_relaxed,
    crate::mutants::deque_back_before_task,
    crate::mutants::deque_opens_relaxed,
    crate::mutants::deque_exchanges_relaxed,
    crate::mutants::deque_makes_room_without_the_lock,
    crate::mutants::deque_empty_stays_behind,
);

/// The tasks of a run, by number, and who has been taken.
#[derive(Clone)]
struct World(Arc<Vec<AtomicBool>>);

impl World {
    fn new(tasks: usize) -> World {
        World(Arc::new((0..tasks).map(|_| AtomicBool::new(false)).collect()))
    }

    /// A task, as its maker leaves it.
    fn task(number: usize) -> TaskRef {
        let task = TaskRef::new(number);
        task.next.set(std::ptr::null());
        task
    }

    /// True if there was one.
    fn take(&self, task: Option<TaskRef>) -> bool {
        let Some(task) = task else { return false };
        // One that is taken twice is not to be freed twice.
        let task = task.into_raw();
        // SAFETY: nobody frees it before the end.
        let header: &Header = unsafe { task.as_ref() };
        assert!(!self.0[header.number].swap(true, Relaxed), "{ONCE}");
        header.next.set(task.as_ptr());
        true
    }

    /// Makes a task, and takes it if there is no room.
    fn push<D: Deque>(&self, deque: &mut D, number: usize) {
        if let Err(task) = deque.push(World::task(number)) {
            self.take(Some(task));
        }
    }

    /// Takes the rest, and looks whether all were there.
    fn end<D: Deque>(&self, mut deque: D) {
        while self.take(deque.pop()) {}
        assert!(self.0.iter().all(|taken| taken.load(Relaxed)), "{ONCE}");
    }
}

/// One task or two, and a thief beside an owner who takes them itself.
fn owner_pops<D: Deque>() {
    explore(ONCE, 3, || {
        let world = World::new(3);
        let mut deque = D::with(4, 8);
        let thief = deque.thief();
        let its = world.clone();
        let thread = spawn(move || {
            its.take(D::steal(&thief));
        });
        world.push(&mut deque, 0);
        world.take(deque.pop());
        world.push(&mut deque, 1);
        world.push(&mut deque, 2);
        world.take(deque.pop());
        join([thread]);
        world.end(deque);
    });
}

/// The owner makes tasks public, and takes the oldest.
fn owner_gives<D: Deque>() {
    explore(ONCE, 2, || {
        let world = World::new(4);
        let mut deque = D::with(4, 1);
        let thief = deque.thief();
        let its = world.clone();
        let thread = spawn(move || {
            its.take(D::steal(&thief));
            its.take(D::steal(&thief));
        });
        for number in 0..3 {
            world.push(&mut deque, number);
        }
        world.take(deque.pop_front());
        world.take(deque.pop_second());
        world.push(&mut deque, 3);
        join([thread]);
        world.end(deque);
    });
}

/// Places are used again while a thief reads what it took.
fn places_turn<D: Deque>() {
    explore(ONCE, 3, || {
        let world = World::new(4);
        let mut deque = D::with(2, 8);
        let thief = deque.thief();
        let its = world.clone();
        let thread = spawn(move || {
            its.take(D::steal(&thief));
            its.take(D::steal(&thief));
        });
        for number in 0..4 {
            world.push(&mut deque, number);
        }
        join([thread]);
        world.end(deque);
    });
}

/// Two thieves, one of whom takes several and has the other at its own.
fn two_thieves<D: Deque>() {
    explore(ONCE, 2, || {
        let world = World::new(3);
        let mut deque = D::with(4, 8);
        for number in 0..3 {
            world.push(&mut deque, number);
        }
        let threads = [deque.thief(), deque.thief()].map(|thief| {
            let world = world.clone();
            spawn(move || {
                let mut own = D::with(4, 8);
                let keep = |task| assert!(own.push(task).is_ok(), "nobody else knows it");
                world.take(D::steal_many(&thief, keep));
                while world.take(own.pop()) {}
            })
        });
        world.take(deque.pop());
        join(threads);
        world.end(deque);
    });
}

#[test]
fn a_task_is_taken_once_beside_an_owner_that_pops() {
    owner_pops::<crate::deque::Deque>();
}

#[test]
fn a_task_is_taken_once_beside_an_owner_that_gives() {
    owner_gives::<crate::deque::Deque>();
}

#[test]
fn a_place_is_read_before_it_is_used_again() {
    places_turn::<crate::deque::Deque>();
}

#[test]
fn a_task_is_taken_once_by_two_thieves() {
    two_thieves::<crate::deque::Deque>();
}

macro_rules! caught {
    ($($mutant:ident: $words:literal in $model:ident),* $(,)?) => {$(
        #[test]
        #[should_panic(expected = $words)]
        fn $mutant() {
            $model::<crate::mutants::$mutant::Deque>();
        }
    )*};
}

caught!(
    deque_pops_without_fence: "deque: a task is taken twice, or lost" in owner_pops,
    deque_opens_without_fence: "deque: a task is taken twice, or lost" in owner_pops,
    deque_opens_without_a_second_look: "deque: a task is taken twice, or lost" in owner_pops,
    deque_pops_without_a_look: "deque: a task is taken twice, or lost" in owner_pops,
    deque_lowers_by_store: "deque: a task is taken twice, or lost" in owner_pops,
    deque_advances_by_store: "deque: a task is taken twice, or lost" in owner_pops,
    deque_pushes_relaxed: "deque: a task is taken twice, or lost" in owner_pops,
    deque_back_before_task: "deque: a task is taken twice, or lost" in owner_pops,
    deque_opens_relaxed: "deque: a task is taken twice, or lost" in owner_pops,
    deque_exchanges_relaxed: "deque: a task is taken twice, or lost" in owner_gives,
    deque_makes_room_without_the_lock: "Causality violation" in places_turn,
    deque_empty_stays_behind: "deque: a task is taken twice, or lost" in owner_pops,
);
