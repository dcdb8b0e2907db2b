//! What targets call a native function.
//!
//! Must not: ask the loader. What is written here may be written by the thread that takes workers back, and the loader's lock is
//! held as long as any library's initialiser runs. Who reads a snapshot asks it.

use super::Profile;
use std::borrow::Cow;

/// What targets said of the function.
#[derive(Clone, Default)]
pub(super) struct Names {
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) library: Option<Cow<'static, str>>,
}

impl Profile {
    /// Adds what a target knows.
    pub(in super::super) fn set_names(
        &self,
        name: Option<Cow<'static, str>>,
        library: Option<&str>,
    ) {
        // Many functions share that one.
        if self.is_shared() {
            return;
        }
        let mut names = self.names.lock();
        if name.is_some() {
            names.name = name;
        }
        if names.library.as_deref() != library && library.is_some() {
            names.library = library.map(|text| Cow::Owned(text.to_owned()));
        }
    }

    /// The name that a target gave.
    pub(crate) fn name(&self) -> Option<String> {
        self.names.lock().name.as_deref().map(str::to_owned)
    }

    /// The library that a target gave.
    pub(crate) fn library(&self) -> Option<String> {
        self.names.lock().library.as_deref().map(str::to_owned)
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(&name),
            None => write!(f, "{:#x}", self.address),
        }
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("address", &format_args!("{:#x}", self.address))
            .field("name", &self.name())
            .field("learned", &self.verdict())
            .finish_non_exhaustive()
    }
}
