//! Trees of scopes, aborted at random points: whatever a task borrows is there until it has ended, and everything
//! that was made is dropped once.
//!
//! The oracle: each scope lends its tasks a *field* on its own frame that counts who uses it. When the scope is left,
//! however, nobody may. A use after that finds the field marked, or the process broken.

use sortie::native::{self, Target};
use sortie::task::{Scope, scope};
use sortie_natives::with_callback;
use sortie_test::drops::{Counted, Drops};
use sortie_test::{MODES, each_of, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

static NATIVE: Target = Target::named("native code that calls back");

/// What a scope lends. On the frame of its owner.
struct Field<'a> {
    users: AtomicUsize,
    gone: AtomicBool,
    run: &'a Run,
    _counted: Counted,
}

/// What is known of a run.
#[derive(Default)]
struct Run {
    drops: Drops,
    wrong: AtomicUsize,
    scopes: AtomicUsize,
    steps: AtomicUsize,
}

impl Drop for Field<'_> {
    fn drop(&mut self) {
        self.gone.store(true, SeqCst);
        self.run.wrong.fetch_add(self.users.load(SeqCst), SeqCst);
    }
}

/// A use of a field, in a task's closure, frame or output.
struct Use<'a> {
    field: &'a Field<'a>,
    _counted: Counted,
}

impl<'a> Use<'a> {
    fn new(field: &'a Field<'a>) -> Use<'a> {
        field.users.fetch_add(1, SeqCst);
        Use { field, _counted: field.run.drops.value() }
    }

    fn look(&self) {
        self.field.run.steps.fetch_add(1, SeqCst);
        self.field.run.wrong.fetch_add(usize::from(self.field.gone.load(SeqCst)), SeqCst);
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.look();
        self.field.users.fetch_sub(1, SeqCst);
    }
}

/// Numbers that look random.
#[derive(Clone, Copy)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn wait(dice: &mut Dice) {
    match dice.roll(6) {
        0 => sortie::yield_now(),
        1 => sortie::sleep(Duration::from_micros(dice.roll(300))),
        2 => sortie::task::checkpoint(),
        3 => native::call_here(&NATIVE, || sortie_natives::nanosleep(dice.roll(20_000))),
        _ => {}
    }
}

/// A scope with some tasks, some of which open further ones.
fn grow(run: &Run, mut dice: Dice, depth: u64) {
    run.scopes.fetch_add(1, SeqCst);
    let field = Field {
        users: AtomicUsize::new(0),
        gone: AtomicBool::new(false),
        run,
        _counted: run.drops.value(),
    };
    scope(|s| spawn_some(s, &field, &mut dice, depth));
}

fn spawn_some<'scope, 'env>(
    s: &'scope Scope<'scope, 'env>,
    field: &'scope Field<'scope>,
    dice: &mut Dice,
    depth: u64,
) {
    for _ in 0..1 + dice.roll(4) {
        let used = Use::new(field);
        let mut own = Dice(dice.0 ^ (depth << 32 | 0x9e37_79b9));
        let task = s.spawn(move || {
            used.look();
            wait(&mut own);
            match own.roll(if depth == 0 { 3 } else { 8 }) {
                0 => std::panic::resume_unwind(Box::new("by the dice")),
                1 => s.abort(),
                2 => drop(s.spawn(sortie::yield_now)),
                3 => spawn_some(s, field, &mut own, depth - 1),
                4 => {
                    native::call_here(&NATIVE, || {
                        with_callback(1, |_| {
                            native::callback(0, || (grow(field.run, own, depth - 1), 0).1)
                        })
                    });
                }
                _ if depth > 0 => grow(field.run, own, depth - 1),
                _ => {}
            }
            wait(&mut own);
            used.look();
            used
        });
        wait(dice);
        match dice.roll(5) {
            0 => drop(task.join()),
            1 => task.abort(),
            2 => {
                let joins = s.spawn(move || task.join().is_ok());
                drop(joins);
            }
            _ => drop(task),
        }
    }
}

/// Says nothing of the panics that the dice bring.
fn quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload_as_str().is_some_and(|text| text.contains("of a scope has panicked")) {
            usual(info);
        }
    }));
}

#[test]
fn aborts_at_random_points() {
    quiet();
    let rounds = if std::env::var_os("SORTIE_SOAK").is_some() { 5000 } else { 200 };
    each_of(&[1, 2, 4, 8, 64], &MODES, |runtime| {
        let rounds = if runtime.case.workers == 64 { rounds / 6 } else { rounds };
        let run = Arc::new(Run::default());
        let mut dice = Dice(0x2545_f491_4f6c_dd1d ^ runtime.case.workers as u64);
        for round in 0..rounds {
            let own = Dice(dice.0 | 1);
            dice.roll(2);
            let task = {
                let run = run.clone();
                runtime.spawn(move || {
                    // A panic of the dice's comes up to here.
                    let result = catch_unwind(AssertUnwindSafe(|| grow(&run, own, 3)));
                    drop(result.inspect_err(|_| sortie::task::checkpoint()));
                })
            };
            // At some step of it, or behind its end.
            let steps = run.steps.load(SeqCst) + dice.roll(40) as usize;
            if round % 4 > 0 {
                until("it has come so far", || {
                    run.steps.load(SeqCst) >= steps || task.is_finished()
                });
                task.abort();
            }
            if let Err(error) = task.join() {
                assert!(error.is_aborted(), "{error}");
            }
        }
        assert_eq!(run.wrong.load(SeqCst), 0);
        // Detached tasks of the scopes have ended, too: all were waited for.
        run.drops.check();
        println!("{} scopes, {} looks", run.scopes.load(SeqCst), run.steps.load(SeqCst));
    });
}
