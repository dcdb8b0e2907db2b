//! A thread-local's address that the compiler keeps over a suspension is a wrong one once the task has
//! moved: shown by a library in release, and where it is not so. Behind what the guide says of
//! thread-locals and tasks that migrate.
//!
//! The library and the program that moves its caller are the package `tests/thread_locals`. It is built
//! here as a user's would be. What is shown is what this compiler does: a case that fails because another
//! does better, or worse, is one for the guide.

#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, str};

const PACKAGE: &str = "sortie-thread-locals";
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The flag that lets a dependency's code find its thread-locals as a program's does.
const FLAG: &str = "-C relocation-model=pie";

/// How often a task moved between two looks at a thread-local, and how often the second was at a wrong one.
#[derive(Clone, Copy, Debug)]
struct Looks {
    moved: usize,
    wrong: usize,
}

/// Builds the program in release with these flags for the compiler. Returns its path.
fn program(flags: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Without flags it is built beside what `assembly` builds, and shares the runtime with that.
    let directory = directory.join(if flags.is_empty() { "release" } else { "thread_locals" });
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Whatever is missing was there when this test was built.
    cargo.args(["build", "--release", "--offline", "--package", PACKAGE]);
    let mut built = directory.clone();
    if !flags.is_empty() {
        // With a target the flags are not those of build scripts and macros.
        cargo.args(["--target", TARGET]).env("RUSTFLAGS", flags);
        cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
        built.push(TARGET);
    }
    cargo.arg("--target-dir").arg(&directory).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(cargo.status().expect("cargo runs").success(), "{PACKAGE} with {flags:?}");
    built.join("release").join(PACKAGE)
}

/// What came of each way to look.
fn looks(flags: &str, mode: &str) -> BTreeMap<String, Looks> {
    let output = Command::new(program(flags))
        .arg(mode)
        .stderr(Stdio::inherit())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{mode}, with {flags:?}");
    let said = str::from_utf8(&output.stdout).expect("a text");
    println!("{mode}, with {flags:?}:\n{said}");
    let looks: BTreeMap<_, _> = said.lines().map(look).collect();
    assert_eq!(looks.len(), 5);
    looks
}

fn look(line: &str) -> (String, Looks) {
    let mut words = line.split(' ');
    let name = words.next().expect("a name").to_owned();
    let mut number = || words.next().expect("a number").parse().expect("a number");
    (name, Looks { moved: number(), wrong: number() })
}

/// The task has moved between any two looks, and these ways to look, and no others, saw a wrong one.
fn check_moved(looks: &BTreeMap<String, Looks>, wrong: &[&str]) {
    for (name, looks) in looks {
        assert!(looks.moved > 0, "{name}: {looks:?}");
        assert_eq!(looks.wrong > 0, wrong.contains(&name.as_str()), "{name}: {looks:?}");
    }
}

/// The hazard: only who looks by a function that gives the value, and is not inlined, sees his thread's.
#[test]
fn tasks_that_move_see_another_threads_variable() {
    check_moved(
        &looks("", "migrating"),
        &["twice", "in_a_loop", "with_a_destructor", "by_address"],
    );
}

/// What makes `spawn` safe.
#[test]
fn pinned_tasks_see_their_own() {
    for (name, looks) in looks("", "pinned") {
        assert_eq!((looks.moved, looks.wrong), (0, 0), "{name}");
    }
}

/// The flag helps where a thread-local is read and written in place, and where its address is needed it
/// does not.
#[test]
fn the_flag_helps_where_no_address_is_needed() {
    check_moved(&looks(FLAG, "migrating"), &["with_a_destructor", "by_address"]);
}
