//! Tests that end their process: they run in a child, which is this test binary again.

use crate::case::alone;
use std::process::{Command, Output};

/// Says to a test that it is the child.
const CHILD: &str = "SORTIE_TEST_CHILD";

/// In the parent: runs the named test of this binary again as a child, and returns what came of it.
/// In the child: `None`, and the caller does what the test is about.
///
/// # Panics
/// If there is no child.
#[must_use]
pub fn run(test: &str, case: &str) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    // Its pipes are not to be found by cases beside it.
    let _alone = alone();
    let binary = std::env::current_exe().expect("the path of this binary");
    let output = Command::new(binary)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, case)
        .output()
        .expect("a child process");
    Some(output)
}

/// In the child: the case that the parent named.
#[must_use]
pub fn case() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Does `body` for each case, each in a child of its own.
///
/// In the child: does it for the child's case. In the parent: runs the children one after the other,
/// shows what they say, and fails if one does.
///
/// # Panics
/// If a child fails.
pub fn each(test: &str, cases: &[&str], body: impl Fn(&str)) {
    if let Some(case) = case() {
        return body(&case);
    }
    for case in cases {
        let output = run(test, case).expect("this is the parent");
        println!("child {case:?}:\n{}", String::from_utf8_lossy(&output.stdout));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "child {case:?}: {}\n{said}", output.status);
    }
}

/// In a child: uses stack until there is none. From 0.
#[inline(never)]
#[must_use]
pub fn exhaust_stack(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    exhaust_stack(depth + 1) + frame[7]
}
