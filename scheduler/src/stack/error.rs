//! Why there is no stack, and what to do about it.
//!
//! Must not: allocate when made; it is made when memory is short.

use std::fmt;
use std::io;

/// A stack could not be had. The pool is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackError {
    /// The size asked for is not one a stack can have.
    Size {
        /// The usable bytes asked for.
        asked_bytes: usize,
    },
    /// The kernel refused the memory.
    Map {
        /// The size of the smallest mapping that was tried.
        bytes: usize,
        /// What the kernel answered.
        errno: i32,
    },
    /// The kernel refused every kind of guard that may be used, so the stack was not handed out.
    Guard {
        /// The size of the guard.
        bytes: usize,
        /// What the kernel answered last.
        errno: i32,
    },
    /// Guards made by `mprotect` cost mappings, and the process is about to run out of them.
    MapCountLimit {
        /// `vm.max_map_count`.
        limit: usize,
        /// The mappings that stacks of this process hold already.
        in_use: usize,
        /// How many more the next stacks would take.
        wanted: usize,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size { asked_bytes } => write!(
                f,
                "a stack of {asked_bytes} bytes was asked for: expected 1 byte to 1 GiB (less than \
                 16 KiB is raised to 16 KiB). Name the size in bytes"
            ),
            Self::Map { bytes, errno } => write!(
                f,
                "cannot map {bytes} bytes for stacks: {}. Let tasks finish or spawn fewer at a \
                 time, use smaller stacks, or raise what limits the process: `ulimit -v`, the \
                 cgroup's memory, vm.overcommit_memory = 2, vm.max_map_count",
                io::Error::from_raw_os_error(errno)
            ),
            Self::Guard { bytes, errno } => write!(
                f,
                "cannot guard a stack with {bytes} bytes: {}. A stack without a guard is never \
                 used. Expected MADV_GUARD_INSTALL (Linux 6.13) or mprotect(PROT_NONE) to work on \
                 private memory: allow them in the sandbox (seccomp) of this process",
                io::Error::from_raw_os_error(errno)
            ),
            Self::MapCountLimit { limit, in_use, wanted } => write!(
                f,
                "stacks hold {in_use} of the vm.max_map_count = {limit} mappings of this process, \
                 and {wanted} more would leave too few for the rest of it. Raise the limit \
                 (`sysctl -w vm.max_map_count={}`), or let guards cost no mappings: Linux 6.13 or \
                 newer, and no mlockall(MCL_FUTURE)",
                limit.saturating_mul(4)
            ),
        }
    }
}

impl std::error::Error for StackError {}
