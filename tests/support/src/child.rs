//! Tests that end their process: they run in a child, which is this test binary again.

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
