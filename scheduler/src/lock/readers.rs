//! Who reads under a lock: noted from there on where a runtime of the process is to report deadlocks, because a
//! writer waits for each of them. Elsewhere a read costs a look at a flag.
//!
//! INVARIANT(readers.held): whoever is noted reads. It is noted after it has come, and forgotten before it goes. Who
//! goes and is not noted may have come as somebody else (a thread, that has been attached to a runtime since), so that
//! one of the notes is its own: then all are forgotten. So some may be missing, and none is wrong. A guard that was
//! leaked is held for good, and noted.
//!
//! Must not: change `errno`; be asked for a note where nobody wants it.

use crate::crossing::Errno;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::wait::owner::Owner;
use std::sync::OnceLock;

/// Set once, for good: else notes of those who came before would stay.
static ARE_NOTED: AtomicBool = AtomicBool::new(false);

/// From here on readers are noted, of all locks.
pub(crate) fn note_readers() {
    // ORDERING: Relaxed, nothing is published; who has missed it is not noted.
    ARE_NOTED.store(true, Ordering::Relaxed);
}

#[inline]
fn are_noted() -> bool {
    // ORDERING: Relaxed, as in `note_readers`. Who saw it when it came sees it when it goes.
    ARE_NOTED.load(Ordering::Relaxed)
}

/// Those who read under one lock, each as often as it does.
pub(super) struct Readers(OnceLock<Box<Mutex<Vec<Owner>>>>);

impl Readers {
    pub(super) const fn new() -> Readers {
        Readers(OnceLock::new())
    }

    /// The current task or thread reads.
    #[inline]
    pub(super) fn came(&self) {
        if are_noted() {
            self.note();
        }
    }

    /// It is about to read no more.
    #[inline]
    pub(super) fn go(&self) {
        if are_noted() {
            self.forget();
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&self) {
        let errno = Errno::save();
        self.0.get_or_init(Default::default).lock().push(Owner::current());
        errno.restore();
    }

    #[cold]
    #[inline(never)]
    fn forget(&self) {
        let Some(readers) = self.0.get() else { return };
        let errno = Errno::save();
        let own = Owner::current();
        let mut readers = readers.lock();
        match readers.iter().rposition(|reader| *reader == own) {
            Some(at) => _ = readers.swap_remove(at),
            // See INVARIANT(readers.held).
            None => readers.clear(),
        }
        drop(readers);
        errno.restore();
    }

    /// All who are noted.
    pub(super) fn all(&self) -> Vec<Owner> {
        self.0.get().map_or_else(Vec::new, |readers| readers.lock().clone())
    }
}
