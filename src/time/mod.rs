//! Time: sleeps, time limits, ticks.
//!
//! ```
//! use sortie::time::{Elapsed, interval, timeout};
//! use std::time::Duration;
//!
//! let runtime = sortie::Runtime::new()?;
//! runtime.run(|| {
//!     let mut ticks = interval(Duration::from_millis(2));
//!     // Whatever waits may be limited, and needs to know nothing of it.
//!     let limited = timeout(Duration::from_millis(20), || {
//!         loop {
//!             ticks.tick();
//!         }
//!     });
//!     assert_eq!(limited, Err::<(), _>(Elapsed));
//! });
//! # Ok::<(), sortie::BuildError>(())
//! ```
//!
//! All times are of the monotonic clock ([`Instant`]): a change of the calendar moves nothing. While the machine
//! is suspended that clock stands still (Linux's `CLOCK_MONOTONIC`), and so do all waits. After a process was
//! stopped, what came due meanwhile is served in batches, with others in between.
//!
//! A wait ends at its time or a little later, never before: on a machine that is not busy mostly within 0.1 ms. It
//! costs no thread, and one that ends early leaves nothing behind. [`Duration::MAX`], or a time past the end of the
//! clock, is for ever: until a wake, an abort or a shutdown.
//!
//! | for | see |
//! |---|---|
//! | a pause | [`sleep`], [`sleep_until`] |
//! | code that must not take too long | [`timeout`](timeout()), [`timeout_at`] |
//! | something every so often | [`interval`](interval()), [`interval_at`] |
//! | a limit on one wait | the forms of each with `_timeout` and `_until`, as [`JoinHandle::join_timeout`] |
//!
//! [`JoinHandle::join_timeout`]: crate::JoinHandle::join_timeout

mod interval;
mod timeout;

pub use interval::{Interval, MissedTicks, interval, interval_at};
pub use timeout::{Elapsed, timeout, timeout_at};

use sortie_scheduler::wait::deadline;
use std::time::{Duration, Instant};

/// Waits until at least `duration` has passed, on the monotonic clock.
///
/// A suspension point. [`Duration::MAX`] is for ever, or until an abort. Outside of a task, and in
/// native code, the thread sleeps.
///
/// # Panics
/// In debug builds, under a [`NoSuspend`](crate::task::NoSuspend) guard.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let runtime = sortie::Runtime::new()?;
/// let start = Instant::now();
/// runtime.run(|| sortie::sleep(Duration::from_millis(2)));
/// assert!(start.elapsed() >= Duration::from_millis(2));
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn sleep(duration: Duration) {
    sortie_scheduler::sleep(duration);
}

/// Waits until this time has come. If it has been, only lets an abort be raised.
///
/// A suspension point. Outside of a task, and in native code, the thread sleeps.
///
/// # Panics
/// In debug builds, under a [`NoSuspend`](crate::task::NoSuspend) guard.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let runtime = sortie::Runtime::new()?;
/// let until = Instant::now() + Duration::from_millis(2);
/// runtime.run(move || sortie::time::sleep_until(until));
/// assert!(Instant::now() >= until);
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub fn sleep_until(until: Instant) {
    sortie_scheduler::sleep_until(until);
}

/// So long after `time`; past the end of the clock, a time that nobody sees.
fn after(time: Instant, duration: Duration) -> Instant {
    time.checked_add(duration).unwrap_or_else(|| deadline(Duration::MAX))
}
