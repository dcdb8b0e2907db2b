//! Ready tasks that are pinned to one carrier. Touched by its thread only.
//!
//! Those of other priorities than the ordinary one lie in lanes of their own ([`super::ranks`]), and are taken by
//! [`Ring::pop_ranked`] only.
//!
//! Those that were woken by a task on the same carrier go next, the newest first: it is the parent whose last
//! child has just ended, and a tree that is walked depth-first keeps few of its tasks alive. Those that were woken
//! elsewhere came by mail, and go next, too, the oldest first. Those that yielded take turns. Who picks sees to it that
//! none starves the others.

use super::Mailbox;
use super::ranks::Lanes;
use crate::ebb::give_room;
use crate::task::TaskRef;
use crate::task::priority::Class;
use std::collections::VecDeque;

/// How many tasks in turn no longer fit into the first cache.
const MANY: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    woken: VecDeque<TaskRef>,
    mail: VecDeque<TaskRef>,
    turns: VecDeque<TaskRef>,
    ranked: Lanes,
}

impl Ring {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
            && self.woken.is_empty()
            && self.mail.is_empty()
            && self.ranked.is_empty()
    }

    /// Are there any that were not woken here just now?
    pub(crate) fn has_turns(&self) -> bool {
        !self.turns.is_empty() || !self.ranked.is_empty()
    }

    /// Are there any that were woken, here or elsewhere?
    #[inline]
    pub(crate) fn has_woken(&self) -> bool {
        !self.woken.is_empty() || !self.mail.is_empty()
    }

    /// The carrier is about to sleep.
    pub(crate) fn rest(&mut self) {
        [&mut self.woken, &mut self.mail, &mut self.turns].into_iter().for_each(give_room);
        self.ranked.rest();
    }

    /// Queues a task that was woken here.
    #[inline]
    pub(crate) fn push_woken(&mut self, task: TaskRef) {
        if let Some(task) = self.unless_ranked(task) {
            self.woken.push_back(task);
        }
    }

    /// Queues a task behind all that take turns.
    #[inline]
    pub(crate) fn push_last(&mut self, task: TaskRef) {
        if let Some(task) = self.unless_ranked(task) {
            self.turns.push_back(task);
        }
    }

    /// The task, unless it is of another priority and went into its lane.
    #[inline(always)]
    fn unless_ranked(&mut self, task: TaskRef) -> Option<TaskRef> {
        if task.is_ranked() { self.push_ranked(task) } else { Some(task) }
    }

    #[cold]
    #[inline(never)]
    fn push_ranked(&mut self, task: TaskRef) -> Option<TaskRef> {
        // None after all: nothing is lent to this one, or the priority has changed just now.
        let Some(class) = task.class() else { return Some(task) };
        self.ranked.push(class, task);
        None
    }

    /// Takes the mail in.
    // Each pick asks whether there is any, and mostly there is none.
    #[inline(never)]
    pub(crate) fn take_in(&mut self, mailbox: &Mailbox) {
        let first = self.mail.len();
        mailbox.take_all(&mut self.mail);
        if self.mail.range(first..).any(|task| task.class().is_some()) {
            self.sort(first);
        }
    }

    /// Of the mail from the task at `first` on, puts those of other priorities into their lanes.
    #[cold]
    fn sort(&mut self, first: usize) {
        for task in self.mail.split_off(first) {
            if let Some(task) = self.unless_ranked(task) {
                self.mail.push_back(task);
            }
        }
    }

    /// The first in line of a class of priorities.
    pub(crate) fn pop_ranked(&mut self, class: Class) -> Option<TaskRef> {
        self.ranked.pop(class)
    }

    /// Any task, at the end.
    pub(crate) fn pop_any(&mut self) -> Option<TaskRef> {
        self.pop().or_else(|| Class::ALL.into_iter().find_map(|class| self.pop_ranked(class)))
    }

    /// The task that was woken here last, or the oldest of the mail: the one or the other goes first.
    #[inline]
    pub(crate) fn pop_woken(&mut self, is_mail_first: bool) -> Option<TaskRef> {
        if self.mail.is_empty() || !is_mail_first && !self.woken.is_empty() {
            return self.woken.pop_back();
        }
        self.pop_mail()
    }

    /// The task that was woken here last, if no mail is there that may go before it.
    #[inline]
    pub(crate) fn next_woken(&self) -> Option<&TaskRef> {
        if self.mail.is_empty() { self.woken.back() } else { None }
    }

    /// Is there one that was woken here, and nobody else?
    #[inline]
    pub(crate) fn has_one_woken_only(&self) -> bool {
        self.woken.len() == 1
            && self.mail.is_empty()
            && self.turns.is_empty()
            && self.ranked.is_empty()
    }

    #[inline(never)]
    fn pop_mail(&mut self) -> Option<TaskRef> {
        let task = self.mail.pop_front()?;
        fetch_ahead(&self.mail);
        Some(task)
    }

    /// The task whose turn it is, or that was woken first.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        let task = self.turns.pop_front();
        fetch_ahead(&self.turns);
        task.or_else(|| self.pop_first())
    }

    /// The task whose turn it is, if none was woken.
    #[inline]
    pub(crate) fn next_by_turns(&self) -> Option<&TaskRef> {
        let none_woken = self.woken.is_empty() && self.mail.is_empty();
        if none_woken { self.turns.front() } else { None }
    }

    /// The task that was woken first, or whose turn it is.
    pub(crate) fn pop_oldest_woken(&mut self) -> Option<TaskRef> {
        self.pop_first().or_else(|| self.turns.pop_front())
    }

    #[inline(never)]
    fn pop_first(&mut self) -> Option<TaskRef> {
        self.woken.pop_front().or_else(|| self.mail.pop_front())
    }
}

/// Fetches what the next turns will touch: of the task after the next its header, of the next the rest. Not
/// of a few tasks, which are there yet from their last turn.
#[inline]
fn fetch_ahead(line: &VecDeque<TaskRef>) {
    if line.len() < MANY {
        return;
    }
    if let Some(later) = line.get(2) {
        later.prefetch();
    }
    if let Some(next) = line.front() {
        next.prefetch_stack();
    }
}

#[cfg(test)]
mod tests {
    use crate::sync::Arc;
    use crate::{Config, CountingSemaphore, wait};
    use std::time::{Duration, Instant};

    /// For how many tasks the carrier has room that this runs on.
    fn room() -> usize {
        let (carrier, _) = wait::managed().expect("in a task");
        // SAFETY: this is the carrier's thread.
        unsafe {
            carrier.with_ring(|ring| {
                ring.woken.capacity() + ring.mail.capacity() + ring.turns.capacity()
            })
        }
    }

    #[test]
    fn a_carrier_that_sleeps_keeps_no_room_for_a_peak() {
        const PEAK: u32 = 20_000;
        let scheduler = Config::new().workers(1).start().unwrap();
        let gate = Arc::new(CountingSemaphore::new(0, PEAK));
        let tasks: Vec<_> = (0..PEAK)
            .map(|_| {
                let gate = gate.clone();
                scheduler.spawn(move || gate.wait())
            })
            .collect();
        while gate.waiting() < PEAK as usize {
            std::thread::yield_now();
        }
        // They are pinned to the only carrier, and come by mail.
        let _ = gate.post(PEAK);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let until = Instant::now() + Duration::from_secs(10);
        // Who has ended the last one may not sleep yet.
        while scheduler.spawn(room).join().unwrap() > 3 * 2048 {
            assert!(Instant::now() < until, "it keeps its room");
            std::thread::yield_now();
        }
        let _ = scheduler.shutdown(Duration::from_secs(10));
    }
}
