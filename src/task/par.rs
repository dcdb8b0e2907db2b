//! Loops whose turns run side by side: [`map`] and [`for_each`] over whatever can be iterated over, [`try_map`] and
//! [`try_for_each`] if turns may fail.
//!
//! ```
//! use sortie::task::par;
//!
//! let runtime = sortie::Runtime::new()?;
//! let words = ["borrowed", "by", "all"];
//! let lengths = runtime.run(move || par::map(&words, |word| word.len()));
//! assert_eq!(lengths, [8, 2, 3]);
//! # Ok::<(), sortie::BuildError>(())
//! ```
//!
//! A few tasks of a [`scope`](super::scope()), the current one among them, take items from the iterator in batches, one task at a
//! time, and work on them. How large a batch is, each task learns from how long its last one took: cheap items come
//! many at a time, dear ones alone, so that the last of them are spread. All may borrow.
//!
//! The iterator is asked by one task at a time, and may wait in its `next`, as the closure may in its turns.

mod fallible;

pub use fallible::{try_for_each, try_map};

use super::scope;
use parking_lot::Mutex;
use sortie_scheduler::{Scheduler, Semaphore};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a batch should take: taking one costs well below a hundredth of that.
const BATCH: Duration = Duration::from_micros(100);

/// The most items in a batch.
const LARGEST: usize = 4096;

/// Calls `f` with each item, side by side on the runtime's workers, and returns the results in the order of the
/// items.
///
/// At most as many tasks as the runtime has workers, the current one among them; [`tasks`] sets another limit. A
/// suspension point: it waits for all, as a [`scope`](super::scope()) does. The iterator is asked for items as they are needed,
/// by any of the tasks.
///
/// # Abort
/// As of a [`scope`](super::scope()): an abort of the current task is passed on to the others, and raised here when they have
/// ended.
///
/// # Panics
/// With the panic of a turn, or of the iterator; turns that had begun are ended, and no others begun. On a
/// thread that runs no task. In debug builds, under a [`NoSuspend`](super::NoSuspend) guard.
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let words = ["three", "short", "words"];
/// let lengths = runtime.run(move || sortie::task::par::map(&words, |word| word.len()));
/// assert_eq!(lengths, [5, 5, 5]);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[track_caller]
pub fn map<I, R>(items: I, f: impl Fn(I::Item) -> R + Sync) -> Vec<R>
where
    I: IntoIterator<IntoIter: Send, Item: Send>,
    R: Send,
{
    Par { tasks: None }.map(items, f)
}

/// Calls `f` with each item, side by side on the runtime's workers: as [`map`], without results, in no order.
///
/// # Abort
/// As [`map`].
///
/// # Panics
/// As [`map`].
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let numbers = runtime.run(|| {
///     let mut numbers = [1, 2, 3, 4];
///     sortie::task::par::for_each(&mut numbers, |n| *n *= *n);
///     numbers
/// });
/// assert_eq!(numbers, [1, 4, 9, 16]);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[track_caller]
pub fn for_each<I>(items: I, f: impl Fn(I::Item) + Sync)
where
    I: IntoIterator<IntoIter: Send, Item: Send>,
{
    Par { tasks: None }.for_each(items, f);
}

/// At most so many tasks at once, the current one among them; 0 is as 1.
///
/// More than there are workers for turns that wait, in native code or for others; fewer to leave workers to the
/// rest of the program.
///
/// ```
/// use std::time::Duration;
///
/// let runtime = sortie::Runtime::new()?;
/// runtime.run(|| {
///     // 100 pauses of 1 ms, 50 at once.
///     sortie::task::par::tasks(50).for_each(0..100, |_| sortie::sleep(Duration::from_millis(1)));
/// });
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn tasks(most: usize) -> Par {
    Par { tasks: Some(most) }
}

/// How a loop runs: see [`tasks`].
///
/// ```
/// use sortie::task::par;
///
/// let runtime = sortie::Runtime::new()?;
/// let two: par::Par = par::tasks(2);
/// assert_eq!(runtime.run(move || two.map(0..4, |n| 2 * n)), [0, 2, 4, 6]);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing runs until `map` or `for_each`"]
pub struct Par {
    tasks: Option<usize>,
}

impl Par {
    /// As [`map`], with this limit.
    ///
    /// # Panics
    /// As [`map`].
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let squares = runtime.run(|| sortie::task::par::tasks(3).map(1..=4, |n| n * n));
    /// assert_eq!(squares, [1, 4, 9, 16]);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn map<I, R>(self, items: I, f: impl Fn(I::Item) -> R + Sync) -> Vec<R>
    where
        I: IntoIterator<IntoIter: Send, Item: Send>,
        R: Send,
    {
        let work = |batch: Batch<I::Item>, parts: &mut Vec<(usize, Vec<R>)>| {
            parts.push((batch.first, batch.items.into_iter().map(&f).collect()));
            ControlFlow::Continue(())
        };
        in_order(self.run(items.into_iter(), work).into_iter().flatten().collect())
    }

    /// As [`for_each`], with this limit.
    ///
    /// # Panics
    /// As [`map`].
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let sum = runtime.run(|| {
    ///     let sum = AtomicU32::new(0);
    ///     sortie::task::par::tasks(3).for_each(1..=10, |n| {
    ///         sum.fetch_add(n, Ordering::Relaxed);
    ///     });
    ///     sum.into_inner()
    /// });
    /// assert_eq!(sum, 55);
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn for_each<I>(self, items: I, f: impl Fn(I::Item) + Sync)
    where
        I: IntoIterator<IntoIter: Send, Item: Send>,
    {
        self.run(items.into_iter(), |batch, (): &mut ()| {
            batch.items.into_iter().for_each(&f);
            ControlFlow::Continue(())
        });
    }

    /// What each task has made of its batches. None is begun after one that breaks off.
    #[track_caller]
    fn run<I, S>(
        self,
        items: I,
        work: impl Fn(Batch<I::Item>, &mut S) -> ControlFlow<()> + Sync,
    ) -> Vec<S>
    where
        I: Iterator<Item: Send> + Send,
        S: Default + Send,
    {
        let workers = || Scheduler::current().map_or(1, |scheduler| scheduler.workers());
        let tasks = self.tasks.unwrap_or_else(workers);
        let tasks = tasks.min(items.size_hint().1.unwrap_or(usize::MAX)).max(1);
        let source = Source::new(items, tasks);
        let run_one = || {
            let stop = Stop(&source.stopped);
            let (mut made, mut size) = (S::default(), 1);
            while let Some(batch) = source.take(size) {
                let begun = Instant::now();
                if work(batch, &mut made).is_break() {
                    drop(stop);
                    return made;
                }
                size = next_size(size, begun.elapsed());
            }
            std::mem::forget(stop);
            made
        };
        scope(|s| {
            let others: Vec<_> = (1..tasks).map(|_| s.spawn(run_one)).collect();
            let mut made = vec![run_one()];
            made.extend(others.into_iter().map(|task| task.join_or_raise()));
            made
        })
    }
}

/// The results of batches that come in any order, each with the number of its first item.
fn in_order<R>(mut parts: Vec<(usize, Vec<R>)>) -> Vec<R> {
    parts.sort_unstable_by_key(|(first, _)| *first);
    parts.into_iter().flat_map(|(_, results)| results).collect()
}

/// The size of a batch, after one of this size took so long.
fn next_size(size: usize, took: Duration) -> usize {
    if took < BATCH / 2 {
        (size * 2).min(LARGEST)
    } else if took > BATCH * 2 {
        (size / 2).max(1)
    } else {
        size
    }
}

/// Items that follow each other.
struct Batch<T> {
    /// The first one's number.
    first: usize,
    items: Vec<T>,
}

/// The iterator. Whoever has the permit takes it out, asks it and puts it back: it may wait while it is asked, and
/// no lock is held then.
struct Source<I> {
    turn: Semaphore,
    rest: Mutex<Option<Rest<I>>>,
    stopped: AtomicBool,
    tasks: usize,
}

struct Rest<I> {
    items: I,
    /// How many were taken.
    taken: usize,
}

impl<I: Iterator> Source<I> {
    fn new(items: I, tasks: usize) -> Source<I> {
        let rest = Mutex::new(Some(Rest { items, taken: 0 }));
        Source { turn: Semaphore::new(1), rest, stopped: AtomicBool::new(false), tasks }
    }

    /// The next items, up to so many, and not so many of the last ones that other tasks would have none. `None`: there
    /// are no more.
    fn take(&self, most: usize) -> Option<Batch<I::Item>> {
        let _turn = self.turn.acquire();
        // ORDERING: Relaxed, a hint to begin nothing; the panic itself goes another way.
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        // Lost if the iterator panics: the others find the end.
        let mut rest = self.rest.lock().take()?;
        let (first, left) = (rest.taken, rest.items.size_hint().0);
        let share = if left == 0 { most } else { left.div_ceil(2 * self.tasks) };
        let items: Vec<_> = rest.items.by_ref().take(most.min(share)).collect();
        rest.taken += items.len();
        if items.is_empty() {
            return None;
        }
        *self.rest.lock() = Some(rest);
        Some(Batch { first, items })
    }
}

/// Dropped if a turn panics, fails or is aborted: no others are begun.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        // ORDERING: Relaxed, as in `take`.
        self.0.store(true, Ordering::Relaxed);
    }
}
