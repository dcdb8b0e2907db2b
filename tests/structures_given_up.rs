//! Whoever runs a loop side by side, waits for a scope, for a turn in a group or in a native call, under a task-local, in a
//! region or at whatever level may be aborted, rudely too, or run out of time, at any moment: every value is dropped
//! once, a group never has more at work than it may, each task finds the values that it was born with, and nobody is
//! left.

use fastrand::Rng;
use sortie::native::{self, Target};
use sortie::task::{self, Builder, Group, Priority, par};
use sortie::time::timeout;
use sortie_natives::Gate;
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, each_of, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

static NATIVE: Target = Target::named("native code that waits");

sortie::task_local! {
    inherited static BORN_WITH: Arc<(u64, Counted)>;
}

const TASKS: usize = if cfg!(debug_assertions) { 40 } else { 400 };
const AT_ONCE: usize = 3;

fn soon(random: &mut Rng) -> Duration {
    Duration::from_micros(random.u64(..300))
}

/// What all share.
#[derive(Clone)]
struct Field {
    handle: sortie::Handle,
    drops: Drops,
    queueing: Group,
    at_work: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
}

/// Counts as at work until it is dropped.
struct AtWork<'a>(&'a AtomicUsize);

impl AtWork<'_> {
    fn new(count: &AtomicUsize) -> AtWork<'_> {
        assert!(count.fetch_add(1, SeqCst) < AT_ONCE, "more than the group's limit");
        AtWork(count)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Field {
    /// A value that is held over a wait.
    fn turn(&self, pause: Duration) -> Counted {
        let value = self.drops.value();
        sortie::sleep(pause);
        value
    }

    /// One way to run tasks; by plain threads too.
    fn step(&self, random: &mut Rng) {
        let _held = self.drops.value();
        let pause = soon(random);
        match random.u8(..7) {
            0 => {
                let values: Vec<_> = (0..5).map(|_| self.drops.value()).collect();
                let of_each = |value: Counted| (value, self.turn(pause / 5));
                let on = || par::tasks(2).map(values, of_each);
                let made = self.handle.scope(|scope| scope.spawn(on).join_or_raise());
                assert_eq!(made.len(), 5);
            }
            1 => self.handle.scope(|scope| {
                let first = scope.spawn(|| self.turn(pause));
                drop(scope.spawn(|| self.turn(pause / 2)));
                drop(first.join_or_raise());
            }),
            2 => {
                let own = self.clone();
                let member = move || {
                    let _at_work = AtWork::new(&own.at_work);
                    own.turn(pause / 3)
                };
                let member = Builder::new().group(&self.queueing).spawn_on(&self.handle, member);
                if random.bool() {
                    member.abort();
                }
                // It may wait for its turn for long.
                drop(member.join_timeout(pause));
            }
            3 => {
                let number = random.u64(..);
                BORN_WITH.scope(Arc::new((number, self.drops.value())), || {
                    let own = self.clone();
                    let child = self.handle.spawn(move || {
                        let before = BORN_WITH.with(|value| value.0);
                        drop(own.turn(pause));
                        (before, BORN_WITH.with(|value| value.0))
                    });
                    if let Ok(Ok(found)) = child.join_timeout(pause * 2) {
                        assert_eq!(found, (number, number));
                    }
                    assert_eq!(BORN_WITH.with(|value| value.0), number);
                });
            }
            4 => task::delay_abort(|| drop(self.turn(pause))),
            5 => {
                // Ended by the hook, if by nobody else.
                let gate = Arc::new(Gate::new());
                let opener = gate.clone();
                let open = self.handle.spawn(move || {
                    sortie::sleep(pause);
                    opener.open();
                });
                native::call_cancellable(&NATIVE, |_| gate.open(), || gate.wait());
                drop(open);
            }
            _ => {
                let level = Priority::ALL[random.usize(..7)];
                task::set_priority(level);
                let own = self.clone();
                let other = Builder::new()
                    .priority(Priority::ALL[random.usize(..7)])
                    .spawn_on(&self.handle, move || own.turn(pause));
                let _ = other.join();
            }
        }
        self.done.fetch_add(1, SeqCst);
    }
}

#[test]
fn nothing_is_lost() {
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let mut random = Rng::with_seed(runtime.case.workers as u64);
        let field = Field {
            handle: runtime.handle(),
            drops: Drops::new(),
            queueing: Group::queueing("three at once", AT_ONCE),
            at_work: Arc::default(),
            done: Arc::default(),
        };
        let mut tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                let (field, mut random) = (field.clone(), random.fork());
                runtime.spawn(move || {
                    let _held = field.drops.value();
                    loop {
                        match n % 2 {
                            0 => field.step(&mut random),
                            _ => {
                                let limit = soon(&mut random);
                                let _late = timeout(limit, || field.step(&mut random));
                            }
                        }
                        task::checkpoint();
                    }
                })
            })
            .collect();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (field, mut random) = (field.clone(), random.fork());
                thread::spawn(move || (0..20).for_each(|_| field.step(&mut random)))
            })
            .collect();
        while !tasks.is_empty() {
            let so_far = field.done.load(SeqCst);
            until("they are a bit further", || field.done.load(SeqCst) > so_far + 2 * tasks.len());
            let now = tasks.split_off(tasks.len() - tasks.len().div_ceil(4));
            for task in &now {
                match random.u8(..4) {
                    0 => task.abort_rudely(),
                    _ => task.abort(),
                }
            }
            for task in now {
                let error = task.join().unwrap_err();
                assert!(error.is_aborted(), "{error}");
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        until("all have ended", || runtime.snapshot().tasks_live() == 0);
        assert!(field.queueing.is_empty() && field.at_work.load(SeqCst) == 0);
        println!("{} steps, {} values", field.done.load(SeqCst), field.drops.made());
        field.drops.check();
    });
}
