//! A turn that is passed on past the loop is passed by nobody whom the loop would serve now: of two tasks that always
//! yield, on one worker, either has no turn before who is made ready, stands in line, or has lent its turn; and few
//! before who comes from outside or has slept.

use sortie::native::{self, Class, Policy, Target};
use sortie::sync::Event;
use sortie::task::{self, Builder};
use sortie_natives::Gate;
use sortie_test::{MODES, Mode, Running, each_of, until};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How often each is tried. One pick in sixty-one is one for the oldest, and a pass that is wrongly made is one of
/// fifteen in sixteen.
const TRIALS: usize = 200;
const FAIR: usize = TRIALS / 10;

/// So many turns of others a task may wait for that only a pick of the loop serves.
const FEW: usize = 64;

/// Two tasks that yield, and count their turns.
struct Yielders {
    turns: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    tasks: Vec<sortie::JoinHandle<()>>,
}

impl Yielders {
    fn start(runtime: &Running<'_>) -> Yielders {
        Yielders::start_with(runtime, &Builder::new)
    }

    fn start_with(runtime: &Running<'_>, builder: &dyn Fn() -> Builder) -> Yielders {
        let (turns, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks = (0..2)
            .map(|_| {
                let (turns, stop) = (turns.clone(), stop.clone());
                builder().spawn_on(&runtime.handle(), move || {
                    while !stop.load(Relaxed) {
                        turns.fetch_add(1, Relaxed);
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        until("they have turns", || turns.load(Relaxed) > 100);
        Yielders { turns, stop, tasks }
    }

    fn end(self) {
        self.stop.store(true, Relaxed);
        self.tasks.into_iter().for_each(|task| task.join().unwrap());
    }
}

#[test]
fn a_new_task_goes_first() {
    each_of(&[1], &MODES, |runtime| {
        let yielders = Yielders::start(runtime);
        let turns = yielders.turns.clone();
        let late = runtime.run(move || {
            let is_late = |_: &usize| {
                let seen = turns.clone();
                let task = sortie::spawn(move || seen.load(Relaxed));
                let before = turns.load(Relaxed);
                sortie::yield_now();
                task.join().unwrap() > before
            };
            (0..TRIALS).filter(is_late).count()
        });
        assert!(late <= FAIR, "{late} of {TRIALS} had to wait");
        yielders.end();
    });
}

#[test]
fn a_woken_task_goes_first() {
    each_of(&[1], &MODES, |runtime| {
        let yielders = Yielders::start(runtime);
        let turns = yielders.turns.clone();
        let late = runtime.run(move || {
            let go = Arc::new(Event::auto());
            let [waits, ran] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
            let woken = {
                let (go, waits, ran, turns) =
                    (go.clone(), waits.clone(), ran.clone(), turns.clone());
                sortie::spawn(move || {
                    for _ in 0..TRIALS {
                        waits.fetch_add(1, Relaxed);
                        go.wait();
                        ran.store(turns.load(Relaxed), Relaxed);
                    }
                })
            };
            let is_late = |trial: &usize| {
                ran.store(0, Relaxed);
                while waits.load(Relaxed) <= *trial {
                    sortie::yield_now();
                }
                let before = turns.load(Relaxed);
                go.set();
                while ran.load(Relaxed) == 0 {
                    sortie::yield_now();
                }
                ran.load(Relaxed) > before
            };
            let late = (0..TRIALS).filter(is_late).count();
            woken.join().unwrap();
            late
        });
        assert!(late <= FAIR, "{late} of {TRIALS} had to wait");
        yielders.end();
    });
}

/// Some that may move and some that may not have as many turns.
#[test]
fn both_kinds_have_turns() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let pinned = Yielders::start(runtime);
        // SAFETY: nothing in these tasks notices on which thread it runs.
        let movable = Yielders::start_with(runtime, &|| unsafe { Builder::new().migrating() });
        let counts = || [pinned.turns.load(Relaxed), movable.turns.load(Relaxed)];
        let before = counts();
        until("they have had many turns", || counts().iter().sum::<usize>() > 100_000);
        let had: Vec<_> = counts().iter().zip(before).map(|(now, before)| now - before).collect();
        let least = had.iter().min().unwrap();
        assert!(3 * least >= had.iter().sum(), "pinned and movable ones had {had:?} turns");
        pinned.end();
        movable.end();
    });
}

static LONG: Target = Target::named("long").with_policy(Policy::new().class(Class::Long));

/// Turns in a row of tasks on one thread.
#[derive(Default)]
struct Stay {
    thread: Option<ThreadId>,
    turns: usize,
    longest: usize,
    all: usize,
}

impl Stay {
    fn count(&mut self) {
        let here = Some(thread::current().id());
        self.turns = if self.thread == here { self.turns + 1 } else { 1 };
        self.thread = here;
        self.longest = self.longest.max(self.turns);
        self.all += 1;
    }
}

/// Two pairs of tasks on a carrier each, and one worker.
#[test]
fn a_carrier_in_line_has_the_worker_after_sixteen_turns() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let stay = Arc::new(Mutex::new(Stay::default()));
        let gate = Arc::new(Gate::new());
        let [begun, is_back] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let start = |call: Option<Arc<Gate>>| {
            let (stay, begun, is_back) = (stay.clone(), begun.clone(), is_back.clone());
            runtime.spawn(move || {
                begun.fetch_add(1, Relaxed);
                if let Some(gate) = call {
                    while begun.load(Relaxed) < 2 {
                        sortie::yield_now();
                    }
                    native::call_here(&LONG, || gate.wait());
                    is_back.store(1, Relaxed);
                }
                while is_back.load(Relaxed) == 0 {
                    sortie::yield_now();
                }
                while stay.lock().unwrap().all < 5_000 {
                    stay.lock().unwrap().count();
                    sortie::yield_now();
                }
            })
        };
        let mut tasks = vec![start(Some(gate.clone())), start(None)];
        until("one is away, with the other's carrier", || gate.inside() == 1);
        tasks.extend([start(None), start(None)]);
        until("two more are on another carrier", || begun.load(Relaxed) == 4);
        gate.open();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let longest = stay.lock().unwrap().longest;
        println!("  {longest} turns in a row");
        assert!(longest <= 20, "{longest} turns in a row while another carrier was in line");
    });
}

/// Who has lent its turn, and has it again, has it before those that yielded.
#[test]
fn who_has_lent_its_turn_goes_on_first() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let yielders = Yielders::start(runtime);
        let late = (0..TRIALS).filter(|_| {
            let turns = yielders.turns.clone();
            runtime.run(move || is_lender_late(&turns))
        });
        let late = late.count();
        assert!(late <= FAIR, "{late} of {TRIALS} had to wait");
        yielders.end();
    });
}

/// Of two lenders that have their turns again at once, since both are aborted, does the second wait for others when the
/// first yields?
fn is_lender_late(turns: &Arc<AtomicUsize>) -> bool {
    let [upper, lower] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let handles = Arc::new(Mutex::new(Vec::<task::AbortHandle>::new()));
    let after_join = |join: &mut dyn FnMut()| drop(catch_unwind(AssertUnwindSafe(join)));
    let first = {
        let (turns, upper, lower, handles) =
            (turns.clone(), upper.clone(), lower.clone(), handles.clone());
        sortie::spawn(move || {
            let second = {
                let (turns, handles) = (turns.clone(), handles.clone());
                sortie::spawn(move || {
                    let last = {
                        let handles = handles.clone();
                        sortie::spawn(move || {
                            handles.lock().unwrap().iter().for_each(task::AbortHandle::abort);
                            sortie::yield_now();
                        })
                    };
                    let mut last = Some(last);
                    after_join(&mut || last.take().unwrap().join().unwrap());
                    upper.store(turns.load(Relaxed), Relaxed);
                    task::delay_abort(sortie::yield_now);
                })
            };
            handles.lock().unwrap().push(second.abort_handle());
            let mut second = Some(second);
            after_join(&mut || drop(second.take().unwrap().join()));
            lower.store(turns.load(Relaxed), Relaxed);
        })
    };
    handles.lock().unwrap().push(first.abort_handle());
    drop(first.join());
    lower.load(Relaxed) > upper.load(Relaxed)
}

/// Who is asked to let others run, and yields by itself just then, leaves nothing of that to the next one.
#[test]
fn a_request_is_not_passed_on() {
    each_of(&[1], &[Mode::Pinned], |runtime| {
        let stop = Arc::new(AtomicBool::new(false));
        let next = {
            let stop = stop.clone();
            runtime.spawn(move || {
                while !stop.load(Relaxed) {
                    task::checkpoint();
                    sortie::yield_now();
                }
            })
        };
        let own = Arc::new(Mutex::new(None::<task::AbortHandle>));
        let asked = {
            let own = own.clone();
            runtime.spawn(move || {
                while own.lock().unwrap().is_none() {
                    sortie::yield_now();
                }
                let own = own.lock().unwrap().clone().unwrap();
                (0..TRIALS).for_each(|_| {
                    assert!(own.ask_to_yield(), "it runs");
                    sortie::yield_now();
                });
            })
        };
        *own.lock().unwrap() = Some(asked.abort_handle());
        asked.join().unwrap();
        stop.store(true, Relaxed);
        let handle = next.abort_handle();
        next.join().unwrap();
        assert_eq!(handle.forced_yields(), 0, "the next one was made to yield");
    });
}

/// Who comes from outside, and who has slept.
#[test]
fn who_only_a_pick_serves_waits_for_few_turns() {
    each_of(&[1], &MODES, |runtime| {
        let yielders = Yielders::start(runtime);
        let turns = yielders.turns.clone();
        let handle = runtime.handle();
        let late = runtime.run(move || {
            let is_late = |task: sortie::JoinHandle<usize>| {
                let before = turns.load(Relaxed);
                while !task.is_finished() {
                    sortie::yield_now();
                }
                // Before, if this task was kept from its processor, and an extra worker was there.
                task.join().unwrap().saturating_sub(before) > FEW
            };
            (0..TRIALS).fold([0, 0], |[injected, slept], _| {
                let seen = turns.clone();
                let inject = || handle.spawn(move || seen.load(Relaxed));
                let task = thread::scope(|scope| scope.spawn(inject).join().unwrap());
                let injected = injected + usize::from(is_late(task));
                let (seen, sleeps) = (turns.clone(), Arc::new(AtomicBool::new(false)));
                let begun = sleeps.clone();
                let task = sortie::spawn(move || {
                    begun.store(true, Relaxed);
                    sortie::sleep(Duration::from_micros(20));
                    seen.load(Relaxed)
                });
                while !sleeps.load(Relaxed) {
                    sortie::yield_now();
                }
                // It is due before the others have a turn again.
                let due = Instant::now() + Duration::from_micros(200);
                while Instant::now() < due {}
                [injected, slept + usize::from(is_late(task))]
            })
        });
        assert!(late.iter().all(|late| *late <= FAIR), "{late:?} of {TRIALS} had to wait");
        yielders.end();
    });
}
