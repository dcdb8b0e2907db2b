//! The two locales of a task, and what it was promised of stack: values that a VM tells its host, and that go with the
//! task from thread to thread.

use super::HostTask;
use super::attributes::Locale;
use super::current;
use super::manager::HostTaskManager;
use crate::hosting::method::{Method, host_task_manager};
use crate::hosting::{HResult, Lcid};

impl HostTaskManager {
    /// Managed code has changed the locale of the current task.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if this thread carries no task;
    /// [`E_NOTIMPL`](HResult::E_NOTIMPL) if the host forbids it ([`locales`](crate::hosting::HostBuilder::locales)): the
    /// value is as before then; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_locale(&self, locale: Lcid) -> HResult {
        self.change_locale(host_task_manager::SET_LOCALE, Locale::Culture, locale)
    }

    /// As [`set_locale`](HostTaskManager::set_locale), of the locale of the user interface.
    pub fn set_ui_locale(&self, locale: Lcid) -> HResult {
        self.change_locale(host_task_manager::SET_UI_LOCALE, Locale::UserInterface, locale)
    }

    fn change_locale(&self, method: Method, which: Locale, locale: Lcid) -> HResult {
        let host = &self.host;
        host.recorder.call(method, format_args!("{locale}"), || {
            let may = |_: &_| if host.options.locales { Ok(()) } else { Err(HResult::E_NOTIMPL) };
            let changed = host.check_available().and_then(|()| {
                current::with(host, |task| {
                    may(task).map(|()| task.attributes.set_locale(which, locale))
                })?
            });
            changed.into()
        })
    }

    /// From here on an overflow of the current task's stack leaves at least so many bytes to those who handle it. 0 asks
    /// for nothing. Raised only: less than before changes nothing.
    ///
    /// Overflows are handled on a stack that each thread keeps for that. It is there before anybody asks, and does not
    /// grow.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER) if this thread carries no task;
    /// [`E_NOTIMPL`](HResult::E_NOTIMPL) if the host leaves it to the VM
    /// ([`stack_guarantees`](crate::hosting::HostBuilder::stack_guarantees)); [`E_OUTOFMEMORY`](HResult::E_OUTOFMEMORY) for more than
    /// such a stack has; [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn set_stack_guarantee(&self, bytes: u32) -> HResult {
        let host = &self.host;
        let arguments = format_args!("{bytes}");
        host.recorder.call(host_task_manager::SET_STACK_GUARANTEE, arguments, || {
            let raised = self.guarantees().and_then(|()| {
                if bytes as usize > sortie_scheduler::OVERFLOW_STACK_BYTES {
                    return Err(HResult::E_OUTOFMEMORY);
                }
                current::with(host, |task| task.attributes.raise_stack_guarantee(bytes))
            });
            raised.into()
        })
    }

    /// How many bytes an overflow of the current task's stack leaves, as far as was asked for.
    ///
    /// # Errors
    /// [`HOST_E_NOT_OWNER`](HResult::HOST_E_NOT_OWNER), [`E_NOTIMPL`](HResult::E_NOTIMPL) and
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE), as
    /// [`set_stack_guarantee`](HostTaskManager::set_stack_guarantee).
    pub fn get_stack_guarantee(&self) -> Result<u32, HResult> {
        let host = &self.host;
        host.recorder.call(host_task_manager::GET_STACK_GUARANTEE, format_args!(""), || {
            self.guarantees()?;
            current::with(host, |task| task.attributes.stack_guarantee())
        })
    }

    /// Is the runtime there, does this thread carry a task, and does the host give guarantees?
    fn guarantees(&self) -> Result<(), HResult> {
        self.host.check_available()?;
        current::with(&self.host, |_| ())?;
        if self.host.options.stack_guarantees { Ok(()) } else { Err(HResult::E_NOTIMPL) }
    }
}

impl HostTask {
    /// The task's locale; 0: nobody has set one.
    #[must_use]
    pub fn locale(&self) -> Lcid {
        self.shared().attributes.locale(Locale::Culture)
    }

    /// The task's locale of the user interface; 0: nobody has set one.
    #[must_use]
    pub fn ui_locale(&self) -> Lcid {
        self.shared().attributes.locale(Locale::UserInterface)
    }
}
