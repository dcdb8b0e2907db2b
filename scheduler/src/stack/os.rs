//! The room's only calls to the kernel's memory manager.
//!
//! Must not: decide anything. Which guard, how large a slab and when to give pages back is said by
//! `slab` and `pool`; here is how.
//!
//! Addresses are plain numbers, as stack pointers are; [`Mapping::new`] exposes the provenance.

use std::fs;
use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;

use super::GuardKind;

/// `MADV_GUARD_INSTALL` of Linux 6.13, not yet named by libc.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// This very process, for `process_madvise`: since Linux 6.14, and not yet named by libc.
const PIDFD_SELF: libc::c_int = -10000;

/// How many parts one call of `process_madvise` takes.
const PARTS_AT_ONCE: usize = 1024;

/// What `vm.max_map_count` is unless someone changed it.
const DEFAULT_MAX_MAP_COUNT: usize = 65_530;

/// The size of a page.
pub(crate) fn page_bytes() -> usize {
    static PAGE_BYTES: OnceLock<usize> = OnceLock::new();
    *PAGE_BYTES.get_or_init(|| {
        // SAFETY: `sysconf` only reads.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(bytes).expect("Linux knows its page size")
    })
}

/// `vm.max_map_count`, read once; its usual value if `/proc` is not there.
pub(super) fn max_map_count() -> usize {
    static MAX_MAP_COUNT: OnceLock<usize> = OnceLock::new();
    *MAX_MAP_COUNT.get_or_init(|| {
        fs::read_to_string("/proc/sys/vm/max_map_count")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(DEFAULT_MAX_MAP_COUNT)
    })
}

/// What the kernel needs at least on an alternate signal stack of this machine.
pub(super) fn min_signal_stack_bytes() -> usize {
    // SAFETY: `getauxval` only reads.
    let bytes = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    usize::try_from(bytes).unwrap_or(0).max(libc::MINSIGSTKSZ)
}

/// Private zeroed memory. It has no `Drop`: to forget it is to leak it, which is always sound.
#[derive(Debug)]
pub(super) struct Mapping {
    base: usize,
    bytes: usize,
}

impl Mapping {
    /// Maps `bytes` of memory that takes no room until it is touched, a small page at a time.
    ///
    /// # Errors
    ///
    /// What the kernel answered.
    pub(super) fn new(bytes: usize) -> io::Result<Self> {
        // SAFETY: a fresh private mapping at a place of the kernel's choice touches nothing.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapping = Self { base: base.expose_provenance(), bytes };
        // Before the first touch: a huge page would make the first frame of one stack cost 2 MiB.
        match mapping.advise(mapping.range(), libc::MADV_NOHUGEPAGE) {
            // EINVAL: a kernel that was built without huge pages.
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
                // SAFETY: nobody has seen the mapping yet. If even that fails, the memory is lost
                // to address space only: it was never touched.
                let _ = unsafe { mapping.unmap() };
                Err(error)
            }
            _ => Ok(mapping),
        }
    }

    /// All its addresses.
    pub(super) fn range(&self) -> Range<usize> {
        self.base..self.base + self.bytes
    }

    /// Makes every later access to `part` a fault.
    ///
    /// # Errors
    ///
    /// What the kernel answered; `part` is then as it was.
    ///
    /// # Safety
    ///
    /// `part` is whole pages of this mapping, and nobody uses them.
    pub(super) unsafe fn guard(&self, part: Range<usize>, kind: GuardKind) -> io::Result<()> {
        match kind {
            // SAFETY: the caller's promise.
            GuardKind::Install => unsafe { self.install_guards(std::iter::once(part)) },
            GuardKind::Protect => {
                let part = self.checked(part);
                // SAFETY: the part lies in this mapping (checked) and is unused (caller).
                let result = unsafe { libc::mprotect(at(part.start), part.len(), libc::PROT_NONE) };
                if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
            }
        }
    }

    /// As [`Mapping::guard`] by [`GuardKind::Install`] for many parts, with few calls of the kernel.
    ///
    /// # Errors
    ///
    /// What the kernel answered; some parts may be guarded then.
    ///
    /// # Safety
    ///
    /// As there.
    pub(super) unsafe fn install_guards(
        &self,
        parts: impl Iterator<Item = Range<usize>>,
    ) -> io::Result<()> {
        // SAFETY: parts of this mapping (checked) that nobody uses (caller).
        unsafe { advise_all(parts.map(|part| self.checked(part)), MADV_GUARD_INSTALL) }
    }

    /// Whether the kernel itself faults at `address`.
    ///
    /// Advice may be ignored by whoever stands between us and Linux (qemu's user mode answers
    /// success to advice that it does not know), so an installed guard is put to the test.
    ///
    /// # Safety
    ///
    /// The word at `address` lies in this mapping, and nobody uses it: it may be overwritten.
    pub(super) unsafe fn is_guarded(&self, address: usize) -> bool {
        let word = self.checked(address..address + size_of::<libc::timespec>());
        // A raw call: the C library's `clock_gettime` would write from user space, and fault.
        // SAFETY: the kernel writes one `timespec` to unused memory of ours, or answers EFAULT.
        let result = unsafe {
            libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, at(word.start))
        };
        result != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
    }

    /// Unmaps it all.
    ///
    /// # Errors
    ///
    /// What the kernel answered; the mapping is then whole. It happens: to unmap the middle of what
    /// the kernel has merged makes two mappings out of one, which `vm.max_map_count` can forbid.
    ///
    /// # Safety
    ///
    /// Nobody uses any part of it, and after success no method of it is called again.
    pub(super) unsafe fn unmap(&self) -> io::Result<()> {
        // SAFETY: the range is ours and unused (caller).
        let result = unsafe { libc::munmap(at(self.base), self.bytes) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn advise(&self, part: Range<usize>, advice: libc::c_int) -> io::Result<()> {
        let part = self.checked(part);
        // SAFETY: the part lies in this mapping, and the advice given here destroys nothing.
        let result = unsafe { libc::madvise(at(part.start), part.len(), advice) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// The part itself: no call may reach past the mapping, whatever the arithmetic above it did.
    fn checked(&self, part: Range<usize>) -> Range<usize> {
        let all = self.range();
        assert!(
            all.start <= part.start && part.start <= part.end && part.end <= all.end,
            "part {part:x?} of a mapping lies outside it ({all:x?}): a bug in sortie"
        );
        part
    }
}

/// Gives the pages of these parts back: they read as zero when touched again. Guards in them stay.
///
/// The kernel refuses it for memory that the process locked, which is then to stay resident.
///
/// # Safety
///
/// Each part is whole pages of one [`Mapping`] that is mapped, and nobody needs what is in them.
pub(super) unsafe fn release_pages(parts: impl Iterator<Item = Range<usize>>) {
    // SAFETY: mapped, ours, and not needed (caller). What is refused stays.
    let _ = unsafe { advise_all(parts, libc::MADV_DONTNEED) };
}

/// Gives these parts their pages, by one call of the kernel for many, which costs less than a fault each.
///
/// What it does not do, since it knows no such call or is short of memory, the first touch does as ever.
///
/// # Safety
///
/// Each part is whole pages of one [`Mapping`] that is mapped, with no guard in it.
pub(super) unsafe fn populate(parts: impl Iterator<Item = Range<usize>>) {
    let vectors: Vec<_> = parts.map(vector).collect();
    // SAFETY: mapped (caller); what is in them stays.
    let _ = unsafe { advise_at_once(&vectors, libc::MADV_POPULATE_WRITE) };
}

/// Gives the kernel one advice for many parts: by one call for many, or one by one where it knows no such call.
///
/// # Errors
///
/// What the kernel answered for a part; it may have taken the advice for others, the later ones too.
///
/// # Safety
///
/// The parts are ours, mapped, and may be treated so.
unsafe fn advise_all(
    mut parts: impl Iterator<Item = Range<usize>>,
    advice: libc::c_int,
) -> io::Result<()> {
    let mut outcome = Ok(());
    let mut vectors = Vec::new();
    loop {
        vectors.clear();
        let some = parts.by_ref().take(PARTS_AT_ONCE);
        vectors.extend(some.map(vector));
        if vectors.is_empty() {
            return outcome;
        }
        // SAFETY: as the caller promises.
        if unsafe { advise_at_once(&vectors, advice) } {
            continue;
        }
        for vector in &vectors {
            // SAFETY: as the caller promises.
            if unsafe { libc::madvise(vector.iov_base, vector.iov_len, advice) } != 0 {
                outcome = Err(io::Error::last_os_error());
                if advice == MADV_GUARD_INSTALL {
                    return outcome;
                }
            }
        }
    }
}

/// By one call, for at most [`PARTS_AT_ONCE`]. False: not for all of them.
///
/// # Safety
///
/// As for [`advise_all`].
unsafe fn advise_at_once(vectors: &[libc::iovec], advice: libc::c_int) -> bool {
    let bytes: usize = vectors.iter().map(|vector| vector.iov_len).sum();
    // SAFETY: as the caller promises; the vectors are there until it returns.
    let advised = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            PIDFD_SELF,
            vectors.as_ptr(),
            vectors.len(),
            advice,
            0,
        )
    };
    usize::try_from(advised) == Ok(bytes)
}

fn vector(part: Range<usize>) -> libc::iovec {
    libc::iovec { iov_base: at(part.start), iov_len: part.len() }
}

fn at(address: usize) -> *mut libc::c_void {
    ptr::with_exposed_provenance_mut(address)
}
