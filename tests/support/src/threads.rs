//! The threads of the process, as the kernel tells of them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// One thread, at one moment.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its number.
    pub id: i32,
    /// Its name, of which the kernel keeps 15 bytes.
    pub name: String,
    /// Its state, a letter: `R` runs or could, `S` sleeps, `D` sleeps in a driver.
    pub state: char,
    /// CPU time so far.
    pub cpu: Duration,
    /// Times that it went to sleep by itself.
    pub sleeps: u64,
}

/// The threads whose names begin so.
#[must_use]
pub fn named(name: &str) -> Vec<Thread> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    tasks
        .filter_map(|task| look(task.ok()?.path()))
        .filter(|thread| thread.name.starts_with(name))
        .collect()
}

/// The thread of this number, if there is one.
#[must_use]
pub fn of(id: i32) -> Option<Thread> {
    look(PathBuf::from(format!("/proc/self/task/{id}")))
}

/// Is there a thread of this number?
#[must_use]
pub fn exists(id: i32) -> bool {
    fs::metadata(format!("/proc/self/task/{id}")).is_ok()
}

/// The number of the calling thread.
#[must_use]
pub fn current() -> i32 {
    // SAFETY: has no conditions.
    unsafe { libc::gettid() }
}

fn look(path: PathBuf) -> Option<Thread> {
    let id = path.file_name()?.to_str()?.parse().ok()?;
    let read = |file| fs::read_to_string(path.join(file)).ok();
    let status = read("status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    // Nanoseconds on a CPU, nanoseconds in a run queue, time slices.
    let cpu = read("schedstat")?.split(' ').next()?.parse().ok()?;
    Some(Thread {
        id,
        name: field("Name:")?,
        state: field("State:")?.chars().next()?,
        cpu: Duration::from_nanos(cpu),
        sleeps: field("voluntary_ctxt_switches:")?.parse().ok()?,
    })
}
