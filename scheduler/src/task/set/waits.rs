//! The waits of a set: until it is empty, and for the next of its tasks to end.

use super::watch::Watch;
use super::{Member, Members, TaskSet};
use crate::task::Id;
use crate::wait::blocked::blocked_on_each;
use crate::wait::circle::{self, Awaited, Closed, ListedSet};
use crate::wait::{self, Waiter, blocked_on_any};
use std::time::Instant;

/// What comes next of an ordered set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The task with this key has ended.
    Ended(u32),
    /// Nobody is left who could end before this wait does: the task with this key is pinned to the carrier
    /// that the caller holds inside a callback, or, where the wait has no limit, to one whose task waits in the same way,
    /// and so on back to the caller's; and so are all others.
    Stuck(u32),
    /// All have ended, and were asked for.
    Empty,
    /// The time has come.
    Late,
}

impl TaskSet {
    /// Waits until no task is left, or this time has come: then false. A suspension point, left by unwinding if the
    /// waiting task is aborted.
    ///
    /// # Errors
    /// The task that this would wait for in vain: it is pinned to the carrier that the caller holds inside a
    /// callback, or, without a limit, to one whose task waits in the same way, and so on back to the caller's.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a `NoSuspend` of the waiting task is alive.
    #[track_caller]
    pub fn wait_until_empty(&self, until: Option<Instant>) -> Result<bool, Id> {
        // SAFETY: the set is there until this returns, or its frames are kept for good.
        let all = || Awaited::AllOf(unsafe { ListedSet::new(self) });
        let _in_place = match until {
            None => circle::enter(all).map_err(|Closed(task)| task)?,
            Some(_) => None,
        };
        let what = "a wait for a group of tasks";
        let look = |members: &mut Members| {
            if members.live.is_empty() {
                return Some(Ok(true));
            }
            let mut live = members.live.iter().map(Member::header);
            live.find(|task| wait::would_deadlock(task)).map(|task| Err(task.id))
        };
        let empty = match until {
            None if !self.is_empty() => {
                blocked_on_each(what, self.mark(), || self.wait(what, None, look))
            }
            _ => self.wait(what, until, look),
        };
        empty.unwrap_or(Ok(false))
    }

    /// Waits for the next end of a task, in an ordered set, or until this time. A suspension point, left by unwinding
    /// if the waiting task is aborted.
    ///
    /// # Panics
    /// In debug builds, if it would wait while a `NoSuspend` of the waiting task is alive.
    #[track_caller]
    pub fn wait_for_next(&self, until: Option<Instant>) -> Next {
        // SAFETY: the set is there until this returns, or its frames are kept for good.
        let any = || Awaited::AnyOf(unsafe { ListedSet::new(self) });
        let in_place = until.map_or_else(|| circle::enter(any), |_| Ok(None));
        if let Err(Closed(task)) = in_place {
            let members = self.members.lock();
            let mut live = members.live.iter().map(Member::header);
            if let Some(stuck) = live.find(|member| member.id == task) {
                return Next::Stuck(stuck.membership(self).key);
            }
        }
        let what = "a wait for one of several tasks";
        let look = |members: &mut Members| members.take_next(self);
        let next = match until {
            Some(_) => self.wait(what, until, look),
            None => match self.look_for_next() {
                None => blocked_on_any(what, &[self.next_ends()], || self.wait(what, None, look)),
                next => next,
            },
        };
        next.unwrap_or(Next::Late)
    }

    /// What comes next of an ordered set, if that needs no wait.
    pub fn look_for_next(&self) -> Option<Next> {
        self.members.lock().take_next(self)
    }

    /// Would [`TaskSet::look_for_next`] find something, but that the set is empty?
    pub fn has_next(&self) -> bool {
        let members = self.members.lock();
        !members.ended.is_empty() || members.stuck(self).is_some()
    }

    /// The next end of a task in an ordered set, if there is one by now.
    pub fn next_ended(&self) -> Option<u32> {
        self.members.lock().take_ended()
    }

    /// Waits until `look` finds something. `None`: the time has come.
    #[inline(never)]
    fn wait<R>(
        &self,
        what: &'static str,
        until: Option<Instant>,
        mut look: impl FnMut(&mut Members) -> Option<R>,
    ) -> Option<R> {
        if let Some(found) = look(&mut self.members.lock()) {
            return Some(found);
        }
        // SAFETY: it stays in this frame.
        let waiter = unsafe { Waiter::new(what) };
        let watch = Watch::new(self);
        let mut in_time = true;
        loop {
            let found = watch.look(&mut look, || waiter.waker());
            if found.is_some() || !in_time {
                return found;
            }
            match until {
                None => waiter.pause(),
                Some(until) => in_time = waiter.pause_until(until),
            }
        }
    }
}

impl Members {
    fn take_ended(&mut self) -> Option<u32> {
        let ended = self.ended.pop_front();
        self.is_taken |= ended.is_some();
        ended
    }

    /// See [`TaskSet::wait_for_next`].
    fn take_next(&mut self, set: &TaskSet) -> Option<Next> {
        if let Some(key) = self.take_ended() {
            return Some(Next::Ended(key));
        }
        if self.live.is_empty() {
            return Some(Next::Empty);
        }
        self.stuck(set)
    }

    /// `None`: there is one that may end while the caller waits, or none at all.
    fn stuck(&self, set: &TaskSet) -> Option<Next> {
        let mut live = self.live.iter().map(Member::header);
        let any = live.next()?;
        let stuck = wait::would_deadlock(any) && live.all(wait::would_deadlock);
        stuck.then(|| Next::Stuck(any.membership(set).key))
    }
}
