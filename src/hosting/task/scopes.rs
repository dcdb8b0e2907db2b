//! Transitions as scopes: what was opened is closed, whichever way the code leaves, so also by an unwind.

use super::manager::HostTaskManager;
use crate::hosting::HResult;
use std::marker::PhantomData;

/// A stretch of native code: [`leave_runtime`](HostTaskManager::leave_runtime) when it is made,
/// [`enter_runtime`](HostTaskManager::enter_runtime) when it is dropped. Stays on its thread.
///
/// If managed code may not go on at its end, because the runtime was stopped or there is no worker in time, the drop tries
/// once more, and then unwinds the task from here, unless it unwinds already.
///
/// ```
/// use sortie::hosting::{ClrRuntimeHost, HResult, Host, Left};
/// # use std::sync::Arc;
/// # let runtime = sortie::Runtime::new()?;
/// # let host = Host::builder(&runtime.handle()).build();
/// # let clr = ClrRuntimeHost::builder().build();
/// # clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
/// # clr.start().ok()?;
/// let tasks = host.task_manager();
/// let task = host.task_manager().create_task(0, move || {
///     let left = Left::new(&tasks, libc::getpid as *const () as usize);
///     // SAFETY: `getpid` has no conditions.
///     let pid = left.is_ok().then(|| unsafe { libc::getpid() });
///     u32::from(pid.is_none())
/// })?;
/// task.start().ok()?;
/// # while !task.is_done() { std::thread::yield_now(); }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the native stretch ends when the scope is dropped"]
pub struct Left<'a> {
    tasks: &'a HostTaskManager,
    thread: PhantomData<*mut ()>,
}

impl<'a> Left<'a> {
    /// Begins a stretch of native code, a call of `target`. Does not block.
    ///
    /// # Errors
    /// As [`leave_runtime`](HostTaskManager::leave_runtime); the function must not be called.
    pub fn new(tasks: &'a HostTaskManager, target: usize) -> Result<Left<'a>, HResult> {
        tasks.leave_runtime(target).ok()?;
        Ok(Left { tasks, thread: PhantomData })
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if self.tasks.enter_runtime().is_success() || self.tasks.enter_runtime().is_success() {
            return;
        }
        if !std::thread::panicking() {
            sortie_scheduler::crossing::stop_after_return()
        }
    }
}

/// A stretch of managed code that native code has called:
/// [`reverse_enter_runtime`](HostTaskManager::reverse_enter_runtime) when it is made,
/// [`reverse_leave_runtime`](HostTaskManager::reverse_leave_runtime) when it is dropped. Stays on its thread.
///
/// It does not stop a panic on its way to the native frames below: catch it inside.
#[derive(Debug)]
#[must_use = "the managed stretch ends when the scope is dropped"]
pub struct Called<'a> {
    tasks: &'a HostTaskManager,
    thread: PhantomData<*mut ()>,
}

impl<'a> Called<'a> {
    /// Begins a stretch of managed code. Waits for a worker if there is none.
    ///
    /// # Errors
    /// As [`reverse_enter_runtime`](HostTaskManager::reverse_enter_runtime).
    pub fn new(tasks: &'a HostTaskManager) -> Result<Called<'a>, HResult> {
        tasks.reverse_enter_runtime().ok()?;
        Ok(Called { tasks, thread: PhantomData })
    }
}

impl Drop for Called<'_> {
    fn drop(&mut self) {
        // It fails only where the layer was closed before, or the runtime is gone; then it is closed too.
        let _ = self.tasks.reverse_leave_runtime();
    }
}
