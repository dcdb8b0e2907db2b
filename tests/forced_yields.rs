//! A task that lets others run only when it is made to forgoes turns for it: more each time, up to a limit, and only as long
//! as others are ready.

use sortie_test::figures::{bound, within};
use sortie_test::{MODES, Running, each, each_of, until};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const QUANTUM: Duration = Duration::from_millis(10);

/// What a forced yield took, at least: what is shorter was no more than a task's turn.
const SHORTEST: Duration = Duration::from_millis(5);

/// A task that computes, and comes by checkpoints.
struct Runaway {
    stop: Arc<AtomicBool>,
    /// How long each of the checkpoints took at which it was made to yield.
    gaps: Arc<Mutex<Vec<Duration>>>,
    /// How many checkpoints it has passed.
    passed: Arc<AtomicU64>,
    task: sortie::JoinHandle<()>,
}

impl Runaway {
    /// `after_each`: what it does after each of its forced yields.
    fn start(runtime: &Running<'_>, after_each: fn()) -> Runaway {
        let stop = Arc::new(AtomicBool::new(false));
        let gaps = Arc::new(Mutex::new(Vec::new()));
        let passed = Arc::new(AtomicU64::new(0));
        let (ended, seen, counted) = (stop.clone(), gaps.clone(), passed.clone());
        let task = runtime.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let before = Instant::now();
                sortie::task::checkpoint();
                let gap = before.elapsed();
                counted.fetch_add(1, Ordering::Relaxed);
                if gap > SHORTEST {
                    seen.lock().unwrap().push(gap);
                    after_each();
                }
            }
        });
        Runaway { stop, gaps, passed, task }
    }

    fn gaps(&self) -> Vec<Duration> {
        self.gaps.lock().unwrap().clone()
    }

    /// How often it was made to yield.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        let handle = self.task.abort_handle();
        self.task.join().unwrap();
        handle.forced_yields()
    }
}

/// A task that is ready all the time.
struct Ready {
    stop: Arc<AtomicBool>,
    turns: Arc<AtomicU64>,
    task: sortie::JoinHandle<()>,
}

impl Ready {
    fn start(runtime: &Running<'_>) -> Ready {
        let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, taken) = (stop.clone(), turns.clone());
        let task = runtime.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                taken.fetch_add(1, Ordering::Relaxed);
                sortie::yield_now();
            }
        });
        until("it has begun", || turns.load(Ordering::Relaxed) > 0);
        Ready { stop, turns, task }
    }

    fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.task.join().unwrap();
        assert!(self.turns.load(Ordering::Relaxed) > 0);
    }
}

/// So many on each worker that some of them wait, also while an extra worker runs one.
fn several(runtime: &Running<'_>) -> Vec<Ready> {
    (0..4 * runtime.case.workers).map(|_| Ready::start(runtime)).collect()
}

/// On one worker, beside others that are always ready.
#[test]
fn it_forgoes_more_each_time_and_has_its_turn_all_the_same() {
    each_of(&[1], &MODES, |runtime| {
        let ready = several(runtime);
        let runaway = Runaway::start(runtime, || ());
        until("it goes on after it was made to yield five times", || {
            runtime.snapshot().forced_yields >= 6
        });
        let gaps = runaway.gaps();
        let at_least = |quanta: u32| gaps.iter().filter(|gap| **gap >= QUANTUM * quanta).count();
        assert!(at_least(2) >= 3 && at_least(4) >= 2 && at_least(8) >= 1, "{gaps:?}");
        assert!(runaway.end() >= 6);
        ready.into_iter().for_each(Ready::end);
    });
}

/// Who lets others run by itself in between forgoes the least each time.
#[test]
fn a_yield_of_its_own_is_to_its_credit() {
    each_of(&[1], &MODES, |runtime| {
        let ready = Ready::start(runtime);
        within("the usual gap of one that also yields by itself", bound(2 * QUANTUM), || {
            let runaway = Runaway::start(runtime, sortie::yield_now);
            until("it was made to yield seven times", || runaway.gaps().len() >= 7);
            let mut gaps = runaway.gaps();
            runaway.end();
            gaps.sort();
            gaps[gaps.len() / 2]
        });
        ready.end();
    });
}

/// As soon as nobody else is ready it goes on, though it would have had to forgo eight quanta.
#[test]
fn it_goes_on_at_once_when_nobody_else_is_ready() {
    each_of(&[1], &MODES, |runtime| {
        within("it goes on when the other has ended", bound(2 * QUANTUM), || {
            let ready = several(runtime);
            let runaway = Runaway::start(runtime, || ());
            until("it forgoes most", || runaway.gaps().iter().any(|gap| *gap >= QUANTUM * 8));
            let passed = || runaway.passed.load(Ordering::Relaxed);
            let forced = || runtime.snapshot().forced_yields;
            let before = forced();
            until("it was made to yield once more", || forced() > before);
            let (known, start) = (passed(), Instant::now());
            ready.into_iter().for_each(Ready::end);
            until("it goes on", || passed() > known);
            let took = start.elapsed();
            runaway.end();
            took
        });
    });
}

/// With as many of them as there are, each has its turns.
#[test]
fn where_all_are_runaways_nobody_starves() {
    each(|runtime| {
        let turns: Vec<Arc<AtomicU64>> =
            (0..3 * runtime.case.workers).map(|_| Arc::default()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = turns
            .iter()
            .map(|turns| {
                let (turns, stop) = (turns.clone(), stop.clone());
                runtime.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        turns.fetch_add(1, Ordering::Relaxed);
                        sortie::task::checkpoint();
                    }
                })
            })
            .collect();
        let all = || turns.iter().map(|turns| turns.load(Ordering::Relaxed)).collect::<Vec<_>>();
        until("all have begun", || all().iter().all(|turns| *turns > 0));
        let before = all();
        until("each has had another turn", || {
            all().iter().zip(&before).all(|(now, before)| now > before)
        });
        stop.store(true, Ordering::SeqCst);
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// An abort ends the wait of one that sits out, and so does the end of the runtime.
#[test]
fn one_that_sits_out_is_aborted() {
    each_of(&[1], &MODES, |runtime| {
        let ready = Ready::start(runtime);
        for _ in 0..3 {
            let runaway = Runaway::start(runtime, || ());
            until("it was made to yield", || !runaway.gaps().is_empty());
            runaway.task.abort();
            assert!(runaway.task.join().unwrap_err().is_aborted());
        }
        let left = Runaway::start(runtime, || ());
        until("it was made to yield", || !left.gaps().is_empty());
        ready.end();
        // The fixture ends the runtime, and the other with it.
    });
}

/// In a callback the task waits in place, and its thread with it. Others have to be such as may run elsewhere.
#[test]
fn in_a_callback_it_forgoes_turns_in_place() {
    use sortie::native::{self, Target};
    use sortie_natives::with_callback;
    static CALL_BACK: Target = Target::named("natives_call_back");
    each_of(&[1, 2], &MODES[1..], |runtime| {
        let ready = several(runtime);
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let task = runtime.spawn(move || {
            native::call_here(&CALL_BACK, || {
                with_callback(1, |_| {
                    native::callback(-1, || {
                        while !ended.load(Ordering::Relaxed) {
                            sortie::task::checkpoint();
                        }
                        7
                    })
                })
            })
        });
        until("it was made to yield twice", || runtime.snapshot().forced_yields >= 2);
        stop.store(true, Ordering::SeqCst);
        assert_eq!(task.join().unwrap(), 7);
        ready.into_iter().for_each(Ready::end);
    });
}
