//! [`RuntimeGcManager`]: the VM's collector, as a host asks for it, and how a VM stops its tasks.

use super::HostGcManager;
use crate::hosting::clr::{Inner, answered, guarded};
use crate::hosting::enums::GcStatTypes;
use crate::hosting::method::clr_gc_manager;
use crate::hosting::vm::GcStats;
use crate::hosting::{HResult, INFINITE};
use sortie_scheduler::wait;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The generations that may be collected.
const GENERATIONS: i32 = 3;
/// A segment has no less bytes, and a whole number of [`SEGMENT_STEP`].
const LEAST_SEGMENT: u32 = 4 << 20;
const SEGMENT_STEP: u32 = 1 << 20;
/// Generation 0 has no less bytes.
const LEAST_GENERATION_0: u32 = 64 << 10;

/// How long who stops the world sleeps between two looks, at first and at most.
const FIRST_SLEEP: Duration = Duration::from_micros(20);
const LONGEST_SLEEP: Duration = Duration::from_millis(1);

/// Were the limits for the start set?
#[derive(Debug, Default)]
pub(in crate::hosting) struct Limits(AtomicBool);

/// `ICLRGCManager`: the VM's collector, as a host asks for it; and, for the VM, how it stops its tasks. Clones are the same
/// manager.
#[derive(Clone)]
pub struct RuntimeGcManager {
    inner: Arc<Inner>,
}

impl RuntimeGcManager {
    pub(in crate::hosting) fn new(inner: Arc<Inner>) -> RuntimeGcManager {
        RuntimeGcManager { inner }
    }

    /// Has the VM collect a generation and those below it; -1: all.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) for a generation that there is not; what the
    /// VM returns; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn collect(&self, generation: i32) -> HResult {
        let shared = &self.inner.shared;
        let arguments = format_args!("{generation}");
        shared.call(clr_gc_manager::COLLECT, arguments, || {
            if let Err(error) = shared.availability.check() {
                return error;
            }
            if !(-1..GENERATIONS).contains(&generation) {
                return HResult::E_INVALIDARG;
            }
            guarded(|| shared.gc.collect(u32::try_from(generation).ok()))
        })
    }

    /// What `flags` ask for of the collector; all else is 0.
    ///
    /// # Errors
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) for a flag that means nothing; those of the VM;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_stats(&self, flags: GcStatTypes) -> Result<GcStats, HResult> {
        let shared = &self.inner.shared;
        shared.call(clr_gc_manager::GET_STATS, format_args!("{flags:?}"), || {
            shared.availability.check()?;
            if !(GcStatTypes::COUNTS | GcStatTypes::MEMORYUSAGE).contains(flags) {
                return Err(HResult::E_INVALIDARG);
            }
            Ok(answered(|| shared.gc.get_stats(flags))?.only(flags))
        })
    }

    /// How large segments, and generation 0, shall be at first, in bytes. Before the start, too; what is said after the first
    /// time changes nothing.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) for segments of less than 4 MiB or not of whole
    /// MiB, and for less than 64 KiB; what the VM returns; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE) once the
    /// runtime is stopped or disabled.
    pub fn set_gc_startup_limits(&self, segment: u32, generation_0: u32) -> HResult {
        let shared = &self.inner.shared;
        let arguments = format_args!("{segment} {generation_0}");
        shared.call(clr_gc_manager::SET_GC_STARTUP_LIMITS, arguments, || {
            if let Err(error) = shared.check_settable() {
                return error;
            }
            let is_segment = segment >= LEAST_SEGMENT && segment.is_multiple_of(SEGMENT_STEP);
            if !is_segment || generation_0 < LEAST_GENERATION_0 {
                return HResult::E_INVALIDARG;
            }
            // ORDERING: Relaxed, the one who sets it goes on, and nobody reads what that does by it.
            if self.inner.limits.0.swap(true, Ordering::Relaxed) {
                return HResult::S_OK;
            }
            guarded(|| shared.gc.set_startup_limits(segment, generation_0))
        })
    }

    /// For the VM: stops the world. When this returns no task of the host's runs managed code but the current one, and none
    /// begins to until the value is dropped.
    ///
    /// Tasks in native code are not waited for. Those in managed code are, so theirs must come by
    /// [`safepoint`](RuntimeGcManager::safepoint), by a wait, or by a native call. If another stops the world already, this
    /// is a safepoint first. Holds the worker while it waits, but for the turns of tasks that may go on on this thread only, while the
    /// VM waits for one that is not running ([`needs_priority_scheduling`](crate::hosting::ClrTask::needs_priority_scheduling)).
    ///
    /// # Errors
    /// [`E_NOINTERFACE`](HResult::E_NOINTERFACE): the host has no such manager.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    ///
    /// ```
    /// use sortie::hosting::{ClrRuntimeHost, Host};
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// let runtime = sortie::Runtime::builder().workers(2).build()?;
    /// let host = Host::builder(&runtime.handle()).build();
    /// let clr = ClrRuntimeHost::builder().build();
    /// clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    /// clr.start().ok()?;
    ///
    /// let steps = Arc::new(AtomicU32::new(0));
    /// let (gc, counter) = (clr.gc_manager(), steps.clone());
    /// let mutator = host.task_manager().create_task(0, move || {
    ///     while counter.fetch_add(1, SeqCst) < 10_000 {
    ///         gc.safepoint();
    ///     }
    ///     0
    /// })?;
    /// mutator.start().ok()?;
    ///
    /// let world = clr.gc_manager().suspend()?;
    /// let before = steps.load(SeqCst);
    /// std::thread::sleep(std::time::Duration::from_millis(5));
    /// assert_eq!(steps.load(SeqCst), before);
    /// world.resume(0);
    /// # while !mutator.is_done() { std::thread::yield_now(); }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn suspend(&self) -> Result<Suspension, HResult> {
        let host = self.inner.host_gc.get().ok_or(HResult::E_NOINTERFACE)?;
        while let Err(error) = host.suspension_starting().ok() {
            if error != HResult::HOST_E_INVALIDOPERATION {
                return Err(error);
            }
            self.safepoint();
            // For a thread that no hold stops.
            std::thread::yield_now();
        }
        let world = Suspension { host: host.clone(), generation: INFINITE, stays: PhantomData };
        let mut sleep = FIRST_SLEEP;
        while !host.is_suspended() {
            // Whom the VM waits for may go on on this thread only.
            if host.waits_for_tasks() && wait::let_pinned_run() {
                continue;
            }
            std::thread::sleep(sleep);
            sleep = LONGEST_SLEEP.min(sleep * 2);
        }
        Ok(world)
    }

    /// For the VM: a point at which the current task may be stopped. Waits while the world is; a look or two if it is not.
    ///
    /// A [`checkpoint`](crate::task::checkpoint), too: an abort is raised here, and others run if that was asked for.
    pub fn safepoint(&self) {
        crate::task::checkpoint();
        if let Some(host) = self.inner.host_gc.get()
            && wait::is_to_wait_for_hold()
        {
            let _ = host.thread_is_blocking_for_suspension();
            wait::wait_while_held();
        }
    }
}

impl fmt::Debug for RuntimeGcManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeGcManager").field("gc", &self.inner.shared).finish()
    }
}

/// The world is stopped, by [`RuntimeGcManager::suspend`]. Dropped, it goes on. Stays on its task.
#[derive(Debug)]
#[must_use = "the world goes on when this is dropped"]
pub struct Suspension {
    host: HostGcManager,
    generation: u32,
    stays: PhantomData<*mut ()>,
}

impl Suspension {
    /// The world goes on, after a collection of this generation.
    pub fn resume(mut self, generation: u32) {
        self.generation = generation;
    }
}

impl Drop for Suspension {
    fn drop(&mut self) {
        // It fails only where the runtime is gone, and then it has gone on too.
        let _ = self.host.suspension_ending(self.generation);
    }
}
