//! What a process has, before and after a case.
//!
//! - Threads by name: all of a runtime's begin with the name it was given.
//! - Descriptors: every one that was not there before.
//! - Slabs of stacks: mappings that the kernel lists with both `nr` (`MAP_NORESERVE`) and `nh`
//!   (`MADV_NOHUGEPAGE`), which slabs ask for and nobody else in these processes does; but
//!   AddressSanitizer does, under which they are not counted.
//!
//! Thread stacks and malloc arenas are glibc's to keep, and not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

/// A thread that was joined may be listed for a moment longer.
const LINGER: Duration = Duration::from_secs(5);

/// What there was at one moment.
#[derive(Debug)]
pub struct Inventory {
    thread_name: String,
    descriptors: BTreeSet<String>,
    slabs: u64,
}

impl Inventory {
    /// Looks now. Threads are looked for by what their names begin with.
    #[must_use]
    pub fn take(thread_name: &str) -> Inventory {
        Inventory {
            thread_name: thread_name.to_owned(),
            descriptors: descriptors(),
            slabs: slabs(),
        }
    }

    /// Compares with now, until nothing is left or [`LINGER`] is over.
    ///
    /// # Panics
    /// If anything is there that was not.
    #[track_caller]
    pub fn check_nothing_left(&self) {
        let end = Instant::now() + LINGER;
        let mut left = self.left();
        while !left.is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_micros(200));
            left = self.left();
        }
        assert!(left.is_empty(), "left: {left:?}");
    }

    /// What is there now and was not, in words.
    ///
    /// A list of threads that the kernel writes while one ends may stop there. So the thread that has the last of
    /// a runtime's slabs can be missing from it, and all are looked at together.
    fn left(&self) -> Vec<String> {
        let mut left = threads(&self.thread_name);
        let new = descriptors();
        left.extend(new.difference(&self.descriptors).cloned());
        let slabs = slabs();
        if slabs != self.slabs {
            left.push(format!("stacks: {slabs} KiB are mapped, and {} were", self.slabs));
        }
        left
    }
}

/// The names of the process's threads that begin so.
#[must_use]
pub fn threads(name: &str) -> Vec<String> {
    crate::threads::named(name).into_iter().map(|thread| thread.name).collect()
}

/// Number and destination of each open descriptor.
fn descriptors() -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return BTreeSet::new();
    };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            // The descriptor of this very listing is gone when its link is read.
            let to = fs::read_link(&path).ok()?;
            (!to.starts_with("/proc")).then(|| format!("{} -> {}", path.display(), to.display()))
        })
        .collect()
}

/// Can slabs of stacks be told from other memory?
#[must_use]
pub fn slabs_are_told() -> bool {
    std::env::var_os("ASAN_OPTIONS").is_none()
}

/// How many KiB of address space are slabs of stacks.
///
/// With AddressSanitizer they cannot be told from its own memory, and are 0: see [`slabs_are_told`].
#[must_use]
pub fn slabs() -> u64 {
    if !slabs_are_told() {
        return 0;
    }
    let maps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let mut size = 0;
    let mut sum = 0;
    for line in maps.lines() {
        if let Some(text) = line.strip_prefix("Size:") {
            size = text.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        } else if let Some(flags) = line.strip_prefix("VmFlags:") {
            let has = |flag| flags.split_whitespace().any(|one| one == flag);
            if has("nh") && has("nr") {
                sum += size;
            }
        }
    }
    sum
}
