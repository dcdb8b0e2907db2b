//! A function declared by [`pinvoke!`](crate::pinvoke): its name, where it comes from, and its address once known.
//!
//! Resolution takes no lock that is held while the loader runs: the loader is native code that may block, and a task
//! must not be parted from its thread while it holds a lock. Two threads may therefore look the same symbol up at
//! once; both find the same address, since INVARIANT(pinvoke.one-library): each library name is opened for good by
//! whoever registers it first, and all symbols of that name are taken from that one.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use parking_lot::Mutex;

use crate::native::library::file_name_of;
use crate::native::{Library, NativeError, Policy, Target, search};

/// The libraries that symbols were taken from, by the name that their block gives. Never closed.
static LIBRARIES: Mutex<Option<HashMap<&'static str, Library>>> = Mutex::new(None);

/// Where a declared function comes from.
#[derive(Debug)]
pub enum Origin {
    /// From a library that is looked for at run time.
    Library(&'static str),
    /// From the program itself: the linker has resolved it.
    Linked(fn() -> *const ()),
}

/// The static behind a declared function.
#[derive(Debug)]
pub struct Symbol {
    target: Target,
    name: &'static str,
    origin: Origin,
    /// Null until resolved; then the function's address for good.
    address: AtomicPtr<()>,
}

impl Symbol {
    /// A symbol by its name, which may be spelled as a raw identifier, and the policy for its calls.
    ///
    /// # Panics
    ///
    /// If the policy is contradictory: in a static, when it is compiled.
    ///
    /// # Safety
    ///
    /// The library of `origin` may be loaded into this process at any time and on any thread, as in
    /// [`Library::open`].
    pub const unsafe fn new(name: &'static str, origin: Origin, policy: Option<Policy>) -> Symbol {
        let name = match name.as_bytes() {
            [b'r', b'#', ..] => name.split_at(2).1,
            _ => name,
        };
        Symbol {
            target: Target::declared(name, policy),
            name,
            origin,
            address: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// What the runtime knows the function by.
    #[inline]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The function's address, looked up if this is the first call.
    ///
    /// # Panics
    ///
    /// If the library or the symbol is missing, with everything that was tried.
    #[inline]
    #[track_caller]
    pub fn address(&self) -> *const () {
        // ORDERING(pinvoke.address): Acquire, pairs with the Release in `resolve`; makes all that the loader wrote when
        // it mapped and relocated the library visible before the function runs on this thread.
        let address = self.address.load(Ordering::Acquire);
        if address.is_null() {
            return self.address_or_panic();
        }
        address.cast_const()
    }

    #[cold]
    #[track_caller]
    fn address_or_panic(&self) -> *const () {
        match self.resolve() {
            Ok(address) => address,
            Err(error) => panic!("cannot call the native function `{}`: {error}", self.name),
        }
    }

    /// Looks the function up unless that is done already.
    pub fn resolve(&self) -> Result<*const (), NativeError> {
        // ORDERING(pinvoke.address): Acquire, as in `address`.
        let known = self.address.load(Ordering::Acquire);
        if !known.is_null() {
            return Ok(known.cast_const());
        }
        let address = match self.origin {
            Origin::Library(name) => library(name)?.address_of(self.name)?,
            Origin::Linked(address) => address(),
        };
        let holder = search::holder(address);
        let holder =
            holder.map_or_else(|| String::from("the program"), |(path, _)| file_name_of(&path));
        self.target.resolve(address as usize, &holder);
        // ORDERING(pinvoke.address): Release, pairs with the Acquire in `address` and above. A plain store is enough:
        // by INVARIANT(pinvoke.one-library) all writers write the same value.
        self.address.store(address.cast_mut(), Ordering::Release);
        Ok(address)
    }
}

/// The library of this name, opened now if no symbol has needed it before.
fn library(name: &'static str) -> Result<Library, NativeError> {
    let known = LIBRARIES.lock().as_ref().and_then(|all| all.get(name).cloned());
    if let Some(library) = known {
        return Ok(library);
    }
    // SAFETY: whoever made the symbol has promised in `Symbol::new` that its library may be loaded. It is never unloaded,
    // unless another thread was first, whose handle then keeps the same object.
    let opened = unsafe { Library::open(name) }?;
    let mut libraries = LIBRARIES.lock();
    let all = libraries.get_or_insert_default();
    let library = all.entry(name).or_insert_with(|| opened.clone()).clone();
    // First the lock, then the spare handle: closing it runs the loader.
    drop(libraries);
    drop(opened);
    Ok(library)
}

/// Resolves all symbols, in order; the first error ends it. `None` stands for a function that is configured out.
pub fn load(symbols: &[Option<&'static Symbol>]) -> Result<(), NativeError> {
    symbols.iter().flatten().try_for_each(|symbol| symbol.resolve().map(drop))
}

/// The targets of one call of the macro, collected on first use.
pub type TargetList = OnceLock<Box<[&'static Target]>>;

/// The targets of these symbols. `None` stands for a function that is configured out.
pub fn collect(symbols: &[Option<&'static Symbol>]) -> Box<[&'static Target]> {
    symbols.iter().flatten().map(|symbol| symbol.target()).collect()
}
