//! A value that is made once, when it is first wanted.

mod limited;

use super::Once;
use std::cell::UnsafeCell;
use std::convert::Infallible;
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

/// A cell that is written once, by whoever comes first, and read by all.
///
/// In the shape of `std::sync::OnceLock`. What makes the value may suspend; others that want it then are suspended too
/// (threads sleep), and no worker waits. If it panics, or its task is aborted in it, the cell is still empty, and the
/// next that waits, or comes, makes the value. A clone, and a comparison, sees a cell whose value is being made as empty.
///
/// ```
/// use sortie::sync::OnceLock;
/// use std::time::Duration;
///
/// static CONFIG: OnceLock<String> = OnceLock::new();
///
/// let runtime = sortie::Runtime::new()?;
/// let tasks: Vec<_> = (0..10)
///     .map(|_| {
///         runtime.spawn(|| {
///             CONFIG.get_or_init(|| {
///                 sortie::sleep(Duration::from_millis(1)); // reads a file, say
///                 "config".to_owned()
///             })
///         })
///     })
///     .collect();
/// for task in tasks {
///     assert_eq!(task.join().unwrap(), "config");
/// }
/// # Ok::<(), sortie::BuildError>(())
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// Written under the right to do it once, and not before `once` is complete read.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written by one, and then only shared; it may be dropped by another thread than made it.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}
// SAFETY: the cell is its value, and a word and lists that are `Send`.
unsafe impl<T: Send> Send for OnceLock<T> {}

impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// An empty cell.
    ///
    /// ```
    /// static NAME: sortie::sync::OnceLock<String> = sortie::sync::OnceLock::new();
    /// ```
    #[must_use]
    pub const fn new() -> OnceLock<T> {
        OnceLock { once: Once::new(), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The value, if it is there. Does not wait.
    ///
    /// ```
    /// let cell = sortie::sync::OnceLock::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set(1).unwrap();
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: complete, hence written, and not written again while it is borrowed.
        self.once.is_completed().then(|| unsafe { self.assume() })
    }

    /// The value, if it is there.
    ///
    /// ```
    /// let mut cell = sortie::sync::OnceLock::from(1);
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.get(), Some(&2));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: complete, hence written.
        self.once.is_completed().then(|| unsafe { self.value.get_mut().assume_init_mut() })
    }

    /// Writes the value. Waits, if somebody is at it; [`OnceLock::get_or_init_timeout`] for so long at most.
    ///
    /// # Errors
    /// The value, if one is there already.
    ///
    /// ```
    /// let cell = sortie::sync::OnceLock::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(2));
    /// ```
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("made once"));
        value.map_or(Ok(()), Err)
    }

    /// The value; made by `f` if it is not there, and waited for if somebody is at it.
    ///
    /// A suspension point if it waits, or if `f` has one.
    ///
    /// # Panics
    /// If `f` panics, with its panic. If `f` wants the value itself. In debug builds, if it would wait under a
    /// [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// let cell = sortie::sync::OnceLock::new();
    /// assert_eq!(cell.get_or_init(|| 1), &1);
    /// assert_eq!(cell.get_or_init(|| unreachable!("it is there")), &1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        let value: Result<&T, Infallible> = self.get_or_try_init(|| Ok(f()));
        let Ok(value) = value;
        value
    }

    /// As [`OnceLock::get_or_init`], with an `f` that may fail: then the cell stays empty, and the next tries.
    ///
    /// # Panics
    /// As [`OnceLock::get_or_init`].
    ///
    /// # Errors
    /// Those of `f`.
    ///
    /// ```
    /// let cell = sortie::sync::OnceLock::new();
    /// assert_eq!(cell.get_or_try_init(|| "x".parse::<i32>()).is_ok(), false);
    /// assert_eq!(cell.get_or_try_init(|| "7".parse::<i32>()), Ok(&7));
    /// ```
    #[inline]
    #[track_caller]
    pub fn get_or_try_init<E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let value = self.get_or_try_init_for(None, f)?;
        Ok(value.unwrap_or_else(|| unreachable!("a wait without a limit ends with the value")))
    }

    #[inline]
    #[track_caller]
    fn get_or_try_init_for<E>(
        &self,
        until: Option<Instant>,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<Option<&T>, E> {
        if let Some(value) = self.get() {
            return Ok(Some(value));
        }
        let done = self.once.try_call_once(until, || {
            let value = f()?;
            // SAFETY: who does what is done once is alone with the cell, and nobody reads it before it is done.
            unsafe { (*self.value.get()).write(value) };
            Ok(())
        })?;
        // SAFETY: done, hence written.
        Ok(done.then(|| unsafe { self.assume() }))
    }

    /// Waits until the value is there.
    ///
    /// # Panics
    /// If the caller is making it: the wait would never end. In debug builds, if it would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// let cell = sortie::sync::OnceLock::new();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| cell.set(1).unwrap());
    ///     assert_eq!(cell.wait(), &1);
    /// });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> &T {
        self.once.wait();
        // SAFETY: done, hence written.
        unsafe { self.assume() }
    }

    /// As [`OnceLock::wait`], but no longer than `timeout`. `None`: it was not there in that time.
    ///
    /// # Panics
    /// As [`OnceLock::wait`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cell = sortie::sync::OnceLock::<i32>::new();
    /// assert_eq!(cell.wait_timeout(Duration::from_millis(1)), None);
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Option<&T> {
        // SAFETY: done, hence written.
        self.once.wait_timeout(timeout).then(|| unsafe { self.assume() })
    }

    /// As [`OnceLock::wait`], but no longer than until this time.
    ///
    /// # Panics
    /// As [`OnceLock::wait`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let cell = sortie::sync::OnceLock::<u32>::new();
    /// assert_eq!(cell.wait_until(Instant::now()), None);
    /// ```
    pub fn wait_until(&self, until: Instant) -> Option<&T> {
        // SAFETY: done, hence written.
        self.once.wait_until(until).then(|| unsafe { self.assume() })
    }

    /// Empties the cell.
    ///
    /// ```
    /// let mut cell = sortie::sync::OnceLock::from(1);
    /// assert_eq!(cell.take(), Some(1));
    /// assert_eq!(cell.get(), None);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        if !self.once.is_completed() {
            return None;
        }
        self.once = Once::new();
        // SAFETY: written, and from here on the cell says that it is empty.
        Some(unsafe { self.value.get_mut().assume_init_read() })
    }

    /// The value, if it is there.
    ///
    /// ```
    /// assert_eq!(sortie::sync::OnceLock::from(1).into_inner(), Some(1));
    /// ```
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// # Safety
    /// `once` was seen complete.
    #[inline]
    unsafe fn assume(&self) -> &T {
        // SAFETY: written before, and not again while `self` is borrowed: `take` wants it alone.
        let value = unsafe { &*self.value.get() };
        // SAFETY: by contract.
        unsafe { value.assume_init_ref() }
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> OnceLock<T> {
        self.get().cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        let cell = OnceLock::new();
        let set = cell.set(value);
        debug_assert!(set.is_ok(), "nobody else has the cell");
        cell
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceLock").field(&self.get()).finish()
    }
}
