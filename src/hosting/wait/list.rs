//! The waits of a host's tasks that are under way: who waits for what, and how they are ended.
//!
//! Must not: call anybody with the lock held.

use super::endless::Endless;
use super::{End, Waiting};
use crate::hosting::enums::WaitOption;
use crate::hosting::host::HostShared;
use crate::hosting::task::HostTask;
use sortie_scheduler::wait::Nudge;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a wait is for, as far as others must know it.
#[derive(Clone, Debug)]
pub(in crate::hosting) enum Object {
    /// A time.
    Nothing,
    /// The end of the task with this number.
    Task(u64),
    /// A critical section.
    Crst {
        /// Its own number.
        id: u64,
    },
    /// An event or a semaphore, which nobody owns.
    Unowned {
        /// Its own number.
        id: u64,
    },
    /// The event behind a monitor of the VM's.
    Monitor {
        /// Its own number.
        id: u64,
        /// The VM's name for the monitor.
        cookie: usize,
    },
    /// The event behind a reader-writer lock of the VM's.
    RwLock {
        /// Its own number.
        id: u64,
        /// The VM's name for the lock.
        cookie: usize,
    },
}

impl Object {
    /// Its own number, if it is an object of synchronization.
    pub(in crate::hosting) fn id(&self) -> Option<u64> {
        match *self {
            Object::Nothing | Object::Task(_) => None,
            Object::Crst { id }
            | Object::Unowned { id }
            | Object::Monitor { id, .. }
            | Object::RwLock { id, .. } => Some(id),
        }
    }
}

/// A wait that is under way.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) task: HostTask,
    pub(super) object: Object,
    /// The host may end it to resolve a deadlock.
    pub(super) is_breakable: bool,
    /// Another for each wait.
    pub(super) number: u64,
    nudge: Arc<Nudge>,
}

impl Entry {
    fn waiting(&self) -> &Waiting {
        &self.task.shared().waiting
    }

    /// Was it ended by somebody?
    pub(super) fn is_ended(&self) -> bool {
        self.waiting().ended() != End::Nobody
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::hosting) struct Waits(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// By the number of the task.
    entries: HashMap<u64, Entry>,
    numbers: u64,
    /// How many deadlocks were told of that no wait could be ended for.
    pub(super) reported: u64,
    /// The waits of the last one, by their numbers: told of once.
    pub(super) last_reported: Vec<u64>,
}

impl State {
    pub(super) fn of(&self, task: u64) -> Option<&Entry> {
        self.entries.get(&task)
    }

    /// Ends the wait of this task, if nobody has.
    pub(super) fn end(&self, task: u64, why: End) -> Option<Arc<Nudge>> {
        let entry = self.of(task).filter(|entry| !entry.is_ended())?;
        entry.waiting().end(why);
        Some(entry.nudge.clone())
    }
}

impl Waits {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wait of this task looks whether it is over.
    pub(in crate::hosting) fn nudge(&self, task: u64) {
        let nudge = self.lock().of(task).map(|entry| entry.nudge.clone());
        if let Some(nudge) = nudge {
            nudge.nudge();
        }
    }

    /// What these waits are for is gone, and it was made so before this.
    pub(in crate::hosting) fn abandon(&self, is_gone: impl Fn(&Object) -> bool) {
        let state = self.lock();
        let waits = state.entries.iter().filter(|(_, wait)| is_gone(&wait.object));
        let waits: Vec<u64> = waits.map(|(id, _)| *id).collect();
        let ended: Vec<_> =
            waits.into_iter().filter_map(|task| state.end(task, End::Abandoned)).collect();
        drop(state);
        ended.iter().for_each(|nudge| nudge.nudge());
    }

    /// Does this task wait?
    pub(in crate::hosting) fn is_listed(&self, task: u64) -> bool {
        self.lock().of(task).is_some()
    }

    /// How many deadlocks were told of that no wait could be ended for.
    pub(in crate::hosting) fn reported(&self) -> u64 {
        self.lock().reported
    }
}

/// The wait of the current task is in the list while this lives.
pub(super) struct Listed<'a> {
    host: &'a HostShared,
    task: &'a HostTask,
    /// Of a wait without a limit.
    _endless: Option<Endless>,
}

impl<'a> Listed<'a> {
    pub(super) fn new(
        host: &'a Arc<HostShared>,
        task: &'a HostTask,
        object: Object,
        is_endless: bool,
        option: WaitOption,
    ) -> Listed<'a> {
        let waiting = &task.shared().waiting;
        let is_alertable = option.contains(WaitOption::ALERTABLE);
        // ORDERING: Relaxed, the task's own.
        waiting.is_alertable.store(is_alertable, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        waiting.pumps.store(option.contains(WaitOption::MSGPUMP), Ordering::Relaxed);
        let messages = waiting.messages().filter(|_| option.contains(WaitOption::MSGPUMP));
        let nudge = Arc::new(Nudge::current());
        if let Some(messages) = messages {
            messages.set_handler(Some(nudge.clone()));
        }
        let mut state = host.waits.lock();
        waiting.end(End::Nobody);
        state.numbers += 1;
        let number = state.numbers;
        let entry = Entry {
            task: task.clone(),
            object,
            is_breakable: !option.contains(WaitOption::NOTINDEADLOCK),
            number,
            nudge,
        };
        state.entries.insert(task.id(), entry);
        drop(state);
        let endless = is_endless.then(|| Endless::new(host, task.id()));
        Listed { host, task, _endless: endless }
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let entry = self.host.waits.lock().entries.remove(&self.task.id());
        drop(entry);
        let waiting = &self.task.shared().waiting;
        // ORDERING: Relaxed, the task's own.
        waiting.is_alertable.store(false, Ordering::Relaxed);
        if let Some(messages) = waiting.messages() {
            messages.set_handler(None);
        }
    }
}
