//! What is said of a handler of signals that has filled the alternate stack it runs on.

use super::child::{self, assert_killed, reports};
use super::*;

use std::hint::black_box;
use std::{mem, ptr};

/// The child's side; a test that passes at once in the parent.
#[test]
fn run_case() {
    let Some((case, kind)) = child::case() else {
        return;
    };
    assert_eq!(case, "overflow-signal");
    install_handler().unwrap();
    let pool = Stacks::with_guard(StackShape::signal(), kind);
    let _alternate = AltStack::install(&pool).unwrap();
    // SAFETY: zeroes are a valid action.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = deep_handler as *const () as usize;
    action.sa_flags = libc::SA_ONSTACK;
    // SAFETY: a handler of one number, as the flags say.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()) };
    assert_eq!(result, 0);
    // SAFETY: a thread may signal itself.
    unsafe { libc::raise(libc::SIGUSR1) };
}

extern "C" fn deep_handler(number: libc::c_int) {
    recurse(number as u64);
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    let deeper = if depth < u64::MAX { black_box(recurse(depth + 1)) } else { 0 };
    deeper + frame[3]
}

#[test]
fn a_handler_that_fills_its_stack_is_told_apart_from_tasks() {
    child::in_children(module_path!(), "overflow-signal", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        let lines = reports(errors);
        assert_eq!(lines.len(), 1, "{errors}");
        let usable = StackShape::signal().usable_bytes();
        let expected = format!("its {usable}-byte signal stack is full (it touched 0x");
        assert!(lines[0].contains(&expected), "{errors}");
        assert!(lines[0].contains("Do less in handlers of signals"), "{errors}");
    });
}
