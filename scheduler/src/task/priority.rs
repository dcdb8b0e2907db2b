//! Priorities: how soon a ready task gets its turn, beside others.
//!
//! Seven levels, in five classes. Those of the class in the middle, which is all that most programs have, lie in
//! the ordinary queues; the others in queues of their class ([`crate::queue::ranks`]). Which class is served next
//! is for `worker/ranked.rs`; what a task has beside its own level, for [`lent`].

use super::abort::AbortHandle;
use super::{Header, JoinHandle, lent};
use crate::wait;

/// How soon a ready task gets its turn, beside others.
///
/// A share and no order: while tasks of all levels are ready, a worker gives of 32 turns 16 to those of
/// [`TimeCritical`](Priority::TimeCritical), 8 to [`Highest`](Priority::Highest) and
/// [`AboveNormal`](Priority::AboveNormal), 5 to [`Normal`](Priority::Normal), 2 to
/// [`BelowNormal`](Priority::BelowNormal) and [`Lowest`](Priority::Lowest), and 1 to [`Idle`](Priority::Idle). What a
/// level does not use goes to the highest that is ready. So whoever is first in line of a level has its turn after 55
/// others at most. Who joins tasks that are ready on the same thread may lend its turn to 32 of them, one after the other.
///
/// Measured, with four tasks of each class that yield without end on one worker: 1,741, 871, 543, 217 and 109 turns of
/// 3,481 (due: 1,740, 870, 544, 217 and 109). So nobody starves: the idle ones had one turn of 32, and beside one task
/// that spawns and joins without end, each join lending its turn, an idle one ran after 864 turns at most.
///
/// While a task waits for a [`Lock`](crate::Lock), or to read or write under a [`SharedLock`](crate::SharedLock), its level
/// is lent to the task that owns the lock, or writes: that one has its turns by the higher of both until it lets go,
/// and lends on if it waits itself. Readers, permits and messages have no one owner, and are lent nothing.
///
/// A turn lasts until the task waits, yields or ends: a task that is ready interrupts nobody. Levels that share a
/// class are served in the order in which their tasks become ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// When nobody else is ready, and for one turn of 32.
    Idle,
    /// Served with [`BelowNormal`](Priority::BelowNormal).
    Lowest,
    /// Below the others.
    BelowNormal,
    /// What a task has if nothing is said.
    #[default]
    Normal,
    /// Before the others.
    AboveNormal,
    /// Served with [`AboveNormal`](Priority::AboveNormal).
    Highest,
    /// Before all others, for one turn of two.
    TimeCritical,
}

/// Which queues a task lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Class {
    Urgent,
    High,
    Low,
    Idle,
}

impl Class {
    /// How many have queues of their own.
    pub(crate) const COUNT: usize = 4;
    /// From the first to the last.
    pub(crate) const ALL: [Class; Class::COUNT] =
        [Class::Urgent, Class::High, Class::Low, Class::Idle];
}

impl Priority {
    /// All, from the lowest to the highest.
    pub const ALL: [Priority; 7] = [
        Priority::Idle,
        Priority::Lowest,
        Priority::BelowNormal,
        Priority::Normal,
        Priority::AboveNormal,
        Priority::Highest,
        Priority::TimeCritical,
    ];

    /// The number by which threads' priorities are named on Windows: -15, -2 to 2, and 15.
    pub const fn level(self) -> i32 {
        match self {
            Priority::Idle => -15,
            Priority::Lowest => -2,
            Priority::BelowNormal => -1,
            Priority::Normal => 0,
            Priority::AboveNormal => 1,
            Priority::Highest => 2,
            Priority::TimeCritical => 15,
        }
    }

    /// The priority with this number ([`Priority::level`]), if it is one.
    pub fn from_level(level: i32) -> Option<Priority> {
        Priority::ALL.into_iter().find(|priority| priority.level() == level)
    }

    /// Its class; `None`: the ordinary queues.
    pub(crate) fn class(self) -> Option<Class> {
        match self {
            Priority::TimeCritical => Some(Class::Urgent),
            Priority::Highest | Priority::AboveNormal => Some(Class::High),
            Priority::Normal => None,
            Priority::BelowNormal | Priority::Lowest => Some(Class::Low),
            Priority::Idle => Some(Class::Idle),
        }
    }
}

impl Header {
    pub(crate) fn priority(&self) -> Priority {
        Priority::ALL[self.state.load().priority()]
    }

    /// Its own level, or a higher one that is lent to it.
    pub(crate) fn level(&self) -> Priority {
        let own = self.priority();
        lent::lent_to(self).map_or(own, |lent| lent.max(own))
    }

    /// Might the task go to other queues than the ordinary ones?
    #[inline]
    pub(crate) fn is_ranked(&self) -> bool {
        self.state.load().is_ranked() || lent::is_anything_raised()
    }

    /// The class of queues that the task goes to, by its own level or a higher one that is lent to it; `None`: the
    /// ordinary ones.
    #[inline]
    pub(crate) fn class(&self) -> Option<Class> {
        if self.is_ranked() { self.class_with_loans() } else { None }
    }

    #[cold]
    #[inline(never)]
    fn class_with_loans(&self) -> Option<Class> {
        let class = self.level().class();
        if class.is_some() {
            // Who lends may be of another runtime, and this one have had tasks of the ordinary level only.
            self.shared.ranks.open();
        }
        class
    }

    pub(crate) fn set_priority(&self, priority: Priority) {
        if priority.class().is_some() {
            // Before any queue holds such a task.
            self.shared.ranks.open();
        }
        self.state.transition_to_priority(priority as usize);
    }
}

impl<T> JoinHandle<T> {
    /// The task's priority.
    pub fn priority(&self) -> Priority {
        self.header().priority()
    }

    /// Changes the task's priority, from the next time on that it becomes ready: if it is in line now, it keeps its
    /// place. From any thread; does not block.
    ///
    /// ```
    /// use sortie_scheduler::Priority;
    ///
    /// let runtime = sortie_scheduler::Config::new().start()?;
    /// let task = runtime.spawn(|| ());
    /// task.set_priority(Priority::Lowest);
    /// assert_eq!(task.priority(), Priority::Lowest);
    /// task.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_priority(&self, priority: Priority) {
        self.header().set_priority(priority);
    }
}

impl AbortHandle {
    /// As [`JoinHandle::priority`].
    pub fn priority(&self) -> Priority {
        self.header().priority()
    }

    /// As [`JoinHandle::set_priority`].
    pub fn set_priority(&self, priority: Priority) {
        self.header().set_priority(priority);
    }
}

/// The current task's priority; `None` on a thread that runs none.
pub fn priority() -> Option<Priority> {
    wait::task().map(Header::priority)
}

/// Changes the current task's priority, from its next turn on. False: no task runs here. Does not block.
pub fn set_priority(priority: Priority) -> bool {
    wait::task().map(|task| task.set_priority(priority)).is_some()
}
