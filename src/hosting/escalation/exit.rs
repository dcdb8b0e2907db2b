//! The end of the process by a policy.
//!
//! The exit code is that of the cause, of which a parent sees the low eight bits; the whole is written to the standard error
//! output, since there may be nobody left to log it.

use super::Policies;
use crate::hosting::HResult;
use crate::hosting::enums::{ClrOperation, INFINITE, PolicyAction};
use std::io::Write;
use std::time::Duration;

/// Ends the process. [`ExitProcess`](PolicyAction::ExitProcess) in an orderly way, within the time that this may take;
/// what is more severe, at once.
pub(super) fn exit(policies: &Policies, action: PolicyAction, cause: HResult) -> ! {
    let code = cause.raw();
    // Nobody is left to be told of its failure.
    let _ = writeln!(std::io::stderr(), "sortie: a policy ends the process: {cause}, {action}");
    if action == PolicyAction::ExitProcess {
        let milliseconds = policies.of(ClrOperation::ProcessExit).timeout;
        if milliseconds != INFINITE {
            let watch = move || {
                std::thread::sleep(Duration::from_millis(milliseconds.into()));
                at_once(HResult::HOST_E_EXITPROCESS_TIMEOUT.raw())
            };
            // Without a thread for it the end takes as long as it takes.
            let _ = std::thread::Builder::new().name("sortie-exit".to_owned()).spawn(watch);
        }
        std::process::exit(code);
    }
    at_once(code)
}

fn at_once(code: i32) -> ! {
    // SAFETY: it has no conditions, and does not return.
    unsafe { libc::_exit(code) }
}
