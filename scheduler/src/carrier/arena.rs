//! Where carriers lie: for as long as the runtime's memory, whichever threads they serve one after the other.

use super::{Carrier, CarrierRef};
use crate::shared::Shared;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering;

/// All carriers of a runtime. Structures are kept until the end, and used again for new threads.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    #[expect(clippy::vec_box, reason = "carriers keep their addresses while the list grows")]
    carriers: Mutex<Vec<Box<Carrier>>>,
    /// Structures whose thread has ended.
    free: Mutex<Vec<CarrierRef>>,
}

impl Arena {
    /// A carrier for a new thread: one whose thread has ended, or a new one.
    pub(crate) fn acquire(&self, shared: *const Shared, foreign: bool) -> CarrierRef {
        let mut free = self.free.lock();
        if let Some(at) = free.iter().rposition(|carrier| carrier.foreign == foreign) {
            return free.swap_remove(at);
        }
        drop(free);
        let mut carriers = self.carriers.lock();
        let carrier = Carrier::boxed(carriers.len(), shared, foreign);
        let reference = carrier.as_ref().as_ref();
        carriers.push(carrier);
        reference
    }

    /// The structure may serve another thread.
    pub(crate) fn release(&self, carrier: CarrierRef) {
        self.free.lock().push(carrier);
    }

    /// How many threads that are not the runtime's are inside.
    pub(crate) fn visitors(&self) -> u64 {
        let carriers = self.carriers.lock();
        // ORDERING(carrier.visited): Acquire, pairs with the Release in `foreign::end_visit`.
        let inside = carriers.iter().filter(|carrier| carrier.visited.load(Ordering::Acquire));
        inside.count() as u64
    }

    /// All structures.
    pub(crate) fn all(&self) -> Vec<CarrierRef> {
        self.carriers.lock().iter().map(|carrier| (**carrier).as_ref()).collect()
    }
}
