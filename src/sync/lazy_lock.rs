//! A value that makes itself when it is first wanted.

use super::OnceLock;
use sortie_scheduler::wait::deadline;
use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// A value that is made when it is first looked at, by whoever looks first.
///
/// In the shape of `std::sync::LazyLock`, without poisoning: what makes the value may suspend, and be aborted, or
/// panic; then the next that waits, or comes, makes it. So it is a closure that can be called again. Others that want
/// the value meanwhile are suspended (threads sleep), and no worker waits.
///
/// A look is a suspension point until the value is there.
///
/// ```
/// use sortie::sync::LazyLock;
/// use std::time::Duration;
///
/// static CONFIG: LazyLock<String> = LazyLock::new(|| {
///     sortie::sleep(Duration::from_millis(1)); // reads a file, say
///     "config".to_owned()
/// });
///
/// let runtime = sortie::Runtime::new()?;
/// let tasks: Vec<_> = (0..10).map(|_| runtime.spawn(|| CONFIG.len())).collect();
/// for task in tasks {
///     assert_eq!(task.join().unwrap(), 6);
/// }
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    cell: OnceLock<T>,
    make: F,
}

impl<T, F: Fn() -> T> LazyLock<T, F> {
    /// A value that `make` will make.
    ///
    /// ```
    /// use sortie::sync::LazyLock;
    ///
    /// static ANSWER: LazyLock<u32> = LazyLock::new(|| 6 * 7);
    /// assert_eq!(*ANSWER, 42);
    /// ```
    #[must_use]
    pub const fn new(make: F) -> LazyLock<T, F> {
        LazyLock { cell: OnceLock::new(), make }
    }

    /// The value; made if it is not there, and waited for if somebody is at it. A look through `*` does the same.
    ///
    /// # Panics
    /// If `make` panics, with its panic. If it wants the value itself. In debug builds, if it would wait under a
    /// [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// use sortie::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::force(&lazy), &92);
    /// assert_eq!(*lazy, 92);
    /// ```
    #[inline]
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.cell.get_or_init(&this.make)
    }

    /// As [`LazyLock::force`], but waits for others no longer than `timeout`. `None`: somebody was at it all that time.
    /// What `make` takes is not limited.
    ///
    /// # Panics
    /// As [`LazyLock::force`].
    ///
    /// ```
    /// use sortie::sync::LazyLock;
    /// use std::time::Duration;
    ///
    /// let lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::force_timeout(&lazy, Duration::ZERO), Some(&92));
    /// ```
    #[track_caller]
    pub fn force_timeout(this: &LazyLock<T, F>, timeout: Duration) -> Option<&T> {
        LazyLock::force_until(this, deadline(timeout))
    }

    /// As [`LazyLock::force_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`LazyLock::force`].
    ///
    /// ```
    /// use sortie::sync::LazyLock;
    /// use std::time::Instant;
    ///
    /// let answer = LazyLock::new(|| 6 * 7);
    /// assert_eq!(LazyLock::force_until(&answer, Instant::now()), Some(&42));
    /// ```
    #[track_caller]
    pub fn force_until(this: &LazyLock<T, F>, until: Instant) -> Option<&T> {
        this.cell.get_or_init_until(until, &this.make)
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it is there. Neither makes it nor waits.
    ///
    /// ```
    /// use sortie::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::get(&lazy), None);
    /// assert_eq!(*lazy, 92);
    /// assert_eq!(LazyLock::get(&lazy), Some(&92));
    /// ```
    #[inline]
    pub fn get(this: &LazyLock<T, F>) -> Option<&T> {
        this.cell.get()
    }
}

impl<T, F: Fn() -> T> Deref for LazyLock<T, F> {
    type Target = T;
    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyLock").field(&self.cell.get()).finish()
    }
}
