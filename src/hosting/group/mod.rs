//! Groups of tasks that a VM makes and a host unloads: application domains.
//!
//! A task has a *layer* of a group while it runs code of it: from its start to its end in the group that it was made in,
//! and in each scope that it enters (`layers.rs`). The group that is there from the start on is no [`Group`]: who has no
//! layer of another is in it, and it is not unloaded.
//!
//! ```text
//! loaded --an unload begins, its tasks are aborted--> nobody enters --the last layer is gone--> destroyed, told of
//! ```
//!
//! - INVARIANT(group.present): a task is in `present` with the number of its layers, while it has one. Once an unload has
//!   begun only layers of tasks that are there come to it, and whoever takes the last layer away says that the group is
//!   empty.
//! - *Who has a layer when an unload begins is aborted*, also if it leaves meanwhile; who comes later is refused.
//!
//! Here is who is where. What an unload does, and how long it may take, is for the policies (`escalation/unload.rs`).
//!
//! Must not: call anybody, or drop a reference to a task, with the lock held.

mod layers;

pub use layers::InAppDomain;
pub(in crate::hosting) use layers::{InGroups, run_in};

use super::HResult;
use super::task::HostTask;
use crate::sync::Event;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of the group that is there from the start on.
pub(super) const DEFAULT: u32 = 1;

/// A group of tasks.
pub(super) struct Group {
    id: u32,
    state: Mutex<State>,
    /// An unload has begun, and no layer is left.
    pub(super) empty: Event,
    /// Nobody works at its unload any more.
    pub(super) unloaded: Event,
}

#[derive(Default)]
struct State {
    unload: Unload,
    present: BTreeMap<u64, Present>,
}

struct Present {
    task: HostTask,
    layers: u32,
}

/// How far a group's unload is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Unload {
    /// It has not begun.
    #[default]
    None,
    /// Its tasks were aborted.
    Begun,
    /// Its tasks were aborted rudely.
    Rude,
    /// It is over.
    Over,
}

/// What is to be done for an unload.
pub(super) struct Begun {
    /// It was not under way before.
    pub(super) is_first: bool,
    /// Who is to be aborted.
    pub(super) tasks: Vec<HostTask>,
}

impl Group {
    fn new(id: u32) -> Arc<Group> {
        Arc::new(Group {
            id,
            state: Mutex::default(),
            empty: Event::manual(),
            unloaded: Event::manual(),
        })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task has one more layer of it.
    ///
    /// # Errors
    /// [`COR_E_APPDOMAINUNLOADED`](HResult::COR_E_APPDOMAINUNLOADED): an unload has begun.
    fn enter(&self, task: &HostTask) -> Result<(), HResult> {
        let mut state = self.state();
        if state.unload != Unload::None {
            return Err(HResult::COR_E_APPDOMAINUNLOADED);
        }
        let new = || Present { task: task.clone(), layers: 0 };
        state.present.entry(task.id()).or_insert_with(new).layers += 1;
        Ok(())
    }

    /// The task has one layer of it less.
    fn leave(&self, task: u64) {
        let mut state = self.state();
        let Some(present) = state.present.get_mut(&task) else { return };
        present.layers -= 1;
        let gone = if present.layers == 0 { state.present.remove(&task) } else { None };
        let is_empty = state.unload != Unload::None && state.present.is_empty();
        drop(state);
        drop(gone);
        if is_empty {
            self.empty.set();
        }
    }

    /// Nobody enters from here on. An unload that is as rude as one before asks nobody again.
    pub(super) fn begin_unload(&self, rudely: bool) -> Begun {
        let asked = if rudely { Unload::Rude } else { Unload::Begun };
        let mut state = self.state();
        let before = state.unload;
        if before >= asked {
            return Begun { is_first: false, tasks: Vec::new() };
        }
        state.unload = asked;
        let tasks: Vec<_> = state.present.values().map(|present| present.task.clone()).collect();
        drop(state);
        if tasks.is_empty() {
            self.empty.set();
        }
        Begun { is_first: before == Unload::None, tasks }
    }

    /// Its unload is over.
    fn end_unload(&self) {
        self.state().unload = Unload::Over;
    }

    /// Was it unloaded to the end?
    pub(super) fn is_over(&self) -> bool {
        self.state().unload == Unload::Over
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Group")
            .field("id", &self.id)
            .field("unload", &state.unload)
            .field("tasks", &state.present.len())
            .finish_non_exhaustive()
    }
}

/// The groups of a runtime, but for the one that is there from the start on.
#[derive(Debug)]
pub(super) struct Groups(Mutex<Table>);

#[derive(Debug)]
struct Table {
    groups: BTreeMap<u32, Arc<Group>>,
    /// The highest number that was given away. None is given twice.
    last: u32,
}

impl Default for Groups {
    fn default() -> Groups {
        Groups(Mutex::new(Table { groups: BTreeMap::new(), last: DEFAULT }))
    }
}

impl Groups {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new group.
    ///
    /// # Errors
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY): all numbers were given away.
    pub(super) fn make(&self) -> Result<Arc<Group>, HResult> {
        let mut table = self.table();
        table.last = table.last.checked_add(1).ok_or(HResult::E_OUTOFMEMORY)?;
        let group = Group::new(table.last);
        table.groups.insert(group.id, group.clone());
        Ok(group)
    }

    /// The group with this number.
    ///
    /// # Errors
    /// [`COR_E_APPDOMAINUNLOADED`](HResult::COR_E_APPDOMAINUNLOADED): it was unloaded.
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG): there was none.
    pub(super) fn get(&self, id: u32) -> Result<Arc<Group>, HResult> {
        let table = self.table();
        match table.groups.get(&id) {
            Some(group) => Ok(group.clone()),
            None if id > DEFAULT && id <= table.last => Err(HResult::COR_E_APPDOMAINUNLOADED),
            None => Err(HResult::E_INVALIDARG),
        }
    }

    /// The group is not there any more.
    pub(super) fn remove(&self, group: &Group) {
        let removed = self.table().groups.remove(&group.id);
        group.end_unload();
        drop(removed);
    }
}
