//! Loops whose turns may fail: the first that does ends the loop.

use super::{Batch, Par, in_order};
use std::ops::ControlFlow;

/// As [`map`](super::map()), for turns that may fail.
///
/// The first error ends the loop: batches that had begun are ended, and no others are begun.
///
/// # Errors
/// Of the turns that have failed, the error of the one with the first item.
///
/// # Panics
/// As [`map`](super::map()).
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let parse = |words: &'static [&str]| {
///     runtime.run(move || sortie::task::par::try_map(words, |word| word.parse::<i32>()))
/// };
/// assert_eq!(parse(&["1", "2", "3"])?, [1, 2, 3]);
/// assert!(parse(&["1", "two", "3"]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn try_map<I, R, E>(items: I, f: impl Fn(I::Item) -> Result<R, E> + Sync) -> Result<Vec<R>, E>
where
    I: IntoIterator<IntoIter: Send, Item: Send>,
    R: Send,
    E: Send,
{
    Par { tasks: None }.try_map(items, f)
}

/// As [`for_each`](super::for_each()), for turns that may fail: see [`try_map`].
///
/// # Errors
/// As [`try_map`].
///
/// # Panics
/// As [`map`](super::map()).
///
/// ```
/// let runtime = sortie::Runtime::new()?;
/// let checked = runtime.run(|| {
///     sortie::task::par::try_for_each(1..100, |n| if n < 50 { Ok(()) } else { Err(n) })
/// });
/// assert!(checked.unwrap_err() >= 50);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn try_for_each<I, E>(items: I, f: impl Fn(I::Item) -> Result<(), E> + Sync) -> Result<(), E>
where
    I: IntoIterator<IntoIter: Send, Item: Send>,
    E: Send,
{
    Par { tasks: None }.try_for_each(items, f)
}

/// The number of the first item of a batch, and why a turn of it has failed.
type Failure<E> = Option<(usize, E)>;

impl Par {
    /// As [`try_map`], with this limit.
    ///
    /// # Errors
    /// As [`try_map`].
    ///
    /// # Panics
    /// As [`map`](super::map()).
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let halves = |items: std::ops::Range<u32>| {
    ///     let half = |n| if n % 2 == 0 { Ok(n / 2) } else { Err(n) };
    ///     runtime.run(move || sortie::task::par::tasks(3).try_map(items.step_by(2), half))
    /// };
    /// assert_eq!(halves(0..6), Ok(vec![0, 1, 2]));
    /// assert!(halves(1..6).is_err());
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn try_map<I, R, E>(
        self,
        items: I,
        f: impl Fn(I::Item) -> Result<R, E> + Sync,
    ) -> Result<Vec<R>, E>
    where
        I: IntoIterator<IntoIter: Send, Item: Send>,
        R: Send,
        E: Send,
    {
        type Made<R, E> = (Vec<(usize, Vec<R>)>, Failure<E>);
        let work = |batch: Batch<I::Item>, (parts, failure): &mut Made<R, E>| {
            match batch.items.into_iter().map(&f).collect() {
                Ok(results) => parts.push((batch.first, results)),
                Err(error) => *failure = Some((batch.first, error)),
            }
            goes_on(failure)
        };
        let (parts, failures): (Vec<_>, Vec<_>) =
            self.run(items.into_iter(), work).into_iter().unzip();
        first(failures)?;
        Ok(in_order(parts.into_iter().flatten().collect()))
    }

    /// As [`try_for_each`], with this limit.
    ///
    /// # Errors
    /// As [`try_map`].
    ///
    /// # Panics
    /// As [`map`](super::map()).
    ///
    /// ```
    /// let runtime = sortie::Runtime::new()?;
    /// let checked: Result<(), u32> =
    ///     runtime.run(|| sortie::task::par::tasks(3).try_for_each(0..100, |_| Ok(())));
    /// assert_eq!(checked, Ok(()));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    pub fn try_for_each<I, E>(
        self,
        items: I,
        f: impl Fn(I::Item) -> Result<(), E> + Sync,
    ) -> Result<(), E>
    where
        I: IntoIterator<IntoIter: Send, Item: Send>,
        E: Send,
    {
        let work = |batch: Batch<I::Item>, failure: &mut Failure<E>| {
            let tried = batch.items.into_iter().try_for_each(&f);
            *failure = tried.err().map(|error| (batch.first, error));
            goes_on(failure)
        };
        first(self.run(items.into_iter(), work))
    }
}

fn goes_on<E>(failure: &Failure<E>) -> ControlFlow<()> {
    if failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Fails as the first of those that have failed.
fn first<E>(failures: Vec<Failure<E>>) -> Result<(), E> {
    let first = failures.into_iter().flatten().min_by_key(|(first, _)| *first);
    first.map_or(Ok(()), |(_, error)| Err(error))
}
