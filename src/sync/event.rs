//! Events: something happens, and who waits for it goes on.

use sortie_scheduler::wait::{Place, WaitList, Waiter, deadline};
use sortie_scheduler::{AutoReset, InLine};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Something that happens, or has happened, and that tasks and threads wait for.
///
/// Of two kinds:
///
/// - [`Event::manual`] stays set until it is [reset](Event::reset), and lets all through meanwhile: a gate.
/// - [`Event::auto`] lets one through each time it is set, the first who waits, or else who comes next, and is
///   unset again by that. Set twice before anybody comes, it is set once.
///
/// So an `auto` event is what `std::thread::park` and `unpark` are, or tokio's `Notify`: a token that somebody leaves and one takes.
/// A `manual` one, which stays set, tells many that it is time to stop; set and reset at once, it lets those through who wait.
///
/// What was done before a `set` is seen by whom it lets through. A wait is a suspension point. If a task is
/// aborted that an `auto` event has just let through, the next is let through, or the event is set again.
///
/// ```
/// use sortie::sync::Event;
/// use std::sync::Arc;
///
/// let runtime = sortie::Runtime::new()?;
/// let ready = Arc::new(Event::manual());
/// let tasks: Vec<_> = (0..3)
///     .map(|n| {
///         let ready = ready.clone();
///         runtime.spawn(move || {
///             ready.wait();
///             n
///         })
///     })
///     .collect();
/// ready.set();
/// let sum: i32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
/// assert_eq!(sum, 3);
/// # Ok::<(), sortie::BuildError>(())
/// ```
#[doc(alias("Notify", "ResetEvent"))]
#[derive(Debug)]
pub struct Event(Kind);

#[derive(Debug)]
enum Kind {
    Auto(AutoReset),
    Manual { is_set: AtomicBool, list: WaitList },
}

impl Event {
    /// An event that is unset, and lets one through each time it is set.
    ///
    /// ```
    /// use sortie::sync::Event;
    ///
    /// static TURN: Event = Event::auto();
    /// TURN.set();
    /// TURN.wait();
    /// assert!(!TURN.try_wait());
    /// ```
    #[must_use]
    pub const fn auto() -> Event {
        Event(Kind::Auto(AutoReset::new(false)))
    }

    /// An event that is unset, and once set lets all through until it is reset.
    ///
    /// ```
    /// use sortie::sync::Event;
    ///
    /// static GATE: Event = Event::manual();
    /// GATE.set();
    /// GATE.wait();
    /// assert!(GATE.try_wait());
    /// GATE.reset();
    /// assert!(!GATE.try_wait());
    /// ```
    #[must_use]
    pub const fn manual() -> Event {
        Event(Kind::Manual { is_set: AtomicBool::new(false), list: WaitList::new() })
    }

    /// Who waits goes on by [`Priority`](crate::task::Priority), its own or a higher one that is lent to it, and only then by
    /// when it came. Strictly: an `auto` event does not let one of a low priority through while others of higher ones wait.
    ///
    /// A priority that is changed while its task waits counts for its next wait.
    ///
    /// ```
    /// use sortie::sync::Event;
    /// use sortie::task::{self, Priority};
    /// use std::sync::LazyLock;
    ///
    /// static TURN: LazyLock<Event> = LazyLock::new(|| Event::auto().by_priority());
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let urgent = task::Builder::new().priority(Priority::Highest).spawn_on(&runtime.handle(), || TURN.wait());
    /// TURN.set();
    /// urgent.join().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[must_use]
    pub fn by_priority(self) -> Event {
        Event(match self.0 {
            Kind::Auto(event) => Kind::Auto(event.by_priority()),
            Kind::Manual { is_set, .. } => Kind::Manual { is_set, list: WaitList::by_priority() },
        })
    }

    /// Sets the event. Who waits goes on: all, or the first of them.
    ///
    /// Does not wait.
    ///
    /// ```
    /// let ready = sortie::sync::Event::manual();
    /// ready.set();
    /// ready.wait();
    /// ```
    #[doc(alias = "notify_one")]
    pub fn set(&self) {
        match &self.0 {
            Kind::Auto(event) => event.set(),
            Kind::Manual { is_set, list } => {
                // ORDERING(event.set): Release, pairs with the Acquire in `is_set`.
                is_set.store(true, Ordering::Release);
                list.notify_all();
            }
        }
    }

    /// Unsets the event. Who has gone on, or was let through and is about to, does so.
    ///
    /// ```
    /// let ready = sortie::sync::Event::manual();
    /// ready.set();
    /// ready.reset();
    /// assert!(!ready.is_set());
    /// ```
    pub fn reset(&self) {
        match &self.0 {
            Kind::Auto(event) => event.reset(),
            // ORDERING: Relaxed, it publishes nothing: who sees it waits.
            Kind::Manual { is_set, .. } => is_set.store(false, Ordering::Relaxed),
        }
    }

    /// Is it set? A look: of an `auto` event the next may be another's.
    ///
    /// ```
    /// let ready = sortie::sync::Event::auto();
    /// assert!(!ready.is_set());
    /// ready.set();
    /// assert!(ready.is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        match &self.0 {
            Kind::Auto(event) => event.is_set(),
            // ORDERING(event.set): Acquire, pairs with the Release in `set`.
            Kind::Manual { is_set, .. } => is_set.load(Ordering::Acquire),
        }
    }

    /// Goes through if it is set, without waiting: an `auto` event is unset by that. False: it is not set.
    ///
    /// ```
    /// let turn = sortie::sync::Event::auto();
    /// turn.set();
    /// assert!(turn.try_wait() && !turn.try_wait());
    /// ```
    #[must_use = "false says that it is not set"]
    pub fn try_wait(&self) -> bool {
        match &self.0 {
            Kind::Auto(event) => event.try_wait(),
            Kind::Manual { .. } => self.is_set(),
        }
    }

    /// Waits until it is set.
    ///
    /// # Panics
    /// In debug builds, if it would wait under a [`NoSuspend`](crate::task::NoSuspend) guard.
    ///
    /// ```
    /// use sortie::sync::Event;
    /// use std::sync::Arc;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let ready = Arc::new(Event::manual());
    /// let told = ready.clone();
    /// let task = runtime.spawn(move || told.wait());
    /// ready.set();
    /// task.join().unwrap();
    /// # Ok::<(), sortie::BuildError>(())
    /// ```
    #[doc(alias = "notified")]
    pub fn wait(&self) {
        match &self.0 {
            Kind::Auto(event) => event.wait(),
            Kind::Manual { list, .. } => {
                self.wait_for_all(list, None);
            }
        }
    }

    /// As [`Event::wait`], but no longer than `timeout`. False: it was not set in that time.
    ///
    /// # Panics
    /// As [`Event::wait`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event = sortie::sync::Event::auto();
    /// assert!(!event.wait_timeout(Duration::from_millis(1)));
    /// ```
    #[must_use = "false says that it was not set"]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(deadline(timeout))
    }

    /// As [`Event::wait`], but no longer than until this time. False: it was not set by then.
    ///
    /// # Panics
    /// As [`Event::wait`].
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// assert!(!sortie::sync::Event::auto().wait_until(Instant::now()));
    /// ```
    #[must_use = "false says that it was not set"]
    pub fn wait_until(&self, until: Instant) -> bool {
        match &self.0 {
            Kind::Auto(event) => event.wait_until(until),
            Kind::Manual { list, .. } => self.wait_for_all(list, Some(until)),
        }
    }

    /// Waits for an event that lets all through. Who was in line when it was set goes on, though it be unset
    /// again by then.
    fn wait_for_all(&self, list: &WaitList, until: Option<Instant>) -> bool {
        if self.is_set() {
            return true;
        }
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new("a wait for an event") };
        let place = list.enter(&waiter);
        self.is_set() || place.wait_for(until)
    }

    /// A place in its line, for a wait for one of several things.
    pub(super) fn enter<'a: 'w, 'w>(&'a self, waiter: &'w Waiter) -> Standing<'a, 'w> {
        match &self.0 {
            Kind::Auto(event) => Standing::One(event.enter(waiter)),
            Kind::Manual { list, .. } => Standing::All(list.enter(waiter)),
        }
    }
}

/// A place in an event's line, of those who are let through one by one, or all together.
pub(super) enum Standing<'a, 'w> {
    One(InLine<'a>),
    All(Place<'w>),
}
