//! Runs a test's case in a process of its own: this test binary again, told by a variable what to do.

use super::GuardKind;
use super::tests::guard_kinds;

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

/// Which case the child is to run.
const CASE: &str = "SORTIE_STACK_CASE";
/// Which kind of guard it uses.
const GUARD: &str = "SORTIE_STACK_GUARD";

/// Runs a case in a child, once with each kind of guard. `module` is the `module_path!` of a module
/// of tests with a test named `run_case`, which asks [`case`] and does it.
pub(super) fn in_children(module: &str, case: &str, check: impl Fn(GuardKind, &Output, &str)) {
    for kind in guard_kinds() {
        let output = child(module, case, kind);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        check(kind, &output, &errors);
    }
}

fn child(module: &str, case: &str, kind: GuardKind) -> Output {
    let module = module.split_once("::").expect("a module below the crate").1;
    Command::new(env::current_exe().expect("the test binary"))
        .args([&format!("{module}::run_case"), "--exact", "--nocapture", "--test-threads=1"])
        .env(CASE, case)
        .env(GUARD, kind.to_string())
        // Under the address sanitizer, faults are still to end as they do without.
        .env("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0")
        .output()
        .expect("the test binary runs again")
}

#[track_caller]
pub(super) fn assert_success(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[track_caller]
pub(super) fn assert_killed(output: &Output, signal: i32) {
    assert_eq!(output.status.signal(), Some(signal), "{output:?}");
}

/// The lines that the handler wrote.
pub(super) fn reports(errors: &str) -> Vec<&str> {
    errors.lines().filter(|line| line.starts_with("sortie: ")).collect()
}

/// The child's side: what this process is to do. `None` in the parent.
pub(super) fn case() -> Option<(String, GuardKind)> {
    let case = env::var(CASE).ok()?;
    no_core_dump();
    let guard = env::var(GUARD).unwrap();
    let kind = guard_kinds().into_iter().find(|kind| kind.to_string() == guard);
    Some((case, kind.expect("a kind of guard that this kernel has")))
}

fn no_core_dump() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads the limit.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}
