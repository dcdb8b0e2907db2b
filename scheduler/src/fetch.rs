//! Fetching into the cache what will be touched soon.
//!
//! A thousand tasks that take turns have left the first cache by the time of their next turn, and each turn touches
//! half a dozen lines of its task's. Who knows which task is next but one asks for them meanwhile.

/// A hint about the cache line at an address, by the instruction for each processor.
macro_rules! hint {
    ($x86_64:literal, $aarch64:literal, $address:expr) => {{
        // SAFETY: a hint to the processor, without effect but in its caches; one that does not know it passes over it.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            std::arch::asm!($x86_64, in(reg) $address, options(nostack, readonly, preserves_flags));
        }
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            std::arch::asm!($aarch64, in(reg) $address, options(nostack, readonly, preserves_flags));
        }
    }};
}

/// Fetches the cache line at this address. Any address will do: nothing is read.
#[inline(always)]
pub(crate) fn line(address: *const ()) {
    hint!("prefetcht0 [{}]", "prfm pldl1keep, [{}]", address);
}

/// As [`line()`], for one that is to be written: others are to give it up meanwhile.
#[inline(always)]
fn line_to_write(address: *const ()) {
    hint!("prefetchw [{}]", "prfm pstl1keep, [{}]", address);
}

/// Fetches all lines of what lies at this address. It may be gone.
#[inline(always)]
pub(crate) fn all<T>(at: *const T) {
    (0..size_of::<T>()).step_by(LINE).for_each(|by| line(at.wrapping_byte_add(by).cast()));
}

/// As [`all`], for what is to be written.
#[inline(always)]
pub(crate) fn all_to_write<T>(at: *const T) {
    (0..size_of::<T>()).step_by(LINE).for_each(|by| line_to_write(at.wrapping_byte_add(by).cast()));
}

/// The bytes of a cache line.
const LINE: usize = 64;
