//! Groups of tasks, as a VM makes them and a host unloads them: application domains.
//!
//! The hosting API has no method that makes a group, or enters it: a VM does so by itself, and says so here.

use super::ClrRuntimeHost;
use crate::hosting::group::{DEFAULT, Group, InAppDomain};
use crate::hosting::method::clr_runtime_host;
use crate::hosting::task::{TaskShared, current};
use crate::hosting::{HResult, HostTask};
use std::sync::Arc;

impl ClrRuntimeHost {
    /// A group of tasks comes into being: its number, which no other gets. The host is told, once
    /// ([`set_app_domain_manager`](crate::hosting::HostControl::set_app_domain_manager)).
    ///
    /// The group that is there from the start on has the number 1.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE). [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY) after as many
    /// groups as there are numbers.
    ///
    /// ```
    /// use sortie::hosting::{ClrRuntimeHost, HResult, Host};
    /// # use std::sync::Arc;
    /// let runtime = sortie::Runtime::new()?;
    /// let host = Host::builder(&runtime.handle()).build();
    /// let clr = ClrRuntimeHost::builder().build();
    /// clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    /// clr.start().ok()?;
    ///
    /// let plugin = clr.create_app_domain()?;
    /// let vm = clr.clone();
    /// let task = host.task_manager().create_task(0, move || {
    ///     let _plugin = vm.enter_app_domain(plugin).expect("it is there");
    ///     assert_eq!(vm.get_current_app_domain_id(), Ok(plugin));
    ///     sortie::sleep(std::time::Duration::MAX);
    ///     unreachable!("its group was unloaded");
    /// })?;
    /// task.start().ok()?;
    /// clr.unload_app_domain(plugin, true).ok()?;
    /// assert_eq!(clr.unload_app_domain(plugin, true), HResult::E_INVALIDARG);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_app_domain(&self) -> Result<u32, HResult> {
        let shared = &self.inner.shared;
        shared.availability.check()?;
        let id = shared.groups.make()?.id();
        self.tell_of_group(id);
        Ok(id)
    }

    /// The current task runs code of this group from here on, until the scope is dropped. What it makes meanwhile, tasks and
    /// items of work, runs in the group as well.
    ///
    /// # Errors
    /// [`COR_E_APPDOMAINUNLOADED`](HResult::COR_E_APPDOMAINUNLOADED): it is unloaded, or an unload has begun.
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG): there was no such group, or it is the one that is there from the start on,
    /// which is not entered. [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER): this thread carries no task of the host's.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn enter_app_domain(&self, id: u32) -> Result<InAppDomain, HResult> {
        self.inner.shared.availability.check()?;
        self.with_current(|_| ())?;
        InAppDomain::enter(&self.inner.shared.groups, id)
    }

    /// Unloads a group: whoever has a layer of it is aborted, whoever would enter it is refused, and when nobody is left
    /// the VM destroys it and [`DomainUnload`](crate::hosting::ClrEvent::DomainUnload) is told. Tasks of other groups are
    /// not concerned; a finalizer's task is waited for, and not aborted. The policies may want more than an unload, and say
    /// how long it may take.
    ///
    /// With `wait` it returns when that is over: a suspension point; if the task is aborted meanwhile, this unwinds. A task
    /// that has a layer of the group itself is unwound from here; where that cannot be, it does not wait.
    ///
    /// Returns [`S_OK`](HResult::S_OK), also for an unload that was under way;
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG) if there is no such group;
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) for the one that is there from the start on;
    /// [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED) if the crate's runtime was shut down before it was over;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn unload_app_domain(&self, id: u32, wait: bool) -> HResult {
        let shared = &self.inner.shared;
        let arguments = format_args!("{id} {wait}");
        shared.call(clr_runtime_host::UNLOAD_APP_DOMAIN, arguments, || {
            if let Err(error) = shared.availability.check() {
                return error;
            }
            if id == DEFAULT {
                return HResult::HOST_E_INVALIDOPERATION;
            }
            let Ok(group) = shared.groups.get(id) else { return HResult::E_INVALIDARG };
            shared.unload(&group);
            let is_own =
                || HostTask::current().is_some_and(|task| task.shared().in_groups.has(&group));
            if wait && !is_own() { wait_for_unload(&group) } else { HResult::S_OK }
        })
    }

    /// The number of the group that the current task is in.
    ///
    /// # Errors
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER): this thread carries no task of the host's.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_current_app_domain_id(&self) -> Result<u32, HResult> {
        let shared = &self.inner.shared;
        shared.call(clr_runtime_host::GET_CURRENT_APP_DOMAIN_ID, format_args!(""), || {
            shared.availability.check()?;
            let group = self.with_current(|task| task.in_groups.group())?;
            Ok(group.map_or(DEFAULT, |group| group.id()))
        })
    }

    /// Runs `f` on the current task, if it is one of this runtime's host.
    fn with_current<R>(&self, f: impl FnOnce(&TaskShared) -> R) -> Result<R, HResult> {
        let tasks = self.inner.host_tasks.get().ok_or(HResult::HOST_E_NOT_OWNER)?;
        current::with(tasks.host(), f)
    }
}

fn wait_for_unload(group: &Arc<Group>) -> HResult {
    group.unloaded.wait();
    if group.is_over() { HResult::S_OK } else { HResult::HOST_E_ABANDONED }
}
