//! A loader's handle whose closing is announced, and after which nothing is known of what was unmapped.
//!
//! INVARIANT(held.forgotten): when the last handle on an object that we loaded is closed, all policies for
//! addresses of it and all that was learned of them are forgotten *before* the loader may unmap it: what
//! comes there next inherits nothing. Objects that go with it (its dependencies), or that another part of the
//! process loaded and closed, are known to be gone only afterwards; then they are forgotten at once.
//!
//! An object that was in the process before we opened it (the C library) is somebody else's: it stays, and
//! with it what is known of it.

use crate::native::{Target, call_here, search};
use crate::target::policies::{self, Forgotten};
use libloading::os::unix::Library as Handle;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Range;

static DLCLOSE: Target = Target::named("dlclose");

/// Our handles on each object, by where it begins.
static OPEN: Mutex<BTreeMap<usize, Open>> = Mutex::new(BTreeMap::new());

#[derive(Default)]
struct Open {
    handles: usize,
    /// It came into the process by one of them.
    is_ours: bool,
}

/// A handle that is closed in the end.
pub(super) struct Held {
    /// Taken only by `drop`.
    handle: Option<Handle>,
    /// Where the object is; empty if the loader does not tell.
    addresses: Range<usize>,
}

impl Held {
    /// A handle on an object that was in the process already if it is among those of `before`.
    pub(super) fn new(handle: Handle, before: &[Range<usize>]) -> Held {
        let (handle, addresses) = search::addresses_of(handle);
        let mut all = OPEN.lock();
        let open = all.entry(addresses.start).or_default();
        open.handles += 1;
        open.is_ours |= !addresses.is_empty() && !before.contains(&addresses);
        drop(all);
        Held { handle: Some(handle), addresses }
    }

    /// A further handle on an object that was in the process already.
    pub(super) fn further(handle: Handle) -> Held {
        let (handle, addresses) = search::addresses_of(handle);
        Held::new(handle, std::slice::from_ref(&addresses))
    }

    pub(super) fn get(&self) -> &Handle {
        self.handle.as_ref().expect("a handle is taken only when it is dropped")
    }

    /// Where the object is; empty if the loader does not tell.
    pub(super) fn addresses(&self) -> Range<usize> {
        self.addresses.clone()
    }

    /// Is this the last of our handles on an object that we loaded? It counts no longer.
    fn is_last_of_ours(&self) -> bool {
        let mut all = OPEN.lock();
        let Some(open) = all.get_mut(&self.addresses.start) else { return false };
        open.handles -= 1;
        if open.handles > 0 {
            return false;
        }
        let is_ours = open.is_ours;
        all.remove(&self.addresses.start);
        is_ours
    }

    /// Closes the handle; what was forgotten with it.
    fn close(&mut self) -> Forgotten {
        let handle = self.handle.take();
        let mut forgotten = Forgotten::default();
        if self.is_last_of_ours() {
            forgotten += policies::unload(&self.addresses);
        }
        let before = search::mapped();
        drop(handle);
        let after = search::mapped();
        before
            .iter()
            .filter(|object| !after.contains(object))
            .for_each(|gone| forgotten += policies::unload(gone));
        forgotten
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        DLCLOSE.resolve(libc::dlclose as *const () as usize, "libc");
        // A task makes no transition while it panics. And whoever has opened a library may close it: refused, it would stay
        // for good, and a destructor would panic.
        let forgotten = if std::thread::panicking() || DLCLOSE.profile().is_denied() {
            self.close()
        } else {
            call_here(&DLCLOSE, || self.close())
        };
        if forgotten != Forgotten::default() {
            tracing::debug!(
                target: "sortie::target",
                addresses = format_args!("{:#x?}", self.addresses),
                policies = forgotten.policies,
                functions = forgotten.functions,
                "a library was closed, and what was known of it is forgotten"
            );
        }
    }
}
