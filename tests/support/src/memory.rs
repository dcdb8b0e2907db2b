//! What memory the process has, as the kernel tells.

use std::fs;

/// What the process has at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident pages, in bytes.
    pub resident: u64,
    /// Page tables, in bytes.
    pub page_tables: u64,
    /// Mappings.
    pub mappings: u64,
}

impl Memory {
    /// Looks now.
    ///
    /// # Panics
    /// If the kernel does not tell.
    #[must_use]
    pub fn now() -> Memory {
        let status = fs::read_to_string("/proc/self/status").expect("what the kernel tells");
        let kib = |name: &str| -> u64 {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of it");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
        Memory {
            resident: kib("VmRSS:") * 1024,
            page_tables: kib("VmPTE:") * 1024,
            mappings: maps.lines().count() as u64,
        }
    }

    /// All that the kernel holds for the process.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.resident + self.page_tables
    }
}
