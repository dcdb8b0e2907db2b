//! Running a model under loom, and knowing when it has come to rest.
//!
//! Loom explores the interleavings; this module adds what the models need to speak for themselves:
//!
//! - *Sleep.* Threads that sleep in the emulated futex are known by address. A wake takes one that
//!   sleeps; with none there it is lost, as in the kernel.
//! - *Rest.* When every thread sleeps or has ended, nobody can wake anybody any more. A thread that
//!   sleeps without limit then is a lost wake-up: the model fails with the promise it was given. A
//!   thread that sleeps with the limit [`UNTIL_REST`] is woken and finds [`at_rest`] true, and the
//!   model looks at what is left.
//! - *Spurious returns.* Each model is explored twice: with sleeps that end at a wake only, and
//!   with one where the first sleep of each thread ends at once for no reason. The second also
//!   shows the wake whose order comes from the word alone: a wake out of loom's `park` orders
//!   memory, which the futex does not promise.
//! - *Limits.* Any other limit passes at once, after the others had their turn.
//!
//! The books are plain thread-local data: loom runs all threads of a model on one thread of the
//! system, and switches at its own operations only. No loom operation is done while they are
//! borrowed.

use std::cell::RefCell;
use std::time::Duration;

/// A limit on a sleep that passes when all others sleep or have ended.
pub(crate) const UNTIL_REST: Duration = Duration::MAX;

/// How often a thread sleeps spuriously.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sleeps {
    /// A sleep ends at a wake.
    UntilWoken,
    /// The first sleep of each thread ends at once.
    FirstSpurious,
}

struct Sleeper {
    id: usize,
    address: usize,
    until_rest: bool,
    thread: loom::thread::Thread,
}

#[derive(Default)]
struct Books {
    promise: &'static str,
    spurious: bool,
    sleepers: Vec<Sleeper>,
    /// Threads that neither sleep, nor wait in `join`, nor have ended.
    awake: usize,
    ended: Vec<bool>,
    joining: Option<usize>,
    slept: Vec<bool>,
    at_rest: bool,
}

thread_local! {
    static BOOKS: RefCell<Books> = RefCell::default();
}

loom::thread_local! {
    static ID: RefCell<usize> = RefCell::new(0);
}

fn books<R>(f: impl FnOnce(&mut Books) -> R) -> R {
    BOOKS.with(|books| f(&mut books.borrow_mut()))
}

fn id() -> usize {
    ID.with(|id| *id.borrow())
}

/// Explores `model`. `promise` is what is broken if a thread sleeps for ever; `preemptions` bounds
/// how often a thread is stopped where it need not.
pub(crate) fn explore(
    promise: &'static str,
    preemptions: usize,
    model: impl Fn() + Copy + Send + Sync + 'static,
) {
    for sleeps in [Sleeps::UntilWoken, Sleeps::FirstSpurious] {
        let mut loom = loom::model::Builder::new();
        loom.preemption_bound = loom.preemption_bound.or(Some(preemptions));
        loom.max_branches = 5_000;
        loom.check(move || {
            books(|books| {
                *books = Books {
                    promise,
                    spurious: sleeps == Sleeps::FirstSpurious,
                    awake: 1,
                    ended: vec![false],
                    slept: vec![false],
                    ..Books::default()
                }
            });
            model();
        });
    }
}

/// A thread of the model.
pub(crate) struct Thread {
    id: usize,
    handle: loom::thread::JoinHandle<()>,
}

pub(crate) fn spawn(body: impl FnOnce() + 'static) -> Thread {
    let new = books(|books| {
        books.awake += 1;
        books.slept.push(false);
        books.ended.push(false);
        books.ended.len() - 1
    });
    let handle = loom::thread::spawn(move || {
        ID.with(|id| *id.borrow_mut() = new);
        body();
        books(|books| {
            books.ended[new] = true;
            if books.joining != Some(new) {
                books.awake -= 1;
            }
        });
        rest_if_all_sleep();
    });
    Thread { id: new, handle }
}

/// Waits for all of them to end. For the model's first thread.
pub(crate) fn join(threads: impl IntoIterator<Item = Thread>) {
    for Thread { id, handle } in threads {
        let waits = books(|books| {
            let waits = !books.ended[id];
            if waits {
                books.joining = Some(id);
                books.awake -= 1;
            }
            waits
        });
        if waits {
            rest_if_all_sleep();
        }
        handle.join().expect("a failing thread fails the model");
        books(|books| books.joining = None);
    }
}

/// True once every thread slept or had ended.
pub(crate) fn at_rest() -> bool {
    books(|books| books.at_rest)
}

/// Sleeps in the emulated futex. Called right after the look at the word.
pub(crate) fn sleep(address: usize, limit: Option<Duration>) {
    let id = id();
    let until_rest = limit == Some(UNTIL_REST);
    if limit.is_some() && !until_rest {
        loom::thread::yield_now();
        return;
    }
    let thread = loom::thread::current();
    let sleeps = books(|books| {
        let first = !std::mem::replace(&mut books.slept[id], true);
        if (books.spurious && first) || (until_rest && books.at_rest) {
            return false;
        }
        books.sleepers.push(Sleeper { id, address, until_rest, thread });
        books.awake -= 1;
        true
    });
    if sleeps {
        rest_if_all_sleep();
        loom::thread::park();
    }
}

/// Wakes one that sleeps on `address`.
pub(crate) fn wake_one(address: usize) {
    let woken = books(|books| {
        let at = books.sleepers.iter().position(|sleeper| sleeper.address == address)?;
        books.awake += 1;
        Some(books.sleepers.remove(at))
    });
    if let Some(sleeper) = woken {
        sleeper.thread.unpark();
    }
}

/// If nobody is awake: fails, or wakes those that sleep until now.
fn rest_if_all_sleep() {
    let (promise, woken) = books(|books| {
        if books.awake > 0 || books.sleepers.is_empty() {
            return (None, Vec::new());
        }
        if books.sleepers.iter().any(|sleeper| !sleeper.until_rest) {
            return (Some(books.promise), Vec::new());
        }
        books.at_rest = true;
        books.awake += books.sleepers.len();
        (None, std::mem::take(&mut books.sleepers))
    });
    if let Some(promise) = promise {
        panic!("{promise}");
    }
    for sleeper in woken {
        sleeper.thread.unpark();
    }
}
