//! System calls that fail, or take long, as the kernel itself would have it: seccomp filters.
//!
//! - [`refuse`]: from now on the calls answer with an error, on every thread of the process.
//! - [`supervise`]: each call waits until a thread of this room has said what becomes of it. So a
//!   fault can also end, which a filter cannot: filters stay for good.
//!
//! For a child process only ([`crate::child`]), for that reason. The filter is ten instructions by
//! hand: the crates that write filters do not know notifications.
//!
//! Reference: seccomp(2), seccomp_unotify(2).

use std::ffi::{c_int, c_long, c_uint};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// What becomes of a call that was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The kernel does it.
    Continue,
    /// It fails with this `errno`.
    Fail(c_int),
}

/// From now on these system calls fail with `errno`, on every thread of the process.
///
/// # Panics
/// If the kernel takes no filter.
pub fn refuse(calls: &[c_long], errno: c_int) {
    let errno = c_uint::try_from(errno).expect("a positive number");
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC;
    let answer = install(calls, libc::SECCOMP_RET_ERRNO | errno, flags);
    assert_eq!(answer.expect("a seccomp filter"), 0, "a thread could not be put under the filter");
}

/// From now on each of these system calls waits, on every thread of the process, until `answer` was
/// called with its number and has returned.
///
/// `answer` runs on a thread of its own, for one call after the other, and must make none of them.
///
/// # Panics
/// If the kernel takes no filter.
pub fn supervise(calls: &[c_long], mut answer: impl FnMut(c_long) -> Answer + Send + 'static) {
    // Handed over without a system call that may be among those that are held: nobody answers yet.
    let handed = Arc::new(AtomicI32::new(-1));
    let listener = handed.clone();
    // Started before the filter, which may be about `clone`.
    let thread = std::thread::Builder::new().name("supervisor".to_owned());
    let supervisor = thread.spawn(move || {
        let fd = loop {
            // ORDERING(seccomp.listener): Acquire, pairs with the Release below.
            match listener.load(Ordering::Acquire) {
                -1 => std::thread::yield_now(),
                fd => break fd,
            }
        };
        // SAFETY: a new descriptor, and nobody else's.
        let listener = unsafe { OwnedFd::from_raw_fd(fd) };
        while let Some((id, call)) = receive(&listener) {
            let answer = answer(call);
            send_answer(&listener, id, answer);
        }
    });
    drop(supervisor.expect("a thread for the supervisor"));
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC
        | libc::SECCOMP_FILTER_FLAG_TSYNC_ESRCH
        | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let fd = install(calls, libc::SECCOMP_RET_USER_NOTIF, flags).expect("a seccomp filter");
    // ORDERING(seccomp.listener): Release, pairs with the Acquire above.
    handed.store(fd, Ordering::Release);
}

/// The next call that is held: the notification's number and the call's. `None` at the end.
fn receive(listener: &OwnedFd) -> Option<(u64, c_long)> {
    loop {
        // SAFETY: all zeroes is a `seccomp_notif`, and what the kernel wants to find.
        let mut held: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: room for one notification.
        let answer = unsafe {
            libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut held)
        };
        if answer == 0 {
            return Some((held.id, c_long::from(held.data.nr)));
        }
        // Interrupted, or the thread was killed meanwhile: the next one.
        let error = io::Error::last_os_error().raw_os_error();
        if error != Some(libc::EINTR) && error != Some(libc::ENOENT) {
            return None;
        }
    }
}

fn send_answer(listener: &OwnedFd, id: u64, answer: Answer) {
    let (error, flags) = match answer {
        Answer::Continue => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Answer::Fail(errno) => (-errno, 0),
    };
    let mut response = libc::seccomp_notif_resp { id, val: 0, error, flags };
    // SAFETY: a whole response. That the thread is gone meanwhile is no matter of ours.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;

/// Where the kernel puts the call's number and the architecture, for the filter.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;

/// Puts the whole process under a filter that does `action` for these calls.
fn install(calls: &[c_long], action: u32, flags: libc::c_ulong) -> io::Result<c_int> {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).expect("an instruction"),
        jt,
        jf,
        k,
    };
    let load = |at| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0, 0);
    let equal = |k, jt, jf| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k, jt, jf);
    let ret = |k| step(libc::BPF_RET | libc::BPF_K, k, 0, 0);

    let mut filter = vec![load(ARCHITECTURE_AT), equal(ARCHITECTURE, 1, 0)];
    filter.extend([ret(libc::SECCOMP_RET_ALLOW), load(NUMBER_AT)]);
    for (at, call) in calls.iter().enumerate() {
        let past = u8::try_from(calls.len() - at).expect("a few calls");
        filter.push(equal(u32::try_from(*call).expect("a call's number"), past, 0));
    }
    filter.extend([ret(libc::SECCOMP_RET_ALLOW), ret(action)]);
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).expect("a short filter"),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: sets a property of the process; touches no memory.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the program is whole, and the kernel copies it.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(c_int::try_from(answer).expect("a descriptor, or zero"))
}
