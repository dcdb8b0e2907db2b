//! The objects that are mapped into this process: which there are, and which one holds an address.
//!
//! The one place that reads the loader's own data. Nothing here loads an object or runs an initialiser.
//! Names are copied out while the loader guarantees them; no pointer of the loader's is kept.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};

/// One mapped object.
#[derive(Debug)]
pub(super) struct Object {
    /// The path by which the loader knows it.
    pub(super) path: PathBuf,
    /// The name that it gives itself, if any.
    pub(super) soname: Option<String>,
}

impl Object {
    pub(super) fn file_name(&self) -> Option<&str> {
        self.path.file_name()?.to_str()
    }
}

/// All mapped objects except the program itself, which has no name.
pub(super) fn objects() -> Vec<Object> {
    let mut objects = Vec::new();
    // SAFETY: `visit` takes its third argument for a `Vec<Object>`, which this is, alive and not used
    // otherwise for the whole call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut objects).cast()) };
    objects
}

/// Called for each object under the loader's lock: must not call the loader.
unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    objects: *mut c_void,
) -> c_int {
    // SAFETY: the loader passes a valid record, unchanged for this call.
    let info = unsafe { &*info };
    // SAFETY: `objects` passes a `Vec<Object>` that is used by nobody else during the iteration.
    let objects = unsafe { &mut *objects.cast::<Vec<Object>>() };
    if info.dlpi_name.is_null() {
        return 0;
    }
    // SAFETY: not null, hence a C string of the loader's, which lives as long as the object.
    let path = unsafe { CStr::from_ptr(info.dlpi_name) };
    if !path.is_empty() {
        objects.push(Object {
            path: to_path(path),
            // SAFETY: the record describes an object that stays mapped during this call.
            soname: unsafe { soname(info) },
        });
    }
    0
}

/// An entry of the dynamic section, as the ELF specification lays it out for the machine's word.
#[repr(C)]
#[derive(Clone, Copy)]
struct DynamicEntry {
    tag: isize,
    value: usize,
}

const TAG_END: isize = 0;
const TAG_STRINGS: isize = 5;
const TAG_STRINGS_BYTES: isize = 10;
const TAG_SONAME: isize = 14;

/// The soname in the object's dynamic section. Offsets are checked against the mapped segments.
///
/// # Safety
///
/// `info` describes an object that stays mapped during this call.
unsafe fn soname(info: &libc::dl_phdr_info) -> Option<String> {
    let base = info.dlpi_addr as usize;
    // SAFETY: the loader keeps the program headers, `dlpi_phnum` of them, mapped with the object.
    let segments =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let is_mapped = |address: usize, bytes: usize| {
        segments.iter().any(|segment| {
            let start = base.wrapping_add(segment.p_vaddr as usize);
            // Readable, and wholly within the part that is backed by the file's own bytes or zeros.
            segment.p_type == libc::PT_LOAD
                && segment.p_flags & libc::PF_R != 0
                && address >= start
                && address
                    .checked_add(bytes)
                    .is_some_and(|end| end <= start.wrapping_add(segment.p_memsz as usize))
        })
    };

    let dynamic = segments.iter().find(|segment| segment.p_type == libc::PT_DYNAMIC)?;
    let start = base.wrapping_add(dynamic.p_vaddr as usize);
    let bytes = dynamic.p_memsz as usize;
    if !is_mapped(start, bytes) || !start.is_multiple_of(align_of::<DynamicEntry>()) {
        return None;
    }
    // SAFETY: aligned, and inside a readable segment of the object as just checked. The loader may only
    // have changed it before it made the object known.
    let entries = unsafe {
        std::slice::from_raw_parts(start as *const DynamicEntry, bytes / size_of::<DynamicEntry>())
    };
    let value_of = |tag| {
        entries
            .iter()
            .take_while(|entry| entry.tag != TAG_END)
            .find(|entry| entry.tag == tag)
            .map(|entry| entry.value)
    };
    let (strings, offset) = (value_of(TAG_STRINGS)?, value_of(TAG_SONAME)?);
    let bytes = value_of(TAG_STRINGS_BYTES)?.checked_sub(offset)?;
    // glibc turns this offset into an address in most objects, but not in read-only ones; others never do.
    let strings = [strings, base.wrapping_add(strings)]
        .into_iter()
        .find_map(|strings| strings.checked_add(offset).filter(|&text| is_mapped(text, bytes)))?;
    // SAFETY: inside a readable segment of the object as just checked; string tables are never written.
    let text = unsafe { std::slice::from_raw_parts(strings as *const u8, bytes) };
    let text = CStr::from_bytes_until_nul(text).ok()?;
    Some(text.to_str().ok()?.to_owned())
}

/// A further handle on an object that is already loaded; an error if it is not.
pub(super) fn reopen(path: &Path) -> Result<Handle, String> {
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NOLOAD;
    // SAFETY: with RTLD_NOLOAD nothing is loaded, so no initialiser runs; the finalisers run with the last
    // handle, as whoever loaded the object has accepted.
    unsafe { Handle::open(Some(path), flags) }.map_err(|error| super::loader_text(&error))
}

/// The object that holds `address`: its path as the loader knows it, and a handle that keeps it mapped.
/// There is no handle on the program itself, which is never unmapped.
pub(in super::super) fn holder(address: *const ()) -> Option<(PathBuf, Option<Handle>)> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked about; the record is written before a non-zero return.
    if unsafe { libc::dladdr(address.cast(), found.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: `dladdr` returned non-zero, so it has filled the record.
    let found = unsafe { found.assume_init() };
    if found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a C string of the loader's that lives as long as the object, which the caller knows to be
    // mapped, as it has just got `address` from it.
    let path = to_path(unsafe { CStr::from_ptr(found.dli_fname) });
    let handle = reopen(&path).ok();
    Some((path, handle))
}

/// Where each mapped object is, the program itself included: from its first segment's start to its last
/// one's end. The loader maps nothing else in between.
pub(in super::super) fn mapped() -> Vec<Range<usize>> {
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _size: usize,
        ranges: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader passes a valid record, unchanged for this call.
        let info = unsafe { &*info };
        // SAFETY: `mapped` passes a `Vec<Range<usize>>` that is used by nobody else during the iteration.
        let ranges = unsafe { &mut *ranges.cast::<Vec<Range<usize>>>() };
        // SAFETY: the loader keeps the program headers, `dlpi_phnum` of them, mapped with the object.
        let segments =
            unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let base = info.dlpi_addr as usize;
        let loaded = segments.iter().filter(|segment| segment.p_type == libc::PT_LOAD).map(|it| {
            let start = base.wrapping_add(it.p_vaddr as usize);
            start..start.wrapping_add(it.p_memsz as usize)
        });
        ranges.extend(loaded.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end)));
        0
    }
    let mut ranges = Vec::new();
    // SAFETY: `visit` takes its third argument for a `Vec<Range<usize>>`, which this is, alive and not used
    // otherwise for the whole call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut ranges).cast()) };
    ranges
}

/// Where the object of `handle` is, as `mapped` has it; empty if the loader does not tell.
pub(in super::super) fn addresses_of(handle: Handle) -> (Handle, Range<usize>) {
    let (handle, inside) = with_link_map(handle, |map| map.dynamic.addr());
    let inside = inside.unwrap_or(0);
    let object = mapped().into_iter().find(|object| object.contains(&inside));
    (handle, object.unwrap_or(0..0))
}

/// The first fields of the loader's record of an object; they are its public interface.
#[repr(C)]
struct LinkMap {
    address: usize,
    name: *const c_char,
    /// The dynamic section, which is inside the object.
    dynamic: *const c_void,
}

/// `RTLD_DI_LINKMAP`, the same with glibc and musl.
const REQUEST_LINK_MAP: c_int = 2;

unsafe extern "C" {
    // The crate libc declares it for glibc only.
    fn dlinfo(handle: *mut c_void, request: c_int, answer: *mut c_void) -> c_int;
}

/// The path by which the loader knows the object of `handle`; `None` for the program itself.
pub(in super::super) fn object_path(handle: Handle) -> (Handle, Option<PathBuf>) {
    let (handle, path) = with_link_map(handle, |map| {
        if map.name.is_null() {
            return None;
        }
        // SAFETY: a C string that lives as long as the record.
        let name = unsafe { CStr::from_ptr(map.name) };
        (!name.is_empty()).then(|| to_path(name))
    });
    (handle, path.flatten())
}

/// Looks at the loader's record of the object of `handle`, if there is one.
fn with_link_map<R>(handle: Handle, look: impl FnOnce(&LinkMap) -> R) -> (Handle, Option<R>) {
    let raw = handle.into_raw();
    let mut map: *const LinkMap = std::ptr::null();
    // SAFETY: `raw` is an open handle, and this request answers with one pointer.
    let failed = unsafe { dlinfo(raw, REQUEST_LINK_MAP, (&raw mut map).cast()) } != 0;
    // SAFETY: null, or the loader's record of an object, which lives as long as a handle on it, and we hold
    // one; these fields do not change.
    let found = if failed { None } else { unsafe { map.as_ref() }.map(look) };
    // SAFETY: taken from `into_raw` above and not closed since.
    (unsafe { Handle::from_raw(raw) }, found)
}

fn to_path(text: &CStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_is_among_the_objects_under_both_names() {
        let objects = objects();
        let libc = objects
            .iter()
            .find(|object| object.file_name() == Some("libc.so.6"))
            .expect("every glibc program maps it");
        assert_eq!(libc.soname.as_deref(), Some("libc.so.6"));
    }

    #[test]
    fn the_kernels_object_is_read_safely_too() {
        // Its dynamic section is not relocated, unlike the others'.
        let objects = objects();
        if let Some(vdso) = objects.iter().find(|object| object.path.starts_with("linux-vdso.so.1"))
        {
            assert_eq!(vdso.soname.as_deref(), Some("linux-vdso.so.1"));
        }
    }

    #[test]
    fn the_holder_of_a_function_is_its_library() {
        let (path, handle) = holder(libc::getpid as *const ()).unwrap();
        assert!(path.to_str().unwrap().contains("libc.so"), "{path:?}");
        assert!(handle.is_some());
    }

    #[test]
    fn the_holder_of_our_own_function_is_the_program_which_needs_no_handle() {
        let (_, handle) = holder(objects as *const ()).unwrap();
        assert!(handle.is_none());
        assert!(holder(std::ptr::null()).is_none());
    }

    #[test]
    fn functions_are_inside_their_object_and_no_other() {
        let (_, handle) = holder(libc::getpid as *const ()).unwrap();
        let (_handle, libc) = addresses_of(handle.unwrap());
        assert!(libc.contains(&(libc::getpid as *const () as usize)), "{libc:#x?}");
        let (_handle, program) = addresses_of(Handle::this());
        assert!(program.contains(&(objects as *const () as usize)), "{program:#x?}");
        let mut all = mapped();
        assert!(all.contains(&libc) && all.contains(&program));
        all.sort_by_key(|object| object.start);
        assert!(all.windows(2).all(|pair| pair[0].end <= pair[1].start), "{all:#x?}");
    }

    #[test]
    fn what_is_not_loaded_is_not_reopened() {
        assert!(reopen(Path::new("/no/such/libfoo.so")).is_err());
    }
}
