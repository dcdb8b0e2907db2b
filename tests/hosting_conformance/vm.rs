//! The VM of the scenarios: it notes what it is called back for.

use crate::trace::Trace;
use sortie::hosting::{
    CarrierHandle, ClrGc, ClrSyncManager, ClrTask, ClrTaskManager, GcStatTypes, GcStats,
    GcThreadStats, HResult, HostTask, Lcid,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// What the VM answers where a scenario wants another answer than [`S_OK`](HResult::S_OK).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers {
    pub(crate) create_task: HResult,
    pub(crate) switch_out: HResult,
    /// The task of this name is waited for.
    pub(crate) needs_priority: Option<&'static str>,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers { create_task: HResult::S_OK, switch_out: HResult::S_OK, needs_priority: None }
    }
}

/// See the module.
pub(crate) struct TestVm {
    trace: Arc<Trace>,
    answers: Mutex<Answers>,
    /// Who holds the VM's own locks, by cookie.
    owners: Mutex<HashMap<usize, Vec<HostTask>>>,
    heap: Arc<Heap>,
}

/// What the VM counts of its heap. One task at a time allocates.
#[derive(Default)]
struct Heap {
    allocated: AtomicU64,
    survives: AtomicU64,
    promoted: AtomicU64,
    collections: [AtomicU64; 3],
    /// Of a task, its static values: what they add up to.
    statics: AtomicU64,
    /// The word that safepoints look at.
    yield_wanted: AtomicBool,
}

impl TestVm {
    /// The current task allocates so many bytes, of which so many are in use.
    pub(crate) fn allocate(&self, bytes: u64, in_use: u64) {
        self.heap.allocated.fetch_add(bytes, SeqCst);
        self.heap.survives.fetch_add(in_use, SeqCst);
    }

    /// The current task's static values, from here on.
    pub(crate) fn set_statics(&self, sum: u64) {
        self.heap.statics.store(sum, SeqCst);
    }

    /// A safepoint: is the task asked to let others run?
    pub(crate) fn takes_yield(&self) -> bool {
        self.heap.yield_wanted.swap(false, SeqCst)
    }

    pub(crate) fn statics(&self) -> u64 {
        self.heap.statics.load(SeqCst)
    }

    pub(crate) fn new(trace: Arc<Trace>, answers: Answers) -> TestVm {
        TestVm {
            trace,
            answers: Mutex::new(answers),
            owners: Mutex::default(),
            heap: Arc::default(),
        }
    }

    /// What it answers to the next request for a half.
    pub(crate) fn set_create_task(&self, result: HResult) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).create_task = result;
    }
}

impl TestVm {
    /// These tasks hold the lock with this cookie.
    pub(crate) fn set_owners(&self, cookie: usize, owners: Vec<HostTask>) {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner).insert(cookie, owners);
    }

    fn owners(&self, cookie: usize) -> Vec<HostTask> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(&cookie).cloned().unwrap_or_default()
    }
}

impl ClrSyncManager for TestVm {
    fn get_monitor_owner(&self, cookie: usize) -> Result<Option<HostTask>, HResult> {
        Ok(self.owners(cookie).pop())
    }

    fn rw_lock_owners(&self, cookie: usize) -> Result<Vec<HostTask>, HResult> {
        Ok(self.owners(cookie))
    }
}

impl ClrTaskManager for TestVm {
    fn create_task(&self) -> Result<Arc<dyn ClrTask>, HResult> {
        let answers = *self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.create_task.ok()?;
        Ok(Arc::new(TestTask { trace: self.trace.clone(), answers, heap: self.heap.clone() }))
    }

    fn set_locale(&self, locale: Lcid) -> HResult {
        self.trace.note(crate::stage::current(), format!("vm SetLocale {locale}"));
        HResult::S_OK
    }

    fn set_ui_locale(&self, locale: Lcid) -> HResult {
        self.trace.note(crate::stage::current(), format!("vm SetUILocale {locale}"));
        HResult::S_OK
    }
}

impl ClrGc for TestVm {
    fn collect(&self, generation: Option<u32>) -> HResult {
        self.trace.note(crate::stage::current(), format!("vm Collect {generation:?}"));
        let highest = generation.unwrap_or(2) as usize;
        for count in &self.heap.collections[..=highest] {
            count.fetch_add(1, SeqCst);
        }
        self.heap.allocated.store(0, SeqCst);
        self.heap.promoted.store(self.heap.survives.swap(0, SeqCst), SeqCst);
        HResult::S_OK
    }

    fn get_stats(&self, _: GcStatTypes) -> Result<GcStats, HResult> {
        let collections = self.heap.collections.each_ref().map(|count| count.load(SeqCst));
        Ok(GcStats { collections, committed_kbytes: 1024, ..GcStats::default() })
    }

    fn set_startup_limits(&self, segment: u32, generation_0: u32) -> HResult {
        self.trace.note(crate::stage::current(), format!("vm limits {segment} {generation_0}"));
        HResult::S_OK
    }
}

struct TestTask {
    trace: Arc<Trace>,
    answers: Answers,
    heap: Arc<Heap>,
}

impl ClrTask for TestTask {
    fn switch_in(&self, carrier: CarrierHandle) -> HResult {
        assert_ne!(carrier.0, 0, "no carrier");
        self.trace.note(crate::stage::current(), "vm SwitchIn");
        HResult::S_OK
    }

    fn switch_out(&self) -> HResult {
        self.trace.note(crate::stage::current(), "vm SwitchOut");
        self.answers.switch_out
    }

    fn reset(&self, full: bool) -> HResult {
        if full {
            self.heap.allocated.store(0, SeqCst);
            self.heap.statics.store(0, SeqCst);
        }
        HResult::S_OK
    }

    fn exit_task(&self) -> HResult {
        self.trace.note(crate::stage::current(), "vm ExitTask");
        HResult::S_OK
    }

    fn needs_priority_scheduling(&self) -> Result<bool, HResult> {
        let task = crate::stage::current().map(|task| self.trace.task(task));
        Ok(self.answers.needs_priority.is_some() && task.as_deref() == self.answers.needs_priority)
    }

    fn yield_task(&self) -> HResult {
        self.heap.yield_wanted.store(true, SeqCst);
        HResult::S_OK
    }

    fn get_mem_stats(&self) -> Result<GcThreadStats, HResult> {
        Ok(GcThreadStats {
            per_thread_allocation: self.heap.allocated.load(SeqCst),
            has_promoted_bytes: self.heap.promoted.load(SeqCst) > 0,
        })
    }
}
