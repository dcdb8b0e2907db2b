//! Dynamic libraries that stay mapped as long as anything of them is in use.
//!
//! [`Library`] is a shared handle on one mapped object; [`NativeFn`] is a typed function of it that holds such a
//! handle (`library/function.rs`), so INVARIANT(library.mapped): a function's object stays mapped while its `NativeFn`
//! exists; `library/held.rs` closes it.
//! Loading, symbol lookup and closing run foreign code (initialisers, indirect functions, finalisers) and touch the
//! disk: they are announced to the runtime as native calls, with the targets `dlopen`, `dlsym` and `dlclose`. Only while
//! the thread panics a library is closed without a word, as a task makes no transition then, and where a policy denies
//! calls of `dlclose`.
//!
//! This module must not know where libraries are looked for (`search`), nor how a call is announced (`call`).

mod function;
mod held;

use std::ffi::OsStr;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libloading::os::unix::Library as Handle;

use super::error::{NativeError, Tried, check_name};
use super::search;
use crate::native::{Target, call_here};

use self::held::Held;

pub use self::function::{NativeFn, NativeSignature};

/// The loader's functions as targets: what a library does while it is loaded is native code like any other.
static DLOPEN: Target = Target::named("dlopen");
static DLSYM: Target = Target::named("dlsym");

/// A native library in this process.
///
/// Cloning gives a further handle on the same object. The object is unmapped when the last handle and the last
/// [`NativeFn`] taken from it are dropped, unless others in the process hold it too.
///
/// # Where a name is looked for
///
/// A name with a `/`, or with `.so` at its end or before a further dot (`libm.so.6`), is given to the system's
/// loader as it is. Any other name, say `foo`, is looked for in this order:
///
/// 1. **In the process**: an object that is already loaded and whose file name or soname is `libfoo.so` or
///    `libfoo.so.N`, whoever loaded it. Of several, the newest N.
/// 2. **In the loader's cache** (`/etc/ld.so.cache`): the newest `libfoo.so.N` for this architecture. The
///    loader opens it by that name, so `LD_LIBRARY_PATH` is honoured.
/// 3. **As `libfoo.so`**, if that is a shared object. Where development files are installed it may be a linker
///    script, a text (`libm.so` and `libc.so` are): such files are skipped.
///
/// A library that is linked *into* the program (a static `libfoo.a`) has no name at run time and is not found
/// by these steps: see [`Library::process`].
///
/// # Examples
///
/// ```
/// use sortie::native::{Library, NativeFn};
///
/// # fn main() -> Result<(), sortie::native::NativeError> {
/// // SAFETY: the mathematical library's initialisers are sound anywhere.
/// let libm = unsafe { Library::open("m") }?;
/// // SAFETY: C declares `double cos(double)`, which may be called with any value.
/// let cos: NativeFn<extern "C" fn(f64) -> f64> = unsafe { libm.get("cos") }?;
/// assert_eq!(cos.call(0.0), 1.0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Library {
    mapped: Arc<Mapped>,
}

/// What all handles on one opened library share.
struct Mapped {
    handle: Held,
    name: String,
    path: PathBuf,
}

impl Library {
    /// Opens a library by name or path; see [the search rule](Library#where-a-name-is-looked-for).
    ///
    /// All its undefined symbols are bound now; its own symbols are not made visible to others. Loading is
    /// announced to the runtime as a native call of `dlopen`.
    ///
    /// # Safety
    ///
    /// Unless it was loaded before, the library's initialisers, and those of the libraries it depends on, run
    /// now on this thread, and their finalisers on the thread that drops the last handle. The caller vouches
    /// that
    ///
    /// - both may run in this process, at those times and on those threads;
    /// - nothing of the library is used after the last handle is gone: no thread it started, no callback or
    ///   thread-local destructor it registered, no pointer into it.
    ///
    /// # Errors
    ///
    /// [`NativeError::LibraryNotFound`], which lists everything that was tried, or [`NativeError::BadName`].
    ///
    /// ```
    /// use sortie::native::Library;
    ///
    /// // SAFETY: the mathematical library's initialisers are sound anywhere.
    /// let libm = unsafe { Library::open("m") }?;
    /// println!("{} is {}", libm.name(), libm.path().display());
    /// // SAFETY: as above, if there were one.
    /// let error = unsafe { Library::open("no such library") }.unwrap_err();
    /// assert!(error.to_string().contains("tried"), "{error}");
    /// # Ok::<(), sortie::native::NativeError>(())
    /// ```
    pub unsafe fn open(name: &str) -> Result<Library, NativeError> {
        DLOPEN.resolve(libc::dlopen as *const () as usize, "libc");
        // SAFETY: the caller vouches for the initialisers and finalisers.
        let open = || unsafe { search::open(name) };
        let (before, handle) = call_here(&DLOPEN, || (search::mapped(), open()));
        Ok(Library::from_handle(handle?, &before))
    }

    /// The program itself, with its global scope.
    ///
    /// A symbol is looked for in the program, then in the libraries it was started with, then in libraries
    /// that were opened later *and* made global (`RTLD_GLOBAL`); [`Library::open`] never makes one global.
    ///
    /// Functions that are linked into the program statically are found only if the program exports them
    /// dynamically, which Rust programs do not do by default (the linker's `--export-dynamic` does it). The
    /// sure way to such a function needs no lookup at all: a block of [`pinvoke!`](crate::pinvoke) without
    /// `#[library]`, which the linker resolves.
    ///
    /// ```
    /// use sortie::native::Library;
    ///
    /// # fn main() -> Result<(), sortie::native::NativeError> {
    /// // SAFETY: POSIX declares `pid_t getpid(void)`, which is always callable.
    /// let getpid = unsafe { Library::process().get::<extern "C" fn() -> i32>("getpid") }?;
    /// assert_eq!(getpid.call() as u32, std::process::id());
    /// # Ok(())
    /// # }
    /// ```
    pub fn process() -> Library {
        Library::from_handle(Handle::this(), &search::mapped())
    }

    /// A handle on an object that was there already if it is among those of `before`.
    fn from_handle(handle: Handle, before: &[Range<usize>]) -> Library {
        let (handle, path) = search::object_path(handle);
        // Only the program itself has no path with the loader.
        let path = path
            .or_else(|| std::env::current_exe().ok())
            .unwrap_or_else(|| PathBuf::from("/proc/self/exe"));
        let name = file_name_of(&path);
        Library {
            mapped: Arc::new(Mapped {
                handle: Held::new(handle, before),
                name,
                // A deleted or virtual file keeps the loader's name.
                path: std::fs::canonicalize(&path).unwrap_or(path),
            }),
        }
    }

    /// The function `symbol` of this library, or of a library that this one depends on.
    ///
    /// `F` is a function pointer type: `unsafe extern "C" fn(A, ..) -> R`, or `extern "C" fn(A, ..) -> R` for
    /// functions that are sound to call with any values of these types. References in the
    /// signature need a named lifetime, so raw pointers are the usual choice. The lookup is announced to the runtime
    /// as a native call of `dlsym`.
    ///
    /// # Safety
    ///
    /// - `F` is the true signature of the symbol, and the symbol is a function.
    /// - If `F` is not an `unsafe` function type: each call with any arguments, on any thread, is sound.
    ///
    /// # Errors
    ///
    /// [`NativeError::SymbolNotFound`], [`NativeError::NullSymbol`] or [`NativeError::BadName`].
    ///
    /// ```
    /// use sortie::native::Library;
    ///
    /// // SAFETY: the mathematical library's initialisers are sound anywhere.
    /// let libm = unsafe { Library::open("m") }?;
    /// // SAFETY: C declares `double cos(double)`.
    /// let cos = unsafe { libm.get::<extern "C" fn(f64) -> f64>("cos") }?;
    /// assert_eq!(cos.call(0.0), 1.0);
    /// # Ok::<(), sortie::native::NativeError>(())
    /// ```
    pub unsafe fn get<F: NativeSignature>(&self, symbol: &str) -> Result<NativeFn<F>, NativeError> {
        let address = self.address_of(symbol)?;
        // SAFETY: `address` is that of `symbol` in a mapped object, and the caller vouches for the type.
        Ok(unsafe { NativeFn::bind(self, symbol, address) })
    }

    /// Looks `symbol` up. The address is never null; it is good while this library is mapped, or, for
    /// [`Library::process`], while the object that holds it is.
    pub(super) fn address_of(&self, symbol: &str) -> Result<*const (), NativeError> {
        check_name(symbol)?;
        DLSYM.resolve(libc::dlsym as *const () as usize, "libc");
        let found = call_here(&DLSYM, || {
            // SAFETY: the symbol is only taken as an address here. A lookup may run an indirect function's
            // resolver, which belongs to the initialisation that the opener has vouched for.
            unsafe { self.mapped.handle.get().get::<*const ()>(symbol) }
        });
        match found {
            Ok(found) => {
                let address = found.into_raw().cast_const().cast::<()>();
                if address.is_null() {
                    return Err(NativeError::NullSymbol {
                        symbol: symbol.to_owned(),
                        library: self.path().display().to_string(),
                    });
                }
                Ok(address)
            }
            Err(error) => Err(self.symbol_not_found(symbol, &error)),
        }
    }

    /// Names the place where the symbol would have been found too, for the usual slip: the right function, but
    /// the wrong library. It is not used: another library's function of that name may be another function.
    fn symbol_not_found(&self, symbol: &str, error: &libloading::Error) -> NativeError {
        let mut tried = vec![Tried::new(
            format!("{} and what it depends on", self.path().display()),
            search::loader_text(error),
        )];
        // SAFETY: taken as an address only; the objects in the global scope are initialised.
        if let Ok(elsewhere) = unsafe { Handle::this().get::<*const ()>(symbol) }
            && let Some((path, _)) = search::holder(elsewhere.into_raw().cast_const().cast())
        {
            tried.push(Tried::new(
                "the global scope of the process",
                format!(
                    "{} has one, which was not asked for: open that library, or use `Library::process`",
                    path.display()
                ),
            ));
        }
        NativeError::SymbolNotFound {
            symbol: symbol.to_owned(),
            library: self.path().display().to_string(),
            tried,
        }
    }

    /// Where the object is mapped; empty if the loader does not tell.
    pub(super) fn addresses(&self) -> Range<usize> {
        self.mapped.handle.addresses()
    }

    /// The file name of the object that was opened, as the loader knows it, such as `libm.so.6`.
    ///
    /// ```
    /// use sortie::native::Library;
    ///
    /// // SAFETY: the C library is loaded already.
    /// let libc = unsafe { Library::open("c") }?;
    /// assert!(libc.name().starts_with("libc."));
    /// # Ok::<(), sortie::native::NativeError>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.mapped.name
    }

    /// The real path of the object that was opened, with symbolic links resolved; for [`Library::process`] that
    /// of the program.
    ///
    /// ```
    /// use sortie::native::Library;
    ///
    /// assert_eq!(Library::process().path(), std::env::current_exe()?.canonicalize()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn path(&self) -> &Path {
        &self.mapped.path
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("name", &self.name()).field("path", &self.path()).finish()
    }
}

/// The last part of a path, for tables; the whole path if it has no such part.
pub(super) fn file_name_of(path: &Path) -> String {
    path.file_name().unwrap_or_else(|| OsStr::new(path)).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
