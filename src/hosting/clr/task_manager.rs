//! [`RuntimeTaskManager`]: the runtime's halves of tasks.

use super::{ClrShared, Inner, RuntimeTask, guarded, helper, switching};
use crate::hosting::enums::TaskType;
use crate::hosting::method::{Method, clr_task_manager};
use crate::hosting::task::{Locale, current};
use crate::hosting::vm::ClrTaskManager;
use crate::hosting::{HResult, Lcid};
use std::sync::Arc;

/// `ICLRTaskManager`: the runtime's halves of tasks. Clones are the same manager.
#[derive(Clone, Debug)]
pub struct RuntimeTaskManager {
    inner: Arc<Inner>,
}

impl RuntimeTaskManager {
    pub(super) fn new(inner: Arc<Inner>) -> RuntimeTaskManager {
        RuntimeTaskManager { inner }
    }

    pub(in crate::hosting) fn shared(&self) -> &Arc<ClrShared> {
        &self.inner.shared
    }

    /// Makes the runtime's half of the current host task, and binds it.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): it has one.
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER): no host task runs here.
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY), or another of the VM's.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn create_task(&self) -> Result<RuntimeTask, HResult> {
        self.shared().call(clr_task_manager::CREATE_TASK, format_args!(""), || {
            self.shared().availability.check()?;
            let host_task = current::get().ok_or(HResult::HOST_E_NOT_OWNER)?;
            if host_task.clr_task().is_some() {
                return Err(HResult::HOST_E_INVALIDOPERATION);
            }
            let half = self.make()?;
            host_task.set_clr_task(Some(&half)).ok()?;
            Ok(half)
        })
    }

    /// The runtime's half of the task that this thread carries; `None`: there is none. Waits for nothing, so it may be
    /// asked for between a switch out and the next switch in.
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_current_task(&self) -> Result<Option<RuntimeTask>, HResult> {
        self.shared().call(clr_task_manager::GET_CURRENT_TASK, format_args!(""), || {
            self.shared().availability.check()?;
            Ok(current::get().and_then(|task| task.clr_task()))
        })
    }

    /// The host has changed the locale of the current task: the VM is told, and the host is not told back.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if no half of the
    /// runtime's is current; what the VM returns; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_locale(&self, locale: Lcid) -> HResult {
        self.change_locale(clr_task_manager::SET_LOCALE, Locale::Culture, locale)
    }

    /// As [`set_locale`](RuntimeTaskManager::set_locale), of the locale of the user interface.
    pub fn set_ui_locale(&self, locale: Lcid) -> HResult {
        self.change_locale(clr_task_manager::SET_UI_LOCALE, Locale::UserInterface, locale)
    }

    fn change_locale(&self, method: Method, which: Locale, locale: Lcid) -> HResult {
        self.shared().call(method, format_args!("{locale}"), || {
            if let Err(error) = self.shared().availability.check() {
                return error;
            }
            let is_current = |half: RuntimeTask| half.is_current();
            let current = current::get().filter(|task| task.clr_task().is_some_and(is_current));
            let Some(task) = current else { return HResult::HOST_E_INVALIDOPERATION };
            let vm: &dyn ClrTaskManager = &*self.shared().tasks;
            let result = guarded(|| match which {
                Locale::Culture => vm.set_locale(locale),
                Locale::UserInterface => vm.set_ui_locale(locale),
            });
            if result.is_success() {
                task.shared().attributes.set_locale(which, locale);
            }
            result
        })
    }

    /// What the task of this thread is for; on a thread without a task what it [helps with](RuntimeTaskManager::attach_helper), or
    /// [`TaskType::Unknown`].
    ///
    /// # Errors
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn get_current_task_type(&self) -> Result<TaskType, HResult> {
        self.shared().call(clr_task_manager::GET_CURRENT_TASK_TYPE, format_args!(""), || {
            self.shared().availability.check()?;
            let task = current::get();
            let half = task.as_ref().map(|task| task.clr_task());
            Ok(match half {
                Some(Some(half)) => half.task_type(),
                Some(None) => TaskType::User,
                None => helper::spared_as().unwrap_or(TaskType::Unknown),
            })
        })
    }

    /// Sees to it that the task of this thread has both halves: what a runtime does before it runs managed code, at the
    /// begin of a task that it has made and in a callback on a thread that it has not seen.
    ///
    /// Asks the host for the current task, which adopts the thread or refuses it; then takes a half that was
    /// [reset](RuntimeTask::reset), or makes one, and binds it.
    ///
    /// # Errors
    /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION): the host refuses the thread, or has no task manager.
    /// [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY), or another of the VM's.
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    ///
    /// ```
    /// use sortie::hosting::{ClrRuntimeHost, Host};
    /// use std::sync::Arc;
    ///
    /// let runtime = sortie::Runtime::new()?;
    /// let host = Host::builder(&runtime.handle()).build();
    /// let clr = ClrRuntimeHost::builder().build();
    /// clr.set_host_control(Some(Arc::new(host.clone()))).ok()?;
    /// clr.start().ok()?;
    /// std::thread::spawn(move || {
    ///     let half = clr.task_manager().attach()?;
    ///     assert!(half.is_current());
    ///     let host = host.task_manager();
    ///     host.reverse_enter_runtime().ok()?;
    ///     // Managed code.
    ///     host.reverse_leave_runtime().ok()
    /// })
    /// .join()
    /// .unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(&self) -> Result<RuntimeTask, HResult> {
        self.shared().availability.check()?;
        if let Some(half) = current::get().and_then(|task| task.clr_task()) {
            return Ok(half);
        }
        let tasks = self.inner.host_tasks.get().ok_or(HResult::HOST_E_INVALIDOPERATION)?;
        let host_task = tasks.get_current_task()?;
        if let Some(half) = host_task.shared().host.take_kept() {
            half.switch_in(switching::carrier_handle()).ok()?;
            return Ok(half);
        }
        let half = self.make()?;
        host_task.set_clr_task(Some(&half)).ok()?;
        Ok(half)
    }

    fn make(&self) -> Result<RuntimeTask, HResult> {
        Ok(RuntimeTask::new(self.shared().clone(), self.shared().tasks.create_task()?))
    }
}
