//! Permits that are released when they are dropped.

use super::Semaphore;
use crate::wait::deadline;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A permit of a [`Semaphore`], released when it is dropped. It may be sent to another task.
#[must_use = "a permit that is dropped is released"]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    permits: u32,
}

impl Permit<'_> {
    /// How many permits it stands for.
    pub fn permits(&self) -> u32 {
        self.permits
    }

    /// Keeps the permits from being released here: their number is released by whoever calls
    /// [`Semaphore::release_many`], or never.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// semaphore.permit().forget();
    /// assert!(semaphore.try_permit().is_none());
    /// semaphore.release();
    /// ```
    pub fn forget(self) {
        std::mem::forget(self);
    }

    /// The same permit, which keeps its semaphore: for a task that outlives the borrow.
    ///
    /// # Panics
    /// If it is a permit of another semaphore.
    ///
    /// ```
    /// use sortie_scheduler::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let slots = Arc::new(Semaphore::new(2));
    /// for _ in 0..10 {
    ///     // Waits here for a slot, which comes back when the task ends.
    ///     let slot = slots.permit().into_arc(&slots);
    ///     drop(runtime.spawn(move || drop(slot)));
    /// }
    /// # Ok::<(), sortie_scheduler::StartError>(())
    /// ```
    #[track_caller]
    pub fn into_arc(self, semaphore: &Arc<Semaphore>) -> ArcPermit {
        let is_its_own = std::ptr::eq(self.semaphore, &**semaphore);
        assert!(is_its_own, "a permit of another semaphore: give the one that it was taken of");
        let permit = ManuallyDrop::new(self);
        ArcPermit { semaphore: semaphore.clone(), permits: permit.permits }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.release_many(self.permits);
    }
}

/// A [`Permit`] that keeps its semaphore by an `Arc`: see [`Permit::into_arc`].
#[must_use = "a permit that is dropped is released"]
#[derive(Debug)]
pub struct ArcPermit {
    semaphore: Arc<Semaphore>,
    permits: u32,
}

impl ArcPermit {
    /// How many permits it stands for.
    pub fn permits(&self) -> u32 {
        self.permits
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for ArcPermit {
    fn drop(&mut self) {
        self.semaphore.release_many(self.permits);
    }
}

impl Semaphore {
    /// As [`Semaphore::acquire`]; the permit is released when what this returns is dropped, by an abort too.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// let permit = semaphore.permit();
    /// assert_eq!(semaphore.in_use(), 1);
    /// drop(permit);
    /// assert_eq!(semaphore.in_use(), 0);
    /// ```
    #[inline]
    pub fn permit(&self) -> Permit<'_> {
        self.permit_many(1)
    }

    /// As [`Semaphore::acquire_many`], released by a drop.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(3);
    /// assert_eq!(semaphore.permit_many(2).permits(), 2);
    /// ```
    #[inline]
    pub fn permit_many(&self, permits: u32) -> Permit<'_> {
        self.acquire_many(permits);
        Permit { semaphore: self, permits }
    }

    /// As [`Semaphore::try_acquire`], released by a drop.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// let permit = semaphore.try_permit();
    /// assert!(permit.is_some() && semaphore.try_permit().is_none());
    /// ```
    #[inline]
    pub fn try_permit(&self) -> Option<Permit<'_>> {
        self.try_acquire().then(|| Permit { semaphore: self, permits: 1 })
    }

    /// As [`Semaphore::try_acquire_many`], released by a drop.
    ///
    /// ```
    /// let bytes = sortie_scheduler::Semaphore::new(3);
    /// let two = bytes.try_permit_many(2);
    /// assert!(two.is_some() && bytes.try_permit_many(2).is_none());
    /// ```
    #[inline]
    pub fn try_permit_many(&self, permits: u32) -> Option<Permit<'_>> {
        self.try_acquire_many(permits).then(|| Permit { semaphore: self, permits })
    }

    /// As [`Semaphore::acquire_until`], released by a drop.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    #[inline]
    pub fn permit_until(&self, until: Instant) -> Option<Permit<'_>> {
        self.acquire_until(until).then(|| Permit { semaphore: self, permits: 1 })
    }

    /// As [`Semaphore::acquire_timeout`], released by a drop.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// let permit = semaphore.permit();
    /// assert!(semaphore.permit_timeout(std::time::Duration::from_millis(1)).is_none());
    /// # drop(permit);
    /// ```
    #[inline]
    pub fn permit_timeout(&self, timeout: Duration) -> Option<Permit<'_>> {
        self.permit_until(deadline(timeout))
    }

    /// As [`Semaphore::acquire_many_until`], released by a drop.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    pub fn permit_many_until(&self, permits: u32, until: Instant) -> Option<Permit<'_>> {
        self.acquire_many_until(permits, until).then(|| Permit { semaphore: self, permits })
    }

    /// As [`Semaphore::acquire_many_timeout`], released by a drop.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let bytes = sortie_scheduler::Semaphore::new(3);
    /// let two = bytes.permit_many_timeout(2, Duration::from_millis(1));
    /// assert!(two.is_some() && bytes.permit_many_timeout(2, Duration::from_millis(1)).is_none());
    /// ```
    pub fn permit_many_timeout(&self, permits: u32, timeout: Duration) -> Option<Permit<'_>> {
        self.permit_many_until(permits, deadline(timeout))
    }
}
