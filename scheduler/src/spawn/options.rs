//! What a task is spawned with.

use crate::sync::Arc;
use crate::task::membership::Sets;
use crate::task::{Priority, TaskSet};

/// The size of a stack: the runtime's.
pub(super) const USUAL: usize = usize::MAX;

/// What a task is spawned with.
#[derive(Clone, Debug)]
pub struct Spawn {
    pub(super) name: Option<Arc<str>>,
    pub(super) span: Option<tracing::Span>,
    pub(super) migrating: bool,
    pub(super) priority: Priority,
    /// [`USUAL`], or what was asked for.
    pub(super) stack_bytes: usize,
    pub(super) sets: Sets,
}

impl Spawn {
    /// No name, the default span, pinned once started unless the runtime is `migrating`.
    pub const fn new() -> Spawn {
        Spawn {
            name: None,
            span: None,
            migrating: false,
            priority: Priority::Normal,
            stack_bytes: USUAL,
            sets: Sets::new(),
        }
    }

    /// Names the task.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Spawn {
        self.name = Some(name.into());
        self
    }

    /// The span that the task runs in.
    pub fn span(mut self, span: tracing::Span) -> Spawn {
        self.span = Some(span);
        self
    }

    /// How soon the task gets its turns, beside others.
    pub fn priority(mut self, priority: Priority) -> Spawn {
        self.priority = priority;
        self
    }

    /// Usable bytes of the task's stack, which it has from its spawn on; if it cannot be had, its join says so.
    pub fn stack_bytes(mut self, bytes: usize) -> Spawn {
        // So many are none that can be had.
        self.stack_bytes = bytes.min(USUAL - 1);
        self
    }

    /// Makes the task a member of its owner's set, which knows it by `key`.
    pub fn owner(mut self, owner: Arc<TaskSet>, key: u32) -> Spawn {
        self.sets.set_owner(owner, key);
        self
    }

    /// Makes the task a member of a group, besides, whose name it has if it is given none of its own.
    pub fn group(mut self, group: Arc<TaskSet>, name: &Arc<str>) -> Spawn {
        self.sets.set_group(group);
        self.name.get_or_insert_with(|| name.clone());
        self
    }

    /// Has it nothing that most tasks do without?
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.name.is_none()
            && self.span.is_none()
            && self.sets.are_none()
            && self.priority == Priority::Normal
            && self.stack_bytes == USUAL
    }

    /// Promises that the task may resume on any thread.
    ///
    /// # Safety
    /// As for [`Config::migrating`](crate::Config::migrating), for this one task.
    pub unsafe fn migrating(mut self) -> Spawn {
        self.migrating = true;
        self
    }
}

impl Default for Spawn {
    fn default() -> Spawn {
        Spawn::new()
    }
}
