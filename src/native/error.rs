//! What can go wrong when a native library or one of its functions is looked for.
//!
//! Data and prose only: no lookup happens here. Each error carries everything that was tried, so that its
//! text alone is enough to repair the program or the machine it runs on.

use std::fmt;

/// A native library or a function of it could not be had.
///
/// The `Display` text spans several lines: what was wanted, each thing that was tried with the reason why it
/// did not serve, and what to do.
///
/// ```
/// use sortie::native::{Library, NativeError};
///
/// // SAFETY: no such library exists, so nothing is loaded and no initialiser runs.
/// let error = unsafe { Library::open("no-such-library") }.unwrap_err();
/// assert!(matches!(error, NativeError::LibraryNotFound { .. }));
/// assert!(error.to_string().contains("libno-such-library.so"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NativeError {
    /// No file or loaded object serves as this library.
    LibraryNotFound {
        /// The name as it was asked for.
        name: String,
        /// Everything that was tried, in order.
        tried: Vec<Tried>,
    },
    /// The library is there, but holds no such symbol, nor does anything it depends on.
    SymbolNotFound {
        /// The symbol as it was asked for.
        symbol: String,
        /// Path of the library that was searched.
        library: String,
        /// Everything that was tried, in order.
        tried: Vec<Tried>,
    },
    /// The symbol is there, but its address is null: it cannot be called.
    NullSymbol {
        /// The symbol as it was asked for.
        symbol: String,
        /// Path of the library that defines it.
        library: String,
    },
    /// The name of a library or symbol cannot name anything.
    BadName {
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// One thing that was tried in vain, and why it did not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The file, name or place.
    pub what: String,
    /// Why it did not serve.
    pub why: String,
}

impl Tried {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>) -> Tried {
        Tried { what: what.into(), why: why.into() }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Refuses names that no library or symbol can have: the loader takes C strings, and an empty name would
/// mean something else to it than "not found".
pub(super) fn check_name(name: &str) -> Result<(), NativeError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.contains('\0') {
        "it holds a NUL character"
    } else {
        return Ok(());
    };
    Err(NativeError::BadName { name: name.to_owned(), why })
}

fn write_tried(f: &mut fmt::Formatter<'_>, tried: &[Tried]) -> fmt::Result {
    tried.iter().try_for_each(|one| write!(f, "\n  - {one}"))
}

fn write_library_advice(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if super::search::is_file_name(name) {
        return f.write_str(
            "\na name with `/` or `.so` is used as given: check it, or give the bare name \
             (`m` for libm.so.6) to have the library searched for",
        );
    }
    if let Some(bare) = name.strip_prefix("lib").filter(|bare| !bare.is_empty()) {
        return write!(f, "\nthe prefix `lib` is added by the search: ask for `{bare}`");
    }
    write!(
        f,
        "\ninstall the package that holds lib{name}.so.N (and run ldconfig), or give the library's path \
         or full file name; functions that are linked into the program itself are declared in a block of \
         `pinvoke!` without `#[library]`",
    )
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NativeError::LibraryNotFound { name, tried } => {
                write!(f, "native library `{name}` not found; tried:")?;
                write_tried(f, tried)?;
                write_library_advice(f, name)
            }
            NativeError::SymbolNotFound { symbol, library, tried } => {
                write!(f, "native function `{symbol}` not found in {library}; tried:")?;
                write_tried(f, tried)?;
                write!(
                    f,
                    "\ncheck the spelling (C++ names are mangled), the version of the library, and that it \
                     exports the function: `nm -D --defined-only {library}` lists what it has"
                )
            }
            NativeError::NullSymbol { symbol, library } => write!(
                f,
                "native function `{symbol}` of {library} has the address null, which cannot be called: \
                 an indirect function found no variant for this processor, or the symbol is not a function"
            ),
            NativeError::BadName { name, why } => {
                write!(f, "{name:?} cannot name a native library or function: {why}")
            }
        }
    }
}

impl std::error::Error for NativeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_lists_every_try_and_says_what_to_do() {
        let error = NativeError::LibraryNotFound {
            name: "foo".into(),
            tried: vec![Tried::new("here", "empty"), Tried::new("there", "broken")],
        };
        let text = error.to_string();
        assert!(text.contains("\n  - here: empty\n  - there: broken\n"), "{text}");
        assert!(text.contains("libfoo.so.N"), "{text}");
    }

    #[test]
    fn the_advice_fits_the_kind_of_name() {
        let text = |name: &str| {
            NativeError::LibraryNotFound { name: name.into(), tried: Vec::new() }.to_string()
        };
        assert!(text("./libfoo.so").contains("used as given"));
        assert!(text("libm").contains("ask for `m`"));
    }

    #[test]
    fn impossible_names_are_refused() {
        assert!(check_name("m").is_ok());
        assert!(check_name("").unwrap_err().to_string().contains("empty"));
        assert!(check_name("a\0b").unwrap_err().to_string().contains("NUL"));
    }
}
