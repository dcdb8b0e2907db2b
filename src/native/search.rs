//! Where a library is looked for when it is asked for by name.
//!
//! A name with a `/`, or with `.so` at its end or before a further dot, is handed to the loader as given.
//! Any other name `foo` is looked for in this order; the first that opens is taken:
//!
//! 1. **The process**: an object that is already loaded and whose file name or soname is `libfoo.so` or
//!    `libfoo.so.N`. Of several the newest N is taken, a name without N last. Nothing is loaded.
//! 2. **The loader's cache**: the newest `libfoo.so.N` for this architecture whose file is there. It is
//!    opened by that name, not by the cache's path, so that the loader still applies its own rules
//!    (`LD_LIBRARY_PATH`, run paths, variants by processor).
//! 3. **`libfoo.so`**: first as the loader itself finds it, then in each directory that the loader uses. In
//!    development installs this file may be a linker script: a text for the linker that the loader refuses
//!    and stops at. Such files are skipped here, and the list of tries says so.
//!
//! Versions compare as numbers (`.10` is newer than `.9`). An older version is taken only when the file of
//! a newer one is missing or foreign, never because the newer one fails to load: that would change the
//! version behind the caller's back.
//!
//! All symbols are bound when a library is opened (`RTLD_NOW`): with lazy binding a missing one would end the
//! process at the first call, where no error can be given. Symbols stay local to the library (`RTLD_LOCAL`).
//!
//! `search/cache.rs` reads the loader's cache, `elf.rs` the first bytes of a file, `loaded.rs` what is mapped already.
//!
//! This module must not decide what a library is used for, and keeps nothing between two searches: they are
//! rare, and what is installed may change.

mod cache;
mod elf;
mod loaded;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};

use self::cache::Cache;
use super::error::{NativeError, Tried, check_name};

pub(super) use self::loaded::{addresses_of, holder, mapped, object_path};

/// What a search looks at outside the process. A parameter, so that tests can lay out their own.
struct Places {
    /// The loader's cache.
    cache: PathBuf,
    /// Further directories for `libfoo.so`, besides those of the cache's entries.
    directories: Vec<PathBuf>,
}

impl Places {
    fn of_this_system() -> Places {
        let configured = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let defaults = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];
        Places {
            cache: PathBuf::from("/etc/ld.so.cache"),
            // An empty element means the working directory to the loader; not to us.
            directories: std::env::split_paths(&configured)
                .filter(|directory| !directory.as_os_str().is_empty())
                .chain(defaults.into_iter().map(PathBuf::from))
                .collect(),
        }
    }
}

/// Whether the loader gets this name as it is: it has a `/`, or it is a file name with `.so`.
pub(super) fn is_file_name(name: &str) -> bool {
    name.contains('/') || name.ends_with(".so") || name.contains(".so.")
}

/// Opens the library `name` by the rule above.
///
/// # Safety
///
/// The initialisers of the library and of what it depends on run now, its finalisers when the last handle
/// is closed: both must be sound to run in this process, on any thread.
pub(super) unsafe fn open(name: &str) -> Result<Handle, NativeError> {
    // SAFETY: the caller vouches for the library's initialisers and finalisers.
    unsafe { open_in(name, &Places::of_this_system()) }
}

/// # Safety
///
/// As for [`open`].
unsafe fn open_in(name: &str, places: &Places) -> Result<Handle, NativeError> {
    check_name(name)?;
    let mut search = Search { name, tried: Vec::new() };
    let found = if is_file_name(name) {
        // SAFETY: as the caller promised.
        unsafe { search.as_given() }
    } else {
        // SAFETY: as the caller promised.
        unsafe { search.by_rule(places) }
    };
    found.ok_or_else(|| NativeError::LibraryNotFound { name: name.to_owned(), tried: search.tried })
}

/// One search: the name, and what was tried in vain so far.
struct Search<'a> {
    name: &'a str,
    tried: Vec<Tried>,
}

impl Search<'_> {
    /// # Safety
    ///
    /// As for [`open`].
    unsafe fn as_given(&mut self) -> Option<Handle> {
        // SAFETY: as the caller promised.
        match unsafe { load(OsStr::new(self.name)) } {
            Ok(handle) => Some(handle),
            Err(mut why) => {
                // The loader says only "invalid ELF header"; a path lets us say what the file is instead.
                if self.name.contains('/')
                    && let Ok(Some(kind)) = elf::why_not(Path::new(self.name))
                {
                    why = format!("{why} (it is {kind})");
                } else if !self.name.contains('/') && why.contains("invalid ELF header") {
                    why.push_str(
                        " (a linker script? ask for the bare name, or for a name with .so.N)",
                    );
                }
                self.failed(self.name, why);
                None
            }
        }
    }

    /// # Safety
    ///
    /// As for [`open`].
    unsafe fn by_rule(&mut self, places: &Places) -> Option<Handle> {
        if let Some(handle) = self.in_the_process() {
            return Some(handle);
        }
        let cache = Cache::read(&places.cache);
        // SAFETY: as the caller promised.
        if let Some(handle) = unsafe { self.by_the_cache(&places.cache, &cache) } {
            return Some(handle);
        }
        // SAFETY: as the caller promised.
        unsafe { self.unversioned(places, cache.as_ref().ok()) }
    }

    /// Step 1. Safe: nothing is loaded, and no initialiser runs.
    fn in_the_process(&mut self) -> Option<Handle> {
        let name = self.name;
        let newest = loaded::objects()
            .into_iter()
            .filter_map(|object| {
                let of_file = object.file_name().and_then(|file| version_of(file, name));
                let of_soname =
                    object.soname.as_deref().and_then(|soname| version_of(soname, name));
                // `None` is less than any version: the better of the two names counts.
                of_file.max(of_soname).map(|version| (version, object.path))
            })
            .max();
        let Some((_, path)) = newest else {
            let why = format!("none is named lib{name}.so or lib{name}.so.N");
            self.failed("the objects loaded in this process", why);
            return None;
        };
        match loaded::reopen(&path) {
            Ok(handle) => Some(handle),
            Err(why) => {
                // It was unloaded since we looked, or its file was replaced: go on as if it were not there.
                self.failed(format!("{} (loaded)", path.display()), why);
                None
            }
        }
    }

    /// Step 2.
    ///
    /// # Safety
    ///
    /// As for [`open`].
    unsafe fn by_the_cache(
        &mut self,
        file: &Path,
        cache: &Result<Cache, cache::CacheError>,
    ) -> Option<Handle> {
        let name = self.name;
        let cache = match cache {
            Ok(cache) => cache,
            Err(error) => {
                self.failed(file.display().to_string(), error.to_string());
                return None;
            }
        };
        let mut versions: Vec<_> = cache
            .entries
            .iter()
            .filter_map(|entry| Some((version_of(&entry.soname, name)?, entry)))
            .filter(|(version, _)| !version.is_empty())
            .collect();
        if versions.is_empty() {
            let mut why = format!("it lists no lib{name}.so.N for this architecture");
            if cache.broken > 0 {
                why.push_str(&format!(" ({} broken entries were skipped)", cache.broken));
            }
            self.failed(file.display().to_string(), why);
        }
        // Newest first; the cache may list one soname several times, for variants by processor.
        versions.sort_by(|left, right| right.0.cmp(&left.0));
        for (_, entry) in versions {
            match elf::why_not(&entry.path) {
                Ok(None) => {
                    // SAFETY: as the caller promised.
                    match unsafe { load(OsStr::new(&entry.soname)) } {
                        Ok(handle) => return Some(handle),
                        Err(why) => {
                            self.failed(&entry.soname, why);
                            return None;
                        }
                    }
                }
                Ok(Some(kind)) => {
                    self.failed(entry.path.display().to_string(), format!("it is {kind}"))
                }
                Err(error) => self.failed(entry.path.display().to_string(), error.to_string()),
            }
        }
        None
    }

    /// Step 3.
    ///
    /// # Safety
    ///
    /// As for [`open`].
    unsafe fn unversioned(&mut self, places: &Places, cache: Option<&Cache>) -> Option<Handle> {
        let file = format!("lib{}.so", self.name);
        // SAFETY: as the caller promised.
        match unsafe { load(OsStr::new(&file)) } {
            Ok(handle) => return Some(handle),
            Err(why) => self.failed(&file, why),
        }
        // The loader gives up at the first linker script; look behind it.
        let mut seen = BTreeSet::new();
        let of_cache = cache.iter().flat_map(|cache| cache.directories());
        for directory in places.directories.iter().map(PathBuf::as_path).chain(of_cache) {
            let path = directory.join(&file);
            // One directory may have several names (`/lib` and `/usr/lib`).
            let Ok(real) = std::fs::canonicalize(&path) else {
                continue;
            };
            if !seen.insert(real) {
                continue;
            }
            match elf::why_not(&path) {
                // SAFETY: as the caller promised.
                Ok(None) => match unsafe { load(path.as_os_str()) } {
                    Ok(handle) => return Some(handle),
                    Err(why) => self.failed(path.display().to_string(), why),
                },
                Ok(Some(kind)) => {
                    self.failed(path.display().to_string(), format!("skipped: it is {kind}"));
                }
                Err(error) => self.failed(path.display().to_string(), error.to_string()),
            }
        }
        None
    }

    fn failed(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        // The loader's texts begin with the name that it was given.
        let why = match why.strip_prefix(&what).and_then(|rest| rest.strip_prefix(": ")) {
            Some(rest) => rest.to_owned(),
            None => why,
        };
        self.tried.push(Tried::new(what, why));
    }
}

/// Opens `file` by the loader; the error is the loader's own text.
///
/// # Safety
///
/// As for [`open`].
unsafe fn load(file: &OsStr) -> Result<Handle, String> {
    // SAFETY: the caller vouches for the initialisers that run now and the finalisers that run later.
    unsafe { Handle::open(Some(file), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| loader_text(&error))
}

/// The loader's own words where it gave any.
pub(super) fn loader_text(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } | libloading::Error::DlSym { source } => {
            source.to_string()
        }
        other => other.to_string(),
    }
}

/// The N of `lib{name}.so.N` as numbers, empty for `lib{name}.so`; `None` for any other file name.
fn version_of(file_name: &str, name: &str) -> Option<Vec<u64>> {
    let rest = file_name.strip_prefix("lib")?.strip_prefix(name)?.strip_prefix(".so")?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    rest.strip_prefix('.')?.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
pub(super) mod tests;
