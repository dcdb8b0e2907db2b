//! [`HostThreadPoolManager`]: work that a VM leaves to its host to run. Who runs it is for `work.rs`.

#[cfg(test)]
mod tests;
mod work;

use self::work::{State, start};
use super::HResult;
use super::enums::WorkItemFlags;
use super::group::run_in;
use super::host::HostShared;
use super::method::{Method, host_thread_pool_manager};
use super::task::current;
use std::fmt;
use std::sync::Arc;

pub(super) use self::work::Pool;

/// `IHostThreadPoolManager`: work that a VM leaves to its host. Clones are the same manager.
///
/// What an item runs is the VM's own entry: it begins in managed code, and
/// [attaches](super::RuntimeTaskManager::attach) if it needs the runtime's half.
///
/// ```
/// use sortie::hosting::{ClrRuntimeHost, Host, WorkItemFlags};
/// # use std::sync::Arc;
/// let runtime = sortie::Runtime::new()?;
/// let host = Host::builder(&runtime.handle()).build();
/// # let clr = ClrRuntimeHost::builder().build();
/// # clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
/// # clr.start().ok()?;
/// let pool = host.thread_pool_manager();
/// pool.set_max_threads(2).ok()?;
/// let (sender, sums) = std::sync::mpsc::channel();
/// pool.queue_user_work_item(WorkItemFlags::NONE, move || sender.send((1..=4).sum::<i32>()).unwrap()).ok()?;
/// assert_eq!(sums.recv()?, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HostThreadPoolManager {
    host: Arc<HostShared>,
}

impl HostThreadPoolManager {
    pub(super) fn new(host: Arc<HostShared>) -> HostThreadPoolManager {
        HostThreadPoolManager { host }
    }

    /// Has `item` run once, on some task of the pool's; it waits while as many run as may. From any thread; does not
    /// block.
    ///
    /// With [`EXECUTELONGFUNCTION`](WorkItemFlags::EXECUTELONGFUNCTION) it has a task of its own, at once and not counted;
    /// with [`EXECUTEINPERSISTENTTHREAD`](WorkItemFlags::EXECUTEINPERSISTENTTHREAD) it runs, after those before it, on the
    /// one thread that the pool keeps for that, not counted either.
    ///
    /// It runs in the group that the current task is in; if that is unloaded before it begins, it does not.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE);
    /// [`E_FAIL`](HResult::E_FAIL), which disables the runtime, if the host's own is shut down meanwhile.
    pub fn queue_user_work_item(
        &self,
        flags: WorkItemFlags,
        item: impl FnOnce() + Send + 'static,
    ) -> HResult {
        let host = &self.host;
        let arguments = format_args!("{flags:?}");
        host.call(host_thread_pool_manager::QUEUE_USER_WORK_ITEM, arguments, || {
            if let Err(error) = host.check_available() {
                return error;
            }
            if host.handle.is_shut_down() {
                return HResult::HOST_E_CLRNOTAVAILABLE;
            }
            let group = current::with(host, |task| task.in_groups.group()).ok().flatten();
            let item = move || run_in(group, item);
            if flags.contains(WorkItemFlags::EXECUTEINPERSISTENTTHREAD) {
                return Pool::queue_persistent(host, item);
            }
            if flags.contains(WorkItemFlags::EXECUTELONGFUNCTION) {
                return start(host, item);
            }
            host.pool.state().items.push_back(Box::new(item));
            Pool::advance(host);
            HResult::S_OK
        })
    }

    /// How many counted items may run at a time. Those that run now do so to their end.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) for 0, and for less than the minimum;
    /// [`E_NOTIMPL`](HResult::E_NOTIMPL) if the host keeps that to itself
    /// ([`fixed_pool`](super::HostBuilder::fixed_pool)); [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_max_threads(&self, most: u32) -> HResult {
        self.set(host_thread_pool_manager::SET_MAX_THREADS, most, |state| {
            let may = most > 0 && most >= state.min;
            if may {
                state.max = most;
            }
            may
        })
    }

    /// How many tasks are kept at rest for what comes, those that run included.
    ///
    /// Returns as [`set_max_threads`](HostThreadPoolManager::set_max_threads);
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) for more than the maximum.
    pub fn set_min_threads(&self, least: u32) -> HResult {
        self.set(host_thread_pool_manager::SET_MIN_THREADS, least, |state| {
            let may = least <= state.max;
            if may {
                state.min = least;
            }
            may
        })
    }

    /// How many counted items may run at a time.
    ///
    /// # Errors
    /// [`E_NOTIMPL`](HResult::E_NOTIMPL) if the host keeps that to itself;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_max_threads(&self) -> Result<u32, HResult> {
        self.get(host_thread_pool_manager::GET_MAX_THREADS, |state| state.max)
    }

    /// How many more could run now.
    ///
    /// # Errors
    /// As [`get_max_threads`](HostThreadPoolManager::get_max_threads).
    pub fn get_available_threads(&self) -> Result<u32, HResult> {
        let available = |state: &State| state.max.saturating_sub(state.running);
        self.get(host_thread_pool_manager::GET_AVAILABLE_THREADS, available)
    }

    /// How many tasks are kept at rest.
    ///
    /// # Errors
    /// As [`get_max_threads`](HostThreadPoolManager::get_max_threads).
    pub fn get_min_threads(&self) -> Result<u32, HResult> {
        self.get(host_thread_pool_manager::GET_MIN_THREADS, |state| state.min)
    }

    /// `change` says whether the value is one that may be.
    fn set(&self, method: Method, value: u32, change: impl FnOnce(&mut State) -> bool) -> HResult {
        let host = &self.host;
        host.recorder.call(method, format_args!("{value}"), || {
            if let Err(error) = self.check() {
                return error;
            }
            if !change(&mut host.pool.state()) {
                return HResult::E_INVALIDARG;
            }
            Pool::advance(host);
            Pool::fill(host);
            HResult::S_OK
        })
    }

    fn get(&self, method: Method, of: impl FnOnce(&State) -> u32) -> Result<u32, HResult> {
        let host = &self.host;
        host.recorder.call(method, format_args!(""), || {
            self.check()?;
            Ok(of(&host.pool.state()))
        })
    }

    fn check(&self) -> Result<(), HResult> {
        self.host.check_available()?;
        if self.host.options.fixed_pool { Err(HResult::E_NOTIMPL) } else { Ok(()) }
    }
}

impl fmt::Debug for HostThreadPoolManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.host.pool.state();
        f.debug_struct("HostThreadPoolManager")
            .field("queued", &state.items.len())
            .field("running", &state.running)
            .field("resting", &state.resting)
            .field("max", &state.max)
            .field("min", &state.min)
            .finish()
    }
}
