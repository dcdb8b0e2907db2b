//! Memory: how stacks are guarded, and how many tasks that allows.

use super::finding::{Finding, Section};
use super::read::{self, bytes, count};
use procfs::{Current, Meminfo};
use sortie_scheduler::{GuardKind, StackError};

const SECTION: Section = Section("memory");

/// What a mapping limit leaves to others: the runtime never takes the last eighth.
const KEPT_FOR_OTHERS: u64 = 8;
/// Mappings that a stack costs if its guard is made by `mprotect`.
const MAPPINGS_PER_STACK: u64 = 2;
/// Fewer tasks than this is worth a warning.
const MANY_TASKS: u64 = 100_000;

pub(super) fn findings(guard: Result<GuardKind, StackError>) -> Vec<Finding> {
    vec![guards(&guard), mappings(guard.ok()), overcommit(), huge_pages(), available()]
}

fn guards(guard: &Result<GuardKind, StackError>) -> Finding {
    const NAME: &str = "guard";
    match guard {
        Ok(kind @ GuardKind::Install) => SECTION.ok(
            NAME,
            kind.to_string(),
            "Stacks are guarded without splitting mappings: a million guarded tasks are possible.",
        ),
        Ok(kind @ GuardKind::Protect) => SECTION.note(
            NAME,
            kind.to_string(),
            "The kernel has no MADV_GUARD_INSTALL (Linux 6.13) or refuses it (locked memory): stacks are \
             guarded all the same, and each takes two mappings of vm.max_map_count.",
        ),
        Err(error) => SECTION.warning(
            NAME,
            "none",
            format!("No stack can be guarded, so no task can run: {error}."),
        ),
    }
}

fn mappings(guard: Option<GuardKind>) -> Finding {
    const NAME: &str = "vm.max_map_count";
    let limit = match read::number("/proc/sys/vm/max_map_count") {
        Ok(limit) => limit,
        Err(error) => return SECTION.unknown(NAME, error),
    };
    let value = count(limit);
    if guard == Some(GuardKind::Install) {
        return SECTION.ok(
            NAME,
            value,
            "Does not limit tasks: a mapping holds hundreds of guarded stacks.",
        );
    }
    let tasks = (limit - limit / KEPT_FOR_OTHERS) / MAPPINGS_PER_STACK;
    let follows = format!(
        "At most {} tasks can have a stack at once; `sysctl -w vm.max_map_count=N` allows more.",
        count(tasks)
    );
    if tasks < MANY_TASKS {
        SECTION.warning(NAME, value, follows)
    } else {
        SECTION.note(NAME, value, follows)
    }
}

fn overcommit() -> Finding {
    const NAME: &str = "vm.overcommit_memory";
    match read::number("/proc/sys/vm/overcommit_memory") {
        Ok(2) => SECTION.warning(
            NAME,
            "2 (strict)",
            "Every stack counts with its whole size, touched or not, against the commit limit of the \
             machine: choose small stacks, or 0.",
        ),
        Ok(mode) => SECTION.ok(
            NAME,
            match mode {
                0 => "0 (heuristic)".to_owned(),
                1 => "1 (always)".to_owned(),
                other => other.to_string(),
            },
            "Stacks cost the pages that were touched, not the address space that they have.",
        ),
        Err(error) => SECTION.unknown(NAME, error),
    }
}

fn huge_pages() -> Finding {
    const NAME: &str = "transparent huge pages";
    match read::text("/sys/kernel/mm/transparent_hugepage/enabled") {
        Ok(modes) => {
            let mode = modes
                .split_whitespace()
                .find_map(|mode| mode.strip_prefix('[')?.strip_suffix(']'))
                .unwrap_or(&modes);
            SECTION.ok(
                NAME,
                mode,
                "Stacks are excluded from them (MADV_NOHUGEPAGE): a first frame touches one small page.",
            )
        }
        Err(_) => SECTION.ok(NAME, "not there", "Stacks would not use them."),
    }
}

fn available() -> Finding {
    const NAME: &str = "available";
    let info = match Meminfo::current() {
        Ok(info) => info,
        Err(error) => return SECTION.unknown(NAME, error),
    };
    let free = info.mem_available.unwrap_or(info.mem_free);
    SECTION.ok(
        NAME,
        format!("{} of {}", bytes(free), bytes(info.mem_total)),
        format!(
            "Room for about {} tasks of a touched page each.",
            count(super::cgroup::tasks_in(free))
        ),
    )
}
