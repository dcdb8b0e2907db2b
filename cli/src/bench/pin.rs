//! Which processors the process of a case runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this thread may use, in order.
pub(crate) fn allowed() -> rustix::io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// Binds this thread, and all that it starts from here on, to the first `count` of the processors that it
/// may use; to all of them if there are fewer. Returns which.
pub(crate) fn pin(count: usize) -> rustix::io::Result<Vec<usize>> {
    let mut cpus = allowed()?;
    cpus.truncate(count);
    let mut set = CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu));
    sched_setaffinity(None, &set)?;
    Ok(cpus)
}
