//! Children of `fork`: what they do, and how they end.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// How long a child may take before the kernel ends it: it hangs.
const PATIENCE: libc::c_uint = 30;

/// Forks; the child runs `body` and ends: with 0, or with 1 if it panics.
///
/// # Panics
/// If the child ends otherwise, or hangs.
#[track_caller]
pub fn in_child(body: impl FnOnce()) {
    check(start(|| {
        let result = catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the process at once, without anything that was the parent's to end.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }));
}

/// Forks; the child runs `body`, and goes on if that returns, as a second process that returns from here.
/// In the parent: the child's number, for [`check`].
///
/// # Panics
/// If there is no child.
pub fn start(body: impl FnOnce()) -> libc::pid_t {
    // SAFETY: a child of a process with threads runs what this one's tests are about.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no child: {}", std::io::Error::last_os_error());
    if child == 0 {
        // SAFETY: has no conditions.
        unsafe { libc::alarm(PATIENCE) };
        body();
    }
    child
}

/// Waits for the child.
///
/// # Panics
/// If it did not end with 0.
#[track_caller]
pub fn check(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: the place is borrowed for the call.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(ended, child, "{}", std::io::Error::last_os_error());
    assert!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "the child ended with status {status:#x} (0xe: it hung)"
    );
}
