//! A stack overflow ends the process with one message, which names the task, its stack and the option.

use sortie::native::{self, Callbacks, Policy, Target};
use sortie::task::Builder;
use sortie_test::child;
use std::os::unix::process::ExitStatusExt;

/// The lines of standard error that are ours.
fn messages(stderr: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stderr);
    text.lines().filter(|line| line.contains("sortie:")).map(str::to_owned).collect()
}

#[test]
fn in_a_task() {
    for mode in ["pinned", "migrating"] {
        for workers in [1usize, 4] {
            let Some(output) = child::run("in_a_task", &format!("{mode} {workers}")) else {
                let case = child::case().unwrap();
                let (mode, workers) = case.split_once(' ').unwrap();
                let builder = sortie::Runtime::builder().workers(workers.parse().unwrap());
                let builder = match mode {
                    // SAFETY: the tasks keep nothing of their threads.
                    "migrating" => unsafe { builder.migrating() },
                    _ => builder,
                };
                let runtime = builder.stack_bytes(96 << 10).build().unwrap();
                let others: Vec<_> = (0..20).map(|_| runtime.spawn(sortie::yield_now)).collect();
                let deep = Builder::new().name("deep one");
                let deep = deep.spawn_on(&runtime.handle(), || {
                    sortie::yield_now();
                    child::exhaust_stack(0)
                });
                println!("the id is {}.", deep.id());
                let _ = deep.join();
                drop(others);
                return;
            };
            assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
            let stdout = String::from_utf8_lossy(&output.stdout);
            let id = stdout.split("the id is ").nth(1).unwrap();
            let id = id.split('.').next().unwrap();
            let lines = messages(&output.stderr);
            assert_eq!(lines.len(), 1, "{lines:?}");
            let line = &lines[0];
            for part in [
                "stack overflow in",
                "task \"deep one\"",
                &format!("(id {id})"),
                "98304-byte",
                "stack_bytes(",
            ] {
                assert!(line.contains(part), "{part:?} is missing in {line:?}");
            }
        }
    }
}

#[test]
fn in_a_task_without_a_name() {
    let Some(output) = child::run("in_a_task_without_a_name", "1") else {
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        let _ = runtime.spawn(|| child::exhaust_stack(0)).join();
        return;
    };
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    let lines = messages(&output.stderr);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("stack overflow in task "), "{lines:?}");
}

/// A task that has asked for a stack of its own size is told of that, and of the option that it has used.
#[test]
fn in_a_task_with_a_stack_of_its_own() {
    let Some(output) = child::run("in_a_task_with_a_stack_of_its_own", "1") else {
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        let deep = Builder::new().name("deep one").stack_bytes(300 << 10);
        let deep = deep.spawn_on(&runtime.handle(), || {
            sortie::yield_now();
            child::exhaust_stack(0)
        });
        let _ = deep.join();
        return;
    };
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    let lines = messages(&output.stderr);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["task \"deep one\"", "its 307200-byte fiber stack", "task::Builder::stack_bytes("]
    {
        assert!(lines[0].contains(part), "{part:?} is missing in {:?}", lines[0]);
    }
}

/// Native code runs on the thread's own stack, whose guard is not ours: the process ends all the
/// same, by the same signal.
#[test]
fn in_native_code() {
    static USE_STACK: Target = Target::named("natives_use_stack");
    let Some(output) = child::run("in_native_code", "2") else {
        // AddressSanitizer puts something between what a frame holds.
        let room = if cfg!(feature = "sanitizer") { 1 << 20 } else { 256 << 10 };
        let runtime =
            sortie::Runtime::builder().workers(2).native_stack_bytes(room).build().unwrap();
        let frames = runtime.run(|| {
            // More than the task has, and less than the carrier has.
            native::call_here(&USE_STACK, || sortie_natives::use_stack(200 << 10))
        });
        println!("{frames} frames fit");
        let _ = runtime
            .spawn(|| native::call_here(&USE_STACK, || sortie_natives::use_stack(64 << 20)))
            .join();
        return;
    };
    let signal = output.status.signal();
    assert!(matches!(signal, Some(libc::SIGSEGV | libc::SIGABRT)), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("frames fit"), "{output:?}");
    assert!(messages(&output.stderr).len() <= 1, "{output:?}");
}

// SAFETY: `stack.c` keeps nothing but its frames.
static SUSPENDING: Target = Target::named("on a stack of its own")
    .with_policy(unsafe { Policy::new().callbacks(Callbacks::Suspend) });

/// On a stack for native code whose callbacks may suspend: in the callback, in the native code, and in a
/// callback that is left next to nothing.
#[test]
fn under_callbacks_that_suspend() {
    const ROOM: usize = 128 << 10;
    for case in ["callback", "native", "little is left", "a large frame"] {
        let Some(output) = child::run("under_callbacks_that_suspend", case) else {
            let runtime =
                sortie::Runtime::builder().workers(2).callback_stack_bytes(ROOM).build().unwrap();
            let others: Vec<_> = (0..20).map(|_| runtime.spawn(sortie::yield_now)).collect();
            let case = child::case().unwrap();
            let deep = Builder::new().name("deep one").spawn_on(&runtime.handle(), move || {
                native::call_here(&SUSPENDING, || match &*case {
                    "callback" => sortie_natives::with_callback(1, |_| {
                        native::callback(0, || {
                            sortie::yield_now();
                            child::exhaust_stack(0) as i32
                        })
                    }),
                    "native" => sortie_natives::use_stack(2 * ROOM) as i32,
                    "a large frame" => sortie_natives::use_frame(ROOM + (200 << 10)),
                    _ => {
                        let left = 2 << 10;
                        sortie_natives::with_callback_below(ROOM - left, |_| {
                            native::callback(0, || {
                                format!("{:?}", std::time::Instant::now()).len() as i32
                            })
                        })
                    }
                })
            });
            let _ = deep.join();
            drop(others);
            return;
        };
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{case}: {output:?}");
        let lines = messages(&output.stderr);
        assert_eq!(lines.len(), 1, "{case}: {lines:?}");
        for part in ["task \"deep one\"", "callback_stack_bytes(", "131072-byte"] {
            assert!(lines[0].contains(part), "{case}: {part:?} is missing in {:?}", lines[0]);
        }
    }
}

/// A guard is as large as frames may be.
#[test]
fn into_a_guard_that_was_asked_for() {
    const ROOM: usize = 64 << 10;
    for case in ["one large frame", "page by page"] {
        let Some(output) = child::run("into_a_guard_that_was_asked_for", case) else {
            let is_large = child::case().as_deref() == Some("one large frame");
            let guard = if is_large { 2 << 20 } else { 0 };
            let builder = sortie::Runtime::builder().workers(1).callback_stack_bytes(ROOM);
            // SAFETY: the large frame ends in the large guard.
            let runtime = unsafe { builder.callback_guard_bytes(guard) }.build().unwrap();
            let deep = Builder::new().name("deep one").spawn_on(&runtime.handle(), move || {
                native::call_here(&SUSPENDING, || match is_large {
                    true => sortie_natives::use_frame(ROOM + (1900 << 10)),
                    false => sortie_natives::use_stack(2 * ROOM) as i32,
                })
            });
            let _ = deep.join();
            return;
        };
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{case}: {output:?}");
        let lines = messages(&output.stderr);
        assert_eq!(lines.len(), 1, "{case}: {lines:?}");
        assert!(lines[0].contains("task \"deep one\""), "{case}: {lines:?}");
    }
}

/// A fault that is no overflow is none of ours.
#[test]
fn a_bad_pointer_gets_no_message() {
    let Some(output) = child::run("a_bad_pointer_gets_no_message", "1") else {
        let runtime = sortie::Runtime::builder().workers(1).build().unwrap();
        runtime.run(|| {
            let pointer = std::hint::black_box(8 as *mut u32);
            // SAFETY: none: this is the fault that the test is about.
            unsafe { pointer.write_volatile(1) };
        });
        return;
    };
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    assert_eq!(messages(&output.stderr), [""; 0], "{output:?}");
}
