//! What a VM provides: one trait for each of its sides of the hosting API.
//!
//! Every method has a default, so that plain Rust code is hosted with no VM at all ([`Plain`]): it is then "managed"
//! in that it runs on a worker and comes by scheduling points.
//!
//! The states of a task are not the VM's care. [`RuntimeTask`](super::RuntimeTask) keeps them, refuses what does not
//! fit, and calls here only what is due. What is called back may not wait, allocate managed memory, or start a
//! collection, and makes no hosting call but those named.

use super::{GcStatTypes, HResult, HostTask, Lcid};
use std::fmt;
use std::sync::Arc;

/// The carrier that a task is switched in on: an opaque number, never 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CarrierHandle(pub u64);

/// What a task has allocated (`COR_GC_THREAD_STATS`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GcThreadStats {
    /// Bytes since the last collection of generation 0.
    pub per_thread_allocation: u64,
    /// Did some of them survive it?
    pub has_promoted_bytes: bool,
}

/// The VM's half of a task: `ICLRTask`, as far as it is the VM's matter.
pub trait ClrTask: Send + Sync {
    /// The task goes on, on its own stack, on this carrier. The VM sets what it keeps with the thread; it may ask
    /// for the current task, and nothing else.
    fn switch_in(&self, carrier: CarrierHandle) -> HResult {
        let _ = carrier;
        HResult::S_OK
    }

    /// The task leaves its carrier. The VM saves what it keeps with the thread.
    /// [`E_NOTIMPL`](HResult::E_NOTIMPL): it cannot, and the task keeps its thread from here on.
    fn switch_out(&self) -> HResult {
        HResult::S_OK
    }

    /// What the task has allocated.
    ///
    /// # Errors
    /// Those of the VM.
    fn get_mem_stats(&self) -> Result<GcThreadStats, HResult> {
        Ok(GcThreadStats::default())
    }

    /// The half is to be used for another task: what belongs to the old one goes. `full`: statics and counters too.
    fn reset(&self, full: bool) -> HResult {
        let _ = full;
        HResult::S_OK
    }

    /// The task ends, in good order. On the task, as its last code of the VM.
    fn exit_task(&self) -> HResult {
        HResult::S_OK
    }

    /// Does the task keep a collection from starting, or is it the finalizer? Asked when it is switched out.
    ///
    /// # Errors
    /// Those of the VM; then it is not.
    fn needs_priority_scheduling(&self) -> Result<bool, HResult> {
        Ok(false)
    }

    /// The task shall come to a scheduling point soon: the VM sets the word that its safepoints look at. From another
    /// thread, that of the runtime's monitor among them: it must not wait.
    fn yield_task(&self) -> HResult {
        HResult::S_OK
    }

    /// How many locks of the VM's own the task holds, critical regions included, beside those that the host made.
    fn locks_held(&self) -> usize {
        0
    }
}

/// Makes the VM's halves of tasks: what of `ICLRTaskManager` is the VM's matter.
pub trait ClrTaskManager: Send + Sync {
    /// A half for the current host task.
    ///
    /// # Errors
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY), or another of the VM's.
    fn create_task(&self) -> Result<Arc<dyn ClrTask>, HResult> {
        Ok(Arc::new(Plain))
    }

    /// The host has changed the locale of the current task. The VM does not answer by changing it back there.
    fn set_locale(&self, locale: Lcid) -> HResult {
        let _ = locale;
        HResult::S_OK
    }

    /// The same of the locale of the user interface.
    fn set_ui_locale(&self, locale: Lcid) -> HResult {
        let _ = locale;
        HResult::S_OK
    }

    /// A group is unloaded: none of its tasks is left, and the VM destroys what belongs to it. Once for each group, on any
    /// thread, before [`DomainUnload`](super::ClrEvent::DomainUnload) is told.
    fn unload_app_domain(&self, id: u32) -> HResult {
        let _ = id;
        HResult::S_OK
    }
}

/// What a collector has done, and how much memory there is (`COR_GC_STATS`). What was not asked for is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GcStats {
    /// Collections that were asked for.
    pub explicit_collections: u64,
    /// Collections by generation.
    pub collections: [u64; 3],
    /// KiB that are committed.
    pub committed_kbytes: u64,
    /// KiB that are reserved.
    pub reserved_kbytes: u64,
    /// KiB of the heaps by generation.
    pub heap_kbytes: [u64; 3],
    /// KiB of the heap of large objects.
    pub large_object_kbytes: u64,
    /// KiB that the last collections of generations 0 and 1 have promoted.
    pub promoted_kbytes: [u64; 2],
}

impl GcStats {
    /// Without what these flags do not ask for.
    pub(super) fn only(self, flags: GcStatTypes) -> GcStats {
        let mut only = GcStats::default();
        if flags.contains(GcStatTypes::COUNTS) {
            only.explicit_collections = self.explicit_collections;
            only.collections = self.collections;
        }
        if flags.contains(GcStatTypes::MEMORYUSAGE) {
            let GcStats { explicit_collections, collections, .. } = only;
            only = GcStats { explicit_collections, collections, ..self };
        }
        only
    }
}

/// The VM's collector: what of `ICLRGCManager` is the VM's matter.
pub trait ClrGc: Send + Sync {
    /// Collects a generation and those below it; `None`: all.
    fn collect(&self, generation: Option<u32>) -> HResult {
        let _ = generation;
        HResult::S_OK
    }

    /// What there is to say of the collector. What `flags` do not ask for need not be computed.
    ///
    /// # Errors
    /// Those of the VM.
    fn get_stats(&self, flags: GcStatTypes) -> Result<GcStats, HResult> {
        let _ = flags;
        Ok(GcStats::default())
    }

    /// How large segments, and generation 0, shall be at first, in bytes. Once, before the first collection.
    fn set_startup_limits(&self, segment: u32, generation_0: u32) -> HResult {
        let _ = (segment, generation_0);
        HResult::S_OK
    }
}

/// Who owns the VM's locks: `ICLRSyncManager`, asked when the host looks for deadlocks.
pub trait ClrSyncManager: Send + Sync {
    /// The task that owns the monitor with this cookie; `None`: it is free, or nobody's any more. Does not block.
    ///
    /// # Errors
    /// Those of the VM.
    fn get_monitor_owner(&self, cookie: usize) -> Result<Option<HostTask>, HResult> {
        let _ = cookie;
        Ok(None)
    }

    /// The tasks that hold the reader-writer lock with this cookie: one writer, or all readers. Does not block.
    ///
    /// # Errors
    /// Those of the VM.
    fn rw_lock_owners(&self, cookie: usize) -> Result<Vec<HostTask>, HResult> {
        let _ = cookie;
        Ok(Vec::new())
    }
}

/// No VM: tasks run plain Rust code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Plain;

impl ClrTask for Plain {}
impl ClrTaskManager for Plain {}
impl ClrSyncManager for Plain {}
impl ClrGc for Plain {}

impl fmt::Debug for dyn ClrTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClrTask")
    }
}
