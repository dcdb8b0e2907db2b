//! Permits that are released when they are dropped.

use super::Semaphore;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A permit of a [`Semaphore`], released when it is dropped. It may be sent to another task.
#[doc(alias = "SemaphorePermit")]
#[must_use = "a permit that is dropped is released"]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    permits: u32,
}

impl<'a> Permit<'a> {
    /// For permits that were taken.
    #[inline]
    pub(super) fn of(semaphore: &'a Semaphore, permits: u32) -> Permit<'a> {
        Permit { semaphore, permits }
    }

    /// How many permits it stands for.
    pub fn permits(&self) -> u32 {
        self.permits
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// Keeps the permits from being released here: their number is released by whoever calls
    /// [`Semaphore::release_many`], or never.
    ///
    /// ```
    /// let semaphore = sortie_scheduler::Semaphore::new(1);
    /// semaphore.acquire().forget();
    /// assert!(semaphore.try_acquire().is_none());
    /// semaphore.release();
    /// ```
    pub fn forget(self) {
        std::mem::forget(self);
    }

    /// The same permit, which keeps its semaphore: for a task that outlives the borrow. [`Semaphore::acquire_arc`] gives
    /// it at once; this is for one that was taken with a time limit.
    ///
    /// # Panics
    /// If it is a permit of another semaphore.
    ///
    /// ```
    /// use sortie_scheduler::Semaphore;
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let slots = Arc::new(Semaphore::new(2));
    /// let slot = slots.acquire_timeout(Duration::from_secs(1)).expect("one is free");
    /// let slot = slot.into_arc(&slots);
    /// std::thread::spawn(move || drop(slot)).join().unwrap();
    /// assert_eq!(slots.in_use(), 0);
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

/// A [`Permit`] that keeps its semaphore by an `Arc`: see [`Semaphore::acquire_arc`].
#[doc(alias = "OwnedSemaphorePermit")]
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

    /// As [`Permit::forget`]; the semaphore is let go of.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(sortie_scheduler::Semaphore::new(1));
    /// semaphore.acquire_arc().forget();
    /// assert_eq!(semaphore.in_use(), 1);
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }
}

impl Drop for ArcPermit {
    fn drop(&mut self) {
        self.semaphore.release_many(self.permits);
    }
}

impl Semaphore {
    /// As [`Semaphore::acquire`], for a permit that outlives the borrow.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use sortie_scheduler::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let slots = Arc::new(Semaphore::new(2));
    /// for _ in 0..10 {
    ///     // Waits here for a slot, which comes back when the task ends.
    ///     let slot = slots.acquire_arc();
    ///     drop(runtime.spawn(move || drop(slot)));
    /// }
    /// # Ok::<(), sortie_scheduler::StartError>(())
    /// ```
    #[doc(alias = "acquire_owned")]
    #[inline]
    pub fn acquire_arc(self: &Arc<Self>) -> ArcPermit {
        self.acquire_many_arc(1)
    }

    /// As [`Semaphore::acquire_many`], for a permit that outlives the borrow.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// let slots = std::sync::Arc::new(sortie_scheduler::Semaphore::new(3));
    /// assert_eq!(slots.acquire_many_arc(2).permits(), 2);
    /// ```
    #[doc(alias = "acquire_many_owned")]
    #[inline]
    pub fn acquire_many_arc(self: &Arc<Self>, permits: u32) -> ArcPermit {
        self.acquire_many(permits).into_arc(self)
    }

    /// As [`Semaphore::acquire_timeout`], for a permit that outlives the borrow.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let slots = std::sync::Arc::new(sortie_scheduler::Semaphore::new(1));
    /// let slot = slots.acquire_arc_timeout(Duration::MAX);
    /// assert!(slot.is_some() && slots.acquire_arc_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[inline]
    pub fn acquire_arc_timeout(self: &Arc<Self>, timeout: Duration) -> Option<ArcPermit> {
        self.acquire_many_arc_timeout(1, timeout)
    }

    /// As [`Semaphore::acquire_until`], for a permit that outlives the borrow.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let slots = std::sync::Arc::new(sortie_scheduler::Semaphore::new(1));
    /// let slot = slots.acquire_arc_until(Instant::now());
    /// assert!(slot.is_some() && slots.acquire_arc_until(Instant::now()).is_none());
    /// ```
    #[inline]
    pub fn acquire_arc_until(self: &Arc<Self>, until: Instant) -> Option<ArcPermit> {
        self.acquire_many_arc_until(1, until)
    }

    /// As [`Semaphore::acquire_many_timeout`], for a permit that outlives the borrow.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let slots = std::sync::Arc::new(sortie_scheduler::Semaphore::new(3));
    /// let two = slots.acquire_many_arc_timeout(2, Duration::MAX);
    /// assert!(two.is_some() && slots.acquire_many_arc_timeout(2, Duration::from_millis(1)).is_none());
    /// ```
    #[inline]
    pub fn acquire_many_arc_timeout(
        self: &Arc<Self>,
        permits: u32,
        timeout: Duration,
    ) -> Option<ArcPermit> {
        Some(self.acquire_many_timeout(permits, timeout)?.into_arc(self))
    }

    /// As [`Semaphore::acquire_many_until`], for a permit that outlives the borrow.
    ///
    /// # Panics
    /// As [`Semaphore::acquire`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let slots = std::sync::Arc::new(sortie_scheduler::Semaphore::new(3));
    /// let two = slots.acquire_many_arc_until(2, Instant::now());
    /// assert!(two.is_some() && slots.acquire_many_arc_until(2, Instant::now()).is_none());
    /// ```
    #[inline]
    pub fn acquire_many_arc_until(
        self: &Arc<Self>,
        permits: u32,
        until: Instant,
    ) -> Option<ArcPermit> {
        Some(self.acquire_many_until(permits, until)?.into_arc(self))
    }

    /// As [`Semaphore::try_acquire`], for a permit that outlives the borrow.
    ///
    /// ```
    /// let slots = std::sync::Arc::new(sortie_scheduler::Semaphore::new(1));
    /// let slot = slots.try_acquire_arc();
    /// assert!(slot.is_some() && slots.try_acquire_arc().is_none());
    /// ```
    #[doc(alias = "try_acquire_owned")]
    #[inline]
    pub fn try_acquire_arc(self: &Arc<Self>) -> Option<ArcPermit> {
        self.try_acquire_many_arc(1)
    }

    /// As [`Semaphore::try_acquire_many`], for a permit that outlives the borrow.
    ///
    /// ```
    /// let slots = std::sync::Arc::new(sortie_scheduler::Semaphore::new(3));
    /// assert!(slots.try_acquire_many_arc(4).is_none());
    /// ```
    #[inline]
    pub fn try_acquire_many_arc(self: &Arc<Self>, permits: u32) -> Option<ArcPermit> {
        Some(self.try_acquire_many(permits)?.into_arc(self))
    }
}
