//! A process that may not have many threads.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// A user of whom no other process is, so that its threads are ours.
const NOBODY_ELSE: libc::uid_t = 61_347;

/// From now on the process gets `more` threads beside those that it has: then the kernel answers
/// `EAGAIN`. Threads that end make room for others. For a child process only.
///
/// `RLIMIT_NPROC` does what a cgroup's `pids.max` does, and needs no cgroup. It is not for root, who
/// becomes a user of its own by this.
///
/// # Panics
/// If the kernel refuses.
pub fn allow_threads(more: usize) {
    // SAFETY: has no conditions.
    if unsafe { libc::getuid() } == 0 {
        // SAFETY: touches no memory.
        let answer = unsafe { libc::setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE) };
        assert_eq!(answer, 0, "another user");
        // What belongs to the process stays readable to it.
        // SAFETY: touches no memory.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    }
    let limit = (threads_of_this_user() + more) as libc::rlim_t;
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: a whole limit.
    let answer = unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) };
    assert_eq!(answer, 0, "a limit");
}

/// From now on the process gets so many bytes of address space beside those that it has; `None`: as many as it
/// likes. For a child process only.
///
/// # Panics
/// If the kernel refuses.
pub fn allow_address_space(more: Option<usize>) {
    let limit = more.map_or(libc::RLIM_INFINITY, |more| {
        let sizes = fs::read_to_string("/proc/self/statm").expect("what the kernel tells");
        let pages = sizes.split(' ').next().expect("the first number");
        // SAFETY: has no conditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as libc::rlim_t;
        pages.parse::<libc::rlim_t>().expect("a number") * page + more as libc::rlim_t
    });
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a whole limit.
    let answer = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(answer, 0, "a limit");
}

/// The threads of all processes of this user, which is what the kernel counts.
fn threads_of_this_user() -> usize {
    // SAFETY: has no conditions.
    let user = unsafe { libc::getuid() };
    let processes = fs::read_dir("/proc").expect("the list of processes");
    let count = |process: fs::DirEntry| {
        let is_process = process.file_name().to_str()?.bytes().all(|byte| byte.is_ascii_digit());
        let is_ours = is_process && process.metadata().ok()?.uid() == user;
        is_ours.then(|| fs::read_dir(process.path().join("task")).map_or(0, Iterator::count))
    };
    processes.filter_map(|process| count(process.ok()?)).sum()
}
