//! Targets: the native functions that tasks call, and what is known of them.
//!
//! - [`Target`]: address, name, library of one function.
//! - `symbol.rs`: what the loader knows of an address.
//! - `ledger.rs`: what the calls of each target cost, per runtime.

pub(crate) mod ledger;
pub(crate) mod symbol;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A native function: its address, and its name and library if they are known.
///
/// A target identifies a function in policies, reports and traces. `pinvoke!` makes a static one for
/// each function; a call of your own makes one by hand:
///
/// ```
/// use sortie::native::{self, Target};
///
/// static WORK: Target = Target::named("work");
/// let twice = native::call(&WORK, || 2 * 21);
/// assert_eq!(twice, 42);
/// ```
pub struct Target {
    /// 0 until it is known.
    address: AtomicUsize,
    name: Name,
    library: OnceLock<Box<str>>,
}

enum Name {
    Unknown,
    Static(&'static str),
    Owned(Box<str>),
}

impl Target {
    /// The function at an address.
    pub const fn new(address: usize) -> Target {
        Target { address: AtomicUsize::new(address), name: Name::Unknown, library: OnceLock::new() }
    }

    /// A function that has a name, and an address that is not known yet, or never will be (a closure
    /// that makes several native calls).
    pub const fn named(name: &'static str) -> Target {
        Target { address: AtomicUsize::new(0), name: Name::Static(name), library: OnceLock::new() }
    }

    /// A function that was found in a library.
    pub fn dynamic(name: String, library: String, address: usize) -> Target {
        Target {
            address: AtomicUsize::new(address),
            name: Name::Owned(name.into()),
            library: OnceLock::from(library.into_boxed_str()),
        }
    }

    /// Says where the function was found. Only the first answer counts for the library.
    pub fn resolve(&self, address: usize, library: &str) {
        let _ = self.library.set(library.into());
        // ORDERING(target.address): Release, pairs with the Acquire in `address`: who sees the
        // address sees the library.
        self.address.store(address, Ordering::Release);
    }

    /// The function's address; 0 while it is not known.
    #[inline]
    pub fn address(&self) -> usize {
        // ORDERING(target.address): Acquire, pairs with the Release in `resolve`.
        self.address.load(Ordering::Acquire)
    }

    /// The function's name, if it was given.
    pub fn name(&self) -> Option<&str> {
        match &self.name {
            Name::Unknown => None,
            Name::Static(name) => Some(name),
            Name::Owned(name) => Some(name),
        }
    }

    /// The library that the function was found in, if it is known.
    pub fn library(&self) -> Option<&str> {
        self.library.get().map(|library| &**library)
    }

    /// What the ledger knows the target by: the address, or, while it is not known, this object's.
    #[inline]
    pub(crate) fn key(&self) -> usize {
        match self.address() {
            0 => std::ptr::from_ref(self).addr(),
            address => address,
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name())
            .field("library", &self.library())
            .field("address", &format_args!("{:#x}", self.address()))
            .finish()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.address()),
        }
    }
}
