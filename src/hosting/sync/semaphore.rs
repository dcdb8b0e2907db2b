//! [`HostSemaphore`].

use super::Counted;
use crate::hosting::HResult;
use crate::hosting::enums::WaitOption;
use crate::hosting::host::HostShared;
use crate::hosting::method::host_semaphore;
use crate::hosting::task::Limit;
use crate::hosting::wait::{Object, Waitable, wait};
use sortie_scheduler::CountingSemaphore;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// `IHostSemaphore`: a count; a wait takes one. Made by
/// [`HostSyncManager::create_semaphore`](super::HostSyncManager::create_semaphore). Clones are the same semaphore.
#[derive(Clone)]
pub struct HostSemaphore {
    shared: Arc<Shared>,
}

struct Shared {
    counted: Counted,
    semaphore: CountingSemaphore,
}

impl Waitable for Shared {
    fn object(&self) -> Object {
        Object::Unowned { id: self.counted.id }
    }

    fn take(&self) -> bool {
        self.semaphore.try_wait()
    }

    fn wait(&self, until: Instant) -> bool {
        self.semaphore.wait_until(until)
    }
}

impl HostSemaphore {
    pub(super) fn new(
        host: &Arc<HostShared>,
        initial: u32,
        max: u32,
    ) -> Result<HostSemaphore, HResult> {
        if max == 0 || initial > max || i32::try_from(max).is_err() {
            return Err(HResult::E_INVALIDARG);
        }
        let semaphore = CountingSemaphore::new(initial, max).by_priority();
        let shared = Shared { counted: Counted::new(host)?, semaphore };
        Ok(HostSemaphore { shared: Arc::new(shared) })
    }

    /// Takes one of the count, and waits for it if it must.
    ///
    /// As [`HostAutoEvent::wait`](super::HostAutoEvent::wait), but it is never chosen to resolve a deadlock.
    pub fn wait(&self, milliseconds: u32, option: WaitOption) -> HResult {
        let host = &self.shared.counted.host;
        let arguments = format_args!("{} {option:?}", Limit(milliseconds));
        host.recorder.call(host_semaphore::WAIT, arguments, || {
            wait(host, &*self.shared, milliseconds, option)
        })
    }

    /// Adds to the count, from any thread, without a wait. What it was before.
    ///
    /// # Errors
    /// [`E_INVALIDARG`](HResult::E_INVALIDARG): not above 0. [`ERROR_TOO_MANY_POSTS`](HResult::ERROR_TOO_MANY_POSTS): it would be
    /// above its maximum, and is as it was. [`HOST_E_CLRNOTAVAILABLE`](HResult::HOST_E_CLRNOTAVAILABLE).
    pub fn release_semaphore(&self, count: i32) -> Result<u32, HResult> {
        let Shared { counted, semaphore } = &*self.shared;
        let arguments = format_args!("{count}");
        counted.host.recorder.call(host_semaphore::RELEASE_SEMAPHORE, arguments, || {
            counted.host.check_available()?;
            let count = u32::try_from(count).ok().filter(|count| *count > 0);
            let count = count.ok_or(HResult::E_INVALIDARG)?;
            semaphore.post(count).ok_or(HResult::ERROR_TOO_MANY_POSTS)
        })
    }
}

impl fmt::Debug for HostSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostSemaphore")
            .field("id", &self.shared.counted.id)
            .field("count", &self.shared.semaphore.count())
            .finish_non_exhaustive()
    }
}
