//! Trees of tasks that join, drop and abort each other come to their ends, and each output is dropped once, while another
//! thread looks who runs, and who waits for whom. None of them is in a deadlock.

use fastrand::Rng;
use sortie::{Handle, JoinHandle, Runtime};
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, each_of, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ROUNDS: usize = if cfg!(debug_assertions) { 40 } else { 200 };

/// What a task of a tree gives, if it is not aborted: dropping it may wait.
struct Output {
    _counted: Counted,
    how: u8,
}

impl Output {
    fn new(drops: &Drops, random: &mut Rng) -> Output {
        Output { _counted: drops.value(), how: random.u8(..16) }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        match self.how {
            0 => sortie::yield_now(),
            1 => sortie::sleep(Duration::from_micros(10)),
            _ => {}
        }
    }
}

/// Spawns up to five below it, and waits for most of them, in any order.
fn tree(drops: &Drops, mut random: Rng, depth: usize) -> Output {
    if depth > 0 {
        let mut tasks: Vec<_> = (0..random.usize(1..6))
            .filter_map(|_| spawn_below(drops, &mut random, depth - 1))
            .collect();
        random.shuffle(&mut tasks);
        for task in tasks {
            wait_for(task, &mut random);
        }
    }
    Output::new(drops, &mut random)
}

fn spawn_below(drops: &Drops, random: &mut Rng, depth: usize) -> Option<JoinHandle<Output>> {
    let (drops, its) = (drops.clone(), random.fork());
    let task = sortie::spawn(move || tree(&drops, its, depth));
    match random.u8(..10) {
        0 => return None,
        1 => task.abort(),
        _ => {}
    }
    Some(task)
}

fn wait_for(task: JoinHandle<Output>, random: &mut Rng) {
    match random.u8(..8) {
        0 => drop(task),
        1 => drop(task.join_timeout(Duration::from_micros(random.u64(..50)))),
        2 => {
            sortie::yield_now();
            drop(task.join());
        }
        _ => drop(task.join()),
    }
}

fn grow(runtime: &Handle, drops: &Drops, random: &mut Rng) {
    let trees: Vec<_> = (0..4)
        .map(|_| {
            let (drops, its) = (drops.clone(), random.fork());
            runtime.spawn(move || tree(&drops, its, 4))
        })
        .collect();
    for tree in trees {
        if random.bool() {
            std::thread::sleep(Duration::from_micros(random.u64(..200)));
            tree.abort();
        }
        let _ = tree.join();
    }
}

/// Looks until it is to stop.
fn look(runtime: &Runtime, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        assert!(runtime.deadlocks().is_empty());
        let _ = runtime.snapshot();
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn trees_come_to_their_ends() {
    each_of(&[1, 2, 4, 16], &MODES, |runtime| {
        let (drops, stop) = (Drops::new(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| look(runtime, &stop));
            let mut random = Rng::with_seed(runtime.case.workers as u64);
            for _ in 0..ROUNDS {
                grow(&runtime.handle(), &drops, &mut random);
            }
            stop.store(true, Ordering::SeqCst);
        });
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        drops.check();
    });
}
