//! Who holds a lock that a task of a higher level waits for gets its turns by that level: measured against a
//! semaphore of one permit, which has no owner, in the same program.

use sortie::sync::{Mutex, RwLock, Semaphore};
use sortie::task::{Builder, Priority};
use sortie_test::{MODES, Running, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// What one at a time has, in all its forms.
trait Place: Send + Sync + 'static {
    fn with(&self, f: &mut dyn FnMut());
}

impl Place for Mutex<()> {
    fn with(&self, f: &mut dyn FnMut()) {
        let _guard = self.lock();
        f();
    }
}

impl Place for RwLock<()> {
    fn with(&self, f: &mut dyn FnMut()) {
        let _guard = self.write();
        f();
    }
}

impl Place for Semaphore {
    fn with(&self, f: &mut dyn FnMut()) {
        let _permit = self.acquire();
        f();
    }
}

/// A mutex whose waiters always have a limit, which does not come.
struct Timed(Mutex<()>);

impl Place for Timed {
    fn with(&self, f: &mut dyn FnMut()) {
        let _guard = self.0.try_lock_for(Duration::from_secs(60)).expect("in time");
        f();
    }
}

/// Tasks that are always ready, and how many turns they have had.
struct Flood {
    stop: Arc<AtomicBool>,
    turns: Arc<AtomicUsize>,
    tasks: Vec<sortie::JoinHandle<()>>,
}

fn flood(runtime: &Running<'_>, levels: &[(Priority, usize)]) -> Flood {
    let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let levels = levels.iter().flat_map(|&(level, tasks)| std::iter::repeat_n(level, tasks));
    let tasks = levels.map(|level| {
        let (stop, turns) = (stop.clone(), turns.clone());
        spawn(runtime, level, move || {
            while !stop.load(SeqCst) {
                turns.fetch_add(1, SeqCst);
                sortie::yield_now();
            }
        })
    });
    Flood { tasks: tasks.collect(), stop, turns }
}

impl Flood {
    fn end(self) {
        self.stop.store(true, SeqCst);
        self.tasks.into_iter().for_each(|task| task.join().unwrap());
    }
}

fn spawn<T: Send + 'static>(
    runtime: &Running<'_>,
    level: Priority,
    f: impl FnOnce() -> T + Send + 'static,
) -> sortie::JoinHandle<T> {
    Builder::new().priority(level).spawn_on(&runtime.handle(), f)
}

const TURNS: usize = 20;

/// A task of the level `low` has the place for some turns of its own; so many turns others have until one of the highest
/// level has it.
fn held_up(runtime: &Running<'_>, place: Arc<dyn Place>, low: Priority, others: &Flood) -> usize {
    let (held, wanted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let holder = {
        let (place, held, wanted) = (place.clone(), held.clone(), wanted.clone());
        spawn(runtime, low, move || {
            place.with(&mut || {
                held.store(true, SeqCst);
                while !wanted.load(SeqCst) {
                    sortie::yield_now();
                }
                (0..TURNS).for_each(|_| sortie::yield_now());
            });
        })
    };
    until("the low one has it", || held.load(SeqCst));
    let turns = others.turns.clone();
    let high = spawn(runtime, Priority::TimeCritical, move || {
        let before = turns.load(SeqCst);
        wanted.store(true, SeqCst);
        place.with(&mut || ());
        turns.load(SeqCst) - before
    });
    let turns = high.join().unwrap();
    holder.join().unwrap();
    turns
}

const ALL: [(Priority, usize); 3] =
    [(Priority::TimeCritical, 1), (Priority::Highest, 4), (Priority::Normal, 40)];

#[test]
fn an_owner_is_as_fast_as_who_waits_for_it() {
    each_of(&[1], &MODES, |runtime| {
        let others = flood(runtime, &ALL);
        for low in [Priority::Idle, Priority::BelowNormal, Priority::Normal] {
            let held_up = |place: Arc<dyn Place>| held_up(runtime, place, low, &others);
            let without = held_up(Arc::new(Semaphore::new(1)));
            let with = [
                held_up(Arc::new(Mutex::new(()))),
                held_up(Arc::new(RwLock::new(()))),
                held_up(Arc::new(Timed(Mutex::new(())))),
            ];
            println!("{low:?}, by turns of others: {without} without an owner, with one {with:?}");
            for with in with {
                assert!(with * 2 < without, "{low:?}: {with} with an owner, {without} without");
            }
        }
        others.end();
    });
}

/// The owner of the lock waits itself, for one that a still lower task holds.
#[test]
fn a_loan_is_passed_on() {
    each_of(&[1], &MODES, |runtime| {
        let others = flood(runtime, &ALL);
        let wait = |inner: Arc<dyn Place>| {
            let outer = Arc::new(Mutex::new(()));
            let (held, both) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
            let lowest = {
                let (inner, held, both) = (inner.clone(), held.clone(), both.clone());
                spawn(runtime, Priority::Idle, move || {
                    inner.with(&mut || {
                        held.fetch_add(1, SeqCst);
                        while !both.load(SeqCst) {
                            sortie::yield_now();
                        }
                        (0..TURNS).for_each(|_| sortie::yield_now());
                    });
                })
            };
            until("the lowest has its lock", || held.load(SeqCst) == 1);
            let middle = {
                let (outer, held) = (outer.clone(), held.clone());
                spawn(runtime, Priority::Lowest, move || {
                    let _outer = outer.lock();
                    held.fetch_add(1, SeqCst);
                    inner.with(&mut || ());
                })
            };
            until("the one in between has its own", || held.load(SeqCst) == 2);
            let turns = others.turns.clone();
            let high = spawn(runtime, Priority::TimeCritical, move || {
                let before = turns.load(SeqCst);
                both.store(true, SeqCst);
                drop(outer.lock());
                turns.load(SeqCst) - before
            });
            let turns = high.join().unwrap();
            [lowest, middle].into_iter().for_each(|task| task.join().unwrap());
            turns
        };
        let (without, with) = (wait(Arc::new(Semaphore::new(1))), wait(Arc::new(Mutex::new(()))));
        println!("a chain, by turns of others: {without} without an owner, {with} with one");
        assert!(with * 4 < without, "{with} with an owner, {without} without");
        others.end();
    });
}

/// Locks of all levels, taken with limits and aborted meanwhile, one inside the other: nobody is forgotten, and what was
/// lent is given back.
#[test]
fn waits_that_end_early_take_their_loans_along() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let locks: Arc<[Mutex<usize>; 3]> = Arc::default();
        let tasks: Vec<_> = (0..70)
            .map(|n| {
                let locks = locks.clone();
                spawn(runtime, Priority::ALL[n % 7], move || {
                    for turn in 0..10 {
                        let limit = Duration::from_micros((n * turn % 50) as u64 * 10);
                        // In order, or it would be a deadlock of those without a limit.
                        let outer = match turn % 2 {
                            0 => locks[0].try_lock_for(limit),
                            _ => Some(locks[1].lock()),
                        };
                        let Some(mut outer) = outer else { continue };
                        *outer += 1;
                        sortie::yield_now();
                        *locks[2].lock() += 1;
                    }
                })
            })
            .collect();
        tasks.iter().step_by(5).for_each(|task| task.abort());
        for (n, task) in tasks.into_iter().enumerate() {
            assert!(task.join().is_ok() || n % 5 == 0, "only who is aborted ends early");
        }
        let [first, second, inner] = locks.each_ref().map(|lock| *lock.lock());
        assert!(inner <= first + second && second >= 56 * 5, "{first}, {second}, {inner}");
    });
}
