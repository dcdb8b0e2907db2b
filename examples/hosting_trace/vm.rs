//! The VM: a heap of objects that refer to each other, the roots of each task, and a collector that marks and sweeps.
//!
//! What it knows of hosting is three traits: it makes its halves of tasks, says what they have allocated, and collects.
//! It stops the world by the runtime's means, and is stopped at its safepoints.

use crate::table::count;
use sortie::hosting::{
    ClrGc, ClrTask, ClrTaskManager, GcThreadStats, HResult, HostTask, RuntimeGcManager,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What an object takes.
const OBJECT_BYTES: u64 = 64;

/// An object refers to the one that its task has allocated before, or to none.
struct Object {
    next: Option<usize>,
    is_marked: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Heap(Mutex<State>);

#[derive(Default)]
struct State {
    objects: Vec<Option<Object>>,
    /// The newest object of each task, by its number.
    roots: HashMap<u64, usize>,
    allocated: HashMap<u64, u64>,
    last: String,
}

impl Heap {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn collect(&mut self) {
        for root in self.roots.values() {
            let mut at = Some(*root);
            while let Some(object) = at.and_then(|at| self.objects[at].as_mut()) {
                object.is_marked = true;
                at = object.next;
            }
        }
        let before = self.objects.iter().flatten().count();
        for place in &mut self.objects {
            // Its place stays empty.
            let _ = place.take_if(|object| !std::mem::take(&mut object.is_marked));
        }
        let after = self.objects.iter().flatten().count();
        let [before, after] = [before, after].map(|objects| count(objects as u64));
        self.allocated.clear();
        self.last = format!("kept {after} of {before} objects");
    }
}

/// See the module.
pub(crate) struct Vm {
    heap: Arc<Heap>,
    gc: OnceLock<RuntimeGcManager>,
}

impl Vm {
    pub(crate) fn new(heap: Arc<Heap>) -> Vm {
        Vm { heap, gc: OnceLock::new() }
    }

    /// How it stops the world.
    pub(crate) fn connect(&self, gc: &RuntimeGcManager) {
        // The first counts.
        let _ = self.gc.set(gc.clone());
    }

    /// The current task allocates an object that refers to its last one.
    pub(crate) fn allocate(&self) {
        let Some(task) = HostTask::current() else { return };
        let mut state = self.heap.state();
        let next = state.roots.get(&task.id()).copied();
        state.objects.push(Some(Object { next, is_marked: false }));
        let at = state.objects.len() - 1;
        state.roots.insert(task.id(), at);
        *state.allocated.entry(task.id()).or_default() += OBJECT_BYTES;
    }

    /// The current task needs its objects no more.
    pub(crate) fn forget(&self) {
        if let Some(task) = HostTask::current() {
            self.heap.state().roots.remove(&task.id());
        }
    }

    /// Managed code comes by here between its steps.
    pub(crate) fn safepoint(&self) {
        if let Some(gc) = self.gc.get() {
            gc.safepoint();
        }
    }

    /// How many roots the current task has.
    pub(crate) fn roots(&self) -> usize {
        let task = HostTask::current().map(|task| task.id());
        task.map_or(0, |task| usize::from(self.heap.state().roots.contains_key(&task)))
    }

    pub(crate) fn last_collection(&self) -> String {
        self.heap.state().last.clone()
    }
}

impl ClrGc for Vm {
    fn collect(&self, generation: Option<u32>) -> HResult {
        let Some(gc) = self.gc.get() else { return HResult::E_UNEXPECTED };
        let world = match gc.suspend() {
            Ok(world) => world,
            Err(error) => return error,
        };
        self.heap.state().collect();
        world.resume(generation.unwrap_or(2));
        HResult::S_OK
    }
}

impl ClrTaskManager for Vm {
    fn create_task(&self) -> Result<Arc<dyn ClrTask>, HResult> {
        let task = HostTask::current().ok_or(HResult::HOST_E_INVALIDOPERATION)?;
        Ok(Arc::new(VmTask { heap: self.heap.clone(), task: task.id() }))
    }
}

/// The VM's half of a task.
struct VmTask {
    heap: Arc<Heap>,
    task: u64,
}

impl ClrTask for VmTask {
    fn get_mem_stats(&self) -> Result<GcThreadStats, HResult> {
        let allocated = self.heap.state().allocated.get(&self.task).copied();
        let per_thread_allocation = allocated.unwrap_or(0);
        Ok(GcThreadStats { per_thread_allocation, ..GcThreadStats::default() })
    }

    fn exit_task(&self) -> HResult {
        self.heap.state().roots.remove(&self.task);
        HResult::S_OK
    }
}
