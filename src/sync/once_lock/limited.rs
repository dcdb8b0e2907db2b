//! Making the value, with a limit on the wait for others who are at it.

use super::OnceLock;
use sortie_scheduler::wait::deadline;
use std::convert::Infallible;
use std::time::{Duration, Instant};

impl<T> OnceLock<T> {
    /// As [`OnceLock::get_or_try_init`], but waits for others no longer than until this time. `Ok(None)`: somebody was at it
    /// all that time. What `f` takes is not limited.
    ///
    /// # Panics
    /// As [`OnceLock::get_or_init`].
    ///
    /// # Errors
    /// Those of `f`.
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let cell = sortie::sync::OnceLock::new();
    /// let parsed = cell.get_or_try_init_until(Instant::now(), || "7".parse::<i32>());
    /// assert_eq!(parsed, Ok(Some(&7)));
    /// ```
    #[track_caller]
    pub fn get_or_try_init_until<E>(
        &self,
        until: Instant,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<Option<&T>, E> {
        self.get_or_try_init_for(Some(until), f)
    }

    /// As [`OnceLock::get_or_try_init_until`], for so long from now.
    ///
    /// # Panics
    /// As [`OnceLock::get_or_init`].
    ///
    /// # Errors
    /// Those of `f`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cell = sortie::sync::OnceLock::new();
    /// let limit = Duration::from_secs(1);
    /// assert_eq!(cell.get_or_try_init_timeout(limit, || Err("no")), Err::<Option<&u32>, _>("no"));
    /// assert_eq!(cell.get_or_try_init_timeout(limit, || Ok::<_, ()>(1)), Ok(Some(&1)));
    /// ```
    #[track_caller]
    pub fn get_or_try_init_timeout<E>(
        &self,
        timeout: Duration,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<Option<&T>, E> {
        self.get_or_try_init_until(deadline(timeout), f)
    }

    /// As [`OnceLock::get_or_init`], but waits for others no longer than `timeout`. `None`: somebody was at it all that
    /// time. What `f` takes is not limited.
    ///
    /// # Panics
    /// As [`OnceLock::get_or_init`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cell = sortie::sync::OnceLock::new();
    /// let runtime = sortie::Runtime::new()?;
    /// runtime.scope(|s| {
    ///     cell.get_or_init(|| {
    ///         let other = s.spawn(|| cell.get_or_init_timeout(Duration::from_millis(1), || 2));
    ///         assert_eq!(other.join().unwrap(), None, "this closure is still at it");
    ///         1
    ///     });
    /// });
    /// assert_eq!(cell.get_or_init_timeout(Duration::ZERO, || 3), Some(&1));
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[track_caller]
    pub fn get_or_init_timeout(&self, timeout: Duration, f: impl FnOnce() -> T) -> Option<&T> {
        self.get_or_init_until(deadline(timeout), f)
    }

    /// As [`OnceLock::get_or_init_timeout`], until this time at the latest.
    ///
    /// # Panics
    /// As [`OnceLock::get_or_init`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let cell = sortie::sync::OnceLock::new();
    /// assert_eq!(cell.get_or_init_until(Instant::now(), || 1), Some(&1));
    /// ```
    #[track_caller]
    pub fn get_or_init_until(&self, until: Instant, f: impl FnOnce() -> T) -> Option<&T> {
        let value: Result<_, Infallible> = self.get_or_try_init_for(Some(until), || Ok(f()));
        let Ok(value) = value;
        value
    }
}
