//! Events: [`HostAutoEvent`] and [`HostManualEvent`].

use super::Counted;
use crate::hosting::HResult;
use crate::hosting::enums::WaitOption;
use crate::hosting::method::{host_auto_event, host_manual_event};
use crate::hosting::task::Limit;
use crate::hosting::wait::{Object, Waitable, wait};
use crate::sync::Event;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What both have.
struct Shared {
    counted: Counted,
    event: Event,
    object: Object,
    is_gone: AtomicBool,
}

impl Shared {
    fn new(counted: Counted, event: Event, object: impl FnOnce(u64) -> Object) -> Arc<Shared> {
        let object = object(counted.id);
        Arc::new(Shared { counted, event, object, is_gone: AtomicBool::new(false) })
    }

    fn destroy(&self) {
        // ORDERING: Relaxed, the lock of the host's waits orders it with who waits.
        self.is_gone.store(true, Ordering::Relaxed);
        let id = Some(self.counted.id);
        self.counted.host.waits.abandon(|object| object.id() == id);
    }
}

impl Waitable for Shared {
    fn object(&self) -> Object {
        self.object.clone()
    }

    fn take(&self) -> bool {
        !self.is_gone() && self.event.try_wait()
    }

    fn wait(&self, until: Instant) -> bool {
        self.event.wait_until(until)
    }

    fn is_gone(&self) -> bool {
        // ORDERING: Relaxed, as above.
        self.is_gone.load(Ordering::Relaxed)
    }
}

macro_rules! waits {
    ($event:ty, $methods:ident) => {
        impl $event {
            /// Waits until the event is set, for so many milliseconds at most ([`INFINITE`]: for ever).
            ///
            /// A suspension point: the task is switched away, or waits in place where it cannot be. If the task is
            /// aborted meanwhile, this unwinds.
            ///
            /// Returns [`S_OK`](HResult::S_OK); [`HOST_E_TIMEOUT`](HResult::HOST_E_TIMEOUT);
            /// [`HOST_E_INTERRUPTED`](HResult::HOST_E_INTERRUPTED) after an alert, if the wait is alertable;
            /// [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED) if the event was destroyed;
            /// [`HOST_E_DEADLOCK`](HResult::HOST_E_DEADLOCK) if the wait was chosen to resolve one;
            /// [`HOST_E_INVALIDOPERATION`](HResult::HOST_E_INVALIDOPERATION) if the host refuses the thread;
            /// [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
            ///
            /// [`INFINITE`]: crate::hosting::INFINITE
            pub fn wait(&self, milliseconds: u32, option: WaitOption) -> HResult {
                let host = &self.shared.counted.host;
                let arguments = format_args!("{} {option:?}", Limit(milliseconds));
                host.recorder.call($methods::WAIT, arguments, || {
                    wait(host, &*self.shared, milliseconds, option)
                })
            }

            /// Sets the event. From any thread; does not wait.
            ///
            /// Returns [`S_OK`](HResult::S_OK), or [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
            pub fn set(&self) -> HResult {
                let host = &self.shared.counted.host;
                host.recorder.call($methods::SET, format_args!(""), || {
                    HResult::from(host.check_available().map(|()| self.shared.event.set()))
                })
            }

            /// The event is gone: who waits for it, now or later, is told
            /// [`HOST_E_ABANDONED`](HResult::HOST_E_ABANDONED).
            pub fn destroy(&self) {
                self.shared.destroy();
            }
        }

        impl fmt::Debug for $event {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($event))
                    .field("id", &self.shared.counted.id)
                    .field("is_set", &self.shared.event.is_set())
                    .finish_non_exhaustive()
            }
        }
    };
}

/// `IHostAutoEvent`: set, it lets one wait through and is no longer set. Made by
/// [`HostSyncManager::create_auto_event`](super::HostSyncManager::create_auto_event). Clones are the same event.
#[derive(Clone)]
pub struct HostAutoEvent {
    shared: Arc<Shared>,
}

impl HostAutoEvent {
    pub(super) fn new(counted: Counted, object: impl FnOnce(u64) -> Object) -> HostAutoEvent {
        HostAutoEvent { shared: Shared::new(counted, Event::auto().by_priority(), object) }
    }
}

waits!(HostAutoEvent, host_auto_event);

/// `IHostManualEvent`: set, it lets all waits through until it is reset. Made by
/// [`HostSyncManager::create_manual_event`](super::HostSyncManager::create_manual_event). Clones are the same event.
#[derive(Clone)]
pub struct HostManualEvent {
    shared: Arc<Shared>,
}

impl HostManualEvent {
    pub(super) fn new(
        counted: Counted,
        is_set: bool,
        object: impl FnOnce(u64) -> Object,
    ) -> HostManualEvent {
        let event = Event::manual().by_priority();
        if is_set {
            event.set();
        }
        HostManualEvent { shared: Shared::new(counted, event, object) }
    }

    /// The event is set no longer. Does not wait.
    ///
    /// Returns [`S_OK`](HResult::S_OK), or [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn reset(&self) -> HResult {
        let host = &self.shared.counted.host;
        host.recorder.call(host_manual_event::RESET, format_args!(""), || {
            HResult::from(host.check_available().map(|()| self.shared.event.reset()))
        })
    }
}

waits!(HostManualEvent, host_manual_event);
