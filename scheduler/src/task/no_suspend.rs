//! Stretches of a task's code in which it must not be suspended, checked in debug builds.
//!
//! A [`NoSuspend`] notes in the current task's header where it was made, and takes the note back when
//! it is dropped. Whatever is about to suspend the task asks [`Guards::check`] first, which panics
//! while a note is there.
//!
//! - The check comes before anything was queued, registered or taken for the wait: who catches the panic
//!   finds everything as it was.
//! - A task that comes back from native code without its worker may not panic before it has another.
//!   There [`Guards::postpone`] lets it wait in place instead of being switched away, and
//!   [`Guards::raise_postponed`] panics at the end of the call.
//! - While its thread panics a task is not switched away, and a second panic would end the process: no
//!   check.
//!
//! The notes are the owner's, as a header's other cells. So a guard touches those of the current task
//! only: one that another task drops (safe code can pass it by a thread-local) finds no note with its
//! number there, and counts as leaked.
//!
//! Without `debug_assertions` all types here are empty, and all functions do nothing.

use crate::wait;
use std::marker::PhantomData;
use std::panic::Location;

pub(crate) use checks::Guards;
use checks::Number;

/// While it is alive, a suspension of the current task panics, in debug builds.
///
/// The panic names where the guard was made. Outside of a task the guard does nothing.
///
/// ```
/// let runtime = sortie_scheduler::Config::new().start()?;
/// let task = runtime.spawn(|| {
///     let _guard = sortie_scheduler::NoSuspend::new();
///     sortie_scheduler::yield_now();
/// });
/// assert_eq!(task.join().is_err(), cfg!(debug_assertions));
/// # Ok::<(), sortie_scheduler::StartError>(())
/// ```
#[derive(Debug)]
#[must_use = "suspensions are allowed again when the guard is dropped"]
pub struct NoSuspend {
    number: Number,
    /// The guard stays with its task.
    thread: PhantomData<*mut ()>,
}

impl NoSuspend {
    /// Forbids suspensions of the current task from here to the guard's drop.
    #[inline]
    #[track_caller]
    pub fn new() -> NoSuspend {
        let mut number = Number::NONE;
        if cfg!(debug_assertions)
            && let Some(task) = wait::task()
        {
            number = task.no_suspend.add(Location::caller());
        }
        NoSuspend { number, thread: PhantomData }
    }
}

impl Default for NoSuspend {
    #[inline]
    #[track_caller]
    fn default() -> NoSuspend {
        NoSuspend::new()
    }
}

impl Drop for NoSuspend {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions)
            && let Some(task) = wait::task()
        {
            task.no_suspend.remove(self.number);
        }
    }
}

/// The current task is about to be suspended by `what`: for code above the scheduler that has things to
/// do between its decision and the suspension.
///
/// # Panics
/// In debug builds, if a [`NoSuspend`] of the task is alive.
#[inline]
pub fn check_suspension(what: &'static str) {
    if cfg!(debug_assertions)
        && let Some((_, task)) = wait::managed()
    {
        task.no_suspend.check(what);
    }
}

/// The current task has come back from native code, and nothing of that call is left: panics if the task
/// would have been switched away for want of a worker, which [`crossing`](crate::crossing) had to put off.
/// [`checkpoint`](crate::checkpoint) does that too.
///
/// # Panics
/// In debug builds, see above.
#[inline]
pub fn raise_postponed() {
    if cfg!(debug_assertions)
        && let Some((_, task)) = wait::managed()
    {
        task.no_suspend.raise_postponed();
    }
}

#[cfg(debug_assertions)]
mod checks {
    use crate::sync::atomic::{AtomicU64, Ordering};
    use std::cell::Cell;
    use std::panic::Location;

    /// Tells guards apart, in the whole process.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Number(u64);

    /// A guard that is alive.
    #[derive(Clone, Copy)]
    struct Alive {
        number: Number,
        made: &'static Location<'static>,
    }

    /// The guards of a task. For its owner only.
    #[derive(Default)]
    pub(crate) struct Guards {
        /// The newest comes last.
        alive: Cell<Vec<Alive>>,
        postponed: Cell<Option<(&'static str, Alive)>>,
    }

    impl Number {
        /// That of no guard.
        pub(super) const NONE: Number = Number(0);

        fn next() -> Number {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            // ORDERING: Relaxed, a number publishes nothing.
            Number(NEXT.fetch_add(1, Ordering::Relaxed))
        }
    }

    impl Guards {
        pub(super) fn add(&self, made: &'static Location<'static>) -> Number {
            let number = Number::next();
            self.change(|alive| alive.push(Alive { number, made }));
            number
        }

        pub(super) fn remove(&self, number: Number) {
            self.change(|alive| alive.retain(|one| one.number != number));
        }

        fn change<R>(&self, f: impl FnOnce(&mut Vec<Alive>) -> R) -> R {
            let mut alive = self.alive.take();
            let result = f(&mut alive);
            self.alive.set(alive);
            result
        }

        /// The newest guard, if the task may panic for it.
        fn newest(&self) -> Option<Alive> {
            let newest = self.change(|alive| alive.last().copied());
            newest.filter(|_| !std::thread::panicking())
        }

        /// The task is about to be suspended by `what`. Panics if a guard is alive.
        pub(crate) fn check(&self, what: &str) {
            if let Some(guard) = self.newest() {
                refuse(what, guard);
            }
        }

        /// As [`Guards::check`], where the task cannot panic yet. True: it will, and is not to be
        /// switched away.
        pub(crate) fn postpone(&self, what: &'static str) -> bool {
            let guard = self.newest();
            self.postponed.set(guard.map(|guard| (what, guard)));
            guard.is_some()
        }

        /// The task is itself again: panics if that was put off, and the guard is still alive.
        pub(crate) fn raise_postponed(&self) {
            let Some((what, guard)) = self.postponed.take() else { return };
            let is_alive = self.change(|alive| alive.iter().any(|one| one.number == guard.number));
            if is_alive && !std::thread::panicking() {
                refuse(what, guard);
            }
        }
    }

    #[cold]
    fn refuse(what: &str, guard: Alive) -> ! {
        panic!(
            "{what} would suspend the task, under a NoSuspend guard that was made at {}",
            guard.made
        )
    }
}

#[cfg(not(debug_assertions))]
mod checks {
    use std::panic::Location;

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Number;

    #[derive(Default)]
    pub(crate) struct Guards;

    impl Number {
        pub(super) const NONE: Number = Number;
    }

    impl Guards {
        #[inline(always)]
        pub(super) fn add(&self, _: &'static Location<'static>) -> Number {
            Number
        }

        #[inline(always)]
        pub(super) fn remove(&self, _: Number) {}

        #[inline(always)]
        pub(crate) fn check(&self, _: &str) {}

        #[inline(always)]
        pub(crate) fn postpone(&self, _: &'static str) -> bool {
            false
        }

        #[inline(always)]
        pub(crate) fn raise_postponed(&self) {}
    }
}
