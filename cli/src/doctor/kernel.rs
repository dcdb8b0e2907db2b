//! The kernel, the architecture, and membarrier with its price.

use super::finding::{Finding, Section};
use rustix::thread::{MembarrierCommand, membarrier};
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SECTION: Section = Section("machine");

/// A barrier slower than this makes the cheap way out of native code too dear for others.
const SLOW_BARRIER: Duration = Duration::from_micros(50);

/// How many barriers are timed.
const BARRIERS: usize = 1000;

pub(super) fn findings() -> Vec<Finding> {
    // First, before any thread: see the caller.
    let has_membarrier = sortie_scheduler::crossing::fence::register();
    let mut findings = vec![kernel(), architecture(), page(), barrier(has_membarrier)];
    findings.extend(unknown_wish());
    findings
}

/// What the environment asks for membarrier to be, if nobody knows what that means.
fn unknown_wish() -> Option<Finding> {
    const NAME: &str = "SORTIE_MEMBARRIER";
    let value = std::env::var_os(NAME)?;
    if value.is_empty() || value == "missing" || value == "slow" {
        return None;
    }
    Some(SECTION.warning(
        NAME,
        value.to_string_lossy(),
        "Changes nothing, as its value is not known: use `missing` or `slow`, or leave it out.",
    ))
}

fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    SECTION.ok(
        "kernel",
        format!("{} {release}", uname.sysname().to_string_lossy()),
        "What it can do is tried out below, not concluded from its version.",
    )
}

fn architecture() -> Finding {
    SECTION.ok(
        "architecture",
        std::env::consts::ARCH,
        "Context switches are written for x86-64 and aarch64.",
    )
}

fn page() -> Finding {
    let bytes = rustix::param::page_size() as u64;
    let value = super::read::bytes(bytes);
    let follows =
        "A task that has run takes at least a page of stack, and its guard one of address space.";
    if bytes == 4096 {
        SECTION.ok("page size", value, follows)
    } else {
        SECTION.note(
            "page size",
            value,
            format!("{follows} Pages are larger here than usual: so are tasks."),
        )
    }
}

fn barrier(has_membarrier: bool) -> Finding {
    const NAME: &str = "membarrier";
    if !has_membarrier {
        return SECTION.warning(
            NAME,
            "no",
            "The kernel refuses membarrier(PRIVATE_EXPEDITED), by age or by a seccomp filter, or \
             SORTIE_MEMBARRIER takes it away: each crossing into native code pays a full fence (about 8 ns) \
             instead.",
        );
    }
    match time_barriers() {
        Ok(times) => {
            let at = |part: usize| times[(times.len() - 1) * part / 100];
            let (median, p99) = (at(50), at(99));
            let value = format!("yes, {median:.1?} each, p99 {p99:.1?}, beside one busy thread");
            if p99 > SLOW_BARRIER {
                SECTION.note(
                    NAME,
                    value,
                    "Crossings are ordered by it, at no cost to the calls; but here it is slow \
                     (p99 over 50 us), so taking a worker back from native code may take as long.",
                )
            } else {
                SECTION.ok(
                    NAME,
                    value,
                    "Native calls are announced without a full fence; whoever takes a worker back pays this.",
                )
            }
        }
        Err(error) => SECTION.warning(
            NAME,
            format!("registered, then refused: {error}"),
            "A seccomp filter lets a process register and then refuses the barrier: crossings fall \
             back to full fences.",
        ),
    }
}

/// Times of single barriers, sorted, while another thread runs: else there is nobody to interrupt.
fn time_barriers() -> rustix::io::Result<Vec<Duration>> {
    let is_over = Arc::new(AtomicBool::new(false));
    let busy = is_over.clone();
    let thread = thread::spawn(move || {
        // ORDERING: Relaxed, the flag publishes nothing but itself.
        while !busy.load(Ordering::Relaxed) {
            spin_loop();
        }
    });
    let times: rustix::io::Result<Vec<_>> = (0..BARRIERS)
        .map(|_| {
            let start = Instant::now();
            membarrier(MembarrierCommand::PrivateExpedited)?;
            Ok(start.elapsed())
        })
        .collect();
    // ORDERING: Relaxed, as above.
    is_over.store(true, Ordering::Relaxed);
    thread.join().expect("it only spins");
    let mut times = times?;
    times.sort_unstable();
    Ok(times)
}
