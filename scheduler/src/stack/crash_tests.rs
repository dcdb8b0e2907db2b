//! Faults: what is ours and what is not, what is said of it, and how the process ends.

use super::child::{self, assert_killed, assert_success, reports};
use super::tests::{NATIVE_GUARD_BYTES, fibers};
use super::*;

use std::fmt::Write;
use std::hint::black_box;
use std::process::Output;
use std::{io, process, ptr, thread};

use corosensei::Coroutine;

/// Runs a case of this file in a child.
fn in_children(case: &str, check: impl Fn(GuardKind, &Output, &str)) {
    child::in_children(module_path!(), case, check);
}

/// The child's side; a test that passes at once in the parent.
#[test]
fn run_case() {
    let Some((case, kind)) = child::case() else {
        return;
    };
    let native = StackShape::native(128 * 1024, NATIVE_GUARD_BYTES).unwrap();
    match case.as_str() {
        "overflow-fiber" => overflow(&Stacks::with_guard(fibers(), kind)),
        "overflow-native" => overflow(&Stacks::with_guard(native, kind)),
        "overflow-undescribed" => overflow_undescribed(&Stacks::with_guard(fibers(), kind)),
        "skip-native" => skip(&Stacks::with_guard(native, kind), 200 * 1024),
        "stray-fiber" => stray(&Stacks::with_guard(fibers(), kind)),
        "stray-native" => stray(&Stacks::with_guard(native, kind)),
        "fault-elsewhere" => fault_elsewhere(),
        "overflow-of-a-thread" => overflow_of_a_thread(),
        "plain-handler-before" => handler_before(plain_handler as *const () as usize, 0),
        "info-handler-before" => {
            handler_before(info_handler as *const () as usize, libc::SA_SIGINFO);
        }
        "overflow-with-handler-before" => {
            set_action(plain_handler as *const () as usize, libc::SA_ONSTACK);
            overflow(&Stacks::with_guard(fibers(), kind));
        }
        "ignored-before" => handler_before(libc::SIG_IGN, 0),
        "sent" => sent(),
        "sent-ignored" => sent_ignored(),
        "sent-to-handler" => sent_to_handler(),
        "sent-with-address" => sent_with_address(kind),
        other => panic!("no such case: {other}"),
    }
}

fn describe(_: &Fault, message: &mut Message) {
    let _ = write!(message, "task \"deep\" (id 7)");
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    let deeper = if depth < u64::MAX { black_box(recurse(depth + 1)) } else { 0 };
    deeper + frame[3]
}

/// Runs `body` on a stack of the pool, between two others, with all that a carrier has.
fn on_stack(pool: &Stacks, body: impl FnOnce(Range<usize>) + 'static) {
    install_handler().unwrap();
    let signals = Stacks::new(StackShape::signal());
    let _alternate = AltStack::install(&signals).unwrap();
    let [_below, stack, _above] = [(); 3].map(|()| pool.take().unwrap());
    let bounds = stack.bounds();
    let mut fiber = Coroutine::<(), (), (), Stack>::with_stack(stack, move |_, ()| body(bounds));
    fiber.resume(());
}

fn overflow(pool: &Stacks) {
    set_describe(describe);
    overflow_undescribed(pool);
}

fn overflow_undescribed(pool: &Stacks) {
    on_stack(pool, |_| {
        recurse(0);
    });
}

#[test]
fn an_overflow_names_the_task_the_size_and_the_cure() {
    let page = os::page_bytes();
    in_children("overflow-fiber", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        let lines = reports(errors);
        assert_eq!(lines.len(), 1, "{errors}");
        let usable = fibers().usable_bytes();
        assert!(
            lines[0].starts_with(&format!(
                "sortie: stack overflow in task \"deep\" (id 7): its {usable}-byte fiber stack is \
                 full (it touched 0x"
            )),
            "{errors}"
        );
        assert!(lines[0].contains("Raise it with Builder::stack_bytes(..)"), "{errors}");
    });
    in_children("overflow-native", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        let usable = (128 * 1024usize).next_multiple_of(page);
        let expected = format!("(id 7): its {usable}-byte native stack is full");
        assert!(reports(errors)[0].contains(&expected), "{errors}");
    });
    in_children("overflow-undescribed", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        assert!(reports(errors)[0].contains("in code that is no known task's: its"), "{errors}");
    });
}

/// Code that skips pages: one access, `bytes` below the last usable one.
fn skip(pool: &Stacks, bytes: usize) {
    let bottom_of = |bounds: &Range<usize>| bounds.end.next_multiple_of(os::page_bytes());
    let usable = pool.shape().usable_bytes();
    on_stack(pool, move |bounds| {
        let target = bottom_of(&bounds) - usable - bytes;
        // SAFETY: in the guard of the stack that runs: it faults.
        unsafe { ptr::with_exposed_provenance_mut::<u64>(target).write_volatile(1) };
        println!("SURVIVED");
    });
}

#[test]
fn a_frame_of_200_kib_cannot_step_over_the_guard_of_a_native_stack() {
    in_children("skip-native", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        assert!(reports(errors)[0].contains("stack overflow in"), "{errors}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("SURVIVED"));
    });
}

/// A write from this thread's own stack into the guard of a stack chosen by the clock.
fn stray(pool: &Stacks) {
    set_describe(describe);
    install_handler().unwrap();
    let stacks: Vec<_> = (0..1000).map(|_| pool.take().unwrap()).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = now.subsec_nanos() as usize;
    let stack = &stacks[seed % stacks.len()];
    let guard = stack.bounds().start..stack.usable().start;
    let target = guard.start + (seed / 7) % (guard.len() - 8);
    eprintln!("target {target:#x}");
    // SAFETY: in a guard: it faults.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(target).write_volatile(1) };
}

#[test]
fn a_stray_write_into_any_guard_is_told_from_an_overflow() {
    for case in ["stray-fiber", "stray-native"] {
        in_children(case, |_, output, errors| {
            assert_killed(output, libc::SIGSEGV);
            let target = errors.lines().find_map(|line| line.strip_prefix("target ")).unwrap();
            let lines = reports(errors);
            assert_eq!(lines.len(), 1, "{errors}");
            let expected = format!(
                "a guard was hit from another stack, by task \"deep\" (id 7): it touched {target}, "
            );
            assert!(lines[0].contains(&expected), "{errors}");
        });
    }
}

// --- faults of others ---

/// An address of ours that faults and is no stack's.
fn bad_address() -> *mut u8 {
    let mapping = os::Mapping::new(os::page_bytes()).unwrap();
    // SAFETY: nobody else knows the page.
    unsafe { mapping.guard(mapping.range(), GuardKind::Protect) }.unwrap();
    ptr::with_exposed_provenance_mut(mapping.range().start)
}

fn fault_elsewhere() {
    let pool = Stacks::new(fibers());
    let _stack = pool.take().unwrap();
    install_handler().unwrap();
    install_handler().unwrap();
    // SAFETY: it faults.
    unsafe { bad_address().write_volatile(1) };
}

#[test]
fn a_fault_elsewhere_ends_as_without_us() {
    in_children("fault-elsewhere", |_, output, errors| {
        assert_killed(output, libc::SIGSEGV);
        assert_eq!(reports(errors).len(), 0, "{errors}");
    });
}

fn overflow_of_a_thread() {
    install_handler().unwrap();
    let deep =
        thread::Builder::new().name("own".into()).stack_size(128 * 1024).spawn(|| recurse(0));
    let _ = deep.unwrap().join();
}

#[test]
fn an_overflow_of_a_std_thread_is_stds_to_report() {
    in_children("overflow-of-a-thread", |_, output, errors| {
        assert_killed(output, libc::SIGABRT);
        assert_eq!(reports(errors).len(), 0, "{errors}");
        assert!(errors.contains("'own'"), "{errors}");
        assert!(errors.contains("has overflowed its stack"), "{errors}");
    });
}

const PLAIN_EXIT: i32 = 41;
const INFO_EXIT: i32 = 42;

extern "C" fn plain_handler(number: libc::c_int) {
    let code = if number == libc::SIGSEGV { PLAIN_EXIT } else { 1 };
    // SAFETY: allowed in a handler.
    unsafe { libc::_exit(code) };
}

static EXPECTED: crate::sync::atomic::AtomicUsize = crate::sync::atomic::AtomicUsize::new(0);

extern "C" fn info_handler(
    number: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel's own.
    let info = unsafe { &*info };
    // SAFETY: a fault has an address.
    let address = unsafe { info.si_addr() }.addr();
    // ORDERING: Relaxed: same thread.
    let expected = EXPECTED.load(crate::sync::atomic::Ordering::Relaxed);
    let is_right = number == libc::SIGSEGV && address == expected && !context.is_null();
    // SAFETY: allowed in a handler.
    unsafe { libc::_exit(if is_right { INFO_EXIT } else { 1 }) };
}

fn set_action(handler: usize, flags: libc::c_int) {
    // SAFETY: zeroes are a valid action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: a handler of the type that the flags say.
    let result = unsafe { libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// A fault that is not ours, with some handler in place before ours.
fn handler_before(handler: usize, flags: libc::c_int) {
    set_action(handler, flags);
    install_handler().unwrap();
    let address = bad_address();
    // ORDERING: Relaxed: same thread.
    EXPECTED.store(address.addr(), crate::sync::atomic::Ordering::Relaxed);
    // SAFETY: it faults.
    unsafe { address.write_volatile(1) };
}

#[test]
fn the_handler_before_is_called_as_the_kernel_would() {
    in_children("plain-handler-before", |_, output, _| {
        assert_eq!(output.status.code(), Some(PLAIN_EXIT), "{output:?}");
    });
    in_children("info-handler-before", |_, output, _| {
        assert_eq!(output.status.code(), Some(INFO_EXIT), "{output:?}");
    });
    in_children("overflow-with-handler-before", |_, output, errors| {
        assert_eq!(output.status.code(), Some(PLAIN_EXIT), "{output:?}");
        assert!(reports(errors)[0].contains("stack overflow in task \"deep\""), "{errors}");
    });
    in_children("ignored-before", |_, output, _| assert_killed(output, libc::SIGSEGV));
}

fn send_to_self() {
    // SAFETY: only sends.
    unsafe { libc::raise(libc::SIGSEGV) };
}

fn sent() {
    set_action(libc::SIG_DFL, 0);
    install_handler().unwrap();
    send_to_self();
    println!("SURVIVED");
}

fn sent_ignored() {
    set_action(libc::SIG_IGN, 0);
    install_handler().unwrap();
    send_to_self();
    send_to_self();
}

/// A signal that somebody queued may carry any address: it is not a fault for that.
fn sent_with_address(kind: GuardKind) {
    set_action(libc::SIG_IGN, 0);
    install_handler().unwrap();
    let stack = Stacks::with_guard(fibers(), kind).take().unwrap();
    // SAFETY: zeroes are a valid signal information.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    info.si_signo = libc::SIGSEGV;
    info.si_code = libc::SI_QUEUE;
    // The union that holds the address starts at the third word of 64 bits.
    let words = (&raw mut info).cast::<usize>();
    // SAFETY: within the 128 bytes of the information.
    let address = unsafe { words.add(2) };
    // SAFETY: as above; nothing else refers to it now.
    unsafe { address.write(stack.bounds().start) };
    let process = process::id();
    // SAFETY: has no preconditions.
    let thread = unsafe { libc::gettid() };
    // SAFETY: the kernel reads the information.
    let result = unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, libc::SIGSEGV, &raw const info)
    };
    assert_eq!(result, 0);
}

extern "C" fn careless_handler(_: libc::c_int) {
    set_errno(5);
}

fn set_errno(value: libc::c_int) {
    // SAFETY: this thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: valid for as long as the thread lives.
    unsafe { errno.write(value) };
}

fn sent_to_handler() {
    set_action(careless_handler as *const () as usize, 0);
    install_handler().unwrap();
    for _ in 0..2 {
        set_errno(77);
        send_to_self();
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(77), "errno is kept");
    }
}

#[test]
fn a_signal_that_was_sent_acts_as_without_us() {
    in_children("sent", |_, output, _| {
        assert_killed(output, libc::SIGSEGV);
        assert!(!String::from_utf8_lossy(&output.stdout).contains("SURVIVED"));
    });
    in_children("sent-ignored", |_, output, _| assert_success(output));
    in_children("sent-to-handler", |_, output, _| assert_success(output));
    in_children("sent-with-address", |_, output, errors| {
        assert_success(output);
        assert_eq!(reports(errors).len(), 0, "{errors}");
    });
}
