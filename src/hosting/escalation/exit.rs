//! The end of the process by a policy.
//!
//! The exit code is that of the cause, of which a parent sees the low eight bits; the whole is written to the standard error
//! output, since there may be nobody left to log it.
//!
//! An orderly end runs what the program has registered for it (`atexit`), on a thread of its own: a task's stack is too small
//! for handlers that expect a thread's. Who asked for it stays where it is, and watches over the time.

use super::engine::About;
use crate::hosting::HResult;
use crate::hosting::clr::ClrShared;
use crate::hosting::enums::{ClrOperation, INFINITE, PolicyAction};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

impl ClrShared {
    /// Ends the process. [`ExitProcess`](PolicyAction::ExitProcess) in an orderly way, within the time that this may take;
    /// what is more severe, at once.
    pub(super) fn exit(&self, action: PolicyAction, cause: HResult) -> ! {
        /// An orderly end is under way, of the whole process.
        static ENDS: AtomicBool = AtomicBool::new(false);
        log(action, cause);
        if action != PolicyAction::ExitProcess {
            at_once(cause);
        }
        // ORDERING: Relaxed, a bit that stands for itself.
        if ENDS.swap(true, Ordering::Relaxed) {
            stay();
        }
        let end = move || std::process::exit(cause.raw());
        if thread::Builder::new().name("sortie-exit".to_owned()).spawn(end).is_err() {
            // Without a thread for it the end takes as long as it takes.
            end();
        }
        match self.policies.of(ClrOperation::ProcessExit).timeout {
            INFINITE => stay(),
            milliseconds => thread::sleep(Duration::from_millis(milliseconds.into())),
        }
        self.end_takes_too_long()
    }

    fn end_takes_too_long(&self) -> ! {
        let action = self.tell_of_timeout(ClrOperation::ProcessExit, &About::nothing());
        let cause = HResult::HOST_E_EXITPROCESS_TIMEOUT;
        if action == PolicyAction::DisableRuntime {
            self.disable();
            stay();
        }
        log(action, cause);
        at_once(cause)
    }
}

/// The process ends elsewhere.
fn stay() -> ! {
    loop {
        thread::park();
    }
}

/// Also in a signal handler: without the lock of the standard error output.
pub(super) fn log(action: PolicyAction, cause: HResult) {
    let code = cause.code();
    let mut line = [0; 256];
    let mut rest = &mut line[..];
    // What does not fit is cut off.
    let _ =
        writeln!(rest, "sortie: a policy ends the process: {action} with {code:#010x}, {cause}");
    let left = rest.len();
    let line = &line[..line.len() - left];
    // SAFETY: the kernel reads a buffer of ours of just that length. Nobody is left to be told of its failure.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}

pub(super) fn at_once(cause: HResult) -> ! {
    // SAFETY: it has no conditions, and does not return.
    unsafe { libc::_exit(cause.raw()) }
}
