//! The waits without a limit of all hosts, by who waits: what a search for circles finds from an owner that the crate
//! knows.
//!
//! Must not: call anybody with the lock held.

use super::list::Entry;
use crate::hosting::host::HostShared;
use sortie_scheduler::wait::Owner;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The host, and the number of the task.
type Wait = (Arc<HostShared>, u64);

static WAITS: LazyLock<Mutex<HashMap<Owner, Wait>>> = LazyLock::new(Mutex::default);

/// How many there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn waits() -> MutexGuard<'static, HashMap<Owner, Wait>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is there none?
#[inline]
pub(super) fn is_none() -> bool {
    // ORDERING: Relaxed. Of a hosted wait and another that begin at once, each is written down before its search: if that
    // of the first came before the note of the second, by the lock of that note the count is seen here.
    COUNT.load(Ordering::Relaxed) == 0
}

/// A wait is here while this lives.
pub(super) struct Endless(Owner);

impl Endless {
    /// That of the current task, which is in its host's list.
    pub(super) fn new(host: &Arc<HostShared>, task: u64) -> Endless {
        let waiter = Owner::current();
        waits().insert(waiter, (host.clone(), task));
        // ORDERING: Relaxed, see `is_none`.
        COUNT.fetch_add(1, Ordering::Relaxed);
        Endless(waiter)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let ended = waits().remove(&self.0);
        // ORDERING: Relaxed, see `is_none`.
        COUNT.fetch_sub(1, Ordering::Relaxed);
        drop(ended);
    }
}

/// The host of the one who waits, and its wait, if nobody has ended it. `None` outside: it is in no such wait.
pub(super) fn of(waiter: Owner) -> Option<Option<(Arc<HostShared>, Entry)>> {
    let (host, task) = waits().get(&waiter).cloned()?;
    let entry = host.waits.lock().of(task).filter(|entry| !entry.is_ended()).cloned();
    Some(entry.map(|entry| (host, entry)))
}
