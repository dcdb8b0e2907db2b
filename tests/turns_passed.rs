//! A task that yields passes its turn to the next one, and one that waits to whom it has woken, and nobody notices: not who
//! was lent the turn that is to be passed, not who has a span, not a thief that takes the task before it is away.

use sortie::sync::{Event, channel};
use sortie::task::Builder;
use sortie_test::busy::Busy;
use sortie_test::{MODES, Mode, each_of};
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

/// A task that joins another lends its turn to those that are ready, of whom one may have waited before and yields now.
/// It stands on the one below, and does not pass the turn on: that one goes on when the others have ended.
#[test]
fn a_turn_that_was_lent_is_not_passed_on() {
    each_of(&[1, 2, 4], &[Mode::Pinned], |runtime| {
        let yields = Busy::start_with(runtime, 4 * runtime.case.workers, sortie::yield_now);
        let sum = runtime.run(|| (0..100).map(|n| lend_to(n, sortie::yield_now)).sum::<u64>());
        assert_eq!(sum, 99 * 100 / 2);
        yields.end();
    });
}

/// As above, and the one that was lent the turn asks another something, and waits for the answer.
#[test]
fn a_turn_that_was_lent_is_not_passed_to_who_was_woken() {
    each_of(&[1, 2, 4], &[Mode::Pinned], |runtime| {
        let sum = runtime.run(|| {
            let (ask, questions) = channel::bounded(1);
            let (answer, answers) = channel::bounded(1);
            let other = sortie::spawn(move || {
                for question in &questions {
                    answer.send(question).expect("who asks waits for it");
                }
            });
            let (ask, answers) = (Arc::new(ask), Arc::new(answers));
            let sum = (0..100).map(|n| {
                let (ask, answers) = (ask.clone(), answers.clone());
                lend_to(n, move || {
                    ask.send(n).expect("the other answers until nobody asks");
                    assert_eq!(answers.recv(), Ok(n));
                })
            });
            let sum = sum.sum::<u64>();
            drop(ask);
            other.join().unwrap();
            sum
        });
        assert_eq!(sum, 99 * 100 / 2);
    });
}

/// Joins a task that ends after another, which was woken before and does this.
fn lend_to(n: u64, does: impl FnOnce() + Send + 'static) -> u64 {
    let (go, done) = (Arc::new(Event::auto()), Arc::new(Event::auto()));
    let begun = Arc::new(AtomicUsize::new(0));
    let borrower = {
        let (go, done, begun) = (go.clone(), done.clone(), begun.clone());
        sortie::spawn(move || {
            begun.fetch_add(1, Ordering::SeqCst);
            go.wait();
            does();
            done.set();
        })
    };
    let joined = {
        let begun = begun.clone();
        sortie::spawn(move || {
            begun.fetch_add(1, Ordering::SeqCst);
            done.wait();
            n
        })
    };
    while begun.load(Ordering::SeqCst) < 2 {
        sortie::yield_now();
    }
    go.set();
    let value = joined.join().unwrap();
    borrower.join().unwrap();
    value
}

thread_local! {
    /// The spans that are entered on this thread.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn entered() -> Vec<u64> {
    ENTERED.with_borrow(Vec::clone)
}

/// Wants the spans that a test makes, and not those that tasks have without being asked.
struct Spans;

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    // Else everything is traced, and no turn is lent.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        struct Number(u64);
        impl tracing::field::Visit for Number {
            fn record_u64(&mut self, _field: &tracing::field::Field, value: u64) {
                self.0 = value;
            }
            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
        }
        let mut number = Number(0);
        span.record(&mut number);
        Id::from_u64(number.0)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, _event: &tracing::Event<'_>) {}

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let last = ENTERED.with_borrow_mut(Vec::pop);
        assert_eq!(last, Some(span.into_u64()), "exited on the thread that entered it");
    }
}

fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Spans).unwrap());
}

/// Tasks with a span and without take turns, and each finds its own.
#[test]
fn each_has_its_span() {
    subscribe();
    each_of(&[1, 2, 4], &MODES, |runtime| {
        let handle = runtime.handle();
        let tasks: Vec<_> = (0..4 * runtime.case.workers as u64)
            .map(|n| {
                let with_span = (n % 2 == 1).then(|| tracing::info_span!("mine", n));
                let mine = if with_span.is_some() { vec![n] } else { Vec::new() };
                let builder = Builder::new().span(with_span.unwrap_or_else(tracing::Span::none));
                builder.spawn_on(&handle, move || {
                    for _ in 0..100 {
                        assert_eq!(entered(), mine);
                        sortie::yield_now();
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Who joins one that is still to run runs it at once, and before it those that were spawned after it.
#[test]
fn each_has_its_span_who_was_lent_a_turn() {
    subscribe();
    each_of(&[1, 2, 4], &[Mode::Pinned], |runtime| {
        runtime.run(|| {
            // Fibers are kept that are warm: only on such tasks run on top of others.
            let at_once = [(); 4].map(|()| sortie::spawn(sortie::yield_now));
            at_once.into_iter().for_each(|task| task.join().unwrap());
            for n in 1..100u64 {
                let spawn = |mine: u64| {
                    let span = tracing::info_span!("lent", n = mine);
                    Builder::new().span(span).spawn(move || assert_eq!(entered(), [mine]))
                };
                // The younger one has a span, and comes first.
                let older = sortie::spawn(|| assert!(entered().is_empty()));
                let younger = spawn(n);
                older.join().unwrap();
                younger.join().unwrap();
                spawn(n).join().unwrap();
                assert!(entered().is_empty());
            }
        });
    });
}

/// Yields so many calls further in, and finds in each frame what it has left there.
#[inline(never)]
fn descend(depth: u64, seed: u64) -> u64 {
    let values: [u64; 4] = std::array::from_fn(|n| black_box(seed + n as u64));
    sortie::yield_now();
    let deeper = if depth > 0 { descend(depth - 1, seed + 1) } else { 0 };
    sortie::yield_now();
    assert!((seed..).zip(values).all(|(expected, value)| value == expected), "another's frame");
    deeper + values[0]
}

/// Of a few tasks that yield, workers that have none left take some, at any moment of a yield.
#[test]
fn thieves_take_tasks_that_are_about_to_leave() {
    each_of(&[2, 4, 8], &[Mode::Migrating], |runtime| {
        let tasks: Vec<_> = (0..runtime.case.workers as u64 + 2)
            .map(|seed| {
                runtime.spawn(move || {
                    for round in 0..2_000 {
                        let sum = descend(7, seed);
                        assert_eq!(sum, (seed..=seed + 7).sum());
                        if round % 8 == seed % 8 {
                            // Its worker may have nothing now, and looks at the others'.
                            sortie::sleep(Duration::from_micros(20));
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}
