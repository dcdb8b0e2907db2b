//! Limits of the process and of the system: threads, stacks, address space, locked memory.

use super::finding::{Finding, Section};
use super::read::{self, bytes, count};
use rustix::process::{Resource, getrlimit};

const SECTION: Section = Section("limits");

/// As many carriers as a runtime of few workers may start.
pub(super) const CARRIERS: u64 = 512;

pub(super) fn findings() -> Vec<Finding> {
    vec![
        system_threads("kernel.threads-max", "/proc/sys/kernel/threads-max"),
        system_threads("kernel.pid_max", "/proc/sys/kernel/pid_max"),
        user_threads(),
        stack(),
        locked(),
        address_space(),
    ]
}

fn system_threads(name: &'static str, path: &str) -> Finding {
    match read::number(path) {
        Ok(limit) => threads(SECTION, name, Some(limit), "on the whole system"),
        Err(error) => SECTION.unknown(name, error),
    }
}

fn user_threads() -> Finding {
    let whose = if rustix::process::geteuid().is_root() {
        "of this user, which is root and may exceed it"
    } else {
        "of this user, in all processes together"
    };
    threads(SECTION, "RLIMIT_NPROC", getrlimit(Resource::Nproc).current, whose)
}

/// What a limit of threads means for carriers.
pub(super) fn threads(
    section: Section,
    name: &'static str,
    limit: Option<u64>,
    whose: &str,
) -> Finding {
    let value = limit.map_or("unlimited".to_owned(), count);
    match limit {
        Some(limit) if limit < CARRIERS => section.warning(
            name,
            value,
            format!(
                "So many threads {whose}: fewer than the carriers a runtime may start. Native calls that \
                 block beyond that wait for each other; nothing is lost."
            ),
        ),
        Some(limit) if limit < 4 * CARRIERS => section.note(
            name,
            value,
            format!("So many threads {whose}: enough for the carriers of one runtime, if others take few."),
        ),
        _ => section.ok(
            name,
            value,
            format!("So many threads {whose}: enough for the carriers of several runtimes."),
        ),
    }
}

fn stack() -> Finding {
    const NAME: &str = "RLIMIT_STACK";
    match getrlimit(Resource::Stack).current {
        Some(limit) => SECTION.ok(
            NAME,
            bytes(limit),
            "For the main thread only: the runtime's threads and tasks have the sizes of their options.",
        ),
        None => SECTION.note(
            NAME,
            "unlimited",
            "The runtime's stacks have the sizes of their options; but without a limit the kernel \
             places mappings bottom-up, which makes their addresses easier to guess.",
        ),
    }
}

fn locked() -> Finding {
    const NAME: &str = "RLIMIT_MEMLOCK";
    let value = getrlimit(Resource::Memlock).current.map_or("unlimited".to_owned(), bytes);
    SECTION.ok(
        NAME,
        value,
        "Nothing is locked by the runtime. Under mlockall(MCL_FUTURE) every stack counts with its whole \
         size, and guards are made by mprotect.",
    )
}

fn address_space() -> Finding {
    const NAME: &str = "RLIMIT_AS";
    match getrlimit(Resource::As).current {
        None => SECTION.ok(NAME, "unlimited", "Stacks may take all the address space that they need."),
        Some(limit) => SECTION.warning(
            NAME,
            bytes(limit),
            "Stacks count with their whole size, touched or not: a task takes its stack and a guard, a \
             carrier 8 MiB.",
        ),
    }
}
