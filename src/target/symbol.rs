//! What the loader knows of an address.

use std::ffi::CStr;
use std::mem::MaybeUninit;

/// A function in a loaded object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// The file name of the object.
    pub(crate) library: String,
    /// The exported name, if the address is where one begins.
    pub(crate) name: Option<String>,
}

/// Looks an address up among the loaded objects.
pub(crate) fn find(address: usize) -> Option<Symbol> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `dladdr` takes any address, and writes to `info` if it answers other than 0.
    let found = unsafe { libc::dladdr(std::ptr::without_provenance(address), info.as_mut_ptr()) };
    if found == 0 {
        return None;
    }
    // SAFETY: written by `dladdr`; zeroed before.
    let info = unsafe { info.assume_init() };
    let path = text(info.dli_fname)?;
    let library = path.rsplit('/').next().unwrap_or(&path).to_owned();
    let exact = info.dli_saddr.addr() == address;
    Some(Symbol { library, name: if exact { text(info.dli_sname) } else { None } })
}

fn text(string: *const libc::c_char) -> Option<String> {
    if string.is_null() {
        return None;
    }
    // SAFETY: `dladdr` answers with strings of loaded objects, NUL-terminated.
    let string = unsafe { CStr::from_ptr(string) };
    Some(string.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_loader_names_a_libc_function() {
        let symbol = find(libc::getpid as *const () as usize).expect("libc is loaded");
        assert!(symbol.library.starts_with("libc"), "{symbol:?}");
        assert!(symbol.name.is_some_and(|name| name.contains("getpid")));
        assert_eq!(find(1), None);
    }
}
