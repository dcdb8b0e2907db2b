//! [`RuntimeOnEventManager`]: events of a runtime's, and who is told of them.

use super::lock_in_handler;
use crate::hosting::HResult;
use crate::hosting::clr::{ClrShared, guarded};
use crate::hosting::enums::{ClrEvent, StackOverflowType};
use crate::hosting::method::{Method, action_on_clr_event, clr_on_event_manager};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What goes with an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClrEventData {
    /// Nothing.
    None,
    /// The group that was unloaded.
    Group(u32),
    /// Whose frames have exhausted a stack.
    StackOverflow(StackOverflowType),
}

/// `IActionOnCLREvent`: who wants to be told of an event.
pub trait ActionOnClrEvent: Send + Sync {
    /// The event has happened. On any thread, perhaps more than once. Does not block.
    ///
    /// An overflow that has hit a stack's guard is told of in the signal handler, on the thread that it has stopped, with
    /// 64 KiB of stack: then it must do only what a signal handler may, so no allocation, and no call of this API. The
    /// process ends after it, as the policy says. One that the VM has found and
    /// [reported](crate::hosting::ClrRuntimeHost::report_failure) is told of as all events are.
    fn on_event(&self, event: ClrEvent, data: ClrEventData) -> HResult;
}

type Subscriber = (ClrEvent, Arc<dyn ActionOnClrEvent>);

/// Who is told of what. A list is never changed, so that who tells keeps it without a copy, and without the lock.
#[derive(Default)]
pub(in crate::hosting) struct Subscribers(Mutex<Arc<[Subscriber]>>);

impl Subscribers {
    fn now(&self) -> Arc<[Subscriber]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As of now, in a signal handler. `None`: the lock is not to be had.
    pub(super) fn in_handler(&self) -> Option<Arc<[Subscriber]>> {
        lock_in_handler(&self.0).map(|told| told.clone())
    }
}

impl ClrShared {
    /// An event has happened.
    pub(in crate::hosting) fn tell(&self, event: ClrEvent, data: ClrEventData) {
        let told = self.subscribers.now();
        for (_, action) in told.iter().filter(|(of, _)| *of == event) {
            let arguments = match data {
                ClrEventData::None => format!("{event:?}"),
                ClrEventData::Group(id) => format!("{event:?} {id}"),
                ClrEventData::StackOverflow(of) => format!("{event:?} {of:?}"),
            };
            let told = || guarded(|| action.on_event(event, data));
            let _ = self.recorder.call(
                action_on_clr_event::ON_EVENT,
                format_args!("{arguments}"),
                told,
            );
        }
    }
}

/// `ICLROnEventManager`: who is told of a runtime's events. Before the start, too. Clones are the same manager.
#[derive(Clone)]
pub struct RuntimeOnEventManager {
    clr: Arc<ClrShared>,
}

impl RuntimeOnEventManager {
    pub(in crate::hosting) fn new(clr: Arc<ClrShared>) -> RuntimeOnEventManager {
        RuntimeOnEventManager { clr }
    }

    /// From here on `action` is told of the event. Registered twice, it is told twice.
    ///
    /// Returns [`S_OK`](HResult::S_OK), or [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE) once the runtime is
    /// stopped or disabled.
    pub fn register_action_on_event(
        &self,
        event: ClrEvent,
        action: Arc<dyn ActionOnClrEvent>,
    ) -> HResult {
        self.call(clr_on_event_manager::REGISTER_ACTION_ON_EVENT, event, |told| {
            told.push((event, action));
            Ok(None)
        })
    }

    /// From here on `action` is not told of the event. It may be told of one that happens meanwhile.
    ///
    /// Returns [`S_OK`](HResult::S_OK); [`E_INVALIDARG`](HResult::E_INVALIDARG) if it was not registered for it;
    /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE) once the runtime is stopped or disabled.
    pub fn unregister_action_on_event(
        &self,
        event: ClrEvent,
        action: &Arc<dyn ActionOnClrEvent>,
    ) -> HResult {
        self.call(clr_on_event_manager::UNREGISTER_ACTION_ON_EVENT, event, |told| {
            let is_it = |(of, told): &Subscriber| *of == event && Arc::ptr_eq(told, action);
            let at = told.iter().position(is_it).ok_or(HResult::E_INVALIDARG)?;
            Ok(Some(told.remove(at)))
        })
    }

    /// `f` gives back who is not told any more: it is dropped outside of the lock.
    fn call(
        &self,
        method: Method,
        event: ClrEvent,
        f: impl FnOnce(&mut Vec<Subscriber>) -> Result<Option<Subscriber>, HResult>,
    ) -> HResult {
        self.clr.call(method, format_args!("{event:?}"), || {
            if let Err(error) = self.clr.check_settable() {
                return error;
            }
            let mut told = self.clr.subscribers.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mut list = told.to_vec();
            let done = f(&mut list);
            let before = std::mem::replace(&mut *told, list.into());
            drop(told);
            drop(before);
            HResult::from(done.map(drop))
        })
    }
}

impl fmt::Debug for RuntimeOnEventManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeOnEventManager").finish_non_exhaustive()
    }
}
